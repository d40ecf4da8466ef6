//! The attack, shortened: every scenario, on the embedded database and on everything that scales out.
//!
//! The whole of it is `surehold attack --scenario all`, for a person or a nightly run: this finds in minutes
//! what has broken since.

use crate::Failure;
use crate::command::{program, run};
use crate::programs;

const OPERATIONS: &str = "60";
/// Most of a scenario is waiting, for leases and pauses.
const AT_ONCE: &str = "3";

/// Where it is attacked, and the flags for it. PostgreSQL is one of its own, because it is killed.
const GROUNDS: &[(&str, &[&str])] = &[("sqlite", &[]), ("postgres", &["--postgres", "--redis", "--nats"])];

/// Each run has other choices, which it prints; both are made whatever becomes of the first.
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
