//! A private `surehold demo` on SQLite, for a suite that talks to it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::Failure;
use crate::command::program;
use crate::running::Running;

/// Dropping it ends the program and removes its directory.
pub struct Demo {
    /// `demo.json`: the addresses and keys.
    facts: Value,
    directory: TempDir,
    _running: Running,
}

impl Demo {
    pub fn start(surehold: &Path) -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let mut demo = program(surehold);
        demo.arg("demo").arg("--data").arg(directory.path());
        demo.args(["--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0"]);
        let running = Running::start(&mut demo, |line| line.starts_with("It keeps serving"))?;
        let facts = serde_json::from_slice(&std::fs::read(directory.path().join("demo.json"))?)?;
        Ok(Self { facts, directory, _running: running })
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn facts_file(&self) -> PathBuf {
        self.directory().join("demo.json")
    }

    pub fn database_url(&self) -> String {
        format!("sqlite:{}", self.directory().join("surehold.sqlite").display())
    }

    pub fn fact(&self, pointer: &str) -> Result<String, Failure> {
        text(&self.facts, pointer)
    }
}

pub fn text(value: &Value, pointer: &str) -> Result<String, Failure> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    Ok(text.ok_or_else(|| format!("the demo has no {pointer}"))?.to_owned())
}
