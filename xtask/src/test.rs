//! `cargo xtask test`: every test there is, on one private PostgreSQL.
//!
//! | Step | What it proves |
//! |---|---|
//! | `workspace` | the crates: unit, integration and documentation tests, dev profile |
//! | `official-sdk` | the sandbox, under Stripe's own SDK |
//! | `generated` | the pages of `docs` are what the code says |
//! | `end-to-end` | the program as it ships, killed at every moment |
//!
//! Tests find the server by `SUREHOLD_TEST_POSTGRES`, the URL of a superuser, and create databases of
//! their own under it. A test that needs the variable and does not find it fails and names this command.

use clap::ValueEnum;
use peers::postgres::{Options, Private};

use crate::command::{command, root, run};
use crate::steps::Steps;
use crate::{Failure, generate, needs, sdk};

const POSTGRES: &str = "SUREHOLD_TEST_POSTGRES";
const END_TO_END: &str = "crates/harness/tests/proof/main.rs";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Step {
    Workspace,
    OfficialSdk,
    Generated,
    EndToEnd,
}

pub fn run_all(only: &[Step]) -> Result<(), Failure> {
    let chosen = |step: Step| only.is_empty() || only.contains(&step);
    let mut steps = Steps::default();
    let on_postgres = chosen(Step::Workspace) || chosen(Step::EndToEnd);
    // Without the server the steps that need it do not run: its own failure fails the whole.
    let server = if on_postgres { steps.run("postgres", start_postgres) } else { None };
    if let Some(server) = server.as_ref().filter(|_| chosen(Step::Workspace)) {
        steps.run("workspace", || test_workspace(server));
    }
    if chosen(Step::OfficialSdk) {
        steps.run("official-sdk", || {
            needs::for_sdk()?;
            sdk::run_suite()
        });
    }
    if chosen(Step::Generated) {
        steps.run("generated", generate::check);
    }
    if let Some(server) = server.as_ref().filter(|_| chosen(Step::EndToEnd)) {
        // The condition goes when the suite has landed.
        if root().join(END_TO_END).exists() {
            steps.run("end-to-end", || test_end_to_end(server));
        } else {
            steps.absent("end-to-end", &format!("there is no {END_TO_END}"));
        }
    }
    steps.finish()
}

fn start_postgres() -> Result<Private, Failure> {
    needs::for_tests()?;
    let server = Private::start(&Options::default())?;
    println!("    {POSTGRES}={}", server.url());
    Ok(server)
}

fn test_workspace(server: &Private) -> Result<(), Failure> {
    // All that fails is worth knowing at once where a run takes minutes.
    let mut tests = command("cargo test --workspace --all-features --no-fail-fast");
    run(tests.env(POSTGRES, server.url()))
}

fn test_end_to_end(server: &Private) -> Result<(), Failure> {
    run(&mut command("cargo build --release -p surehold"))?;
    run(command("cargo test --release -p harness --test proof").env(POSTGRES, server.url()))
}
