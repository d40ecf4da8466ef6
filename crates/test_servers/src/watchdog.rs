//! How every private server ends: a shell waits for this process to end and then cleans up.
//!
//! The shell reads from a pipe whose other end only this process holds. The pipe closes when the
//! [`Watchdog`] is dropped and also when the process is killed with `kill -9`. So an orphaned
//! server is stopped at once, without watching process ids, which are reused.
//!
//! It stops either the process ids that it receives on the pipe, one per line
//! ([`Watchdog::guard`]), or runs a command that it was given at its start, for a server with a
//! controller of its own.

use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// `$1` is the directory, the rest is the command that stops the server; it fails if nothing runs.
/// A killed process may still write for a moment, so the directory is removed in two tries.
const SCRIPT: &str = r#"directory=$1
shift
process=
while read -r line; do process=$line; done
[ -z "$process" ] || kill -s KILL "$process"
[ $# -eq 0 ] || "$@"
cd /
rm -rf "$directory" || { sleep 1; rm -rf "$directory"; }"#;

#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
    directory: PathBuf,
}

impl Watchdog {
    /// Takes over the directory: from here on only the watchdog removes it. `shell` is a plain
    /// `sh`, run by the user that may stop the server; `stop` is the command that stops it, if a
    /// signal is not enough.
    pub fn start(mut shell: Command, directory: TempDir, stop: &[&str]) -> Result<Self, std::io::Error> {
        shell.args(["-c", SCRIPT, "surehold-watchdog"]).arg(directory.path()).args(stop);
        shell.current_dir(directory.path());
        // A process group of its own: signals of the terminal or a test runner to this group must
        // not end the shell.
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = shell.spawn()?;
        Ok(Self { shell, directory: directory.keep() })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// From here on this process, and no other, is killed when this one ends.
    pub fn guard(&mut self, process: u32) -> Result<(), std::io::Error> {
        self.send(&process.to_string())
    }

    /// The process has ended: its id may be reused, and the new process must not be killed.
    pub fn forget(&mut self) -> Result<(), std::io::Error> {
        self.send("")
    }

    fn send(&mut self, line: &str) -> Result<(), std::io::Error> {
        let pipe = self.shell.stdin.as_mut().expect("the pipe is ours until the drop");
        writeln!(pipe, "{line}")
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Nothing can be done in `drop` about a shell that cannot be waited for.
        let _ended = self.shell.wait();
    }
}
