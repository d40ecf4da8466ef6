//! The program, one binary: `serve demo sandbox migrate backup check attack bench tenant key
//! product slot ops`.
//!
//! Each subcommand is one file with its flags, its checks and its code. Only [`config`] reads the
//! environment (and clap, for flags that have a variable).
//!
//! What must never be here: code that another program could call; it belongs in a library crate.

mod administration;
#[cfg(feature = "attack")]
mod attack;
mod backup;
#[cfg(feature = "bench")]
mod bench;
mod check;
mod config;
mod database;
mod demo;
mod docs;
#[cfg(feature = "fault_injection")]
mod injected_fault;
mod key;
mod logging;
mod migrate;
mod ops;
mod product;
#[cfg(test)]
mod runbook;
mod sandbox_alone;
mod serve;
mod signals;
mod tenant;
mod webhook;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A booking and payment server that does each requested operation once, even if it is repeated
#[derive(Parser)]
#[command(name = "surehold", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and run its workers
    Serve(serve::Arguments),
    /// Run a demonstration: a server, a payment provider's stand-in, and a story over HTTP
    Demo(demo::Arguments),
    /// Run only the payment provider's stand-in
    Sandbox(sandbox_alone::Arguments),
    /// Migrate a database to this version's schema
    Migrate(migrate::Arguments),
    /// Copy a SQLite database to a file, also while a server writes to it, and check the copy
    Backup(backup::Arguments),
    /// Check every promise against a database and the provider's books
    Check(check::Arguments),
    /// Try to make the program do something twice or lose something, and check the provider's books
    #[cfg(feature = "attack")]
    Attack(attack::Arguments),
    /// Not in this build: it needs the feature `attack`
    #[cfg(not(feature = "attack"))]
    #[command(disable_help_flag = true)]
    Attack(LeftOut),
    /// Measure performance against the plain form of the same work
    #[cfg(feature = "bench")]
    Bench(bench::Arguments),
    /// Not in this build: it needs the feature `bench`
    #[cfg(not(feature = "bench"))]
    #[command(disable_help_flag = true)]
    Bench(LeftOut),
    /// List, create, rename and archive tenants
    Tenant(tenant::Arguments),
    /// List, create and revoke the API keys of a tenant
    Key(key::Arguments),
    /// List and create the products of a tenant
    Product(product::Arguments),
    /// Open dated slots of a product
    Slot(product::SlotArguments),
    /// Tell a bank where to deliver its webhooks
    Webhook(webhook::Arguments),
    /// Decide by hand what the program left to a person
    Ops(ops::Arguments),
    /// Write the generated pages
    #[command(hide = true)]
    Docs(docs::Arguments),
}

/// Accepts all arguments of a command that this build does not have.
#[cfg(not(all(feature = "attack", feature = "bench")))]
#[derive(clap::Args)]
struct LeftOut {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    #[cfg(feature = "fault_injection")]
    if let Err(failed) = injected_fault::inject() {
        eprintln!("surehold: {failed}");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("surehold: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match arguments.command {
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Sandbox(arguments) => sandbox_alone::run(arguments).await,
            Command::Migrate(arguments) => migrate::run(arguments).await,
            Command::Backup(arguments) => backup::run(arguments).await,
            Command::Check(arguments) => check::run(arguments).await,
            #[cfg(feature = "attack")]
            Command::Attack(arguments) => attack::run(arguments).await,
            #[cfg(not(feature = "attack"))]
            Command::Attack(_) => Err(failed(
                "this build has no attack; one with it: cargo run --release --features attack -- attack",
            )),
            #[cfg(feature = "bench")]
            Command::Bench(arguments) => bench::run(arguments).await,
            #[cfg(not(feature = "bench"))]
            Command::Bench(_) => Err(failed("this build has no bench; build it with the feature `bench`")),
            Command::Tenant(arguments) => tenant::run(arguments).await,
            Command::Key(arguments) => key::run(arguments).await,
            Command::Product(arguments) => product::run(arguments).await,
            Command::Slot(arguments) => product::run_slot(arguments).await,
            Command::Webhook(arguments) => webhook::run(arguments).await,
            Command::Ops(arguments) => ops::run(arguments).await,
            Command::Docs(arguments) => docs::run(&arguments),
        }
    });
    match outcome {
        Ok(code) => code,
        Err(failed) => {
            eprintln!("surehold: {failed}");
            ExitCode::FAILURE
        }
    }
}

/// Why a subcommand failed, in a sentence for the person who ran it.
#[derive(Debug)]
pub struct Failed(String);

impl std::fmt::Display for Failed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Failed {
        Failed(error.to_string())
    }
}

/// A failure that consists of a message.
pub fn failed(message: impl Into<String>) -> Failed {
    Failed(message.into())
}

pub type Exit = Result<ExitCode, Failed>;
