//! What others wrote, against what we wrote for them.
//!
//! | suite | official | ours |
//! |---|---|---|
//! | `crates/sandbox/tests/official_sdk` | Stripe's SDK | the sandbox: whoever speaks Stripe's protocol must not see the difference, and its table of parameters and its objects are as the SDK's types declare them |
//! | `crates/client/tests/official` | the library of Standard Webhooks, which signs | the client's verifier, which believes or refuses |
//! | `crates/api/tests/openapi` | Redocly's linter, which knows the specification | `docs/openapi.json`, which is what the program serves |

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::Failure;
use crate::command::{command, program, root, run, told};
use crate::programs;

const STRIPE: &str = "crates/sandbox/tests/official_sdk";
const WEBHOOKS: &str = "crates/client/tests/official";
const OPENAPI: &str = "crates/api/tests/openapi";
/// How long the sandbox may take until it listens.
const START_S: u64 = 60;

/// Every suite runs, whatever becomes of those before.
pub fn run_suites() -> Result<(), Failure> {
    let examples = programs::build()?.join("examples");
    let ended = [run_stripe(&examples), run_webhooks(&examples), run_openapi()];
    let failures = ended.into_iter().filter_map(Result::err);
    let failures: Vec<String> = failures.map(|failure| failure.to_string()).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn run_stripe(examples: &Path) -> Result<(), Failure> {
    let suite = install(STRIPE)?;
    let journal = tempfile::tempdir()?;
    let mut serve = program(examples.join("serve"));
    serve.arg("127.0.0.1:0").arg(journal.path().join("journal.jsonl"));
    let sandbox = Sandbox::start(&mut serve)?;
    // One file at a time: faults are set for the whole sandbox.
    let tests = "node --test --test-concurrency=1";
    run(command(tests).current_dir(&suite).env("SANDBOX_URL", &sandbox.url))
}

fn run_webhooks(examples: &Path) -> Result<(), Failure> {
    let suite = install(WEBHOOKS)?;
    let verifier = examples.join("verify_webhook");
    run(command("node --test").current_dir(&suite).env("VERIFY_WEBHOOK", verifier))
}

/// The document that is committed: the step `generated` holds it against the program.
fn run_openapi() -> Result<(), Failure> {
    let suite = install(OPENAPI)?;
    let mut lint = command("npm test --silent");
    // The linter asks for nothing beyond the file, and tells nobody of it.
    lint.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    run(lint.current_dir(&suite))
}

/// What the suite was locked to, and nothing newer.
fn install(suite: &str) -> Result<PathBuf, Failure> {
    let directory = root().join(suite);
    if !directory.join("package-lock.json").is_file() {
        return Err(format!("there is no {suite}/package-lock.json").into());
    }
    run(command("npm ci --no-audit --no-fund").current_dir(&directory))?;
    Ok(directory)
}

/// A sandbox of its own; dropping it ends it.
struct Sandbox {
    process: Child,
    url: String,
}

impl Sandbox {
    fn start(serve: &mut Command) -> Result<Self, Failure> {
        let told = told(serve);
        println!("    $ {told}");
        let process = serve.stdout(Stdio::piped()).spawn();
        let mut process = process.map_err(|error| format!("`{told}` did not start: {error}"))?;
        let lines = BufReader::new(process.stdout.take().expect("standard output is piped")).lines();
        let (first, line) = mpsc::channel();
        // Reads on to the end: a program whose pipe is full stands still.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                println!("    sandbox: {line}");
                // Only the first line is waited for.
                let _listener_has_gone = first.send(line);
            }
        });
        let mut sandbox = Self { process, url: String::new() };
        let line = line
            .recv_timeout(Duration::from_secs(START_S))
            .map_err(|_| format!("the sandbox said nothing within {START_S} s"))?;
        let url = line.strip_prefix("listening on ");
        let url = url.ok_or_else(|| format!("the sandbox said `{line}`"))?;
        url.trim().clone_into(&mut sandbox.url);
        Ok(sandbox)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to end.
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> Result<Sandbox, Failure> {
        Sandbox::start(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn the_first_line_names_the_address() {
        let sandbox = start("echo listening on http://127.0.0.1:1; exec sleep 60").unwrap();
        assert_eq!(sandbox.url, "http://127.0.0.1:1");
    }

    #[test]
    fn a_sandbox_that_does_not_listen_is_a_failure() {
        let check = |script: &str, expected: &str| {
            let failure = start(script).err().unwrap().to_string();
            assert!(failure.contains(expected), "{failure}");
        };
        check("echo address in use", "the sandbox said `address in use`");
        check("exit 1", "the sandbox said nothing");
        let failure = Sandbox::start(&mut Command::new("no-such-sandbox")).err().unwrap().to_string();
        assert!(failure.starts_with("`no-such-sandbox` did not start"), "{failure}");
    }
}
