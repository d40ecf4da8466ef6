//! A program run in the open: its command line is printed, its output is ours, and it has no input.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;

/// The root of the workspace, where every command runs unless it says otherwise.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a directory of the workspace")
}

/// A command line, its words parted by spaces.
pub fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = program(words.next().expect("a command has a name"));
    command.args(words);
    command
}

/// A program by its path, which may hold spaces.
pub fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs to the end; anything but success is a failure that repeats the command.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let told = command_line(command);
    println!("    $ {told}");
    let status = command.status().map_err(|error| format!("`{told}` did not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{told}` failed with {status}").into()) }
}

/// Runs quietly and answers with what it printed, or with nothing where it failed or is not there.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as one would type it, with what it adds to the environment.
pub fn command_line(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let set = set.map(|(name, value)| format!("{}={}", name.display(), value.display()));
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    set.chain(words.map(|word: &OsStr| word.display().to_string())).collect::<Vec<_>>().join(" ")
}
