//! The proof of the attack: an attack that cannot fail proves nothing.
//!
//! The program is started without one protection (see the crate `fault_injection`) and attacked
//! where that protection is needed. The attack must fail on the promise that [`PLANS`] names, and
//! must hold without the fault: an attack that fails in any case detects nothing. `docs/proof.md`
//! has the table.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use std::thread;
use std::time::Instant;

use fault_injection::InjectedFault;
use serde_json::Value;

use crate::Failure;
use crate::command::{command_line, program, root};
use crate::programs;

const PAGE: &str = "docs/proof.md";
/// A fixed seed, so that the runs make the same choices each time.
const SEED: &str = "7";
const AT_ONCE: usize = 3;

/// A fault, and where it shows.
struct Plan {
    bug: InjectedFault,
    ground: Ground,
    scenario: &'static str,
    operations: u32,
    /// The invariant that breaks, or the state that the run cannot reach.
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
    bug: InjectedFault,
    ground: Ground,
    scenario: &'static str,
    operations: u32,
    shows_in: &'static str,
) -> Plan {
    Plan { bug, ground, scenario, operations, shows_in }
}

const fn neighbours(bug: InjectedFault, ground: Ground, shows_in: &'static str) -> Plan {
    plan(bug, ground, "neighbours", 60, shows_in)
}

