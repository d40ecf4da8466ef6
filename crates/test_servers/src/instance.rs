//! A private server that is one process: the common part of Redis, NATS and HAProxy.
//!
//! | Phase | What happens | What a `kill -9` of this process leaves at this point |
//! |---|---|---|
//! | directory | a temporary directory | an empty directory |
//! | watchdog | a shell waits for this process to end | nothing: from here on it cleans up |
//! | gate | a shell that becomes the server waits for a line | nothing: without the line it ends |
//! | guard | the watchdog receives the process id, then the gate opens | nothing |
//! | ready | polled until it replies, on a free port; retried if another process took the port | nothing |
//! | drop | the process is killed, the watchdog removes the directory | nothing |
//!
//! A test can do to it what happens to servers: kill it, stop it, start it again on the same port
//! with the same data, and pause it (SIGSTOP) as a machine that swaps or a virtual machine that
//! migrates.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use parking_lot::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::program::{Program, Wanted};
use crate::watchdog::Watchdog;
use crate::{Error, port};

/// How often a start is tried, each time on another port.
const START_ATTEMPTS_MAX: usize = 5;
/// How long a server may take until it replies, with its data read.
const START_S: u64 = 60;
/// How long a server may take to stop before it is killed.
const STOP_S: u64 = 20;
const POLL_MS: u64 = 10;
/// How long one request may wait for its reply.
pub(crate) const ANSWER_MS: u64 = 1_000;
/// How many lines of the server's log an error shows.
const LOG_LINES_MAX: usize = 20;

/// Waits for a line, then becomes the server. The line never comes if this process dies before the
/// watchdog has the process id.
const GATE: &str = r#"read -r _ || exit; exec "$0" "$@" </dev/null"#;

/// A kind of server, with the settings that a test may change.
pub trait Peer {
    const WANTED: Wanted;
    const SCHEME: &'static str;

    /// The arguments that start it in this directory on this port; writes its configuration.
    fn arguments(&self, location: &ServerLocation<'_>) -> Result<Vec<String>, Error>;

    /// Whether the server that replies is ready and is this one: another process may have taken the
    /// port first.
    fn is_ready(&self, location: &ServerLocation<'_>, process: u32) -> bool;
}

/// Where a server runs.
#[derive(Clone, Copy, Debug)]
pub struct ServerLocation<'a> {
    pub directory: &'a Path,
    pub port: u16,
}

/// A private server; dropping it kills the server and removes its directory.
#[derive(Debug)]
pub struct Instance<P> {
    peer: P,
    program: Program,
    directory: PathBuf,
    port: u16,
    run: Mutex<Run>,
}

#[derive(Debug)]
struct Run {
    child: Option<Child>,
    watchdog: Watchdog,
}

impl<P: Peer> Instance<P> {
    /// Starts a server and returns when it replies.
    pub fn start(peer: P) -> Result<Self, Error> {
        let program = Program::find(P::WANTED)?;
        let prefix = format!("surehold-{}-", program.name());
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        let mut shell = Command::new("sh");
        shell.stdin(Stdio::null());
        // From here on the watchdog removes the directory.
        let watchdog = Watchdog::start(shell, directory, &[])?;
        let directory = watchdog.directory().to_owned();
        let run = Mutex::new(Run { child: None, watchdog });
        let mut instance = Self { peer, program, directory, port: 0, run };
        let mut attempt = 1;
        loop {
            instance.port = port::free()?;
            let launched = instance.launch(&mut instance.lock());
            match launched {
                Ok(()) => return Ok(instance),
                Err(error) if attempt == START_ATTEMPTS_MAX => return Err(error),
                // Whether a port is in use is only known when the server tries it.
                Err(_) => attempt += 1,
            }
        }
    }

    /// `SCHEME://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", P::SCHEME, self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The program's own version text.
    pub fn version(&self) -> &str {
        self.program.version()
    }

    /// The directory of its data and its log.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Everything it has written since the first start.
    pub fn log_path(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    /// Kills the process: nothing is flushed.
    pub fn kill(&self) -> Result<(), Error> {
        self.lock().kill()
    }

    /// Stops the server as an operator would. If it does not stop, it is killed.
    pub fn stop(&self) -> Result<(), Error> {
        self.lock().stop()
    }

    /// Stops the server if it runs, and starts it again on the same port with the same data.
    pub fn restart(&self) -> Result<(), Error> {
        let mut run = self.lock();
        run.stop()?;
        self.launch(&mut run)
    }

    /// Pauses the process: its connections stay open and get no reply. Returns when it is paused,
    /// because the last thread of a busy process may stop long after the signal was sent.
    pub fn pause(&self) -> Result<(), Error> {
        self.signal("STOP")?;
        let id = self.lock().child.as_ref().map(Child::id);
        let id = id.ok_or_else(|| Error::DoesNotRun { program: self.program.name() })?;
        let deadline = Instant::now() + Duration::from_secs(STOP_S);
        while !all_threads_are_stopped(id)? && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(POLL_MS));
        }
        Ok(())
    }

