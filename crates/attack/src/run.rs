//! Runs the scenarios, each in an environment of its own, and collects their reports.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::Ids as _;
use futures_util::{StreamExt as _, stream};
use server::ids::UuidV7;
use server::ports::clock::SystemClock;
use store::Clock as _;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::findings::{Findings, ScenarioVerdict};
use super::journal::Journal;
use super::judge::OperationHistory;
use super::operation_request::ReplyCounts;
use super::progress::ScenarioLine;
use super::report::{Described, Report, ScenarioReport};
use super::scenario::Scenario;
use super::scenarios::{SCENARIOS, find};
use super::shared_servers::SharedServers;
use super::timeline::Timeline;
use super::{Error, Ground, Options, Progress, ScenarioContext};
use testkit::databases::Databases;

/// The time limit of a scenario: a constant, and a part for each operation.
const SCENARIO_WITHIN: Duration = Duration::from_mins(15);
const OPERATION_WITHIN: Duration = Duration::from_millis(500);

/// What a run and its scenarios share.
struct Run<'a> {
    options: &'a Options,
    name: Arc<str>,
    ground: Arc<Ground>,
    databases: Arc<Mutex<Option<Databases>>>,
    servers: SharedServers,
    progress: &'a Progress,
    /// Reports of the scenarios that have ended, in the order of their ends.
    outcomes: parking_lot::Mutex<Vec<ScenarioReport>>,
}

