//! The results of a run: for programs as JSON, for people as a page.
//!
//! `report.json` has the format of [`Report`]. Its `report` member is the version of the format: within a
//! version members are added, and none is renamed or changes its meaning. Times are in milliseconds since the
//! scenario began, unless their name says otherwise.

mod drawing;
mod page;
mod plot;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::Timestamp;
use serde::Serialize;

use super::findings::{Always, Found, ScenarioVerdict, Sometimes};
use super::operation_request::{ReplyCounts, ReplyKind};
use super::scenario::Scenario;
use super::timeline::{Lag, RecordedFault, RecordedRetry};
use super::{Fleet, Ground, Options, ScenarioContext};

/// Version of the report's format.
const VERSION: u32 = 1;
/// Retries of a scenario that the report has; the others are only counted.
const RETRIES_MAX: usize = 20_000;

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub report: u32,
    pub run: Run,
    pub deployment: Described,
    /// The run's verdict: the worst of its scenarios.
    pub verdict: ScenarioVerdict,
    pub totals: Totals,
    pub scenarios: Vec<ScenarioReport>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// The names of its operations begin with it.
    pub name: String,
    pub version: &'static str,
    /// The random choices depend on this number only: `--seed` repeats them.
    pub seed: u64,
    /// The command that repeats the run.
    pub again: String,
    pub operations: usize,
    /// RFC 3339.
    pub started_at: String,
    pub took_ms: u64,
    #[serde(skip)]
    began: Timestamp,
}

/// What was attacked.
#[derive(Clone, Debug, Serialize)]
pub struct Described {
    /// `sqlite`, `postgres` or `target`.
    pub engine: &'static str,
    #[serde(rename = "words")]
    pub description: String,
    /// PostgreSQL's version.
    pub database_version: Option<String>,
    pub processes: BTreeMap<&'static str, usize>,
    pub redis: bool,
    pub nats: bool,
    /// The provider's books were read.
    pub books: bool,
}

/// The sums over all scenarios.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Totals {
    /// Accepted operations that move money.
    pub operations: u64,
    /// Operations whose effect is in the provider's books.
    pub effects: u64,
    /// Effects beyond the first of an operation.
    pub duplicates: u64,
    pub requests: u64,
    pub faults: u64,
    /// By [`ReplyKind::name`].
    pub replies: BTreeMap<&'static str, u64>,
}

/// One scenario.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioReport {
    pub number: u8,
    pub name: &'static str,
    pub promise: &'static str,
    pub verdict: ScenarioVerdict,
    /// Why it could not run, or is not applicable.
    pub why: Option<String>,
    pub took_ms: u64,
    pub operations: u64,
    pub effects: u64,
    pub duplicates: u64,
    /// By [`ReplyKind::name`].
    pub replies: ReplyCounts,
    pub always: Vec<Always>,
    pub sometimes: Vec<Sometimes>,
    pub notes: Vec<String>,
    pub figures: BTreeMap<String, f64>,
    pub faults: Vec<RecordedFault>,
    pub retries: Vec<RecordedRetry>,
    pub retries_left_out: u64,
    pub lag: Vec<Lag>,
    /// Where the files of its deployment are, if they were kept.
    pub kept: Option<PathBuf>,
}

impl Described {
    pub(super) fn of(ground: &Ground, database_version: Option<String>) -> Described {
        let (engine, description, processes) = match ground {
            Ground::Sqlite => ("sqlite", "SQLite, one process".to_owned(), vec![("server", 1)]),
            Ground::Postgres { fleet: Fleet { servers, workers, relays }, .. } => {
                let version = database_version.as_deref().unwrap_or_default();
                let description =
                    format!("PostgreSQL {version}, {servers} servers, {workers} workers, {relays} relays");
                (
                    "postgres",
                    description,
                    vec![("server", *servers), ("worker", *workers), ("relay", *relays)],
                )
            }
            Ground::Target { url, .. } => ("target", url.clone(), vec![]),
        };
        let (redis, nats) = match ground {
            Ground::Postgres { redis, nats, .. } => (*redis, *nats),
            _ => (false, false),
        };
        let more = [(redis, ", Redis"), (nats, ", NATS")].map(|(has, name)| if has { name } else { "" });
        let books = !matches!(ground, Ground::Target { books: None, .. });
        Described {
            engine,
            description: description + &more.concat(),
            database_version,
            processes: processes.into_iter().collect(),
            redis,
            nats,
            books,
        }
    }
}

