use std::path::PathBuf;

use super::*;
use crate::timeline::{Lag, RecordedFault, RecordedRetry};

/// What could end an element, an attribute, or the page.
const EVIL: &str = "<script>alert(1)</script>\"'>&</title></style><img src=x onerror=y> \u{0}\u{1b}";

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

fn outcome(number: u8, verdict: ScenarioVerdict, words: &'static str) -> ScenarioReport {
    let scenario = Box::leak(Box::new(Scenario {
        number,
        name: "tried",
        promise: words,
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
            offenders: vec![words.to_owned()],
            excused: Some(words.to_owned()),
        }],
        sometimes: vec![Sometimes { name: "there", reached: 0, excused: Some(words.to_owned()) }],
        notes: vec![words.to_owned()],
        figures: BTreeMap::from([(words.to_owned(), 1.0)]),
    };
    let fault = |at_ms, until_ms| RecordedFault {
        at_ms,
        until_ms,
        what: words.to_owned(),
        whom: words.to_owned(),
        words: words.to_owned(),
    };
    let retry = |attempt, delay_ms| RecordedRetry {
        at_ms: 5,
        operation: words.to_owned(),
        attempt,
        delay_ms,
        reason: words.to_owned(),
        retry_after_ms: Some(1_000),
    };
    ScenarioReport {
        took_ms: 9_000,
        operations: 3,
        effects: 3,
        heard: ReplyCounts::from([("new", 3), ("replay", 2)]),
        faults: vec![fault(1, None), fault(10, Some(400))],
        retries: (0..200).map(|number| retry(2 + number % 9, u64::from(number) * 7)).collect(),
        lag: vec![
            Lag { at_ms: 1, pending: 5, oldest_ms: 20 },
            Lag { at_ms: 4_000, pending: 0, oldest_ms: 0 },
        ],
        kept: Some(PathBuf::from(words)),
        ..ScenarioReport::new(scenario, verdict, found, Some(words.to_owned()))
    }
}

fn report(verdicts: &[ScenarioVerdict]) -> Report {
    telling(verdicts, EVIL)
}

/// Whatever is told from outside says this.
fn telling(verdicts: &[ScenarioVerdict], words: &'static str) -> Report {
    let ground = Ground::Target { url: words.to_owned(), api_key: "sh_test_secret".to_owned(), books: None };
    let options = options(ground);
    let described = Described::of(&options.ground, None);
    let mut report = Report::begun(&options, words, described, Timestamp(0));
    for (number, verdict) in (1..).zip(verdicts) {
        report.add(outcome(number, *verdict, words));
    }
    report.concluded(Timestamp(2_000_000));
    report
}

#[test]
fn whatever_a_text_says_it_is_only_read() {
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
        assert!(page.contains("&lt;script&gt;"), "{verdict:?}: it is shown all the same");
    }
}

#[test]
fn the_page_needs_nothing_and_tells_no_secret() {
    let page = telling(&[ScenarioVerdict::Held, ScenarioVerdict::Broken], "plain words").page();
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
fn what_did_not_run_is_said() {
    use ScenarioVerdict::*;
    let check = |verdicts: &[ScenarioVerdict], ran: usize, coverage: &str| {
        let report = telling(verdicts, "plain words");
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
        "2 did not run, for they are not possible here: tried, tried.",
    );
}

#[test]
fn the_shape_of_the_json_is_kept() {
    let json = serde_json::to_value(report(&[ScenarioVerdict::Held])).unwrap();
    let members =
        |value: &serde_json::Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(members(&json).join(" "), "deployment report run scenarios totals verdict");
    assert_eq!(json["report"], 1);
    assert_eq!(members(&json["run"]).join(" "), "again name operations seed started_at took_ms version");
    assert_eq!(
        members(&json["scenarios"][0]).join(" "),
        "always duplicates effects faults figures heard kept lag name notes number operations promise retries \
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
    let words = format!("{front} --database-url ... --servers 3 --workers 2 --relays 1 --nats");
    check(Ground::Postgres { url, fleet, redis: false, nats: true }, &words);
    let target = Ground::Target { url: "http://a".to_owned(), api_key: "sh_test_x".to_owned(), books: None };
    check(target, &format!("{front} --target http://a --api-key ..."));
}
