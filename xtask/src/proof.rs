//! The proof of the attack: a harness that cannot fail proves nothing.
//!
//! The program is started with one wall taken down (see the crate `planted`) and attacked where that wall
//! stands. The attack must fail there, on the promise that [`PLANS`] names. The table of it is
//! `docs/proof.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use planted::Bug;
use serde_json::Value;

use crate::Failure;
use crate::command::{program, root, told};
use crate::programs;

const PAGE: &str = "docs/proof.md";
/// The choices of these runs are always the same.
const SEED: &str = "7";

/// Where a fault shows.
struct Plan {
    bug: Bug,
    ground: Ground,
    scenario: &'static str,
    operations: u32,
    /// The invariant that it breaks, or the state that it keeps the run from reaching.
    shows_in: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ground {
    Sqlite,
    Postgres,
    PostgresRedis,
    PostgresNats,
}

impl Ground {
    fn name(self) -> &'static str {
        match self {
            Ground::Sqlite => "SQLite",
            Ground::Postgres => "PostgreSQL",
            Ground::PostgresRedis => "PostgreSQL and Redis",
            Ground::PostgresNats => "PostgreSQL and NATS",
        }
    }

    fn flags(self) -> &'static [&'static str] {
        match self {
            Ground::Sqlite | Ground::Postgres => &[],
            Ground::PostgresRedis => &["--redis"],
            Ground::PostgresNats => &["--nats"],
        }
    }
}

const fn plan(
    bug: Bug,
    ground: Ground,
    scenario: &'static str,
    operations: u32,
    shows_in: &'static str,
) -> Plan {
    Plan { bug, ground, scenario, operations, shows_in }
}

/// In the order of [`Bug::ALL`].
const PLANS: &[Plan] = &[
    plan(Bug::UniqueIndexDropped, Ground::Postgres, "same-key", 40, "one_is_worked_on"),
    plan(Bug::FingerprintNotCompared, Ground::Sqlite, "changed-body", 20, "another_body_is_refused"),
];

/// Attacks every fault, prints what came of it, and answers with the page.
fn prove(postgres: &str) -> Result<String, Failure> {
    let surehold = programs::build()?.join("surehold");
    let directory = programs::target()?.join("proof");
    let mut uncaught = Vec::new();
    for (number, plan) in (1..).zip(PLANS) {
        let name = plan.bug.name();
        println!("    {number:>2} of {}: {name}, on {}", PLANS.len(), plan.ground.name());
        let out = directory.join(name);
        attack(&surehold, plan, postgres, &out)?;
        match caught(plan, &out) {
            Ok(()) => println!("       caught: {} in {}", plan.shows_in, plan.scenario),
            Err(why) => {
                println!("       NOT CAUGHT: {why}");
                uncaught.push(format!("{name}: {why}"));
            }
        }
    }
    if uncaught.is_empty() { Ok(page()) } else { Err(uncaught.join("\n").into()) }
}

/// Runs to its end, whatever that is: what it came to is in its report.
fn attack(surehold: &Path, plan: &Plan, postgres: &str, out: &Path) -> Result<(), Failure> {
    // A report of an earlier run must not be taken for this one's.
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    fs::create_dir_all(out)?;
    let mut attack = program(surehold);
    attack.env(planted::VARIABLE, plan.bug.name());
    attack.args(["attack", "--scenario", plan.scenario, "--seed", SEED]);
    attack.args(["--operations", &plan.operations.to_string(), "--out"]).arg(out);
    if plan.ground != Ground::Sqlite {
        attack.args(["--database-url", postgres]);
    }
    attack.args(plan.ground.flags());
    let words = fs::File::create(out.join("attack.log"))?;
    attack.stdout(words.try_clone()?).stderr(words);
    let told = told(&attack);
    println!("       $ {told}");
    attack.status().map_err(|error| format!("`{told}` did not start: {error}"))?;
    Ok(())
}

