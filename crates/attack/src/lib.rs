//! `surehold attack`: scenarios that try to make Surehold do something twice, or lose something.
//! They judge it by the provider's own books.
//!
//! | part | what it is |
//! |---|---|
//! | [`scenario`], [`scenarios`] | the scenarios: a table, one file per scenario |
//! | [`findings`] | the terms of a verdict: *always* and *sometimes* |
//! | [`scenario_context`] | what a scenario gets: its random choices, its deployment, its findings and its journal |
//! | [`shared_servers`] | the servers beside the program, which the scenarios of a run share |
//! | [`deployment`] | the program in processes of its own, to kill, to stall, to restart; or a running one |
//! | [`operation_request`], [`retrying_client`] | clients that retry until the answer is definite, sooner than a good client would |
//! | [`sdk_client`] | good clients: Surehold's own SDK, with each attempt in the journal |
//! | [`methods`] | the methods of payment, at each provider: a table |
//! | [`orders`] | orders: charges of every kind, each with all its steps |
//! | [`incidents`], [`load_with_faults`] | planned faults of a deployment; customers who pay meanwhile |
//! | [`journal`] | each request of a client, on disk before it is sent |
//! | [`mod@judge`] | compares the journal with the provider's books, the ledger, the metrics and the oracle |
//! | [`database_rows`] | access to rows of the program's own database |
//! | [`timeline`] | faults, retries and the lag of the outbox, by one clock |
//! | [`mod@run`], [`report`] | runs the scenarios, and reports the results |
//!
//! # To add a scenario
//!
//! 1. A file `scenarios/NAME.rs` with
//!
//!    ```ignore
//!    pub const SCENARIO: Scenario = Scenario {
//!        number: 8,
//!        name: "name",
//!        promise: "One sentence: what must be true whatever it does.",
//!        needs: &[Need::Deployment, Need::Redis],
//!        always: &["what_must_hold_each_time"],
//!        sometimes: &["what_a_run_must_have_seen"],
//!        run: |context| Box::pin(run(context)),
//!    };
//!
//!    async fn run(context: ScenarioContext) -> Result<(), Error> {
//!        let mut random = context.random("faults");             // the same for the same seed, whatever the timing
//!        let mut deployment = context.deploy(&Tuning::default()).await?;
//!        let mut caller = context.caller(&deployment.target, 0);
//!        let charge = OperationRequest::charge(&context.operation("one"), PRICE_MINOR, context.card(0));
//!        deployment.kill("server-1").await?;                        // each fault is in the timeline
//!        deployment.start_again("server-1").await?;
//!        let answer = caller.retry_until_definite(&charge).await?; // in the journal first
//!        context.findings.always("what_must_hold_each_time", answer.status == 201, || answer.summary());
//!        context.findings.reached("what_a_run_must_have_seen");
//!        judge(&context, &mut deployment).await?;                     // books, ledger, figures, oracle
//!        Ok(())
//!    }
//!    ```
//! 2. Its line in [`scenarios`], in the order of the numbers.
//!
//! That is all: `--list`, the report, the shortened run of `cargo xtask test` and the page of the
//! proof read the table. `run` fails (`Err`) only if it could not be carried out; its findings go
//! to [`findings`]. Derive the amount of work from [`ScenarioContext::operations`]. Draw everything
//! that is random from [`ScenarioContext::random`] before the first request, so that a seed repeats
//! it. Name operations by [`ScenarioContext::operation`], and let each payment have its name as
//! metadata ([`operation_request::MARK`]; the constructors of
//! [`operation_request::OperationRequest`] do so): the judge finds it by that name in the
//! provider's books. To add a TCP proxy, call [`ScenarioContext::prepare`], set the provider's or
//! the webhooks' address or `target.base_urls`, and then call [`deployment::Deployment::start`].
//!
//! What must never be here: an invariant that is judged only by what the program reports about
//! itself.

mod backlog_wait;
mod database_rows;
pub mod deployment;
pub mod findings;
pub mod incidents;
pub mod journal;
pub mod judge;
pub mod load_with_faults;
pub mod methods;
mod nats_observer;
pub mod operation_request;
pub mod orders;
mod pending_work;
mod progress;
pub mod report;
pub mod retrying_client;
pub mod run;
pub mod scenario;
pub mod scenario_context;
pub mod scenarios;
pub mod sdk_client;
pub mod shared_servers;
pub mod timeline;

