//! `cargo xtask`: the commands of a developer, which continuous integration runs as well.
//!
//! | Command | What it does |
//! |---|---|
//! | `cargo xtask lint` | checks the format, lints, documentation, licences and house rules |
//! | `cargo xtask test` | runs all tests against real software, which it installs if it may |
//! | `cargo xtask generate` | writes the pages of `docs` that follow from the code |
//! | `cargo xtask proof` | checks that the attack detects every injected fault; writes `docs/proof.md` |
//!
//! Each is a list of steps. The start and the end of each step are printed, with its time. Software
//! that a step needs is installed if it is missing; otherwise the command for it is printed and the
//! step fails. No step is skipped silently.

mod attack;
mod command;
mod contract;
mod demo;
mod generate;
mod lint;
mod needs;
mod programs;
mod proof;
mod running;
mod sdk;
mod steps;
mod test;
mod tidy;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

/// A failure, as a sentence for the terminal.
type Failure = Box<dyn Error>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Surehold's own commands for development")]
enum Task {
    /// Runs every test, on a private PostgreSQL and with Stripe's own SDK
    Test {
        /// One step alone; may be given more than once
        #[arg(long, value_name = "STEP")]
        only: Vec<test::Step>,
    },
    /// Checks the format, the lints, the documentation, the licences and the house rules
    Lint {
        /// One step alone; may be given more than once
        #[arg(long, value_name = "STEP")]
        only: Vec<lint::Step>,
    },
    /// Shows that the attack catches every injected fault, and writes docs/proof.md
    Proof,
    /// Writes the generated pages of docs
    Generate {
        /// Writes nothing, and fails if a page is not what it would write
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Test { only } => test::run_all(&only),
        Task::Lint { only } => lint::run_all(&only),
        Task::Proof => test::prove(),
        Task::Generate { check: false } => generate::write(),
        Task::Generate { check: true } => generate::check(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("\ncargo xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
