//! The workspace's own programs, built with the features that its tests are built with.
//!
//! `cargo run -p surehold` alone would choose fewer features for the dependencies, and so build
//! half of them again. `cargo test --workspace` builds all programs and examples together, so after
//! it this takes no time.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::command::{command, output, run};

/// The directory of the programs. Examples are in `examples` below it.
pub fn build() -> Result<PathBuf, Failure> {
    run(&mut command("cargo build --workspace --all-features --bins --examples"))?;
    Ok(target()?.join("debug"))
}

/// Cargo's target directory, which the environment may have moved.
pub fn target() -> Result<PathBuf, Failure> {
    let metadata = metadata()?;
    let target = metadata["target_directory"].as_str().ok_or("cargo metadata names no target directory")?;
    Ok(PathBuf::from(target))
}

/// An empty directory for the output of a program, without a report of an earlier run.
pub fn emptied(directory: &Path) -> std::io::Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)
}

/// The metadata of the workspace's own crates.
pub fn metadata() -> Result<serde_json::Value, Failure> {
    let text = output(&mut command("cargo metadata --format-version 1 --no-deps"));
    let text = text.ok_or("`cargo metadata` failed; run it to see why")?;
    Ok(serde_json::from_str(&text)?)
}
