//! The shortened attack: every scenario, on SQLite, and on PostgreSQL with Redis and NATS.
//!
//! `surehold attack --scenario all` is the full attack, for a person or a nightly run. This one
//! finds in minutes what has broken.

use crate::Failure;
use crate::command::{program, run};
use crate::programs;

const OPERATIONS: &str = "60";
/// Scenarios run at the same time, because they mostly wait for leases and pauses.
const AT_ONCE: &str = "3";

/// The environments and their flags. The attack kills PostgreSQL, so it uses one of its own.
const GROUNDS: &[(&str, &[&str])] = &[("sqlite", &[]), ("postgres", &["--postgres", "--redis", "--nats"])];

/// Each run makes other random choices, and prints their seed. The second runs also if the first
/// fails.
pub fn shortened() -> Result<(), Failure> {
    let surehold = programs::build()?.join("surehold");
    let mut failures = Vec::new();
    for (ground, flags) in GROUNDS {
        let out = programs::target()?.join("attack").join(ground);
        programs::emptied(&out)?;
        let mut attack = program(&surehold);
        attack
            .args(["attack", "--scenario", "all", "--operations", OPERATIONS, "--at-once", AT_ONCE, "--out"])
            .arg(&out)
            .args(*flags);
        if let Err(failure) = run(&mut attack) {
            failures.push(format!("{ground}: {failure}; see {}", out.join("report.html").display()));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}