impl ScenarioReport {
    pub(super) fn not_applicable(scenario: &'static Scenario, why: String) -> ScenarioReport {
        ScenarioReport::new(scenario, ScenarioVerdict::NotApplicable, Found::default(), Some(why))
    }

    /// The scenario did not start, or its end failed.
    pub(super) fn failed(scenario: &'static Scenario, why: String) -> ScenarioReport {
        ScenarioReport::new(scenario, ScenarioVerdict::Failed, Found::default(), Some(why))
    }

    /// `trouble` is the reason why the scenario stopped early.
    pub(super) fn of(
        context: &ScenarioContext,
        replies: ReplyCounts,
        trouble: Option<String>,
    ) -> ScenarioReport {
        let (verdict, found) = context.findings.conclude();
        // A broken promise is reported as broken, also if the run failed afterwards.
        let verdict = if trouble.is_some() && verdict != ScenarioVerdict::Broken {
            ScenarioVerdict::Failed
        } else {
            verdict
        };
        let mut events = context.timeline.taken();
        let retries_left_out = events.retries.len().saturating_sub(RETRIES_MAX) as u64;
        events.retries.truncate(RETRIES_MAX);
        let count = |name: &str| found.figures.get(name).copied().unwrap_or(0.0) as u64;
        let (operations, effects, duplicates) = (count("operations"), count("effects"), count("duplicates"));
        ScenarioReport {
            took_ms: context.timeline.now_ms(),
            operations,
            effects,
            duplicates,
            replies,
            faults: events.faults,
            retries: events.retries,
            retries_left_out,
            lag: events.lag,
            kept: (verdict != ScenarioVerdict::Held && context.directory.exists())
                .then(|| context.directory.to_path_buf()),
            ..ScenarioReport::new(context.scenario, verdict, found, trouble)
        }
    }

    fn new(
        scenario: &'static Scenario,
        verdict: ScenarioVerdict,
        found: Found,
        why: Option<String>,
    ) -> ScenarioReport {
        let Scenario { number, name, promise, .. } = *scenario;
        let Found { always, sometimes, notes, figures } = found;
        ScenarioReport {
            number,
            name,
            promise,
            verdict,
            why,
            took_ms: 0,
            operations: 0,
            effects: 0,
            duplicates: 0,
            replies: ReplyCounts::new(),
            always,
            sometimes,
            notes,
            figures,
            faults: Vec::new(),
            retries: Vec::new(),
            retries_left_out: 0,
            lag: Vec::new(),
            kept: None,
        }
    }

    pub fn requests(&self) -> u64 {
        self.replies.values().sum()
    }

    /// The reasons why it did not hold, one per line.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> = self.why.iter().cloned().collect();
        for always in self.always.iter().filter(|always| !always.holds) {
            let example = always.offenders.first().map_or("", String::as_str);
            complaints.push(format!("{} is broken {} times, such as: {example}", always.name, always.broken));
        }
        if self.verdict == ScenarioVerdict::NotReached {
            let unchecked = self.always.iter().filter(|always| always.checked == 0).map(|always| always.name);
            let unreached = self.sometimes.iter().filter(|one| one.is_missing()).map(|one| one.name);
            complaints.extend(unchecked.map(|name| format!("{name} was never checked")));
            complaints.extend(unreached.map(|name| format!("{name} was never reached")));
        }
        complaints
    }

    /// The line that is printed at the scenario's end, with its complaints below it.
    pub fn line(&self) -> String {
        let ScenarioReport { number, name, took_ms, operations, effects, duplicates, .. } = self;
        let seconds = *took_ms as f64 / 1_000.0;
        let verdict = self.verdict.text();
        let mut line = match self.verdict {
            ScenarioVerdict::NotApplicable => format!("{number:>2} {name:<14} {verdict}"),
            _ => format!(
                "{number:>2} {name:<14} {verdict}: {operations} operations, {effects} effects, {duplicates} \
                 duplicates, {} requests, {} faults, {seconds:.1} s",
                self.requests(),
                self.faults.len()
            ),
        };
        for complaint in self.complaints() {
            line.push_str("\n     ");
            line.push_str(&complaint.trim_end().replace('\n', "\n     "));
        }
        line
    }
}

