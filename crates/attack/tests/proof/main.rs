//! The proof: the program as it ships, killed again and again while customers pay.
//!
//! | test | what befalls it |
//! |---|---|
//! | `killed` | `kill -9` of the server and of the provider, faults on; on PostgreSQL the database too |
//! | `stopped` | asked to stop, as by Ctrl-C and by a supervisor, in the middle of the work |
//! | `full` | a disk without room |
//!
//! Each is a scenario as `surehold attack` has them ([`attack`]), and is judged as those are: every
//! operation has its definite answer, the provider's own books show each that was accepted exactly once,
//! nothing waits for a person, and the oracle agrees. The moments are drawn from a seed, which is printed;
//! `SUREHOLD_PROOF_SEED` repeats it.
#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod binary;
mod full;
mod killed;
mod stopped;

use attack::run::carry_out;
use attack::{Fleet, Ground, Options, Progress, Scenario};

/// One process on a PostgreSQL of its own.
fn on_postgres() -> Ground {
    let fleet = Fleet { servers: 1, workers: 0, relays: 0 };
    Ground::Postgres { url: None, fleet, redis: false, nats: false }
}

/// Carries it out, and fails with what it was that did not hold.
async fn prove(scenario: &'static Scenario, operations: usize, ground: Ground) {
    let out = tempfile::tempdir().unwrap();
    let seed = binary::seed();
    println!("SUREHOLD_PROOF_SEED={seed}");
    let options = Options {
        program: binary::program().to_owned(),
        scenarios: vec![],
        seed,
        operations,
        at_once: 1,
        ground,
        out: out.path().to_owned(),
    };
    let report = carry_out(&options, &[scenario], &Progress::hidden(), std::future::pending()).await.unwrap();
    let outcome = &report.scenarios[0];
    println!("{}", outcome.line());
    if !report.held() {
        // Where the logs are is worth nothing once they are gone.
        let kept = out.keep();
        panic!("{}\nits files: {}", outcome.complaints().join("\n"), kept.display());
    }
}
