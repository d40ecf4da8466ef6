//! Servers behind a balancer, and workers, on one PostgreSQL: each a process of its own.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use check::{Books, Verdicts};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use tempfile::TempDir;
use test_servers::haproxy;
use test_servers::postgres::{Options, Private};
use testkit::program::{Installation, RunningProgram, Serving};

use crate::binary::program;
use crate::fleet_client::Service;

const CAPACITY: i64 = 100_000;
/// Short leases, and early fetches instead of lost webhooks. The balancer notices a server that
/// stops by two failed checks, 200 ms apart.
const SETTINGS: &str = "log = \"info\"\n[workers]\nlease_ms = 1000\nbackoff_base_ms = 20\n\
    backoff_cap_ms = 500\nevidence_after_ms = 300\n[limits]\ndrain_ms = 1500\n";
/// The time for the balancer to notice a server that starts or stops.
const NOTICED_WITHIN: Duration = Duration::from_secs(30);
/// The time for work under way to finish after the last restart.
const QUIET_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PROCESSES: [(&str, &str); 4] =
    [("server1", "api"), ("server2", "api"), ("worker1", "worker,relay"), ("worker2", "worker,relay")];

pub struct Deployment {
    pub service: Service,
    installation: Installation,
    sandbox_url: String,
    processes: Vec<Process>,
    haproxy: haproxy::Private,
    _provider: RunningProgram,
    _database: Private,
    _directory: TempDir,
}

struct Process {
    name: &'static str,
    role: &'static str,
    /// The same for all starts.
    listen: String,
    running: Option<RunningProgram>,
}

impl Deployment {
    pub async fn new() -> Deployment {
        let directory = tempfile::tempdir().unwrap();
        let database = tokio::task::spawn_blocking(|| Private::start(&Options::default()));
        let database = database.await.unwrap().unwrap();
        let url = database.create_database("fleet").unwrap();
        let installation = Installation::new(program(), directory.path(), &url).await.unwrap();
        let provider = installation.sandbox("127.0.0.1:0").await.unwrap();
        let sandbox_url = provider.base_url.clone();
        let mut processes = Vec::new();
        for (name, role) in PROCESSES {
            let mut process = Process { name, role, listen: "127.0.0.1:0".to_owned(), running: None };
            process.start(&installation, &sandbox_url).await;
            processes.push(process);
        }
        let servers = processes.iter().filter(|process| process.is_server());
        let ports: Vec<u16> = servers.map(Process::port).collect();
        let haproxy = haproxy::Private::start(haproxy::Options::in_front_of(&ports)).unwrap();
        installation.open_account(&sandbox_url, &haproxy.url()).await.unwrap();
        let catalogue = installation.sell(&haproxy.url(), 1, CAPACITY).await.unwrap();
        let service = Service {
            base_url: haproxy.url(),
            tenant: installation.tenant.clone(),
            catalogue,
            met: Default::default(),
        };
        Deployment {
            service,
            installation,
            sandbox_url,
            processes,
            haproxy,
            _provider: provider,
            _database: database,
            _directory: directory,
        }
    }

    /// Stops one process after the other, as a supervisor does, and starts it again before the next.
    pub async fn roll(&mut self, random: &mut StdRng) {
        self.processes.shuffle(random);
        for process in &mut self.processes {
            let running = process.running.take().expect("it runs");
            let noticed = process.is_server().then_some(process.name);
            let (status, ()) = tokio::join!(running.stop("TERM"), becomes(&self.haproxy, noticed, "DOWN"));
            let status = status.unwrap();
            assert!(status.success(), "{} ended with {status}", process.name);
            process.start(&self.installation, &self.sandbox_url).await;
            becomes(&self.haproxy, noticed, "UP").await;
        }
    }

    pub async fn books(&self) -> Books {
        Books::read(&format!("{}/sandbox/books", self.sandbox_url)).await.unwrap()
    }

    /// Waits until no work is under way: every promise holds, and all of them could be checked.
    pub async fn quiet(&self) -> Verdicts {
        let begun = Instant::now();
        loop {
            let verdicts = check::run(&self.installation.location, Some(self.books().await)).await.unwrap();
            if verdicts.all_hold() && !verdicts.has_notes() {
                return verdicts;
            }
            let logs = self.logs();
            assert!(begun.elapsed() < QUIET_WITHIN, "it does not come to rest:\n{verdicts}{logs}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub fn logs(&self) -> String {
        let mut logs = String::new();
        for process in &self.processes {
            let log = process.running.as_ref().map(RunningProgram::last_output).unwrap_or_default();
            write!(logs, "\n{}:\n{log}", process.name).expect("a String takes all that is written");
        }
        logs
    }
}

impl Process {
    async fn start(&mut self, installation: &Installation, provider: &str) {
        let Process { name, role, .. } = *self;
        let (listen, provider) = (self.listen.as_str(), Some(provider));
        let serving = Serving { name, role, listen, provider, account: "", more: SETTINGS };
        let running = installation.serve_as(&serving).await.unwrap();
        running.base_url.trim_start_matches("http://").clone_into(&mut self.listen);
        self.running = Some(running);
    }

    fn is_server(&self) -> bool {
        self.role == "api"
    }

    fn port(&self) -> u16 {
        self.listen.rsplit_once(':').expect("a port").1.parse().unwrap()
    }
}

/// Waits until the balancer sees the server in this state.
async fn becomes(haproxy: &haproxy::Private, server: Option<&str>, state: &str) {
    let Some(server) = server else { return };
    let begun = Instant::now();
    loop {
        let seen = haproxy.state(server).unwrap();
        if seen == state {
            return;
        }
        assert!(begun.elapsed() < NOTICED_WITHIN, "{server} is {seen}, not {state}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
