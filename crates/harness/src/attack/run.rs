//! One scenario after another, each on ground of its own, and what came of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::Ids as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use server::clock::SystemClock;
use server::ids::UuidV7;
use store::Clock as _;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::beside::Beside;
use super::findings::{Findings, Verdict};
use super::journal::Journal;
use super::judge::Told;
use super::report::{Described, Outcome, Report};
use super::scenario::Scenario;
use super::scenarios::{SCENARIOS, find};
use super::timeline::Timeline;
use super::{Arena, Error, Ground, Options, Progress};
use crate::databases::Databases;

/// One scenario may take so long, and so much more for each operation, before it is given up.
const SCENARIO_WITHIN: Duration = Duration::from_mins(15);
const OPERATION_WITHIN: Duration = Duration::from_millis(500);

/// What a run and its scenarios share.
struct Run<'a> {
    options: &'a Options,
    name: Arc<str>,
    ground: Arc<Ground>,
    databases: Arc<Mutex<Option<Databases>>>,
    beside: Beside,
    progress: &'a Progress,
}

/// Carries out what was asked for, until it is done or told to stop. An error is a run that could not be
/// made; what a scenario met is in the report.
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
    std::fs::create_dir_all(options.out.join("journals"))?;
    let (databases, described) = ground(options, progress).await?;
    let beside = Beside::start(&options.ground, progress).await?;
    // Unlike the seed it is never the same again: a target remembers the keys of earlier runs.
    let name = UuidV7::default().next().simple().to_string();
    let name: Arc<str> = format!("a{}", &name[name.len() - 10..]).into();
    let mut report = Report::begun(options, &name, described, SystemClock.now());
    progress.line(&format!("attack {name}: {}, seed {}", report.deployment.words, options.seed));
    let ground = Arc::new(options.ground.clone());
    let run = Run { options, name, ground, databases: Arc::new(Mutex::new(databases)), beside, progress };
    let ended = tokio::select! {
        outcomes = run.all(chosen) => outcomes,
        () = stop => Err(Error::Refused("it was told to stop before it was done".to_owned())),
    };
    if let Some(databases) = run.databases.lock().await.as_mut() {
        databases.drop_all().await?;
    }
    for outcome in ended? {
        report.add(outcome);
    }
    report.concluded(SystemClock.now());
    Ok(report)
}

/// By name; a scenario that was named must be possible here.
fn chosen(options: &Options) -> Result<Vec<&'static Scenario>, Error> {
    let all = options.scenarios.is_empty() || options.scenarios.iter().any(|name| name == "all");
    if all {
        return Ok(SCENARIOS.to_vec());
    }
    let mut chosen = Vec::new();
    for name in &options.scenarios {
        let refused = |why: &str| Error::Refused(format!("scenario `{name}`: {why}"));
        let scenario = find(name).ok_or_else(|| refused("there is none; --list shows them"))?;
        if let Some(missing) = scenario.misses(&options.ground.has()) {
            return Err(refused(&missing));
        }
        chosen.push(scenario);
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
fn unhurried() -> peers::postgres::Options {
    let settings = [("wal_writer_delay", "10s"), ("wal_writer_flush_after", "1GB")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    peers::postgres::Options { settings, ..Default::default() }
}

impl Run<'_> {
    /// In the order of their numbers, whichever ended first.
    async fn all(&self, chosen: &[&'static Scenario]) -> Result<Vec<Outcome>, Error> {
        let has = self.options.ground.has();
        let (alone, together): (Vec<_>, Vec<_>) =
            chosen.iter().partition(|scenario| scenario.wants_to_be_alone());
        let carried_out = |scenario: &'static Scenario| {
            let missing = scenario.misses(&has);
            async move {
                let outcome = match missing {
                    Some(missing) => Outcome::not_applicable(scenario, missing),
                    None => self.scenario(scenario).await?,
                };
                self.progress.line(&outcome.line());
                Ok::<Outcome, Error>(outcome)
            }
        };
        let at_once = self.options.at_once.max(1);
        let together = stream::iter(together).map(carried_out).buffer_unordered(at_once);
        let mut outcomes: Vec<Outcome> = together.try_collect().await?;
        for scenario in alone {
            outcomes.push(carried_out(scenario).await?);
        }
        outcomes.sort_by_key(|outcome| outcome.number);
        Ok(outcomes)
    }

    async fn scenario(&self, scenario: &'static Scenario) -> Result<Outcome, Error> {
        let step = self.progress.step(scenario.name);
        step.says("setting up");
        let timeline = Timeline::begin_now();
        let out = std::path::absolute(&self.options.out)?;
        let journal_path = out.join("journals").join(format!("{}.ndjson", scenario.name));
        let arena = Arena {
            scenario,
            findings: Findings::new(scenario),
            journal: Journal::create(&journal_path, timeline.clone())?,
            timeline,
            progress: step.clone(),
            seed: self.options.seed,
            operations: self.options.operations,
            run: self.name.clone(),
            ground: self.ground.clone(),
            program: self.options.program.as_path().into(),
            directory: out.join("logs").join(format!("{}-{}", self.name, scenario.name)).into(),
            journal_path,
            databases: self.databases.clone(),
            beside: self.beside.clone(),
        };
        let within = SCENARIO_WITHIN + OPERATION_WITHIN * u32::try_from(self.options.operations).unwrap_or(0);
        // On a task of its own: what panics there ends there, and it ends with us.
        let mut task = JoinSet::new();
        task.spawn((scenario.run)(arena.clone()));
        let trouble = match tokio::time::timeout(within, task.join_next()).await {
            Ok(None | Some(Ok(Ok(())))) => None,
            Ok(Some(Ok(Err(error)))) => Some(error.to_string()),
            Ok(Some(Err(panicked))) => Some(panicked.to_string()),
            Err(_) => Some(format!("it did not end within {within:?}")),
        };
        task.shutdown().await;
        step.ends();
        // A server that was stopped looks at every file that it has before it starts again.
        if let Some(databases) = self.databases.lock().await.as_mut() {
            databases.drop_of(&arena.database()).await?;
        }
        arena.journal.flush().await?;
        let heards = Told::read(&arena.journal_path)?.heards;
        let outcome = Outcome::of(&arena, heards, trouble);
        keep_or_clear(&arena.directory, outcome.verdict)?;
        Ok(outcome)
    }
}

/// Files of a deployment are worth keeping only where something went wrong.
fn keep_or_clear(directory: &Path, verdict: Verdict) -> std::io::Result<()> {
    if verdict == Verdict::Held && directory.exists() {
        std::fs::remove_dir_all(directory)?;
    }
    // Where others stand beside it, its parent stays.
    let _stays = directory.parent().map(std::fs::remove_dir);
    Ok(())
}