use std::collections::BTreeMap;
use std::path::PathBuf;

use testkit::program::Catalogue;

pub use deployment::{Deployment, Part, Tuning};
pub use judge::judge;
pub use methods::PaymentMethod;
pub use operation_request::{ExpectedEffect, OperationAnswer, OperationRequest, ReplyKind};
pub use pending_work::PendingWork;
pub use progress::Progress;
pub use report::Report;
pub use retrying_client::{RequestResult, RetryingClient, at_once, staggered};
pub use run::run;
pub use scenario::{Need, Scenario};
pub use scenario_context::ScenarioContext;
pub use sdk_client::SdkClient;

/// What to attack, and how hard.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program. It must have the commands `serve`, `sandbox` and `tenant create`.
    pub program: PathBuf,
    /// Names of [`scenarios`]; all of them if it is empty.
    pub scenarios: Vec<String>,
    pub seed: u64,
    /// Logical operations of a scenario, if it has many.
    pub operations: usize,
    /// Scenarios that run at the same time, each on its own deployment.
    pub at_once: usize,
    pub ground: Ground,
    /// The directory for the report, and for the logs of failed scenarios.
    pub out: PathBuf,
}

#[derive(Clone, Debug)]
pub enum Ground {
    /// One process, and the provider's sandbox.
    Sqlite,
    Postgres {
        /// A server for the databases; without it a private one is started.
        url: Option<String>,
        fleet: Fleet,
        redis: bool,
        nats: bool,
    },
    /// A test deployment that runs already.
    Target {
        url: String,
        api_key: String,
        /// A sandbox whose books are read.
        books: Option<String>,
    },
}

impl Ground {
    /// The needs of scenarios that it meets.
    pub fn has(&self) -> Vec<Need> {
        match self {
            Ground::Sqlite => vec![Need::Deployment],
            Ground::Postgres { url, redis, nats, .. } => {
                let mut has = vec![Need::Deployment, Need::Postgres];
                has.extend(url.is_none().then_some(Need::PrivatePostgres));
                has.extend(redis.then_some(Need::Redis));
                has.extend(nats.then_some(Need::Nats));
                has
            }
            Ground::Target { .. } => vec![],
        }
    }
}

/// The number of processes of each kind. Without workers the servers do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fleet {
    pub servers: usize,
    pub workers: usize,
    pub relays: usize,
}

impl Default for Fleet {
    fn default() -> Fleet {
        Fleet { servers: 2, workers: 2, relays: 1 }
    }
}

/// The servers that clients use, and what they can book.
#[derive(Clone, Debug)]
pub struct Target {
    /// The address of every server.
    pub base_urls: Vec<String>,
    pub api_key: String,
    /// The key of an operator, if we have one.
    pub ops_key: Option<String>,
    /// In euros.
    pub catalogue: Catalogue,
    /// The same in the other currencies of [`methods`].
    pub in_other_currencies: BTreeMap<&'static str, Catalogue>,
    /// The providers' stand-in, if it is ours.
    pub sandbox_url: Option<String>,
}

impl Target {
    /// What can be booked and paid by this method.
    pub fn catalogue_for(&self, method: &PaymentMethod) -> &Catalogue {
        self.in_other_currencies.get(method.currency).unwrap_or(&self.catalogue)
    }
}

/// Why a scenario could not be carried out. A finding is no error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Program(#[from] testkit::program::Error),
    #[error(transparent)]
    Http(#[from] outbound::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Oracle(#[from] check::Error),
    #[error(transparent)]
    Databases(#[from] testkit::databases::Error),
    #[error(transparent)]
    Postgres(#[from] test_servers::postgres::Error),
    #[error(transparent)]
    Peer(#[from] test_servers::Error),
    #[error("PostgreSQL: {0}")]
    Sql(#[from] tokio_postgres::Error),
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error("{operation} got no definite answer; the last: {outcome}")]
    NoAnswer { operation: String, outcome: String },
    #[error("{operation} was answered {outcome}, which is not what was requested")]
    Unexpected { operation: String, outcome: String },
    #[error("the answer to {0} cannot be read: {1}")]
    Unreadable(String, String),
    #[error("it does not come to rest: {0}")]
    Restless(String),
    #[error("there is no process `{0}` of ours")]
    NotOurs(String),
    #[error("{0}")]
    Refused(String),
}
