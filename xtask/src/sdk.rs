//! Tests of our code against the software of others.
//!
//! | suite | official | ours |
//! |---|---|---|
//! | `crates/sandbox/tests/official_sdk` | the SDKs of Stripe and of Mercado Pago | the sandbox: a client of these protocols must not see a difference, Mercado Pago's validator accepts its signatures, and the table of parameters and the objects match the types of Stripe's SDK |
//! | `crates/client/tests/official` | the library of Standard Webhooks, which signs | the client's verifier, which accepts or refuses |
//! | `crates/api/tests/openapi` | the linters of Redocly and of Stoplight (Spectral), which know the specification | `docs/openapi.json`, which is what the program serves |
//! | `crates/api/tests/contract` | schemathesis, which makes requests from a document and judges the answers | the program, which must do what its document says, and nothing else |
//! | `crates/server/tests/browser` | Chromium, and axe's rules of accessibility | the pages of the program and of the sandbox |

use std::path::{Path, PathBuf};

use crate::command::{command, program, root, run};
use crate::demo::Demo;
use crate::running::Running;
use crate::{Failure, contract, programs};

const PROVIDERS: &str = "crates/sandbox/tests/official_sdk";
const WEBHOOKS: &str = "crates/client/tests/official";
const OPENAPI: &str = "crates/api/tests/openapi";
const BROWSER: &str = "crates/server/tests/browser";

/// Every suite runs, also after a failure.
pub fn run_suites() -> Result<(), Failure> {
    let programs = programs::build()?;
    let examples = programs.join("examples");
    let ended = [
        run_providers(&examples),
        run_webhooks(&examples),
        run_openapi(),
        contract::run_suite(&programs.join("surehold")),
    ];
    let failures = ended.into_iter().filter_map(Result::err);
    let failures: Vec<String> = failures.map(|failure| failure.to_string()).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn run_providers(examples: &Path) -> Result<(), Failure> {
    let suite = install(PROVIDERS)?;
    let journal = tempfile::tempdir()?;
    let mut serve = program(examples.join("serve"));
    serve.arg("127.0.0.1:0").arg(journal.path().join("journal.jsonl"));
    let sandbox = Running::start(&mut serve, |_| true)?;
    let url = sandbox.line.strip_prefix("listening on ");
    let url = url.ok_or_else(|| format!("the sandbox printed `{}`", sandbox.line))?.trim();
    // One file at a time: a fault is set for the whole sandbox.
    let tests = "node --test --test-concurrency=1";
    run(command(tests).current_dir(&suite).env("SANDBOX_URL", url))
}

fn run_webhooks(examples: &Path) -> Result<(), Failure> {
    let suite = install(WEBHOOKS)?;
    let verifier = examples.join("verify_webhook");
    run(command("node --test").current_dir(&suite).env("VERIFY_WEBHOOK", verifier))
}

/// The committed document: the step `generated` compares it with the program.
fn run_openapi() -> Result<(), Failure> {
    let suite = install(OPENAPI)?;
    let mut lint = command("npm test --silent");
    // The linters must read only the file, and send no statistics.
    lint.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    run(lint.current_dir(&suite))
}

/// The pages, in a real browser.
pub fn run_browser() -> Result<(), Failure> {
    let programs = programs::build()?;
    let suite = install(BROWSER)?;
    let demo = Demo::start(&programs.join("surehold"))?;
    run(command("node --test").current_dir(&suite).env("DEMO_JSON", demo.facts_file()))
}

/// Installs exactly the locked versions.
fn install(suite: &str) -> Result<PathBuf, Failure> {
    let directory = root().join(suite);
    if !directory.join("package-lock.json").is_file() {
        return Err(format!("there is no {suite}/package-lock.json").into());
    }
    // No suite needs the install scripts of a package, which compile, advertise or count
    // installations.
    run(command("npm ci --no-audit --no-fund --ignore-scripts").current_dir(&directory))?;
    Ok(directory)
}
