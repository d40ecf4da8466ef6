//! The alert rules: valid, each tested in both states, over existing metrics, and with a section in
//! the runbook.

use std::collections::BTreeSet;

use server::metrics::CATALOGUE;
use server::metrics::instrument::MetricKind;

use crate::prometheus::{promtool, root};

const RULES: &str = "ops/alerts.yml";
const TESTS: &str = "ops/alerts.test.yml";

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The values after a key, line by line, without quotes.
fn values<'t>(text: &'t str, key: &'t str) -> impl Iterator<Item = &'t str> {
    let value = move |line: &'t str| line.trim_start().trim_start_matches("- ").strip_prefix(key);
    text.lines().filter_map(value).map(|value| value.trim().trim_matches('"'))
}

#[test]
fn the_rules_are_sound_and_each_is_seen_silent_and_loud() {
    promtool(&["check", "rules", RULES], "");
    promtool(&["test", "rules", TESTS], "");
    let (rules, tests) = (read(RULES), read(TESTS));
    let mut count = 0;
    for alert in values(&rules, "alert:") {
        let silent = format!("alertname: {alert}, exp_alerts: [] }}");
        let loud = format!("alertname: {alert}\n        exp_alerts:\n          - exp_labels:");
        assert!(tests.contains(&silent), "{alert} is never seen silent in {TESTS}");
        assert!(tests.contains(&loud), "{alert} is never seen loud in {TESTS}");
        count += 1;
    }
    assert!(count >= 15, "{count}");
}

/// The metrics of ours in an expression.
fn named(text: &str) -> BTreeSet<&str> {
    let names = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    names.filter(|name| name.starts_with("surehold_")).collect()
}

#[test]
fn every_expression_is_over_metrics_of_the_catalogue() {
    let known = |name: &str| {
        CATALOGUE.iter().map(|instrument| instrument.metric()).any(|metric| {
            let suffixes: &[&str] =
                if metric.kind == MetricKind::Histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
            suffixes.iter().any(|suffix| name.strip_suffix(suffix) == Some(metric.name))
        })
    };
    for (path, text) in [(RULES, read(RULES)), (TESTS, read(TESTS))] {
        let unknown: Vec<&str> = named(&text).into_iter().filter(|name| !known(name)).collect();
        assert_eq!(unknown, [""; 0], "in {path}");
    }
}

/// A rule that selects `label="value"` must use one of the label's values.
#[test]
fn every_label_value_of_a_rule_exists() {
    let text = read(RULES);
    let mut checked = 0;
    for (at, _) in text.match_indices('{') {
        let before = &text[..at];
        let name =
            before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default();
        let Some(metric) = CATALOGUE.iter().map(|row| row.metric()).find(|metric| metric.name == name) else {
            continue;
        };
        let matchers = &text[at + 1..at + text[at..].find('}').unwrap()];
        for matcher in matchers.split(", ") {
            let (label, value) = matcher.split_once(['=', '!']).unwrap();
            let set = metric.labels.iter().find(|set| set.name == label);
            let set = set.unwrap_or_else(|| panic!("{name} has no label {label}"));
            let pattern = value.trim_start_matches(['=', '~']).trim_matches('"');
            for choice in pattern.split('|').filter(|choice| !choice.contains(".*")) {
                assert!((set.values)().contains(&choice), "{name}: {label} is never {choice}");
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "{checked}");
}