/// In the order of [`InjectedFault::ALL`].
const PLANS: &[Plan] = &[
    plan(InjectedFault::UniqueIndexDropped, Ground::Postgres, "same-key", 40, "one_is_worked_on"),
    plan(
        InjectedFault::FingerprintNotCompared,
        Ground::Sqlite,
        "changed-body",
        20,
        "a_changed_body_is_refused",
    ),
    plan(InjectedFault::AnsweredBeforeCommit, Ground::Sqlite, "killed", 60, "one_answer_a_key"),
    plan(InjectedFault::LeaseNotFenced, Ground::Postgres, "killed", 60, "only_the_holder_of_a_job_writes"),
    plan(InjectedFault::CapacityReadWithoutLock, Ground::Postgres, "races", 60, "as_many_seats_as_there_are"),
    plan(
        InjectedFault::ResourceNotLocked,
        Ground::Postgres,
        "races",
        60,
        "a_shared_boat_is_never_overbooked",
    ),
    plan(
        InjectedFault::RefundWithoutGuard,
        Ground::Sqlite,
        "races",
        60,
        "refunds_stay_within_what_was_captured",
    ),
    plan(
        InjectedFault::RefundOfDisputedPayment,
        Ground::Sqlite,
        "disputes",
        60,
        "a_refund_is_refused_beside_a_dispute",
    ),
    plan(InjectedFault::UnknownTakenForFailed, Ground::Sqlite, "provider", 60, "effects_equal_operations"),
    plan(InjectedFault::KeySentPastRetention, Ground::Sqlite, "provider", 60, "effects_equal_operations"),
    plan(InjectedFault::WebhookTrustedUnsigned, Ground::Sqlite, "webhooks", 40, "bad_evidence_is_refused"),
    plan(InjectedFault::MarkedBeforePublished, Ground::Sqlite, "relay", 60, "marked_only_after_its_receipt"),
    plan(InjectedFault::ReceiptNotKept, Ground::Sqlite, "relay", 60, "one_posting_a_movement"),
    plan(InjectedFault::ReceiptsPrunedEarly, Ground::Sqlite, "relay", 60, "receipts_outlive_their_messages"),
    plan(InjectedFault::AttemptsNotCounted, Ground::Sqlite, "poison", 60, "dead_after_so_many_attempts"),
    plan(InjectedFault::CatchUpUnlimited, Ground::PostgresNats, "nats", 60, "backlog_keeps_its_rate"),
    plan(InjectedFault::BudgetIgnored, Ground::Sqlite, "provider", 60, "retries_stay_in_their_budget"),
    plan(
        InjectedFault::BreakerNeverOpens,
        Ground::Sqlite,
        "provider",
        60,
        "an_open_circuit_spares_the_provider",
    ),
    plan(InjectedFault::JitterRemoved, Ground::Sqlite, "network", 60, "delays_are_spread"),
    plan(InjectedFault::RetryAfterIgnored, Ground::Sqlite, "network", 60, "comes_back_no_sooner_than_told"),
    plan(InjectedFault::SentAfterHandOver, Ground::Sqlite, "by-hand", 60, "what_a_person_has_is_left_alone"),
    plan(InjectedFault::SpentKeySentAgain, Ground::Sqlite, "provider", 60, "no_step_of_an_order_is_refused"),
    plan(InjectedFault::RefundedIsOwedAgain, Ground::Sqlite, "owed", 60, "nothing_is_owed_again"),
    plan(InjectedFault::PenaltyOwedAgain, Ground::Sqlite, "cancellations", 60, "a_penalty_is_not_due_again"),
    plan(
        InjectedFault::QuoteNotCompared,
        Ground::Postgres,
        "cancellations",
        60,
        "a_cancellation_gives_back_its_quote",
    ),
    plan(InjectedFault::TaxKeptAsRevenue, Ground::Sqlite, "cancellations", 60, "books_balance"),
    plan(InjectedFault::CaptureAmountBelieved, Ground::Sqlite, "by-hand", 60, "another_sum_is_told"),
    plan(InjectedFault::HoldOutlivesDeparture, Ground::Sqlite, "owed", 60, "no_hold_outlives_its_departure"),
    plan(
        InjectedFault::UninvitedRefundIgnored,
        Ground::Sqlite,
        "by-hand",
        60,
        "what_a_person_does_is_followed",
    ),
    plan(InjectedFault::VoidLeavesConfirmed, Ground::Sqlite, "owed", 60, "a_void_frees_its_seats"),
    plan(InjectedFault::PaidHoldLapses, Ground::Sqlite, "owed", 60, "a_paid_hold_does_not_lapse"),
    plan(
        InjectedFault::CacheTrustedForUnfinished,
        Ground::PostgresRedis,
        "redis",
        60,
        "effects_equal_operations",
    ),
    neighbours(InjectedFault::UnreadableStopsBatch, Ground::Sqlite, "an_unreadable_row_stops_nobody_else"),
    neighbours(InjectedFault::UnreadableStopsSweep, Ground::Sqlite, "an_unreadable_row_stops_no_sweep"),
    neighbours(InjectedFault::UnknownMembersDropped, Ground::Sqlite, "what_a_newer_version_added_is_kept"),
    neighbours(InjectedFault::OtherConsumersForgotten, Ground::Sqlite, "received_once_every_consumer_has_it"),
    neighbours(InjectedFault::EventsShownToAll, Ground::Sqlite, "a_key_sees_what_its_scopes_show"),
    neighbours(InjectedFault::ModeNotCompared, Ground::Sqlite, "test_and_live_do_not_mix"),
    neighbours(InjectedFault::LiveEventTaken, Ground::Sqlite, "test_and_live_do_not_mix"),
    neighbours(InjectedFault::DoorNotShared, Ground::Sqlite, "half_sent_webhooks_keep_nobody_out"),
    neighbours(InjectedFault::WebhooksTakeRequests, Ground::Sqlite, "half_sent_webhooks_keep_nobody_out"),
    neighbours(InjectedFault::QueueNotShared, Ground::Sqlite, "a_flood_leaves_room_in_the_queue"),
    neighbours(InjectedFault::EventsInNoLane, Ground::Sqlite, "a_flood_leaves_room_in_the_queue"),
    plan(
        InjectedFault::ReconciliationSkipsPage,
        Ground::Sqlite,
        "reconciliation",
        60,
        "what_nobody_reported_is_found",
    ),
    plan(
        InjectedFault::FeesNotRead,
        Ground::Sqlite,
        "reconciliation",
        60,
        "what_the_provider_kept_is_recorded",
    ),
    plan(InjectedFault::IdsForgetKeys, Ground::Sqlite, "restored", 60, "effects_equal_operations"),
    plan(InjectedFault::ReleasedTwice, Ground::Sqlite, "payout", 60, "a_share_is_paid_once"),
    plan(InjectedFault::PayoutKeyNotKept, Ground::Sqlite, "payout", 60, "a_share_is_paid_once"),
    plan(InjectedFault::ReversalKeyNotKept, Ground::Sqlite, "payout", 60, "a_share_comes_back_once"),
    neighbours(InjectedFault::ReadersNotShared, Ground::Postgres, "stuck_reads_leave_room_for_a_neighbour"),
    plan(
        InjectedFault::OneStepSentAfterCall,
        Ground::Sqlite,
        "forgotten-keys",
        60,
        "effects_equal_operations",
    ),
    plan(InjectedFault::OneStepKeyNotKept, Ground::Sqlite, "provider", 60, "effects_equal_operations"),
    plan(InjectedFault::NotificationNamedByBody, Ground::Sqlite, "webhooks", 40, "good_evidence_is_taken"),
    plan(InjectedFault::FoundAmountNotCompared, Ground::Sqlite, "by-hand", 60, "another_payment_is_not_ours"),
    plan(InjectedFault::CheckedInTwice, Ground::Sqlite, "departure", 60, "a_ticket_is_used_once"),
];

