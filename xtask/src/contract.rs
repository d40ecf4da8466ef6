//! Compares the program with its own OpenAPI document by schemathesis: it makes valid and invalid
//! requests from the schemas, to a private demo with the provider's sandbox.
//!
//! `schemathesis.toml` of the suite says what schemathesis may send and must see, and `hooks.py`
//! what no schema can say. Python's packages are locked by their hashes and installed below the
//! target directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Failure;
use crate::command::{command, output, program, root, run};
use crate::demo::{Demo, text};
use crate::programs;

const SUITE: &str = "crates/api/tests/contract";
/// The demo's first tenant.
const TENANT: &str = "harbour-tours";
/// The scopes of the key for all requests: all of them.
const SCOPES: &str = "bookings,payments,catalogue,ledger,payouts,ops";

pub fn run_suite(surehold: &Path) -> Result<(), Failure> {
    let schemathesis = install()?;
    let demo = Demo::start(surehold)?;
    let key = make_key(surehold, &demo)?;
    let mut hold = program(schemathesis);
    let document = format!("{}/openapi.json", demo.fact("/base_url")?);
    hold.current_dir(root().join(SUITE)).arg("run").arg(document).arg("--no-color");
    hold.env("SUREHOLD_API_KEY", text(&key, "/api_key")?);
    hold.env("SUREHOLD_API_KEY_ID", text(&key, "/key_id")?);
    hold.env("SUREHOLD_SLOT_ID", demo.fact("/slots/0/id")?);
    hold.env("SUREHOLD_UNIT_ID", demo.fact("/unit_id")?);
    // It leaves nothing in the suite's directory, and uses no proxy.
    hold.env("PYTHONDONTWRITEBYTECODE", "1").env("HYPOTHESIS_STORAGE_DIRECTORY", demo.directory());
    hold.env("NO_PROXY", "127.0.0.1");
    run(&mut hold)
}

/// A new environment each time, with exactly the locked packages.
fn install() -> Result<PathBuf, Failure> {
    let environment = programs::target()?.join("contract");
    run(command("python3 -m venv --clear").arg(&environment))?;
    let binaries = environment.join("bin");
    let mut install = program(binaries.join("pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    // Wheels only: a source package would run its own code.
    install.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]);
    run(install.arg(root().join(SUITE).join("requirements.txt")))?;
    Ok(binaries.join("schemathesis"))
}

fn make_key(surehold: &Path, demo: &Demo) -> Result<Value, Failure> {
    let mut create: Command = program(surehold);
    create.args(["key", "create", "--database-url", &demo.database_url(), "--tenant", TENANT]);
    create.args(["--client", "contract", "--scopes", SCOPES]);
    let key = output(&mut create).ok_or("`surehold key create` failed beside the demo")?;
    Ok(serde_json::from_str(&key)?)
}
