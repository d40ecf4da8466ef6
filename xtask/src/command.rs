//! Runs programs: the command line is printed, the output goes to ours, and there is no input.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;

/// The root of the workspace, where every command runs unless it says otherwise.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a directory of the workspace")
}

/// A command from a line, split at spaces.
pub fn command(line: &str) -> Command {
    let mut parts = line.split_whitespace();
    let mut command = program(parts.next().expect("a command has a name"));
    command.args(parts);
    command
}

/// A program by its path, which may contain spaces.
pub fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs to the end. A failure names the command.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let line = command_line(command);
    println!("    $ {line}");
    let status = command.status().map_err(|error| format!("`{line}` did not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed with {status}").into()) }
}

/// Runs without output, and returns what it printed; `None` if it failed or is missing.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command with its environment, as for a shell.
pub fn command_line(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let set = set.map(|(name, value)| format!("{}={}", name.display(), value.display()));
    let parts = std::iter::once(command.get_program()).chain(command.get_args());
    set.chain(parts.map(|part: &OsStr| part.display().to_string())).collect::<Vec<_>>().join(" ")
}