/// One attack, with the fault of a plan or without a fault.
#[derive(Clone, Copy)]
enum Run {
    Faulty(&'static Plan),
    Sound(&'static Plan),
}

impl Run {
    /// Every fault, and every environment that they are attacked in, once without a fault.
    fn all() -> Vec<Run> {
        let ground = |plan: &Plan| (plan.ground, plan.scenario, plan.operations);
        let first = |at: usize| PLANS[..at].iter().all(|before| ground(before) != ground(&PLANS[at]));
        let sound = (0..PLANS.len()).filter(|at| first(*at)).map(|at| Run::Sound(&PLANS[at]));
        PLANS.iter().map(Run::Faulty).chain(sound).collect()
    }

    fn plan(self) -> &'static Plan {
        match self {
            Run::Faulty(plan) | Run::Sound(plan) => plan,
        }
    }

    fn name(self) -> String {
        match self {
            Run::Faulty(plan) => plan.bug.name().to_owned(),
            Run::Sound(plan) => {
                let ground = plan.ground.name().to_lowercase().replace(' ', "-");
                format!("sound-{}-{ground}-{}", plan.scenario, plan.operations)
            }
        }
    }

    fn as_expected(self, out: &Path) -> Result<String, String> {
        match self {
            Run::Faulty(plan) => caught(plan, out).map(|()| format!("caught on {}", plan.shows_in)),
            Run::Sound(plan) => held(plan, out).map(|()| "held without a fault".to_owned()),
        }
    }
}

/// Runs every attack, prints the results, and returns the page.
///
/// An attack mostly waits for leases and pauses. So some run at the same time, each with its own
/// database and program.
fn prove(postgres: &str) -> Result<String, Failure> {
    let surehold = programs::build()?.join("surehold");
    let directory = programs::target()?.join("proof");
    let (runs, next, failures) = (Run::all(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let prove_one_after_another = || {
        while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (name, plan) = (run.name(), run.plan());
            let out = directory.join(&name);
            let begun = Instant::now();
            let ended = attack(&surehold, *run, postgres, &out).and_then(|()| run.as_expected(&out));
            let (scenario, ground, took) = (plan.scenario, plan.ground.name(), begun.elapsed().as_secs());
            match ended {
                Ok(result) => println!("    {name}: {scenario} on {ground}: {result} ({took} s)"),
                Err(why) => {
                    println!("    {name}: {scenario} on {ground}: NOT AS EXPECTED: {why} ({took} s)");
                    failures.lock().push(format!("{name}: {why}"));
                }
            }
        }
    };
    let (faults, sound) = (PLANS.len(), runs.len() - PLANS.len());
    println!(
        "    {faults} attacks with a fault and {sound} without, {AT_ONCE} at a time, in {}",
        directory.display()
    );
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(prove_one_after_another);
        }
    });
    let failures = failures.into_inner();
    if failures.is_empty() { Ok(page()) } else { Err(failures.join("\n").into()) }
}

/// Runs to the end. The result is in the report.
fn attack(surehold: &Path, run: Run, postgres: &str, out: &Path) -> Result<(), String> {
    let plan = run.plan();
    let failed = |error: std::io::Error| format!("{}: {error}", out.display());
    programs::emptied(out).map_err(failed)?;
    let mut attack = program(surehold);
    match run {
        Run::Faulty(plan) => attack.env(fault_injection::VARIABLE, plan.bug.name()),
        // A fault in the environment of the caller must not reach the attack.
        Run::Sound(_) => attack.env_remove(fault_injection::VARIABLE),
    };
    attack.args(["attack", "--scenario", plan.scenario, "--seed", SEED]);
    attack.args(["--operations", &plan.operations.to_string(), "--out"]).arg(out);
    if plan.ground != Ground::Sqlite {
        attack.args(["--database-url", postgres]);
    }
    attack.args(plan.ground.flags());
    let log = fs::File::create(out.join("attack.log")).map_err(failed)?;
    attack.stdout(log.try_clone().map_err(failed)?).stderr(log);
    attack.status().map_err(|error| format!("`{}` did not start: {error}", command_line(&attack)))?;
    Ok(())
}

/// The report's entry of the scenario.
fn outcome(plan: &Plan, out: &Path) -> Result<Value, String> {
    let report = fs::read(out.join("report.json")).map_err(|error| format!("there is no report: {error}"))?;
    let report: Value = serde_json::from_slice(&report).map_err(|error| error.to_string())?;
    let outcomes = report["scenarios"].as_array().ok_or("the report has no scenarios")?;
    let outcome = outcomes.iter().find(|outcome| outcome["name"] == plan.scenario);
    Ok(outcome.ok_or("the report has no such scenario")?.clone())
}

