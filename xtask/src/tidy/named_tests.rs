//! Tables of the pages whose last column is `tests`: each row names at least one, and each is a function of
//! the tree's Rust files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::Failure;

/// The heading of the column.
const COLUMN: &str = "tests";

/// `files` are those of the repository below `root`.
pub fn check<'f>(root: &Path, files: impl Iterator<Item = &'f Path>) -> Result<Vec<String>, Failure> {
    let (mut rows, mut functions) = (Vec::new(), BTreeSet::new());
    for file in files {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("md") => {
                let text = fs::read_to_string(root.join(file))?;
                rows.extend(rows_with_tests(&text).into_iter().map(|row| (file.to_owned(), row)));
            }
            Some("rs") => functions.extend(functions_of(&fs::read_to_string(root.join(file))?)),
            _ => {}
        }
    }
    let mut complaints = Vec::new();
    for (file, Row { about, tests }) in rows {
        if tests.is_empty() {
            complaints.push(format!("{}: `{about}`: the row names no test", file.display()));
        }
        let missing = tests.iter().filter(|test| !functions.contains(*test));
        complaints.extend(missing.map(|test| format!("{}: there is no test `{test}`", file.display())));
    }
    Ok(complaints)
}

/// The names after `fn `, at the beginnings of lines.
fn functions_of(text: &str) -> impl Iterator<Item = String> {
    let name = |line: &str| {
        let (_, name) = line.trim_start().split_once("fn ").filter(|(before, _)| !before.contains("//"))?;
        let end = name.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
        Some(name[..end].to_owned())
    };
    text.lines().filter_map(name)
}

struct Row {
    /// The text of its first cell.
    about: String,
    tests: Vec<String>,
}

fn rows_with_tests(page: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let (mut cells, mut names_tests): (Vec<(String, Vec<String>)>, bool) = (Vec::new(), false);
    for event in Parser::new_ext(page, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::TableCell) => cells.push(Default::default()),
            Event::Text(text) => cells.iter_mut().last().into_iter().for_each(|cell| cell.0.push_str(&text)),
            Event::Code(code) => {
                if let Some(cell) = cells.last_mut() {
                    cell.0.push_str(&code);
                    cell.1.push(code.into_string());
                }
            }
            Event::End(TagEnd::TableHead) => {
                names_tests = cells.last().is_some_and(|cell| cell.0 == COLUMN);
                cells.clear();
            }
            Event::End(TagEnd::TableRow) => {
                let last = cells.pop().filter(|_| names_tests);
                let about = cells.drain(..).next().map(|cell| cell.0).unwrap_or_default();
                rows.extend(last.map(|(_, tests)| Row { about, tests }));
            }
            Event::End(TagEnd::Table) => names_tests = false,
            _ => {}
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_a_table_names_exists() {
        let root = tempfile::tempdir().unwrap();
        let code =
            "#[test]\nfn money_goes_back() {}\n    async fn it_is_seen(engine: Engine) {}\n// fn old() {}\n";
        fs::write(root.path().join("a.rs"), code).unwrap();
        let check = |column: &str, cell: &str, expected: &[&str]| {
            let page = format!("| what | {column} |\n|---|---|\n| `a` late | {cell} |\n\n`outside`\n");
            fs::write(root.path().join("a.md"), page).unwrap();
            let files = [Path::new("a.md"), Path::new("a.rs")];
            assert_eq!(super::check(root.path(), files.into_iter()).unwrap(), expected, "{cell}");
        };
        check("tests", "`money_goes_back`, `it_is_seen`", &[]);
        check("tests", "`money_goes_back`, `gone`", &["a.md: there is no test `gone`"]);
        check("tests", "`old`", &["a.md: there is no test `old`"]);
        check("tests", "none", &["a.md: `a late`: the row names no test"]);
        check("notes", "`gone`", &[]);
    }
}