/// Whether the attack failed where it should, or what it did instead.
fn caught(plan: &Plan, out: &Path) -> Result<(), String> {
    let report = fs::read(out.join("report.json")).map_err(|error| format!("there is no report: {error}"))?;
    let report: Value = serde_json::from_slice(&report).map_err(|error| error.to_string())?;
    let outcomes = report["scenarios"].as_array().ok_or("the report has no scenarios")?;
    let outcome = outcomes.iter().find(|outcome| outcome["name"] == plan.scenario);
    let outcome = outcome.ok_or("the report has no such scenario")?;
    let shows = |list: &str, broken: fn(&Value) -> bool| {
        let found = outcome[list].as_array().into_iter().flatten();
        found.filter(|one| broken(one)).any(|one| one["name"] == plan.shows_in)
    };
    let broken = shows("always", |always| always["holds"] == false);
    let unreached = shows("sometimes", |sometimes| sometimes["reached"] == 0);
    if broken || (unreached && outcome["verdict"] == "not_reached") {
        return Ok(());
    }
    Err(format!("{} came out as {}, why {}", plan.scenario, outcome["verdict"], outcome["why"]))
}

/// What is known without running it: the runs only confirm it.
fn page() -> String {
    let mut page = String::from(
        "# Proof that the attack can fail\n\n\
         Generated by `cargo xtask proof`, which `cargo xtask test` runs as well. Do not edit.\n\n\
         A test build of the program can be started with one wall taken down. Each of these faults was put\n\
         in alone; the attack failed each time, in the scenario and on the promise named here. The same\n\
         scenarios hold without the fault.\n\n\
         | fault | what a program with it does | attacked on | caught by scenario | on the promise |\n\
         |---|---|---|---|---|\n",
    );
    for Plan { bug, ground, scenario, shows_in, .. } in PLANS {
        let (name, what, ground) = (bug.name(), bug.what(), ground.name());
        writeln!(page, "| `{name}` | {what} | {ground} | `{scenario}` | `{shows_in}` |")
            .expect("a String takes all that is written");
    }
    page.push_str(
        "\nOne by hand: `SUREHOLD_PLANTED_BUG=fingerprint_not_compared cargo run --features planted -- attack\n\
         --scenario changed-body`.\n",
    );
    page
}

pub fn write(postgres: &str) -> Result<(), Failure> {
    let page = prove(postgres)?;
    Ok(fs::write(path(), page)?)
}

pub fn check(postgres: &str) -> Result<(), Failure> {
    let page = prove(postgres)?;
    if fs::read_to_string(path()).unwrap_or_default() == page {
        return Ok(());
    }
    Err(format!("{PAGE} is not what was shown. Run: cargo xtask proof").into())
}

fn path() -> PathBuf {
    root().join(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_plan() {
        let planned: Vec<&str> = PLANS.iter().map(|plan| plan.bug.name()).collect();
        let all: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
        assert_eq!(planned, all);
    }

    #[test]
    fn only_a_failure_where_it_is_expected_counts() {
        let out = tempfile::tempdir().unwrap();
        let check = |report: Value, expected: bool| {
            fs::write(out.path().join("report.json"), report.to_string()).unwrap();
            let outcome = caught(&PLANS[0], out.path());
            assert_eq!(outcome.is_ok(), expected, "{report}: {outcome:?}");
        };
        let report = |verdict: &str, always: Value, sometimes: Value| {
            let outcome = serde_json::json!({
                "name": PLANS[0].scenario, "verdict": verdict, "always": always, "sometimes": sometimes,
            });
            serde_json::json!({ "scenarios": [outcome] })
        };
        let always = |name: &str, holds: bool| serde_json::json!([{ "name": name, "holds": holds }]);
        let sometimes = |name: &str, reached: u64| serde_json::json!([{ "name": name, "reached": reached }]);
        let none = || serde_json::json!([]);
        let promise = PLANS[0].shows_in;
        check(report("broken", always(promise, false), none()), true);
        check(report("held", always(promise, true), none()), false);
        check(report("broken", always("another", false), none()), false);
        check(report("not_reached", none(), sometimes(promise, 0)), true);
        check(report("not_reached", none(), sometimes(promise, 1)), false);
        // It could not run: that shows nothing.
        check(report("failed", none(), sometimes(promise, 0)), false);
        check(serde_json::json!({ "scenarios": [] }), false);
    }
}