/// Runs the chosen scenarios until all have ended or `stop` completes. An error means that the run
/// could not begin. The failure of a scenario is in the report.
pub async fn run(
    options: &Options,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> Result<Report, Error> {
    carry_out(options, &chosen(options)?, progress, stop).await
}

/// The same for scenarios that need not be in the table.
pub async fn carry_out(
    options: &Options,
    chosen: &[&'static Scenario],
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> Result<Report, Error> {
    let journals = options.out.join("journals");
    // The directory gets configurations with keys, and databases of failed scenarios.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&journals)
        .map_err(|error| Error::Refused(format!("--out: {} cannot be made: {error}", journals.display())))?;
    let (databases, described) = ground(options, progress).await?;
    let servers = SharedServers::start(&options.ground, progress).await?;
    // Unlike the seed, the name is different each time: a target remembers the keys of earlier
    // runs.
    let name = UuidV7::default().next().simple().to_string();
    let name: Arc<str> = format!("a{}", &name[name.len() - 10..]).into();
    let mut report = Report::begun(options, &name, described, SystemClock.now());
    progress.line(&format!("attack {name}: {}, seed {}", report.deployment.description, options.seed));
    let ground = Arc::new(options.ground.clone());
    let databases = Arc::new(Mutex::new(databases));
    let outcomes = parking_lot::Mutex::default();
    let run = Run { options, name, ground, databases, servers, progress, outcomes };
    tokio::select! {
        () = run.all(chosen) => {}
        () = stop => progress.line("stopped before the end"),
    }
    // A failed cleanup must not suppress the report.
    if let Some(databases) = run.databases.lock().await.as_mut()
        && let Err(error) = databases.drop_all().await
    {
        progress.line(&format!("a database is left behind: {error}"));
    }
    for outcome in run.outcomes(chosen) {
        report.add(outcome);
    }
    report.concluded(SystemClock.now());
    Ok(report)
}

/// The scenarios with these names. A named scenario must be possible here.
fn chosen(options: &Options) -> Result<Vec<&'static Scenario>, Error> {
    let mut chosen = Vec::new();
    for name in options.scenarios.iter().filter(|name| *name != "all") {
        let refused = |why: &str| Error::Refused(format!("scenario `{name}`: {why}"));
        let scenario = find(name).ok_or_else(|| refused("there is none; --list shows them"))?;
        if let Some(missing) = scenario.misses(&options.ground.has()) {
            return Err(refused(&missing));
        }
        chosen.push(scenario);
    }
    // Each name is checked, also beside `all`.
    if chosen.len() < options.scenarios.len() || chosen.is_empty() {
        return Ok(SCENARIOS.to_vec());
    }
    chosen.sort_by_key(|scenario| scenario.number);
    chosen.dedup_by_key(|scenario| scenario.number);
    Ok(chosen)
}

/// The database server, and the description for the report.
async fn ground(options: &Options, progress: &Progress) -> Result<(Option<Databases>, Described), Error> {
    let Ground::Postgres { url, .. } = &options.ground else {
        return Ok((None, Described::of(&options.ground, None)));
    };
    let databases = if let Some(url) = url {
        Databases::on(url)
    } else {
        progress.line("starting a private PostgreSQL");
        Databases::private(without_early_flushes()).await?
    };
    let version = databases.version().await?;
    Ok((Some(databases), Described::of(&options.ground, Some(version))))
}

/// A server that hardly ever writes its log unless a commit waits for it. If it is stopped
/// immediately, a commit that did not wait for the log is lost for certain.
fn without_early_flushes() -> test_servers::postgres::Options {
    let settings = [("wal_writer_delay", "10s"), ("wal_writer_flush_after", "1GB")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    test_servers::postgres::Options { settings, ..Default::default() }
}

impl Run<'_> {
    async fn all(&self, chosen: &[&'static Scenario]) {
        let has = self.options.ground.has();
        let (alone, together): (Vec<_>, Vec<_>) =
            chosen.iter().partition(|scenario| scenario.wants_to_be_alone());
        let carried_out = |scenario: &'static Scenario| {
            let missing = scenario.misses(&has);
            async move {
                let outcome = match missing {
                    Some(missing) => ScenarioReport::not_applicable(scenario, missing),
                    None => self.scenario(scenario).await,
                };
                self.progress.line(&outcome.line());
                self.outcomes.lock().push(outcome);
            }
        };
        let at_once = self.options.at_once.max(1);
        stream::iter(together).for_each_concurrent(at_once, carried_out).await;
        for scenario in alone {
            carried_out(scenario).await;
        }
    }

    /// The reports in the order of the scenarios' numbers. A scenario that has not ended is a
    /// failure.
    fn outcomes(&self, chosen: &[&'static Scenario]) -> Vec<ScenarioReport> {
        let mut outcomes = std::mem::take(&mut *self.outcomes.lock());
        let has_ended = |scenario: &Scenario| outcomes.iter().any(|outcome| outcome.name == scenario.name);
        let stopped: Vec<_> = chosen.iter().filter(|scenario| !has_ended(scenario)).collect();
        let why = || "the run was stopped before its end".to_owned();
        outcomes.extend(stopped.into_iter().map(|scenario| ScenarioReport::failed(scenario, why())));
        outcomes.sort_by_key(|outcome| outcome.number);
        outcomes
    }

    async fn scenario(&self, scenario: &'static Scenario) -> ScenarioReport {
        let step = self.progress.step(scenario.name);
        step.show("setting up");
        let outcome = match self.context(scenario, step.clone()) {
            Ok(context) => self.carried_out(&context).await,
            Err(error) => ScenarioReport::failed(scenario, error.to_string()),
        };
        step.ends();
        outcome
    }

    fn context(&self, scenario: &'static Scenario, progress: ScenarioLine) -> Result<ScenarioContext, Error> {
        let timeline = Timeline::begin_now();
        let out = std::path::absolute(&self.options.out)?;
        let journal_path = out.join("journals").join(format!("{}.ndjson", scenario.name));
        Ok(ScenarioContext {
            scenario,
            findings: Findings::new(scenario),
            journal: Journal::create(&journal_path, timeline.clone())?,
            timeline,
            progress,
            seed: self.options.seed,
            operations: self.options.operations,
            run: self.name.clone(),
            ground: self.ground.clone(),
            program: self.options.program.as_path().into(),
            directory: out.join("logs").join(format!("{}-{}", self.name, scenario.name)).into(),
            journal_path,
            databases: self.databases.clone(),
            servers: self.servers.clone(),
        })
    }

    async fn carried_out(&self, context: &ScenarioContext) -> ScenarioReport {
        let within = SCENARIO_WITHIN + OPERATION_WITHIN * u32::try_from(self.options.operations).unwrap_or(0);
        // A task of its own: a panic ends only the scenario, and the task ends with us.
        let mut task = JoinSet::new();
        task.spawn((context.scenario.run)(context.clone()));
        let trouble = match tokio::time::timeout(within, task.join_next()).await {
            Ok(None | Some(Ok(Ok(())))) => None,
            Ok(Some(Ok(Err(error)))) => Some(error.to_string()),
            Ok(Some(Err(panicked))) => Some(panicked.to_string()),
            Err(_) => Some(format!("it did not end within {within:?}")),
        };
        task.shutdown().await;
        // A server that was stopped reads all its files before it starts again, so this database
        // must be dropped.
        if let Some(databases) = self.databases.lock().await.as_mut()
            && let Err(error) = databases.drop_of(&context.database()).await
        {
            context.findings.note(format!("its database is left behind: {error}"));
        }
        let (replies, trouble) = match reply_counts(context).await {
            Ok(replies) => (replies, trouble),
            Err(error) => {
                (ReplyCounts::new(), trouble.or(Some(format!("its journal cannot be read: {error}"))))
            }
        };
        let mut outcome = ScenarioReport::of(context, replies, trouble);
        if let Err(error) = keep_or_clear(&context.directory, outcome.verdict) {
            outcome.notes.push(format!("its files are left behind: {error}"));
        }
        outcome
    }
}

async fn reply_counts(context: &ScenarioContext) -> std::io::Result<ReplyCounts> {
    context.journal.flush().await?;
    Ok(OperationHistory::read(&context.journal_path)?.replies)
}

/// Keeps the files of a deployment only if something went wrong.
fn keep_or_clear(directory: &Path, verdict: ScenarioVerdict) -> std::io::Result<()> {
    if verdict == ScenarioVerdict::Held && directory.exists() {
        std::fs::remove_dir_all(directory)?;
    }
    // The parent stays if other scenarios have files there.
    let _stays = directory.parent().map(std::fs::remove_dir);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use futures_util::future::BoxFuture;
    use tokio::sync::Notify;

    use super::*;

    type Runs = fn(ScenarioContext) -> BoxFuture<'static, Result<(), Error>>;

    const fn tried(number: u8, name: &'static str, run: Runs) -> Scenario {
        Scenario { number, name, promise: "It holds.", needs: &[], always: &[], sometimes: &[], run }
    }

    static FINE: Scenario = tried(1, "fine", |_| Box::pin(async { Ok(()) }));
    static LITTERS: Scenario = tried(2, "litters", |context| Box::pin(async move { litters(&context) }));
    static FORGETS: Scenario = tried(3, "forgets", |context| Box::pin(async move { forgets(&context) }));
    static HANGS: Scenario = tried(4, "hangs", |context| Box::pin(hangs(context)));

    /// Leaves a file where a directory is expected.
    fn litters(context: &ScenarioContext) -> Result<(), Error> {
        std::fs::create_dir_all(context.directory.parent().unwrap())?;
        Ok(std::fs::write(&context.directory, "")?)
    }

    fn forgets(context: &ScenarioContext) -> Result<(), Error> {
        Ok(std::fs::write(&context.journal_path, "no journal\n")?)
    }

    fn hanging() -> &'static Notify {
        static HANGING: OnceLock<Notify> = OnceLock::new();
        HANGING.get_or_init(Notify::new)
    }

    async fn hangs(_: ScenarioContext) -> Result<(), Error> {
        hanging().notify_one();
        std::future::pending().await
    }

    fn options(out: &Path) -> Options {
        Options {
            program: "none".into(),
            scenarios: vec![],
            seed: 7,
            operations: 1,
            at_once: 1,
            ground: Ground::Sqlite,
            out: out.to_owned(),
        }
    }

    async fn outcomes(
        chosen: &[&'static Scenario],
        stop: impl Future<Output = ()>,
    ) -> (ScenarioVerdict, Vec<(ScenarioVerdict, usize)>) {
        let out = tempfile::tempdir().unwrap();
        let report = carry_out(&options(out.path()), chosen, &Progress::hidden(), stop).await.unwrap();
        let found = report.scenarios.iter().map(|outcome| (outcome.verdict, outcome.notes.len()));
        (report.verdict, found.collect())
    }

    #[test]
    fn every_name_is_checked() {
        let check = |names: &[&str], expected: Result<usize, &str>| {
            let scenarios = names.iter().map(ToString::to_string).collect();
            let found = chosen(&Options { scenarios, ..options(Path::new("out")) });
            let found = found.map(|chosen| chosen.len()).map_err(|error| error.to_string());
            match expected {
                Ok(count) => assert_eq!(found, Ok(count), "{names:?}"),
                Err(text) => assert!(found.clone().unwrap_err().contains(text), "{names:?}: {found:?}"),
            }
        };
        check(&[], Ok(SCENARIOS.len()));
        check(&["all"], Ok(SCENARIOS.len()));
        check(&["all", "charges"], Ok(SCENARIOS.len()));
        check(&["charges", "1", "races"], Ok(2));
        check(&["typo"], Err("typo"));
        check(&["all", "typo"], Err("typo"));
        check(&["all", "nats"], Err("nats"));
    }

    #[tokio::test]
    async fn an_unusable_directory_is_named() {
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("file");
        std::fs::write(&file, "").unwrap();
        let ended = carry_out(&options(&file), &[], &Progress::hidden(), std::future::pending()).await;
        let error = ended.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(&*file.to_string_lossy()), "{error}");
    }

    #[tokio::test]
    async fn a_failed_cleanup_loses_no_report() {
        let never = std::future::pending();
        let found = outcomes(&[&FINE, &LITTERS, &FORGETS], never).await;
        let expected =
            vec![(ScenarioVerdict::Held, 0), (ScenarioVerdict::Held, 1), (ScenarioVerdict::Failed, 0)];
        assert_eq!(found, (ScenarioVerdict::Failed, expected));
    }

    #[tokio::test]
    async fn a_stopped_run_reports_what_was_done() {
        let found = outcomes(&[&FINE, &HANGS, &LITTERS], hanging().notified()).await;
        let expected =
            vec![(ScenarioVerdict::Held, 0), (ScenarioVerdict::Failed, 0), (ScenarioVerdict::Failed, 0)];
        assert_eq!(found, (ScenarioVerdict::Failed, expected));
    }
}
