//! One term for one idea: `docs/glossary.md` has the terms, and this module checks the code against
//! it.
//!
//! A public type name in two crates must be one idea with a row in the glossary; otherwise one of
//! the two needs another name. Banned names and phrases are refused everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::Failure;

const GLOSSARY: &str = "docs/glossary.md";
/// The heading of the glossary's table of names that several crates share.
const SHARED: &str = "## Type names that several crates share";
/// Names that every crate may have.
const EVERYWHERE: [&str; 4] = ["Error", "Settings", "Arguments", "Options"];
const TYPES: [&str; 4] = ["struct", "enum", "trait", "type"];
/// Metaphors that were replaced, as names of types.
const BANNED_TYPES: [&str; 24] = [
    "Apart", "Arena", "Bell", "Carrier", "Desk", "Desks", "Dice", "Errand", "Hands", "Heard", "HotPath",
    "Laid", "Look", "Purse", "Ruling", "Shut", "Siege", "Teller", "Told", "Town", "Wall", "Way", "Wish",
    "Witness",
];
/// Metaphors as names of functions. The other banned types are ordinary English verbs.
const BANNED_FUNCTIONS: [&str; 8] =
    ["desk", "dice", "errand", "heard", "noted_as", "pursue", "teller", "told"];
/// Phrases that are not current English. Written in halves, or this file would refuse itself.
const BANNED_PHRASES: [(&str, &str); 5] = [
    (concat!("/// ", "Of "), "a sentence"),
    (concat!("for", " ever"), "forever"),
    (concat!("so many", " as"), "as many as"),
    (concat!("Leave", " to make"), "permission to make"),
    (concat!("one file", " an "), "one file per"),
];

/// `files` are the Rust files and pages of documentation below `root`.
pub fn check<'a>(root: &Path, files: impl Iterator<Item = &'a Path>) -> Result<Vec<String>, Failure> {
    let shared = read_shared(&fs::read_to_string(root.join(GLOSSARY))?);
    let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut complaints = Vec::new();
    for file in files {
        let text = fs::read_to_string(root.join(file))?;
        complaints.extend(check_words(file, &text));
        if let Some(owner) = crate_of(file) {
            for name in public_types(&text) {
                crates.entry(name.to_owned()).or_default().insert(owner.clone());
            }
        }
    }
    complaints.extend(check_names(&crates, &shared));
    Ok(complaints)
}

fn check_words(file: &Path, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for (phrase, better) in BANNED_PHRASES {
            if has_phrase(line, phrase) {
                complaints.push(format!("{}:{number}: `{phrase}`: write {better}", file.display()));
            }
        }
        let types = TYPES.iter().find_map(|kind| declared(line, kind)).filter(|it| BANNED_TYPES.contains(it));
        let function = declared(line, "fn").filter(|it| BANNED_FUNCTIONS.contains(it));
        for name in types.into_iter().chain(function) {
            complaints.push(format!("{}:{number}: `{name}` has a plain name in {GLOSSARY}", file.display()));
        }
    }
    complaints
}

/// Whether the line contains the phrase as whole words: "for every" does not count.
fn has_phrase(line: &str, phrase: &str) -> bool {
    let ends_within_a_word = |rest: &str| !phrase.ends_with(' ') && rest.starts_with(char::is_alphanumeric);
    line.split(phrase).skip(1).any(|rest| !ends_within_a_word(rest))
}

/// Names in several crates without a row in the glossary, and rows without such names.
fn check_names(
    crates: &BTreeMap<String, BTreeSet<String>>,
    shared: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let several =
        crates.iter().filter(|(name, owners)| owners.len() > 1 && !EVERYWHERE.contains(&name.as_str()));
    let mut complaints = Vec::new();
    for (name, owners) in several.clone() {
        if shared.get(name) != Some(owners) {
            let list = owners.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            complaints.push(format!(
                "`{name}` is a public type of {list}: give one of them another name, or add their common idea to {GLOSSARY}"
            ));
        }
    }
    let needed: BTreeSet<&String> = several.map(|(name, _)| name).collect();
    let stale = shared.keys().filter(|name| !needed.contains(name));
    complaints.extend(stale.map(|name| format!("{GLOSSARY}: `{name}` is no longer shared by crates")));
    complaints
}

