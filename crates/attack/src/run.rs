//! One scenario after another, each on ground of its own, and what came of it.

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

/// One scenario may take so long, and so much more for each operation, before it is given up.
const SCENARIO_WITHIN: Duration = Duration::from_mins(15);
const OPERATION_WITHIN: Duration = Duration::from_millis(500);

/// What a run and its scenarios share.
struct Run<'a> {
    options: &'a Options,
    name: Arc<str>,
    ground: Arc<Ground>,
    databases: Arc<Mutex<Option<Databases>>>,
    beside: SharedServers,
    progress: &'a Progress,
    /// Reports of the scenarios that have ended, in that order.
    outcomes: parking_lot::Mutex<Vec<ScenarioReport>>,
}

/// Carries out what was asked for, until it is done or told to stop. An error is a run that could not be
/// begun; what a scenario met is in the report, also if others were stopped.
pub async fn run(
    options: &Options,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> Result<Report, Error> {
    carry_out(options, &chosen(options)?, progress, stop).await
}

/// The same, of scenarios that need not be in the table.
pub async fn carry_out(
    options: &Options,
    chosen: &[&'static Scenario],
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> Result<Report, Error> {
    let journals = options.out.join("journals");
    // Configurations with keys, and databases of what failed, are put there.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&journals)
        .map_err(|error| Error::Refused(format!("--out: {} cannot be made: {error}", journals.display())))?;
    let (databases, described) = ground(options, progress).await?;
    let beside = SharedServers::start(&options.ground, progress).await?;
    // Unlike the seed it is never the same again: a target remembers the keys of earlier runs.
    let name = UuidV7::default().next().simple().to_string();
    let name: Arc<str> = format!("a{}", &name[name.len() - 10..]).into();
    let mut report = Report::begun(options, &name, described, SystemClock.now());
    progress.line(&format!("attack {name}: {}, seed {}", report.deployment.description, options.seed));
    let ground = Arc::new(options.ground.clone());
    let databases = Arc::new(Mutex::new(databases));
    let outcomes = parking_lot::Mutex::default();
    let run = Run { options, name, ground, databases, beside, progress, outcomes };
    tokio::select! {
        () = run.all(chosen) => {}
        () = stop => progress.line("told to stop before it was done"),
    }
    // What is left behind is no reason to keep silent about what was found.
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

/// By name; a scenario that was named must be possible here.
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
    // Each name that was given is looked at, also beside `all`.
    if chosen.len() < options.scenarios.len() || chosen.is_empty() {
        return Ok(SCENARIOS.to_vec());
    }
    chosen.sort_by_key(|scenario| scenario.number);
    chosen.dedup_by_key(|scenario| scenario.number);
    Ok(chosen)
}

/// The database server, and what is told of all of it.
async fn ground(options: &Options, progress: &Progress) -> Result<(Option<Databases>, Described), Error> {
    let Ground::Postgres { url, .. } = &options.ground else {
        return Ok((None, Described::of(&options.ground, None)));
    };
    let databases = if let Some(url) = url {
        Databases::on(url)
    } else {
        progress.line("starting a private PostgreSQL");
        Databases::private(unhurried()).await?
    };
    let version = databases.version().await?;
    Ok((Some(databases), Described::of(&options.ground, Some(version))))
}

/// A server that writes its log down for whoever waits for that, and hardly ever by itself: when it is stopped
/// at once, a commit that nobody waited for is lost for certain.
fn unhurried() -> test_servers::postgres::Options {
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

    /// In the order of their numbers, whichever ended first. One that has not ended could not be carried out.
    fn outcomes(&self, chosen: &[&'static Scenario]) -> Vec<ScenarioReport> {
        let mut outcomes = std::mem::take(&mut *self.outcomes.lock());
        let has_ended = |scenario: &Scenario| outcomes.iter().any(|outcome| outcome.name == scenario.name);
        let stopped: Vec<_> = chosen.iter().filter(|scenario| !has_ended(scenario)).collect();
        let why = || "the run was told to stop before this was done".to_owned();
        outcomes.extend(stopped.into_iter().map(|scenario| ScenarioReport::failed(scenario, why())));
        outcomes.sort_by_key(|outcome| outcome.number);
        outcomes
    }

    async fn scenario(&self, scenario: &'static Scenario) -> ScenarioReport {
        let step = self.progress.step(scenario.name);
        step.says("setting up");
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
            beside: self.beside.clone(),
        })
    }

    async fn carried_out(&self, context: &ScenarioContext) -> ScenarioReport {
        let within = SCENARIO_WITHIN + OPERATION_WITHIN * u32::try_from(self.options.operations).unwrap_or(0);
        // On a task of its own: what panics there ends there, and it ends with us.
        let mut task = JoinSet::new();
        task.spawn((context.scenario.run)(context.clone()));
        let trouble = match tokio::time::timeout(within, task.join_next()).await {
            Ok(None | Some(Ok(Ok(())))) => None,
            Ok(Some(Ok(Err(error)))) => Some(error.to_string()),
            Ok(Some(Err(panicked))) => Some(panicked.to_string()),
            Err(_) => Some(format!("it did not end within {within:?}")),
        };
        task.shutdown().await;
        // A server that was stopped looks at every file that it has before it starts again.
        if let Some(databases) = self.databases.lock().await.as_mut()
            && let Err(error) = databases.drop_of(&context.database()).await
        {
            context.findings.note(format!("its database is left behind: {error}"));
        }
        let (heards, trouble) = match heards(context).await {
            Ok(heards) => (heards, trouble),
            Err(error) => {
                (ReplyCounts::new(), trouble.or(Some(format!("its journal cannot be read: {error}"))))
            }
        };
        let mut outcome = ScenarioReport::of(context, heards, trouble);
        if let Err(error) = keep_or_clear(&context.directory, outcome.verdict) {
            outcome.notes.push(format!("its files are left behind: {error}"));
        }
        outcome
    }
}

async fn heards(context: &ScenarioContext) -> std::io::Result<ReplyCounts> {
    context.journal.flush().await?;
    Ok(OperationHistory::read(&context.journal_path)?.heards)
}

/// Files of a deployment are worth keeping only where something went wrong.
fn keep_or_clear(directory: &Path, verdict: ScenarioVerdict) -> std::io::Result<()> {
    if verdict == ScenarioVerdict::Held && directory.exists() {
        std::fs::remove_dir_all(directory)?;
    }
    // Where others stand beside it, its parent stays.
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

    /// What it leaves is no directory.
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
        let told = report.scenarios.iter().map(|outcome| (outcome.verdict, outcome.notes.len()));
        (report.verdict, told.collect())
    }

    #[test]
    fn every_name_that_is_given_is_looked_at() {
        let check = |names: &[&str], expected: Result<usize, &str>| {
            let scenarios = names.iter().map(ToString::to_string).collect();
            let found = chosen(&Options { scenarios, ..options(Path::new("out")) });
            let found = found.map(|chosen| chosen.len()).map_err(|error| error.to_string());
            match expected {
                Ok(count) => assert_eq!(found, Ok(count), "{names:?}"),
                Err(words) => assert!(found.clone().unwrap_err().contains(words), "{names:?}: {found:?}"),
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
    async fn where_it_cannot_write_is_named() {
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("file");
        std::fs::write(&file, "").unwrap();
        let ended = carry_out(&options(&file), &[], &Progress::hidden(), std::future::pending()).await;
        let words = ended.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(words.contains(&*file.to_string_lossy()), "{words}");
    }

    #[tokio::test]
    async fn what_cannot_be_cleared_away_takes_no_report_with_it() {
        let never = std::future::pending();
        let told = outcomes(&[&FINE, &LITTERS, &FORGETS], never).await;
        let expected =
            vec![(ScenarioVerdict::Held, 0), (ScenarioVerdict::Held, 1), (ScenarioVerdict::Failed, 0)];
        assert_eq!(told, (ScenarioVerdict::Failed, expected));
    }

    #[tokio::test]
    async fn what_was_done_before_a_stop_is_in_the_report() {
        let told = outcomes(&[&FINE, &HANGS, &LITTERS], hanging().notified()).await;
        let expected =
            vec![(ScenarioVerdict::Held, 0), (ScenarioVerdict::Failed, 0), (ScenarioVerdict::Failed, 0)];
        assert_eq!(told, (ScenarioVerdict::Failed, expected));
    }
}
