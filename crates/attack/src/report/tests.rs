use std::path::PathBuf;

use super::*;
use crate::timeline::{Lag, RecordedFault, RecordedRetry};

/// Text that could end an element, an attribute, or the page.
const HOSTILE: &str = "<script>alert(1)</script>\"'>&</title></style><img src=x onerror=y> \u{0}\u{1b}";

fn options(ground: Ground) -> Options {
    Options {
        program: PathBuf::from("surehold"),
        scenarios: vec!["charges".to_owned()],
        seed: 7,
        operations: 100,
        at_once: 1,
        ground,
        out: PathBuf::from("out"),
    }
}

fn outcome(number: u8, verdict: ScenarioVerdict, text: &'static str) -> ScenarioReport {
    let scenario = Box::leak(Box::new(Scenario {
        number,
        name: "tried",
        promise: text,
        needs: &[],
        always: &[],
        sometimes: &[],
        run: |_| Box::pin(async { Ok(()) }),
    }));
    let found = Found {
        always: vec![Always {
            name: "holds",
            holds: verdict == ScenarioVerdict::Held,
            checked: 3,
            broken: 1,
            offenders: vec![text.to_owned()],
            excused: Some(text.to_owned()),
        }],
        sometimes: vec![Sometimes { name: "there", reached: 0, excused: Some(text.to_owned()) }],
        notes: vec![text.to_owned()],
        figures: BTreeMap::from([(text.to_owned(), 1.0)]),
    };
    let fault = |at_ms, until_ms| RecordedFault {
        at_ms,
        until_ms,
        what: text.to_owned(),
        whom: text.to_owned(),
        details: text.to_owned(),
    };
    let retry = |attempt, delay_ms| RecordedRetry {
        at_ms: 5,
        operation: text.to_owned(),
        attempt,
        delay_ms,
        reason: text.to_owned(),
        retry_after_ms: Some(1_000),
    };
    ScenarioReport {
        took_ms: 9_000,
        operations: 3,
        effects: 3,
        replies: ReplyCounts::from([("new", 3), ("replay", 2)]),
        faults: vec![fault(1, None), fault(10, Some(400))],
        retries: (0..200).map(|number| retry(2 + number % 9, u64::from(number) * 7)).collect(),
        lag: vec![
            Lag { at_ms: 1, pending: 5, oldest_ms: 20 },
            Lag { at_ms: 4_000, pending: 0, oldest_ms: 0 },
        ],
        kept: Some(PathBuf::from(text)),
        ..ScenarioReport::new(scenario, verdict, found, Some(text.to_owned()))
    }
}

fn report(verdicts: &[ScenarioVerdict]) -> Report {
    report_with(verdicts, HOSTILE)
}

/// A report in which every text from outside is `text`.
fn report_with(verdicts: &[ScenarioVerdict], text: &'static str) -> Report {
    let ground = Ground::Target { url: text.to_owned(), api_key: "sh_test_secret".to_owned(), books: None };
    let options = options(ground);
    let described = Described::of(&options.ground, None);
    let mut report = Report::begun(&options, text, described, Timestamp(0));
    for (number, verdict) in (1..).zip(verdicts) {
        report.add(outcome(number, *verdict, text));
    }
    report.concluded(Timestamp(2_000_000));
    report
}

#[test]
fn hostile_text_is_escaped() {
    for verdict in [
        ScenarioVerdict::Held,
        ScenarioVerdict::Broken,
        ScenarioVerdict::NotReached,
        ScenarioVerdict::Failed,
        ScenarioVerdict::NotApplicable,
    ] {
        let page = report(&[verdict]).page();
        for word in ["<script", "<img", "onerror=y>", "</title></style>", "\u{0}", "\u{1b}"] {
            assert!(!page.contains(word), "{verdict:?}: {word}");
        }
        assert_eq!(page.matches("</style>").count(), 1);
        assert!(page.contains("&#60;script&#62;"), "{verdict:?}: the text is shown");
    }
}

#[test]
fn the_page_loads_nothing_and_shows_no_secret() {
    let page = report_with(&[ScenarioVerdict::Held, ScenarioVerdict::Broken], "plain words").page();
    for word in ["src=", "@import", "url(", "<link", "http://", "https://", "sh_test_secret", "NaN"] {
        assert!(!page.contains(word), "{word}");
    }
    for tag in ["svg", "section", "details", "table", "div", "dl", "ul", "p", "pre"] {
        let (opened, closed) = (
            page.matches(&format!("<{tag} ")).count() + page.matches(&format!("<{tag}>")).count(),
            page.matches(&format!("</{tag}>")).count(),
        );
        assert_eq!(opened, closed, "<{tag}>");
    }
}

