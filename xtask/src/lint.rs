//! `cargo xtask lint`: all checks of the code that do not run it.
//!
//! The database of security advisories is left out: it would have to be fetched at every run, and
//! the result of a run must not depend on the network. The step prints a note.

use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;

use crate::command::{command, output, program, run};
use crate::steps::Steps;
use crate::{Failure, needs, programs, tidy};

/// Raised by hand, so that a lint changes only with a commit.
const CARGO_DENY: &str = "0.20.2";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Step {
    Fmt,
    Tidy,
    Clippy,
    Doc,
    Deny,
}

pub fn run_all(only: &[Step]) -> Result<(), Failure> {
    let chosen = |step: Step| only.is_empty() || only.contains(&step);
    let mut steps = Steps::default();
    // The fast ones first.
    if chosen(Step::Tidy) {
        steps.run("tidy", tidy::run);
    }
    if chosen(Step::Fmt) || chosen(Step::Clippy) {
        steps.run("components", needs::for_lint);
    }
    if chosen(Step::Fmt) {
        steps.run("fmt", || run(&mut command("cargo fmt --all --check")));
    }
    if chosen(Step::Clippy) {
        let line = "cargo clippy --workspace --all-targets --all-features -- -D warnings";
        steps.run("clippy", || run(&mut command(line)));
    }
    if chosen(Step::Doc) {
        let line = "cargo doc --workspace --all-features --no-deps --document-private-items";
        steps.run("doc", || run(command(line).env("RUSTDOCFLAGS", "-Dwarnings")));
    }
    if chosen(Step::Deny) {
        steps.run("deny", deny);
    }
    steps.finish()
}

fn deny() -> Result<(), Failure> {
    let cargo_deny = cargo_deny()?;
    println!("    advisories are not checked: their database is out of reach of this run");
    run(program(cargo_deny).args(["--all-features", "check", "bans", "licenses", "sources"]))
}

/// The pinned cargo-deny, built into the target directory if it is missing.
fn cargo_deny() -> Result<PathBuf, Failure> {
    let version = format!("cargo-deny {CARGO_DENY}");
    let tools = programs::target()?.join("tools");
    let ours = tools.join("bin/cargo-deny");
    for found in [ours.clone(), PathBuf::from("cargo-deny")] {
        if output(program(&found).arg("--version")).as_ref() == Some(&version) {
            return Ok(found);
        }
    }
    println!("    {version} is missing and is built now, which takes a few minutes");
    let begun = Instant::now();
    let mut install = command("cargo install --locked cargo-deny --version");
    run(install.arg(CARGO_DENY).arg("--root").arg(&tools))?;
    println!("    {version} took {:.0} s to build", begun.elapsed().as_secs_f64());
    Ok(ours)
}
