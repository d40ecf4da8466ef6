//! The catalogue follows its own rules. Other tests compare it with what a running server shows.

use super::instrument::{MetricKind, MetricUnit};
use super::labels::{
    AttemptLabel, BookingState, Label, Labels, Open, Outcome, RefusalCode, Route, StatusLabel, WorkLabel,
};
use super::*;

/// Series of one metric: all combinations of its labels.
const SERIES_MAX: usize = 2_400;

#[test]
fn names_follow_the_rules_of_prometheus() {
    let mut seen = std::collections::HashSet::new();
    for instrument in CATALOGUE {
        let Metric { name, kind, unit, labels, .. } = instrument.metric();
        assert!(seen.insert(name), "{name} is there twice");
        assert!(name.starts_with("surehold_"), "{name}");
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(plain(name) && !name.contains("__"), "{name}");
        assert_eq!(
            name.ends_with("_total"),
            *kind == MetricKind::Counter,
            "{name}: `_total` is for counters"
        );
        let unsuffixed = name.trim_end_matches("_total");
        assert!(unsuffixed.ends_with(unit.suffix()), "{name} is in{}", unit.suffix());
        let has_unit = ["_seconds", "_bytes", "_ratio"].iter().any(|unit| unsuffixed.ends_with(unit));
        assert_eq!(has_unit, *unit != MetricUnit::Count, "{name}");
        for other in
            ["_ms", "_milliseconds", "_micros", "_minutes", "_kb", "_percent", "_count", "_sum", "_bucket"]
        {
            assert!(!unsuffixed.ends_with(other), "{name}: base units, and no suffix of Prometheus' own");
        }
        assert!(
            *kind != MetricKind::Histogram || *unit == MetricUnit::Seconds,
            "{name}: the buckets are seconds"
        );
        for label in *labels {
            assert!(plain(label.name) && !["le", "quantile", "job", "instance"].contains(&label.name));
        }
    }
}

#[test]
fn no_metric_explodes_and_every_help_is_a_sentence() {
    for instrument in CATALOGUE {
        let metric = instrument.metric();
        let series = (metric.series)();
        assert!(series <= SERIES_MAX, "{} has {series} series", metric.name);
        for label in metric.labels {
            let values = (label.values)();
            let distinct: std::collections::HashSet<_> = values.iter().collect();
            assert_eq!(distinct.len(), values.len(), "{} {}", metric.name, label.name);
        }
        for index in 0..series {
            for (label, value) in metric.labels.iter().zip((metric.values_of)(index)) {
                assert!((label.values)().contains(&value), "{} {}", metric.name, label.name);
            }
        }
        let help = metric.help();
        let first = help.chars().next().unwrap();
        assert!(first.is_uppercase() && help.ends_with('.') && !help.contains('\n'), "{help}");
        assert!(page::page().contains(&format!("| `{}` |", metric.name)), "{}", metric.name);
    }
}

/// The index of a value leads back to the value.
fn check<L: Labels>(labels: L, expected: &[&str]) {
    assert!(labels.series_index() < L::series());
    assert_eq!(L::values_of(labels.series_index()), expected);
}

#[test]
fn an_index_leads_back_to_its_values() {
    use domain::rows::AttemptKind;
    use labels::{Answer, Call, ProviderLabel, Reason};
    for kind in AttemptKind::ALL {
        check(kind, &[kind.name()]);
    }
    check((AttemptKind::Void, AttemptLabel(0)), &["void", "1"]);
    check((AttemptKind::Refund, AttemptLabel(3)), &["refund", "3"]);
    check((AttemptKind::Charge, AttemptLabel(77)), &["charge", "10"]);
    check(WorkLabel::of("capture"), &["critical", "capture"]);
    check((WorkLabel::of("ledger"), Reason::Poisonous), &["ordinary", "ledger", "poisonous"]);
    check(WorkLabel::of("of_a_test"), &["ordinary", "other"]);
    check(
        (ProviderLabel::of("stripe").unwrap(), Call::RefundsOf, Answer::NotSent),
        &["stripe", "refunds_of", "not_sent"],
    );
    check(BookingState(domain::lifecycle::booking::State::NoShow), &["no_show"]);
    check(Outcome::Lapsed, &["lapsed"]);
    check(Open::Review, &["review"]);
    check(StatusLabel(http::StatusCode::UNPROCESSABLE_ENTITY), &["422"]);
    check(StatusLabel(http::StatusCode::IM_A_TEAPOT), &["other"]);
    check(Route::of(None), &["unmatched"]);
    check(RefusalCode::of("slot_is_full"), &["slot_is_full"]);
    check(RefusalCode::of("never_heard_of"), &["internal_error"]);
}

#[test]
fn every_status_of_a_problem_has_a_label() {
    for code in api::Code::ALL {
        let status = code.status().to_string();
        assert!(StatusLabel::values().contains(&status.as_str()), "{status} of {}", code.name());
    }
    for path in ["/v1/bookings/{id}", "/health/ready", "/webhooks/{provider}/{account}", "/docs"] {
        assert!(Route::values().contains(&path), "{path}");
    }
}

#[test]
fn counts_go_to_the_series_of_their_values() {
    // Its own recorder, so that no other test sees the values.
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    static GAUGE: Gauge<(labels::Charged, Outcome)> =
        Gauge::new("surehold_test", MetricUnit::Count, instrument::MetricSource::Rows, &["A test."]);
    ::metrics::with_local_recorder(&recorder, || {
        let values = |values: [&str; 2]| values.map(str::to_owned);
        let first = [(values(["charge", "succeeded"]), 3), (values(["charge", "unheard_of"]), 9)];
        GAUGE.set_all(first.iter().map(|(values, count)| (values.as_slice(), *count)));
        assert!(handle.render().contains(r#"surehold_test{operation="charge",outcome="succeeded"} 3"#));
        assert!(!handle.render().contains(" 9"), "{}", handle.render());
        // What is no longer counted becomes zero.
        GAUGE.set_all(std::iter::empty());
        assert!(handle.render().contains(r#"surehold_test{operation="charge",outcome="succeeded"} 0"#));
    });
}
