//! Rules for one file at a time.

use std::fs;
use std::path::{Path, PathBuf};

use super::{floats, infallible};
use crate::Failure;

/// A longer file has more than one subject, and must be split.
const LINES_MAX: usize = 500;

/// Names without a meaning, which collect everything.
const EMPTY_NAMES: [&str; 5] = ["util.rs", "helpers.rs", "common.rs", "manager.rs", "types.rs"];

/// Marks of unfinished work, and why they are refused. Written in halves, or this file would refuse
/// itself.
const UNFINISHED: [(&str, &str); 3] = [
    (concat!("to", "do!("), "finish it, or leave it out"),
    (concat!("FIX", "ME"), "fix it, or describe it in a sentence"),
    (concat!("#[ig", "nore"), "a test that does not run proves nothing"),
];

/// Each Rust file and each page below the root, committed or not, by its relative path.
pub fn list(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    walk(root, &mut files)?;
    files.sort();
    files.iter().map(|file| Ok(file.strip_prefix(root)?.to_owned())).collect()
}

pub fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

/// Checks the Rust files, and returns the complaints.
pub fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| is_rust(file)) {
        let text = fs::read_to_string(root.join(file))?;
        complaints.extend(check_file(file, &text));
        complaints.extend(infallible::check_file(file, &text));
        complaints.extend(floats::check_file(file, &text));
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
        for (mark, reason) in UNFINISHED {
            if line.contains(mark) {
                complaints.push(format!("{}:{number}: `{mark}`: {reason}", path.display()));
            }
        }
    }
    complaints
}

/// A field of a log that is formatted by `Debug`: it shows internal names and unchecked values.
fn logs_debug(line: &str) -> bool {
    let begins = |rest: &str| rest.starts_with(|first: char| first.is_ascii_lowercase());
    let shown = |sign: &str| line.split(sign).skip(1).any(begins);
    line.trim_start().strip_prefix('?').is_some_and(begins) || shown(" = ?") || shown("!(?") || shown(", ?")
}

/// Leaves out built, downloaded and hidden files. Git is not used, because it may be missing.
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
        for (mark, reason) in UNFINISHED {
            check("src/a.rs", &format!("\n  {mark}"), &[&format!("src/a.rs:2: `{mark}`: {reason}")]);
        }
    }

    #[test]
    fn built_and_downloaded_files_are_left_out() {
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
