//! What ends a child when we cannot: a shell that waits for us, and kills the child if we end first.
//!
//! The shell reads from a pipe whose other end this process alone holds. A line says that the child has
//! ended; the end of the pipe, as after our own `kill -9`, says that nobody looks after it any more. A
//! child that was stalled by SIGSTOP ends of it as well.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

const SCRIPT: &str = r#"read -r _ || kill -KILL "$1""#;

pub(super) struct Guard {
    shell: Child,
}

impl Guard {
    pub fn of(pid: u32) -> std::io::Result<Guard> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "surehold-guard", &pid.to_string()]);
        // A group of its own: what the terminal sends to ours must not end it first.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Guard { shell: command.spawn()? })
    }
}

impl Drop for Guard {
    /// The child has ended, or was told to: its number may soon be another's.
    fn drop(&mut self) {
        if let Some(mut pipe) = self.shell.stdin.take() {
            // A shell that is gone needs no word.
            let _gone = pipe.write_all(b"\n");
        }
        // Nothing can be done in a drop about a shell that cannot be waited for.
        let _ended = self.shell.wait();
    }
}
