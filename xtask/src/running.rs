//! A program that serves during a suite, and ends with it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::command::command_line;

/// The time for a program to serve.
const START_S: u64 = 120;

/// Dropping it ends the program.
pub struct Running {
    process: Child,
    /// The line that it printed when it was ready.
    pub line: String,
}

impl Running {
    /// Starts it, and waits for the line that reports that it serves.
    pub fn start(serve: &mut Command, is_ready: impl Fn(&str) -> bool) -> Result<Self, Failure> {
        let command_text = command_line(serve);
        println!("    $ {command_text}");
        let process = serve.stdout(Stdio::piped()).spawn();
        let mut process = process.map_err(|error| format!("`{command_text}` did not start: {error}"))?;
        let output = BufReader::new(process.stdout.take().expect("standard output is piped"));
        let mut running = Self { process, line: String::new() };
        let (sender, lines) = mpsc::channel();
        // Reads to the end: a program blocks when its pipe is full.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // After the ready line there is no receiver any more.
                let _receiver_has_gone = sender.send(line);
            }
        });
        let until = Instant::now() + Duration::from_secs(START_S);
        let mut before = Vec::new();
        loop {
            match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if is_ready(&line) => {
                    running.line = line;
                    return Ok(running);
                }
                Ok(line) => before.push(line),
                Err(reason) => {
                    let why = match reason {
                        RecvTimeoutError::Timeout => format!("was not ready within {START_S} s"),
                        RecvTimeoutError::Disconnected => "ended before it was ready".to_owned(),
                    };
                    return Err(format!("`{command_text}` {why}. It printed:\n{}", before.join("\n")).into());
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> Result<Running, Failure> {
        Running::start(Command::new("sh").args(["-c", script]), |line| line.starts_with("listening"))
    }

    #[test]
    fn it_waits_for_the_ready_line() {
        let running = start("echo one moment; echo listening on http://127.0.0.1:1; exec sleep 60").unwrap();
        assert_eq!(running.line, "listening on http://127.0.0.1:1");
    }

    #[test]
    fn a_program_that_does_not_serve_is_a_failure() {
        let failure = start("echo address in use").err().unwrap().to_string();
        assert!(failure.ends_with("ended before it was ready. It printed:\naddress in use"), "{failure}");
        let failure = Running::start(&mut Command::new("no-such-program"), |_| true).err().unwrap();
        assert!(failure.to_string().starts_with("`no-such-program` did not start"), "{failure}");
    }

    #[test]
    fn it_ends_with_whoever_started_it() {
        let mut running = start("echo listening; exec sleep 60").unwrap();
        assert!(running.process.try_wait().unwrap().is_none());
        let id = running.process.id();
        drop(running);
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    }
}
