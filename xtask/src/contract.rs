//! The program, held against its own OpenAPI document by schemathesis: requests made from the schemas,
//! right ones and wrong ones, to a private demo with a stand-in for the provider.
//!
//! What schemathesis may send and must see is in `schemathesis.toml` of the suite; what is said beside it, in
//! `hooks.py`. Python's packages are locked by their hashes and installed below the target directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Failure;
use crate::command::{command, output, program, root, run};
use crate::programs;
use crate::running::Running;

const SUITE: &str = "crates/api/tests/contract";
/// The demo's first tenant.
const TENANT: &str = "harbour-tours";
/// What the key may do that all requests are made with: everything.
const SCOPES: &str = "bookings,payments,catalogue,ledger,ops";

pub fn run_suite(surehold: &Path) -> Result<(), Failure> {
    let schemathesis = install()?;
    let data = tempfile::tempdir()?;
    let demo = Demo::start(surehold, data.path())?;
    let mut hold = program(schemathesis);
    hold.current_dir(root().join(SUITE)).arg("run").arg(format!("{}/openapi.json", demo.base_url));
    hold.arg("--no-color").envs(demo.environment);
    // It leaves nothing in the suite's directory, and asks no proxy.
    hold.env("PYTHONDONTWRITEBYTECODE", "1").env("HYPOTHESIS_STORAGE_DIRECTORY", data.path());
    hold.env("NO_PROXY", "127.0.0.1");
    run(&mut hold)
}

/// A new environment each time: what the suite was locked to, and nothing else.
fn install() -> Result<PathBuf, Failure> {
    let environment = programs::target()?.join("contract");
    run(command("python3 -m venv --clear").arg(&environment))?;
    let binaries = environment.join("bin");
    let mut install = program(binaries.join("pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    // A wheel is unpacked; anything else would run what it holds.
    install.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]);
    run(install.arg(root().join(SUITE).join("requirements.txt")))?;
    Ok(binaries.join("schemathesis"))
}

/// A demo of its own on SQLite, and what the suite must know of it.
struct Demo {
    base_url: String,
    environment: Vec<(&'static str, String)>,
    _running: Running,
}

impl Demo {
    fn start(surehold: &Path, data: &Path) -> Result<Self, Failure> {
        let mut demo = program(surehold);
        demo.arg("demo").arg("--data").arg(data);
        demo.args(["--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0"]);
        let running = Running::start(&mut demo, |line| line.starts_with("It keeps serving"))?;
        let told: Value = serde_json::from_slice(&std::fs::read(data.join("demo.json"))?)?;
        let key = make_key(surehold, data)?;
        let environment = vec![
            ("SUREHOLD_API_KEY", text(&key, "/api_key")?),
            ("SUREHOLD_API_KEY_ID", text(&key, "/key_id")?),
            ("SUREHOLD_SLOT_ID", text(&told, "/slots/0/id")?),
            ("SUREHOLD_UNIT_ID", text(&told, "/unit_id")?),
        ];
        Ok(Self { base_url: text(&told, "/base_url")?, environment, _running: running })
    }
}

fn make_key(surehold: &Path, data: &Path) -> Result<Value, Failure> {
    let database = format!("sqlite:{}", data.join("surehold.sqlite").display());
    let mut create: Command = program(surehold);
    create.args(["key", "create", "--database-url", &database, "--tenant", TENANT]);
    create.args(["--client", "contract", "--scopes", SCOPES]);
    let key = output(&mut create).ok_or("`surehold key create` failed beside the demo")?;
    Ok(serde_json::from_str(&key)?)
}

fn text(value: &Value, pointer: &str) -> Result<String, Failure> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    Ok(text.ok_or_else(|| format!("there is no {pointer} in what the demo tells"))?.to_owned())
}
