//! A town: the server, its provider, its database, and where they can be reached whatever befalls them.

use std::time::{Duration, Instant};

use harness::http::Client;
use harness::oracle::{Books, Verdicts, check};
use harness::program::{Installation, Running};
use peers::postgres::{Options, Private};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::binary::program;
use crate::clients::Shop;
use crate::incidents::{Incident, Planned};

const CAPACITY: i64 = 10_000;
/// A database that restarts turns servers away for so long at most.
const START_WITHIN: Duration = Duration::from_secs(30);
/// For what is under way to come to its end once nothing more befalls.
pub const QUIET_WITHIN: Duration = Duration::from_mins(1);
pub const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Quick to take over from the dead, and to fetch what no webhook told.
const PACE: &str = "log = \"info\"\n[workers]\nlease_ms = 1000\nbackoff_base_ms = 20\nbackoff_cap_ms = 500\n\
    evidence_after_ms = 300\n";

pub struct Town {
    pub installation: Installation,
    pub shop: Shop,
    sandbox_url: String,
    server: Option<Running>,
    provider: Option<Running>,
    /// What the provider does wrong; it forgets that when it dies.
    faults: Value,
    database: Option<Private>,
    _directory: TempDir,
}

impl Town {
    pub async fn on_sqlite() -> Town {
        let directory = tempfile::tempdir().unwrap();
        let url = Installation::sqlite_url(directory.path());
        Town::found(directory, &url, None).await
    }

    pub async fn on_postgres() -> Town {
        let database = tokio::task::spawn_blocking(|| Private::start(&Options::default()));
        let database = database.await.unwrap().unwrap();
        let url = database.create_database("proof").unwrap();
        Town::found(tempfile::tempdir().unwrap(), &url, Some(database)).await
    }

    async fn found(directory: TempDir, url: &str, database: Option<Private>) -> Town {
        let installation = Installation::new(program(), directory.path(), url).await.unwrap();
        let provider = installation.sandbox("127.0.0.1:0").await.unwrap();
        let sandbox_url = provider.base_url.clone();
        let server = installation.serve("127.0.0.1:0", Some(&sandbox_url), PACE).await.unwrap();
        let base_url = server.base_url.clone();
        installation.open_account(&sandbox_url, &base_url).await.unwrap();
        let catalogue = installation.sell(&base_url, 1, CAPACITY).await.unwrap();
        let shop =
            Shop { base_url, tenant: installation.tenant.clone(), catalogue, journal: Default::default() };
        Town {
            installation,
            shop,
            sandbox_url,
            server: Some(server),
            provider: Some(provider),
            faults: Value::Object(Default::default()),
            database,
            _directory: directory,
        }
    }

    pub async fn set_faults(&mut self, faults: Value) {
        self.faults = faults;
        self.tell_faults().await;
    }

    async fn tell_faults(&self) {
        let mut client = Client::new(&self.sandbox_url).unwrap();
        let told = client.post("/sandbox/faults", &[], self.faults.to_string()).await.unwrap();
        assert!(told.status.is_success(), "{}", told.text());
    }

    /// Lets the plan come to pass as orders finish.
    pub async fn suffer(&mut self, plan: &[Planned], mut finished: watch::Receiver<usize>) {
        for planned in plan {
            let due = finished.wait_for(|count| *count >= planned.after_orders).await.is_ok();
            assert!(due, "the clients gave up before {planned:?}");
            // Not to wait for anything: so that it falls at any moment.
            tokio::time::sleep(Duration::from_millis(planned.moment_ms)).await;
            self.befall(planned.incident).await;
        }
    }

    async fn befall(&mut self, incident: Incident) {
        match incident {
            Incident::KillServer => {
                self.server.take().unwrap().kill().await.unwrap();
                self.restart_server(PACE).await;
            }
            Incident::StopServer(signal) => {
                let server = self.server.take().unwrap();
                let status = server.stop(signal).await.unwrap();
                assert!(status.success(), "asked to stop by {signal} it ended with {status}");
                self.restart_server(PACE).await;
            }
            Incident::KillProvider => {
                self.provider.take().unwrap().kill().await.unwrap();
                let listen = address(&self.sandbox_url);
                self.provider = Some(self.installation.sandbox(listen).await.unwrap());
                self.tell_faults().await;
            }
            Incident::RestartDatabase => {
                let database = self.database.take().unwrap();
                let restarted = tokio::task::spawn_blocking(move || {
                    database.restart().unwrap();
                    database
                });
                self.database = Some(restarted.await.unwrap());
            }
            Incident::CutConnections => {
                let database = self.database.take().unwrap();
                let cut = tokio::task::spawn_blocking(move || {
                    // A server that was killed a moment ago may have none.
                    database.terminate_connections().unwrap();
                    database
                });
                self.database = Some(cut.await.unwrap());
            }
        }
        let server = self.server.as_mut().unwrap();
        assert!(server.is_alive(), "{incident:?} ended the server:\n{}", server.last_words());
    }

    pub async fn restart_server(&mut self, more: &str) {
        let listen = address(&self.shop.base_url);
        let begun = Instant::now();
        loop {
            match self.installation.serve(listen, Some(&self.sandbox_url), more).await {
                Ok(server) => return self.server = Some(server),
                Err(error) => assert!(begun.elapsed() < START_WITHIN, "{error}"),
            }
        }
    }

    pub async fn stop_server(&mut self) {
        let status = self.server.take().unwrap().stop("TERM").await.unwrap();
        assert!(status.success(), "asked to stop it ended with {status}");
    }

    pub async fn books(&self) -> Books {
        Books::read(&format!("{}/sandbox/books?calls=true", self.sandbox_url)).await.unwrap()
    }

    pub async fn verdicts(&self) -> Verdicts {
        check(&self.installation.location, Some(self.books().await)).await.unwrap()
    }

    /// Waits until nothing is under way: every promise holds, and all of them could be looked at.
    pub async fn quiet(&self) -> Verdicts {
        let begun = Instant::now();
        loop {
            let verdicts = self.verdicts().await;
            if verdicts.all_hold() && !verdicts.has_notes() {
                return verdicts;
            }
            assert!(begun.elapsed() < QUIET_WITHIN, "it does not come to rest:\n{verdicts}{}", self.words());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub fn words(&self) -> String {
        self.server.as_ref().map(Running::last_words).unwrap_or_default()
    }
}

fn address(url: &str) -> &str {
    url.trim_start_matches("http://")
}