impl Report {
    pub(super) fn begun(options: &Options, name: &str, deployment: Described, now: Timestamp) -> Report {
        Report {
            report: VERSION,
            run: Run {
                name: name.to_owned(),
                version: env!("CARGO_PKG_VERSION"),
                seed: options.seed,
                again: again(options),
                operations: options.operations,
                started_at: rfc3339(now),
                took_ms: 0,
                began: now,
            },
            deployment,
            verdict: ScenarioVerdict::Failed,
            totals: Totals::default(),
            scenarios: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, outcome: ScenarioReport) {
        let totals = &mut self.totals;
        totals.operations += outcome.operations;
        totals.effects += outcome.effects;
        totals.duplicates += outcome.duplicates;
        totals.requests += outcome.requests();
        totals.faults += outcome.faults.len() as u64;
        for kind in ReplyKind::ALL.map(ReplyKind::name) {
            *totals.replies.entry(kind).or_default() += outcome.replies.get(kind).copied().unwrap_or(0);
        }
        self.scenarios.push(outcome);
    }

    pub(super) fn concluded(&mut self, now: Timestamp) {
        self.run.took_ms = now.since(self.run.began).as_millis().unsigned_abs();
        let any = |verdict| self.scenarios.iter().any(|outcome| outcome.verdict == verdict);
        let worst = [
            ScenarioVerdict::Broken,
            ScenarioVerdict::Failed,
            ScenarioVerdict::NotReached,
            ScenarioVerdict::Held,
        ];
        // If no scenario ran, nothing was proven.
        self.verdict =
            worst.into_iter().find(|verdict| any(*verdict)).unwrap_or(ScenarioVerdict::NotApplicable);
    }

    /// Every invariant of every scenario that was possible here held, and each state was reached.
    pub fn held(&self) -> bool {
        self.verdict == ScenarioVerdict::Held
    }

    /// How many scenarios ran.
    pub fn ran(&self) -> usize {
        self.scenarios.iter().filter(|outcome| outcome.verdict != ScenarioVerdict::NotApplicable).count()
    }

    /// A sentence about the scenarios that did not run; empty if all of them ran.
    pub fn coverage(&self) -> String {
        let skipped =
            self.scenarios.iter().filter(|outcome| outcome.verdict == ScenarioVerdict::NotApplicable);
        let skipped: Vec<&str> = skipped.map(|outcome| outcome.name).collect();
        match skipped.len() {
            0 => String::new(),
            1 => format!("{} did not run: it is not possible here.", skipped[0]),
            count => {
                format!("{count} did not run, because they are not possible here: {}.", skipped.join(", "))
            }
        }
    }

    pub fn find(&self, name: &str) -> Option<&ScenarioReport> {
        self.scenarios.iter().find(|outcome| outcome.name == name)
    }

    /// Writes `report.json` and `report.html` into the directory.
    pub fn write(&self, out: &Path) -> std::io::Result<()> {
        let json = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
        std::fs::write(out.join("report.json"), json + "\n")?;
        std::fs::write(out.join("report.html"), self.page())
    }

    /// The report as HTML.
    pub fn page(&self) -> String {
        page::page(self)
    }
}

/// The command that repeats the run. Arguments that may contain a secret are left out.
fn again(options: &Options) -> String {
    let mut command = vec!["surehold attack".to_owned()];
    command.extend(options.scenarios.iter().map(|scenario| format!("--scenario {scenario}")));
    command.push(format!("--operations {} --seed {}", options.operations, options.seed));
    match &options.ground {
        Ground::Sqlite => {}
        Ground::Postgres { url, fleet, redis, nats } => {
            command.push(if url.is_some() { "--database-url ..." } else { "--postgres" }.to_owned());
            if *fleet != Fleet::default() {
                let Fleet { servers, workers, relays } = fleet;
                command.push(format!("--servers {servers} --workers {workers} --relays {relays}"));
            }
            command.extend(redis.then(|| "--redis".to_owned()));
            command.extend(nats.then(|| "--nats".to_owned()));
        }
        Ground::Target { url, books, .. } => {
            command.push(format!("--target {url} --api-key ..."));
            command.extend(books.as_ref().map(|_| "--books ...".to_owned()));
        }
    }
    command.join(" ")
}

fn rfc3339(now: Timestamp) -> String {
    api::time::instant(now).to_string()
}
