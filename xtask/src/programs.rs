//! The workspace's own programs, built with the features that its tests are built with.
//!
//! `cargo run -p surehold` alone would choose fewer features for the dependencies, and so build half of
//! them a second time. All programs at once, with the examples, are what `cargo test --workspace` has
//! built already: after it this takes no time.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::command::{command, output, run};

/// Where programs are put; examples are in `examples` below it.
pub fn build() -> Result<PathBuf, Failure> {
    run(&mut command("cargo build --workspace --all-features --bins --examples"))?;
    Ok(target()?.join("debug"))
}

/// Cargo's target directory, wherever the environment has put it.
pub fn target() -> Result<PathBuf, Failure> {
    let metadata = metadata()?;
    let target = metadata["target_directory"].as_str().ok_or("cargo metadata names no target directory")?;
    Ok(PathBuf::from(target))
}

/// A directory for what a program writes. A report of an earlier run must not be taken for this one's.
pub fn emptied(directory: &Path) -> std::io::Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)
}

/// What cargo knows of the workspace's own crates.
pub fn metadata() -> Result<serde_json::Value, Failure> {
    let text = output(&mut command("cargo metadata --format-version 1 --no-deps"));
    let text = text.ok_or("`cargo metadata` failed; run it to see why")?;
    Ok(serde_json::from_str(&text)?)
}
