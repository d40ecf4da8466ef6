//! Where sandboxes record their traffic: in files of their own in the directory that the environment
//! names; nowhere without it.

use std::path::PathBuf;

/// The variable with the directory.
pub const VARIABLE: &str = "SUREHOLD_TEST_TRAFFIC";

/// A new file for one sandbox.
pub fn file() -> Option<PathBuf> {
    let directory = PathBuf::from(std::env::var_os(VARIABLE)?);
    Some(directory.join(format!("{:032x}.jsonl", rand::random::<u128>())))
}
