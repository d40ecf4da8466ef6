//! Checks `docs/runbook.md`: an operator in an emergency has no time to find outdated instructions.
//! So every command, query and address in it is checked to exist.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use clap::Parser as _;
use server::metrics::CATALOGUE;

use crate::Arguments;

fn read(path: &str) -> String {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned();
    std::fs::read_to_string(root.join(path)).unwrap()
}

fn page() -> String {
    read("docs/runbook.md")
}

/// The contents of the code blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// A heading as a link refers to it: lower case, words joined by dashes.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-');
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Headings of the second and third level, each with its section.
fn sections(page: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            sections.push((anchor(heading), String::new()));
        } else if let Some((_, text)) = sections.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    sections
}

#[test]
fn every_alert_has_its_section_which_names_it() {
    let (rules, sections) = (read("ops/alerts.yml"), sections(&page()));
    let mut alerts = 0;
    for rule in rules.split("- alert: ").skip(1) {
        let alert = rule.lines().next().unwrap();
        let (_, target) = rule.split_once("runbook: docs/runbook.md#").unwrap_or_else(|| panic!("{alert}"));
        let target = target.lines().next().unwrap();
        let section = sections.iter().find(|(anchor, _)| anchor == target);
        let (_, text) = section.unwrap_or_else(|| panic!("{alert}: the page has no section {target}"));
        assert!(text.contains(alert), "{target} does not say that it is for {alert}");
        alerts += 1;
    }
    assert!(alerts >= 15, "{alerts}");
}

#[test]
fn every_metric_in_it_is_there() {
    let page = page();
    let names = page.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    let named: BTreeSet<&str> = names.filter(|name| name.starts_with("surehold_")).collect();
    let known = |name: &str| {
        CATALOGUE.iter().map(|instrument| instrument.metric().name).any(|metric| {
            let suffix = name.strip_prefix(metric);
            suffix.is_some_and(|suffix| matches!(suffix, "" | "_bucket" | "_sum" | "_count"))
        })
    };
    let unknown: Vec<&str> = named.iter().copied().filter(|name| !known(name)).collect();
    assert_eq!(unknown, [""; 0]);
    assert!(named.len() >= 10, "{named:?}");
}

#[test]
fn every_query_in_it_is_one() {
    let queries: Vec<String> = blocks(&page(), "promql").concat().lines().map(str::to_owned).collect();
    assert!(queries.len() >= 10, "{queries:?}");
    let mut rules = "groups:\n- name: runbook\n  rules:\n".to_owned();
    for (number, query) in queries.iter().enumerate() {
        let query = query.replace('\'', "''");
        writeln!(rules, "  - record: runbook:{number}\n    expr: '{query}'").expect("a String takes it");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), rules).unwrap();
    let mut check = Process::new("promtool");
    check.args(["check", "rules"]).arg(file.path()).stdin(Stdio::null());
    let output = check.output().expect("promtool is missing: run `cargo xtask test`, which installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The words of a `surehold` command, up to the shell's redirection of its output. A word in
/// capitals is a placeholder.
fn arguments_of(command: &str) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    for (number, part) in command.split('"').enumerate() {
        if number % 2 == 1 {
            arguments.push(part.to_owned());
        } else {
            arguments.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    let id = || uuid::Uuid::nil().to_string();
    let until = arguments.iter().position(|argument| matches!(argument.as_str(), "|" | ">" | "#"));
    arguments.truncate(until.unwrap_or(arguments.len()));
    arguments.into_iter().map(|argument| if argument == "ID" { id() } else { argument }).collect()
}

#[test]
fn every_command_in_it_is_one_of_ours() {
    let shell = blocks(&page(), "sh").concat();
    let mut commands = 0;
    for line in shell.lines().filter(|line| line.starts_with("surehold ")) {
        let mut arguments = arguments_of(line);
        // Both are in the environment, as the page says at the beginning.
        match arguments[1].as_str() {
            "ops" => arguments.extend(["--api-key", "k"].map(str::to_owned)),
            "check" => arguments.extend(["--database-url", "sqlite:x"].map(str::to_owned)),
            _ => {}
        }
        if let Err(error) = Arguments::try_parse_from(&arguments) {
            panic!("{line}: {error}");
        }
        commands += 1;
    }
    assert!(commands >= 5, "{commands}");
}

#[test]
fn every_address_in_it_is_served() {
    let (page, documented) = (page(), server::http::openapi_json());
    let shell = blocks(&page, "sh").concat();
    let mut addresses = 0;
    for (at, _) in shell.match_indices("/v1/") {
        let path: String =
            shell[at..].chars().take_while(|c| c.is_alphanumeric() || "/_-".contains(*c)).collect();
        let path = path.replace("/ID", "/{id}");
        assert!(documented.contains(&format!("\"{path}\"")), "{path} is not in the API's description");
        addresses += 1;
    }
    assert!(addresses >= 3, "{addresses}");
}

#[test]
fn an_anchor_is_what_a_link_names() {
    for (heading, expected) in [
        ("Answers of 503", "answers-of-503"),
        ("Redis, NATS or the collector is away", "redis-nats-or-the-collector-is-away"),
    ] {
        assert_eq!(anchor(heading), expected);
    }
}
