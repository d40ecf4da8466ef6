//! Ends a child if this process cannot: a shell waits for this process, and kills the child if this
//! process ends first.
//!
//! The shell reads from a pipe whose other end only this process has. A line means that the child
//! has ended. The end of the pipe, as after our own `kill -9`, means that nothing controls the
//! child any more. A child that is suspended by SIGSTOP is killed as well.

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
        // A separate group: a signal from the terminal to our group must not end the shell first.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Guard { shell: command.spawn()? })
    }
}

impl Drop for Guard {
    /// The child has ended or been killed: its number may soon belong to another process.
    fn drop(&mut self) {
        if let Some(mut pipe) = self.shell.stdin.take() {
            // A shell that is gone needs no line.
            let _gone = pipe.write_all(b"\n");
        }
        // In a drop nothing can be done about a shell that cannot be waited for.
        let _ended = self.shell.wait();
    }
}
