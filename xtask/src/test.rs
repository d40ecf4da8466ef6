//! `cargo xtask test`: all tests, on one private PostgreSQL.
//!
//! | Step | What it proves |
//! |---|---|
//! | `workspace` | the crates: unit, integration and documentation tests; the program, killed again and again |
//! | `official-sdk` | the sandbox, under the SDKs of Stripe and Mercado Pago; the client's verifier, under the official library of Standard Webhooks; the OpenAPI document, under two linters; the program, under schemathesis |
//! | `browser` | the pages of the program and of the sandbox, in Chromium: they work, load nothing from other servers, and are accessible |
//! | `attack` | every scenario of `surehold attack`, shortened, on SQLite, and on PostgreSQL with Redis and NATS |
//! | `proof` | the attack, against programs with an injected fault: it must detect each one |
//! | `generated` | the pages of `docs` match the code |
//!
//! Tests find the server by `SUREHOLD_TEST_POSTGRES`, the URL of a superuser, and create their own
//! databases there. A test that needs the variable and does not find it fails, and its message
//! names this command.

use clap::ValueEnum;
use test_servers::postgres::{Options, Private};

use crate::command::{command, run};
use crate::steps::Steps;
use crate::{Failure, attack, generate, needs, programs, proof, sdk};

const POSTGRES: &str = "SUREHOLD_TEST_POSTGRES";
/// The program under test, for suites that run it as a process: built once, with all features.
const PROGRAM: &str = "SUREHOLD_BIN";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Step {
    Workspace,
    OfficialSdk,
    Browser,
    Attack,
    Proof,
    Generated,
}

pub fn run_all(only: &[Step]) -> Result<(), Failure> {
    let chosen = |step: Step| only.is_empty() || only.contains(&step);
    let mut steps = Steps::default();
    if [Step::Workspace, Step::Proof].into_iter().any(chosen) {
        // Without the server the suites do not run: the failure to start it fails the command.
        if let Some(server) = steps.run("postgres", start_postgres) {
            if chosen(Step::Workspace) {
                steps.run("workspace", || test_workspace(&server));
            }
            if chosen(Step::Proof) {
                steps.run("proof", || proof::check(&server.url()));
            }
        }
    }
    if chosen(Step::OfficialSdk) {
        steps.run("official-sdk", || {
            needs::for_sdk()?;
            sdk::run_suites()
        });
    }
    if chosen(Step::Browser) {
        steps.run("browser", || {
            needs::for_browser()?;
            sdk::run_browser()
        });
    }
    if chosen(Step::Attack) {
        steps.run("attack", || {
            needs::for_tests()?;
            attack::shortened()
        });
    }
    if chosen(Step::Generated) {
        steps.run("generated", generate::check);
    }
    steps.finish()
}

/// Writes the page that the step `proof` checks.
pub fn prove() -> Result<(), Failure> {
    proof::write(&start_postgres()?.url())
}

fn start_postgres() -> Result<Private, Failure> {
    needs::for_tests()?;
    let server = Private::start(&Options::default())?;
    println!("    {POSTGRES}={}", server.url());
    Ok(server)
}

fn test_workspace(server: &Private) -> Result<(), Failure> {
    // A run takes minutes, so it must report all failures, not only the first.
    let program = programs::build()?.join("surehold");
    let mut tests = command("cargo test --workspace --all-features --no-fail-fast");
    run(tests.env(POSTGRES, server.url()).env(PROGRAM, program))
}
