//! The program under test, and the settings of the run from the environment.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// `SUREHOLD_BIN`, or the program of this build, which is built now so that it is current.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| variable("SUREHOLD_BIN").map_or_else(built, PathBuf::from))
}

fn built() -> PathBuf {
    // This test is in target/<profile>/deps.
    let this = std::env::current_exe().unwrap();
    let directory = this.parent().and_then(Path::parent).expect("a test stands two directories deep");
    let release = directory.file_name().is_some_and(|name| name == "release");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "surehold"]);
    if release {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success(), "the program cannot be built");
    directory.join("surehold")
}

/// A random seed, or the seed from the environment.
pub fn seed() -> u64 {
    variable("SUREHOLD_PROOF_SEED")
        .map_or_else(rand::random, |seed| seed.parse().expect("a seed is a number"))
}

#[expect(clippy::disallowed_methods, reason = "a test has no program that would read its configuration")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