    pub fn resume(&self) -> Result<(), Error> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> Result<(), Error> {
        match &self.lock().child {
            Some(child) => signal(child, name),
            None => Err(Error::DoesNotRun { program: self.program.name() }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Run> {
        self.run.lock()
    }

    fn location(&self) -> ServerLocation<'_> {
        ServerLocation { directory: &self.directory, port: self.port }
    }

    fn launch(&self, run: &mut Run) -> Result<(), Error> {
        let log = OpenOptions::new().create(true).append(true).open(self.log_path())?;
        let mut command = Command::new("sh");
        command.args(["-c", GATE]).arg(self.program.path()).args(self.peer.arguments(&self.location())?);
        // A process group of its own, for the same reason as the watchdog's.
        command.process_group(0).current_dir(&self.directory);
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let child = run.child.insert(command.spawn()?);
        run.watchdog.guard(child.id())?;
        child.stdin.take().expect("piped").write_all(b"go\n")?;

        let deadline = Instant::now() + Duration::from_secs(START_S);
        loop {
            let ended = child.try_wait()?;
            if ended.is_none() && self.peer.is_ready(&self.location(), child.id()) {
                return Ok(());
            }
            if ended.is_some() || Instant::now() > deadline {
                run.kill()?;
                return Err(self.did_not_start(ended));
            }
            std::thread::sleep(Duration::from_millis(POLL_MS));
        }
    }

    fn did_not_start(&self, ended: Option<ExitStatus>) -> Error {
        let why = ended.map_or_else(
            || format!("no reply on port {} after {START_S} s", self.port),
            |status| format!("it ended with {status}"),
        );
        let log = std::fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let log = lines[lines.len().saturating_sub(LOG_LINES_MAX)..].join("\n");
        Error::DidNotStart { program: self.program.name(), why, log }
    }
}

impl Run {
    fn kill(&mut self) -> Result<(), Error> {
        let Some(child) = &mut self.child else { return Ok(()) };
        child.kill()?;
        self.forget()
    }

    fn stop(&mut self) -> Result<(), Error> {
        let Some(child) = &mut self.child else { return Ok(()) };
        if child.try_wait()?.is_none() {
            signal(child, "TERM")?;
            // A paused process would never receive the signal.
            signal(child, "CONT")?;
        }
        let deadline = Instant::now() + Duration::from_secs(STOP_S);
        while child.try_wait()?.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(POLL_MS));
        }
        self.kill()
    }

    /// The process is dead or dying. The watchdog forgets its id before another process can get it.
    fn forget(&mut self) -> Result<(), Error> {
        self.watchdog.forget()?;
        if let Some(mut child) = self.child.take() {
            child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // The watchdog kills what cannot be killed here.
        let _killed = self.kill();
    }
}

/// Whether each thread of the process is stopped (`T`); its state follows the name, which may
/// contain anything.
fn all_threads_are_stopped(process: u32) -> Result<bool, Error> {
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread that has just ended counts as stopped.
        let Ok(stat) = std::fs::read_to_string(thread?.path().join("stat")) else { continue };
        let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
        if state != Some('T') {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The shell's built-in `kill`: the program of that name is in a package that a small image may
/// lack.
fn signal(child: &Child, name: &str) -> Result<(), Error> {
    let status = Command::new("sh")
        .args(["-c", r#"kill -s "$0" "$1""#, name, &child.id().to_string()])
        .stdin(Stdio::null())
        .status()?;
    let command = || format!("kill -s {name} {}", child.id());
    if status.success() {
        Ok(())
    } else {
        Err(Error::Refused { command: command(), output: status.to_string() })
    }
}

/// A connection with short timeouts.
pub(crate) fn connect(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    let wait = Some(Duration::from_millis(ANSWER_MS));
    stream.set_read_timeout(wait).ok()?;
    stream.set_write_timeout(wait).ok()?;
    Some(stream)
}
