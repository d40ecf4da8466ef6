//! The pages of `docs` that follow from the code: the program writes them itself (`surehold docs`), so
//! that a lifecycle or an endpoint cannot change without its page.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::command::{command, program, root, run};
use crate::programs;

const DOCS: &str = "docs";

pub fn write() -> Result<(), Failure> {
    generate(&root().join(DOCS))
}

pub fn check() -> Result<(), Failure> {
    let fresh = tempfile::tempdir()?;
    generate(fresh.path())?;
    let (count, stale) = compare(fresh.path(), &root().join(DOCS))?;
    for page in &stale {
        println!("    {DOCS}/{} does not match the code", page.display());
        // Only for the reader: the bytes have been compared already.
        let mut difference = command("diff --unified");
        difference.arg("--new-file").arg(root().join(DOCS).join(page)).arg(fresh.path().join(page));
        let _shown = difference.status();
    }
    match (count, stale.len()) {
        (0, _) => Err("`surehold docs` has written no page".into()),
        (_, 0) => {
            println!("    {count} generated pages are up to date");
            Ok(())
        }
        (_, stale) => {
            Err(format!("{stale} generated pages are out of date. Run: cargo xtask generate").into())
        }
    }
}

fn generate(out: &Path) -> Result<(), Failure> {
    let surehold = programs::build()?.join("surehold");
    run(program(surehold).args(["docs", "--out"]).arg(out))
}

/// The number of pages, and the pages that differ from the committed ones or are missing.
fn compare(fresh: &Path, committed: &Path) -> Result<(usize, Vec<PathBuf>), Failure> {
    let mut pages = Vec::new();
    list(fresh, &mut pages)?;
    pages.sort();
    let mut stale = Vec::new();
    for page in &pages {
        let page = page.strip_prefix(fresh)?.to_owned();
        if fs::read(fresh.join(&page))? != fs::read(committed.join(&page)).unwrap_or_default() {
            stale.push(page);
        }
    }
    Ok((pages.len(), stale))
}

fn list(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_differs_or_is_missing_is_stale() {
        let (fresh, committed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |directory: &Path, page: &str, text: &str| {
            fs::create_dir_all(directory.join(page).parent().unwrap()).unwrap();
            fs::write(directory.join(page), text).unwrap();
        };
        let check = |expected: (usize, &[&str])| {
            let (count, stale) = compare(fresh.path(), committed.path()).unwrap();
            let stale: Vec<String> = stale.iter().map(|page| page.display().to_string()).collect();
            assert_eq!((count, stale), (expected.0, expected.1.iter().map(ToString::to_string).collect()));
        };
        check((0, &[]));
        write(fresh.path(), "errors.md", "one");
        write(fresh.path(), "deep/openapi.json", "{}");
        check((2, &["deep/openapi.json", "errors.md"]));
        write(committed.path(), "errors.md", "one");
        write(committed.path(), "deep/openapi.json", "{ }");
        // Handwritten pages are in the same directory.
        write(committed.path(), "guide.md", "by hand");
        check((2, &["deep/openapi.json"]));
        write(committed.path(), "deep/openapi.json", "{}");
        check((2, &[]));
    }
}
