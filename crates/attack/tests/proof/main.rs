//! The proof: the program as it ships, killed again and again while customers pay.
//!
//! | test | the fault |
//! |---|---|
//! | `killed` | `kill -9` of the server and of the provider, faults on; on PostgreSQL the database too |
//! | `stopped` | a signal to stop, as from Ctrl-C and from a supervisor, during the work |
//! | `full` | a disk without free space |
//!
//! Each test is a scenario as in `surehold attack` ([`attack`]), and is judged in the same way:
//! every operation has its definite answer, the provider's own books show each accepted operation
//! exactly once, no work waits for a person, and the oracle agrees. The test prints the seed of its
//! random choices; `SUREHOLD_PROOF_SEED` repeats it.
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

/// Runs the scenario, and fails with its complaints.
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
        // The directory of the logs is gone after the test, so its path is useless.
        let kept = out.keep();
        panic!("{}\nits files: {}", outcome.complaints().join("\n"), kept.display());
    }
}
