//! The one way a private server ends: a shell that waits for us and then clears up.
//!
//! The shell reads from a pipe whose other end this process alone holds. The pipe closes when the
//! [`Watchdog`] is dropped and as well when the process dies of `kill -9`, so an orphaned server is
//! stopped at once, without watching process ids, which get used again.
//!
//! What it stops is either told on the pipe, a process id a line ([`Watchdog::guard`]), or a command that
//! it was given at its start, for a server that has a controller of its own.

use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// `$1` is the directory, the rest the command that stops the server; it fails where nothing runs. A
/// process that was killed may write for a moment longer, so the directory is removed in two tries.
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
    /// Takes the directory over: from here on only the watchdog removes it. `shell` is a plain `sh`, run
    /// by whoever may stop the server; `stop` is what stops it, if a signal is not enough.
    pub fn start(mut shell: Command, directory: TempDir, stop: &[&str]) -> Result<Self, std::io::Error> {
        shell.args(["-c", SCRIPT, "surehold-watchdog"]).arg(directory.path()).args(stop);
        shell.current_dir(directory.path());
        // A group of its own: what the terminal or a test runner sends to ours must not end it too.
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = shell.spawn()?;
        Ok(Self { shell, directory: directory.keep() })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// From here on this process is killed when we end, and no other.
    pub fn guard(&mut self, process: u32) -> Result<(), std::io::Error> {
        self.tell(&process.to_string())
    }

    /// The process has ended: its id is free for others, who must not be killed in its place.
    pub fn forget(&mut self) -> Result<(), std::io::Error> {
        self.tell("")
    }

    fn tell(&mut self, line: &str) -> Result<(), std::io::Error> {
        let pipe = self.shell.stdin.as_mut().expect("the pipe is ours until the drop");
        writeln!(pipe, "{line}")
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Nothing can be done in a drop about a shell that cannot be waited for.
        let _ended = self.shell.wait();
    }
}
