//! Rules for one file at a time.

use std::fs;
use std::path::{Path, PathBuf};

use super::infallible;
use crate::Failure;

/// Past this a file tells more than one story and is split by idea.
const LINES_MAX: usize = 500;

/// Names that say nothing of what is inside, and so collect everything.
const EMPTY_NAMES: [&str; 5] = ["util.rs", "helpers.rs", "common.rs", "manager.rs", "types.rs"];

/// What is not finished, with why it is refused. Written in halves, or this file would refuse itself.
const UNFINISHED: [(&str, &str); 3] = [
    (concat!("to", "do!("), "finish it, or leave it out"),
    (concat!("FIX", "ME"), "fix it, or say in a sentence what is known"),
    (concat!("#[ig", "nore"), "a test that does not run proves nothing"),
];

/// Each Rust file and each page below the root, committed or not, by its path from there.
pub fn list(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    walk(root, &mut files)?;
    files.sort();
    files.iter().map(|file| Ok(file.strip_prefix(root)?.to_owned())).collect()
}

pub fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

/// Looks at the Rust files among these: what is wrong with each.
pub fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| is_rust(file)) {
        let text = fs::read_to_string(root.join(file))?;
        complaints.extend(check_file(file, &text));
        complaints.extend(infallible::check_file(file, &text));
    }
    Ok(complaints)
}

fn check_file(path: &Path, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let count = text.lines().count();
    if count > LINES_MAX {
        complaints
            .push(format!("{}: {count} lines, more than {LINES_MAX}: split it by idea", path.display()));
    }
    if EMPTY_NAMES.iter().any(|name| path.ends_with(name)) {
        complaints.push(format!("{}: name it for what is inside", path.display()));
    }
    let is_logged = path.starts_with("crates") && path.components().any(|part| part.as_os_str() == "src");
    for (number, line) in (1..).zip(text.lines()) {
        if is_logged && logs_debug(line) {
            let why = "a log is for people: show it by Display, or name it";
            complaints.push(format!("{}:{number}: `?field`: {why}", path.display()));
        }
        for (word, reason) in UNFINISHED {
            if line.contains(word) {
                complaints.push(format!("{}:{number}: `{word}`: {reason}", path.display()));
            }
        }
    }
    complaints
}

/// A field of a log that is shown by `Debug`: the program's own names, and whatever a value holds.
fn logs_debug(line: &str) -> bool {
    let begins = |rest: &str| rest.starts_with(|first: char| first.is_ascii_lowercase());
    let shown = |sign: &str| line.split(sign).skip(1).any(begins);
    line.trim_start().strip_prefix('?').is_some_and(begins) || shown(" = ?") || shown("!(?") || shown(", ?")
}

/// Walks past what is built, downloaded or hidden; git is not asked, for it may not be there.
fn walk(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if entry.file_type()?.is_dir() {
            if name != "target" && name != "node_modules" && !name.starts_with('.') {
                walk(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_something_it_refuses() {
        let check = |path: &str, text: &str, expected: &[&str]| {
            assert_eq!(check_file(Path::new(path), text), expected, "{path}");
        };
        check("crates/domain/src/hold.rs", "fn main() {}\n", &[]);
        check("crates/domain/src/util.rs", "", &["crates/domain/src/util.rs: name it for what is inside"]);
        check("src/common_law.rs", "", &[]);
        check("src/a.rs", &"\n".repeat(LINES_MAX), &[]);
        let long = "\n".repeat(LINES_MAX + 1);
        check("src/a.rs", &long, &["src/a.rs: 501 lines, more than 500: split it by idea"]);
        for line in ["warn!(?error, \"x\");", "        ?accounts,", "role = ?settings.roles,", "info!(a, ?b)"]
        {
            let complaint =
                "crates/a/src/b.rs:1: `?field`: a log is for people: show it by Display, or name it";
            check("crates/a/src/b.rs", line, &[complaint]);
            check("crates/a/tests/b.rs", line, &[]);
        }
        for line in ["let a = b?;", "where id = ?1", "warn!(%error, \"why?\");", "f(a?, b?)"] {
            check("crates/a/src/b.rs", line, &[]);
        }
        for (word, reason) in UNFINISHED {
            check("src/a.rs", &format!("\n  {word}"), &[&format!("src/a.rs:2: `{word}`: {reason}")]);
        }
    }

    #[test]
    fn what_is_built_or_downloaded_is_not_looked_at() {
        let root = tempfile::tempdir().unwrap();
        for directory in ["src", "target", "node_modules", ".git"] {
            fs::create_dir(root.path().join(directory)).unwrap();
            fs::write(root.path().join(directory).join("types.rs"), "").unwrap();
        }
        fs::write(root.path().join("src/types.md"), "").unwrap();
        let files = list(root.path()).unwrap();
        assert_eq!(files, [PathBuf::from("src/types.md"), PathBuf::from("src/types.rs")]);
        let expected = ["src/types.rs: name it for what is inside"];
        assert_eq!(check(root.path(), &files).unwrap(), expected);
    }
}
