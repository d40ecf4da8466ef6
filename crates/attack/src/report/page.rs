//! The report as a page: styles and drawings are in the page, and it loads nothing and runs no script.
//!
//! The template escapes every text. It has no control characters of its own, so they are replaced in the
//! whole page.

use askama::Template;

use super::{Report, ScenarioReport, plot, text};
use crate::findings::{Always, ScenarioVerdict};
use crate::operation_request::ReplyKind;
use crate::timeline::RecordedRetry;
use check::INVARIANTS;

/// Retries of a scenario that the page lists; report.json has all of them.
const RETRIES_SHOWN: usize = 60;
/// Faults of a scenario that the page lists.
const FAULTS_SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    /// The scenarios that sent a request.
    sending: Vec<&'a ScenarioReport>,
    retries: Vec<RecordedRetry>,
}

pub(super) fn page(report: &Report) -> String {
    let sending: Vec<_> = report.scenarios.iter().filter(|outcome| outcome.requests() > 0).collect();
    let retries = sending.iter().flat_map(|outcome| outcome.retries.iter().cloned()).collect();
    let page = Page { report, sending, retries }.render().expect("a String takes every text");
    text::without_control_characters(&page)
}

impl Page<'_> {
    fn longest_outbox(&self) -> Option<&ScenarioReport> {
        let longest = self.sending.iter().copied().max_by_key(|outcome| outcome.pending_max());
        longest.filter(|outcome| !outcome.lag.is_empty())
    }
}

impl Always {
    fn row_class(&self) -> &'static str {
        match self {
            Always { holds: false, .. } => "bad",
            Always { checked: 0, excused: None, .. } => "wait",
            _ => "",
        }
    }
}

impl ScenarioReport {
    fn applies(&self) -> bool {
        self.verdict != ScenarioVerdict::NotApplicable
    }

    /// The promises of `surehold check`, and the other invariants.
    fn invariants(&self) -> (Vec<&Always>, Vec<&Always>) {
        self.always.iter().partition(|always| INVARIANTS.contains(&always.name))
    }

    fn held(&self) -> usize {
        self.always.iter().filter(|always| always.holds).count()
    }

    fn reached(&self) -> usize {
        self.sometimes.iter().filter(|state| !state.is_missing()).count()
    }

    fn offenders(&self) -> Vec<&String> {
        self.always.iter().flat_map(|always| &always.offenders).collect()
    }

    pub(super) fn pending_max(&self) -> u64 {
        self.lag.iter().map(|lag| lag.pending).max().unwrap_or(0)
    }

    fn retry_count(&self) -> u64 {
        self.retries.len() as u64 + self.retries_left_out
    }
}

fn summary(verdict: ScenarioVerdict) -> &'static str {
    match verdict {
        ScenarioVerdict::Held => {
            "Every invariant held in each scenario that ran, and every state worth testing was reached."
        }
        ScenarioVerdict::Broken => "An invariant was broken: see the scenarios marked below.",
        ScenarioVerdict::NotReached => {
            "No invariant was broken, but a run did not reach every state, so it proves too little."
        }
        ScenarioVerdict::Failed => "A scenario could not be carried out.",
        ScenarioVerdict::NotApplicable => "No scenario was possible here.",
    }
}

fn legend_text(name: &str) -> String {
    match name {
        "drawn" => "drawn at random".to_owned(),
        "retry_after" => "the server's Retry-After".to_owned(),
        "kill" => "kill -9".to_owned(),
        "stall" => "stalled".to_owned(),
        "start" => "started again".to_owned(),
        name => text::plain(name),
    }
}

fn held(invariants: &[&Always]) -> usize {
    invariants.iter().filter(|always| always.holds).count()
}
