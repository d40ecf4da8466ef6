//! The one way a private server ends: a shell that waits for us and then clears up.
//!
//! The shell reads from a pipe whose other end this process alone holds. The pipe closes when the
//! [`Watchdog`] is dropped and as well when the process dies of `kill -9`, so an orphaned server is
//! stopped at once, without watching process ids, which get used again.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use tempfile::TempDir;

use super::account::Account;
use super::binaries::Binaries;
use super::{Error, WAIT_S};

/// `$1` is `pg_ctl`, `$2` the directory, `$3` the seconds to wait. Stopping fails where nothing runs.
const SCRIPT: &str = r#"read -r _
"$1" stop --silent --mode=immediate --wait --timeout="$3" --pgdata="$2/data"
cd /
rm -rf "$2""#;

#[derive(Debug)]
pub(super) struct Watchdog {
    shell: Child,
    directory: PathBuf,
}

impl Watchdog {
    /// Takes the directory over: from here on only the watchdog removes it.
    pub fn start(account: &Account, binaries: &Binaries, directory: TempDir) -> Result<Self, Error> {
        let mut command = account.command(Path::new("sh"));
        command.args(["-c", SCRIPT, "surehold-watchdog"]);
        command.arg(binaries.program("pg_ctl")).arg(directory.path()).arg(WAIT_S.to_string());
        command.current_dir(directory.path());
        // A group of its own: what the terminal or a test runner sends to ours must not end it too.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = command.spawn()?;
        Ok(Self { shell, directory: directory.keep() })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Nothing can be done in a drop about a shell that cannot be waited for.
        let _ended = self.shell.wait();
    }
}