/// Whether the attack held; otherwise its result.
fn held(plan: &Plan, out: &Path) -> Result<(), String> {
    let outcome = outcome(plan, out)?;
    if outcome["verdict"] == "held" { Ok(()) } else { Err(came_out(plan, &outcome)) }
}

fn came_out(plan: &Plan, outcome: &Value) -> String {
    format!("{} came out as {}, why {}", plan.scenario, outcome["verdict"], outcome["why"])
}

/// Whether the attack failed as expected; otherwise its result.
fn caught(plan: &Plan, out: &Path) -> Result<(), String> {
    let outcome = outcome(plan, out)?;
    let shows = |list: &str, broken: fn(&Value) -> bool| {
        let found = outcome[list].as_array().into_iter().flatten();
        found.filter(|one| broken(one)).any(|one| one["name"] == plan.shows_in)
    };
    let broken = shows("always", |always| always["holds"] == false);
    let unreached = shows("sometimes", |sometimes| sometimes["reached"] == 0);
    if broken || (unreached && outcome["verdict"] == "not_reached") {
        return Ok(());
    }
    Err(came_out(plan, &outcome))
}

/// The page depends on the plans only. The runs confirm it.
fn page() -> String {
    let mut page = String::from(
        "# Proof that the attack can fail\n\n\
         Generated by `cargo xtask proof`, which `cargo xtask test` runs as well. Do not edit.\n\n\
         A test build of the program can be started with one wall taken down. Each of these faults was put\n\
         in alone; the attack failed each time, in the scenario and on the promise named here. The same\n\
         attacks were made on the same build without a fault, and held.\n\n\
         | fault | what a program with it does | attacked on | caught by scenario | on the promise |\n\
         |---|---|---|---|---|\n",
    );
    for Plan { bug, ground, scenario, shows_in, .. } in PLANS {
        let (name, what, ground) = (bug.name(), bug.what(), ground.name());
        writeln!(page, "| `{name}` | {what} | {ground} | `{scenario}` | `{shows_in}` |")
            .expect("a String takes all that is written");
    }
    page.push_str(
        "\nOne by hand: `SUREHOLD_INJECTED_FAULT=fingerprint_not_compared cargo run --features fault_injection -- attack\n\
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

    /// The whole proof takes minutes. This says in a second that the page was forgotten.
    #[test]
    fn the_page_has_every_plan() {
        assert!(fs::read_to_string(path()).unwrap() == page(), "run `cargo xtask proof`");
    }

    #[test]
    fn every_fault_has_its_plan() {
        let planned: Vec<&str> = PLANS.iter().map(|plan| plan.bug.name()).collect();
        let all: Vec<&str> = InjectedFault::ALL.iter().map(|bug| bug.name()).collect();
        assert_eq!(planned, all);
    }

    #[test]
    fn every_attack_is_also_made_without_a_fault() {
        let runs = Run::all();
        let sound: Vec<&Plan> =
            runs.iter().filter(|run| matches!(run, Run::Sound(_))).map(|run| run.plan()).collect();
        for plan in PLANS {
            let same = sound.iter().filter(|sound| {
                let Plan { ground, scenario, operations, .. } = sound;
                (*ground, *scenario, *operations) == (plan.ground, plan.scenario, plan.operations)
            });
            assert_eq!(same.count(), 1, "{}", plan.bug.name());
        }
        let names: std::collections::BTreeSet<String> = runs.iter().map(|run| run.name()).collect();
        assert_eq!(names.len(), runs.len(), "each has a directory of its own");
    }

    #[test]
    fn only_what_held_is_sound() {
        let out = tempfile::tempdir().unwrap();
        let check = |report: Value, expected: bool| {
            fs::write(out.path().join("report.json"), report.to_string()).unwrap();
            assert_eq!(held(&PLANS[0], out.path()).is_ok(), expected, "{report}");
        };
        let report = |name: &str, verdict: &str| serde_json::json!({ "scenarios": [{ "name": name, "verdict": verdict }] });
        check(report(PLANS[0].scenario, "held"), true);
        for verdict in ["broken", "not_reached", "failed", "not_applicable"] {
            check(report(PLANS[0].scenario, verdict), false);
        }
        check(report("another", "held"), false);
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
        // A run that could not start shows nothing.
        check(report("failed", none(), sometimes(promise, 0)), false);
        check(serde_json::json!({ "scenarios": [] }), false);
    }
}