/// The rows below the heading: a name, and the crates that have it.
fn read_shared(glossary: &str) -> BTreeMap<String, BTreeSet<String>> {
    let table = glossary.split_once(SHARED).map_or("", |(_, table)| table);
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let name = cells.next()?.trim().trim_end_matches('`').to_owned();
        let owners = cells.next()?.split(',').map(|owner| owner.trim().to_owned()).collect();
        Some((name, owners))
    };
    table.lines().take_while(|line| !line.starts_with("## ")).filter_map(row).collect()
}

/// The crate of a source file. Tests may use their own names.
fn crate_of(file: &Path) -> Option<String> {
    let mut parts = file.iter().map(|part| part.to_str().unwrap_or_default());
    let folder = (parts.next()? == "crates").then(|| parts.next()).flatten()?;
    let owner = if folder == "adapters" { format!("adapter_{}", parts.next()?) } else { folder.to_owned() };
    let is_source = parts.next()? == "src" && !parts.any(|part| part == "tests" || part == "tests.rs");
    is_source.then_some(owner)
}

fn public_types(text: &str) -> impl Iterator<Item = &str> {
    let public = text.lines().filter_map(|line| line.strip_prefix("pub "));
    public.filter_map(|line| {
        TYPES.iter().find_map(|kind| declared(line, kind).filter(|_| line.starts_with(kind)))
    })
}

/// The identifier that the line declares as this kind of item.
fn declared<'a>(line: &'a str, kind: &str) -> Option<&'a str> {
    let (before, after) = line.split_once(kind)?;
    let is_word = before.is_empty() || before.ends_with([' ', '(']);
    let rest = after.strip_prefix(' ').filter(|_| is_word)?;
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
    Some(&rest[..end]).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_a_line_declares_is_found() {
        let check =
            |line: &str, kind: &str, name: Option<&str>| assert_eq!(declared(line, kind), name, "{line}");
        check("pub struct Money {", "pub struct", Some("Money"));
        check("pub trait Column: Sized {", "pub trait", Some("Column"));
        check("    fn count<T>(of: T)", "fn", Some("count"));
        check("    fn count_max()", "fn", Some("count_max"));
        check("// a myfn thing", "fn", None);
        check("pub enum", "pub enum", None);
    }

    #[test]
    fn a_name_of_two_crates_needs_the_glossary() {
        let crates = BTreeMap::from([
            ("Money".to_owned(), owners(&["api", "domain"])),
            ("Error".to_owned(), owners(&["store", "server"])),
            ("Gate".to_owned(), owners(&["server"])),
        ]);
        assert_eq!(check_names(&crates, &BTreeMap::new()).len(), 1);
        let glossary = format!(
            "{SHARED}\n\n| name | crates | idea |\n|---|---|---|\n| `Money` | api, domain | an amount |\n"
        );
        assert_eq!(check_names(&crates, &read_shared(&glossary)), Vec::<String>::new());
        let stale = format!("{glossary}| `Gate` | server, api | gone |\n");
        assert_eq!(
            check_names(&crates, &read_shared(&stale)),
            ["docs/glossary.md: `Gate` is no longer shared by crates"]
        );
    }

    #[test]
    fn metaphors_and_old_phrases_are_refused() {
        let check = |text: &str, complaints: usize| {
            assert_eq!(check_words(Path::new("a.rs"), text).len(), complaints, "{text}");
        };
        check(concat!("pub struct", " Errand {"), 1);
        check(concat!("enum", " Way {"), 1);
        check(concat!("fn", " told() {"), 1);
        check("fn look() {", 0);
        check(concat!("// kept for", " ever"), 1);
        check("// one for every request", 0);
        check(concat!("// every one for", " every, or for", " ever."), 1);
        check("struct Wayfarer {", 0);
    }

    #[test]
    fn tests_may_use_any_name() {
        let check = |file: &str, owner: Option<&str>| {
            assert_eq!(crate_of(Path::new(file)).as_deref(), owner, "{file}");
        };
        check("crates/api/src/money.rs", Some("api"));
        check("crates/adapters/nats/src/wire.rs", Some("adapter_nats"));
        check("crates/adapters/nats/tests/nats/line.rs", None);
        check("crates/api/src/json/tests.rs", None);
        check("crates/store/tests/it/place.rs", None);
        check("xtask/src/main.rs", None);
    }
}