#[test]
fn an_empty_scenario_can_be_drawn() {
    let outcome = outcome(1, ScenarioVerdict::Held, "");
    let empty =
        ScenarioReport { took_ms: 0, operations: 0, faults: vec![], retries: vec![], lag: vec![], ..outcome };
    let (none, one): (&[&ScenarioReport], &[&ScenarioReport]) = (&[], &[&empty]);
    for drawing in [
        plot::pairs(none),
        plot::pairs(one),
        plot::replies(none),
        plot::replies(one),
        plot::histogram(&[]),
        plot::by_attempt(&[]),
        plot::lag(&empty),
        plot::faults(&empty),
    ] {
        let svg = drawing.to_string();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

#[test]
fn the_worst_scenario_is_the_verdict() {
    let check = |verdicts: &[ScenarioVerdict], expected: ScenarioVerdict| {
        let report = report(verdicts);
        assert_eq!(
            (report.verdict, report.held()),
            (expected, expected == ScenarioVerdict::Held),
            "{verdicts:?}"
        );
    };
    use ScenarioVerdict::*;
    check(&[Held, Held], Held);
    check(&[Held, NotApplicable], Held);
    check(&[Held, NotReached], NotReached);
    check(&[Held, Failed, NotReached], Failed);
    check(&[Broken, Failed], Broken);
    check(&[NotApplicable], NotApplicable);
    check(&[], NotApplicable);
}

#[test]
fn scenarios_that_did_not_run_are_listed() {
    use ScenarioVerdict::*;
    let check = |verdicts: &[ScenarioVerdict], ran: usize, coverage: &str| {
        let report = report_with(verdicts, "plain words");
        assert_eq!((report.ran(), report.coverage().as_str()), (ran, coverage), "{verdicts:?}");
        let page = report.page();
        assert!(
            page.contains(&format!("{ran} of {}</b><span>scenarios ran", verdicts.len())),
            "{verdicts:?}"
        );
        assert!(page.contains(coverage) && !page.contains("in every scenario"), "{verdicts:?}");
        assert!(page.contains("100 operations a scenario; each takes what it can use"), "{verdicts:?}");
    };
    check(&[Held, Held], 2, "");
    check(&[Held, NotApplicable], 1, "tried did not run: it is not possible here.");
    check(
        &[Held, NotApplicable, NotApplicable],
        1,
        "2 did not run, because they are not possible here: tried, tried.",
    );
}

#[test]
fn the_json_keeps_its_format() {
    let json = serde_json::to_value(report(&[ScenarioVerdict::Held])).unwrap();
    let members =
        |value: &serde_json::Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(members(&json).join(" "), "deployment report run scenarios totals verdict");
    assert_eq!(json["report"], 1);
    assert_eq!(members(&json["run"]).join(" "), "again name operations seed started_at took_ms version");
    assert_eq!(
        members(&json["scenarios"][0]).join(" "),
        "always duplicates effects faults figures kept lag name notes number operations promise replies retries \
         retries_left_out sometimes took_ms verdict why"
    );
    assert_eq!(
        members(&json["scenarios"][0]["always"][0]).join(" "),
        "broken checked excused holds name offenders"
    );
    assert_eq!(
        members(&json["scenarios"][0]["retries"][0]).join(" "),
        "at_ms attempt delay_ms operation reason retry_after_ms"
    );
}

#[test]
fn the_command_repeats_the_run_and_hides_what_may_be_secret() {
    let check = |ground: Ground, expected: &str| assert_eq!(again(&options(ground)), expected);
    let front = "surehold attack --scenario charges --operations 100 --seed 7";
    check(Ground::Sqlite, front);
    let url = Some("postgres://me:secret@host/db".to_owned());
    let fleet = Fleet { servers: 3, ..Fleet::default() };
    let expected = format!("{front} --database-url ... --servers 3 --workers 2 --relays 1 --nats");
    check(Ground::Postgres { url, fleet, redis: false, nats: true }, &expected);
    let target = Ground::Target { url: "http://a".to_owned(), api_key: "sh_test_x".to_owned(), books: None };
    check(target, &format!("{front} --target http://a --api-key ..."));
}
