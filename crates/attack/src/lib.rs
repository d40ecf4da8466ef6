//! `surehold attack`: scenarios that try to make Surehold do something twice, or lose something, and judge
//! it by the provider's own books.
//!
//! | part | what it is |
//! |---|---|
//! | [`scenario`], [`scenarios`] | what is tried: a table, one file per scenario |
//! | [`findings`] | the vocabulary of a verdict: *always* and *sometimes* |
//! | [`scenario_context`] | what a scenario is given: its random choices, its deployment, where it writes down what it saw |
//! | [`shared_servers`] | the software beside the program, which the scenarios of a run share |
//! | [`deployment`] | the program in processes of its own, to kill, to stall, to restart; or a running one |
//! | [`operation_request`], [`retrying_client`] | clients that never give up, and are impatient on purpose |
//! | [`sdk_client`] | good clients: Surehold's own SDK, with what it does in the journal |
//! | [`orders`] | what customers want: charges of every kind, carried out to their end |
//! | [`incidents`], [`load_with_faults`] | what befalls a deployment, and when; customers who pay as long as it lasts |
//! | [`journal`] | what a client is about to say, on the disk before it is said |
//! | [`mod@judge`] | the journal against the provider's books, the ledger, the figures and the oracle |
//! | [`database_rows`] | rows of the program's own database, read beside it |
//! | [`timeline`] | faults, retries and the lag of the outbox, by one clock |
//! | [`mod@run`], [`report`] | one after another, and what came of it |
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
//!        let mut caller = context.caller(&deployment.shop, 0)?;
//!        let charge = OperationRequest::charge(&context.operation("one"), PRICE_MINOR, PAYS);
//!        deployment.kill("server-1").await?;                        // each fault writes itself into the timeline
//!        deployment.start_again("server-1").await?;
//!        let answer = caller.retry_until_definite(&charge).await?; // written down before it is sent
//!        context.findings.always("what_must_hold_each_time", answer.status == 201, || answer.words());
//!        context.findings.reached("what_a_run_must_have_seen");
//!        judge(&context, &mut deployment).await?;                     // books, ledger, figures, oracle
//!        deployment.end().await
//!    }
//!    ```
//! 2. Its line in [`scenarios`], in the order of the numbers.
//!
//! That is all: `--list`, the report, the shortened run of `cargo xtask test` and the page of the proof read
//! the table. `run` fails (`Err`) only if it could not do what it wanted to; what it finds goes to
//! [`findings`]. Size its work by [`ScenarioContext::operations`]. Draw everything that is random from
//! [`ScenarioContext::random`] before anything is sent, so that a seed repeats it. Name operations by
//! [`ScenarioContext::operation`], and let each payment carry its name as metadata ([`operation_request::MARK`]; the makers of
//! [`operation_request::OperationRequest`] do): that is how it is found again in the provider's books. A TCP proxy between two of them
//! goes in after [`ScenarioContext::prepare`]: set `provider_url`, `webhook_url` or `shop.base_urls`, then
//! [`deployment::Deployment::start`].
//!
//! What must never be here: an invariant that is judged by what the program says of itself alone.

mod backlog_wait;
mod database_rows;
pub mod deployment;
pub mod findings;
pub mod incidents;
pub mod journal;
pub mod judge;
pub mod load_with_faults;
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

use std::path::PathBuf;

use testkit::program::Catalogue;

pub use deployment::{Deployment, Part, Tuning};
pub use judge::judge;
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
    /// The program itself: it must know `serve`, `sandbox` and `tenant create`.
    pub program: PathBuf,
    /// Names of [`scenarios`]; none means all of them.
    pub scenarios: Vec<String>,
    pub seed: u64,
    /// Logical operations of a scenario, so far as it has many.
    pub operations: usize,
    /// Scenarios that are carried out at the same time, each on a deployment of its own.
    pub at_once: usize,
    pub ground: Ground,
    /// Where the report goes, and the logs of what failed.
    pub out: PathBuf,
}

/// Where the attack takes place.
#[derive(Clone, Debug)]
pub enum Ground {
    /// One process, and the provider's stand-in.
    Sqlite,
    Postgres {
        /// A server to make databases on; without it a private one is started.
        url: Option<String>,
        fleet: Fleet,
        redis: bool,
        nats: bool,
    },
    /// A test deployment that runs already.
    Target {
        url: String,
        api_key: String,
        /// A sandbox whose books to judge by.
        books: Option<String>,
    },
}

impl Ground {
    /// What scenarios may need of it.
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

/// How many processes of each kind. Without workers the servers do everything.
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

/// Where clients go, and what they can book.
#[derive(Clone, Debug)]
pub struct Target {
    /// The address of every server.
    pub base_urls: Vec<String>,
    pub api_key: String,
    /// The key of a person who operates it, where we have one.
    pub ops_key: Option<String>,
    pub catalogue: Catalogue,
}

/// Why a scenario could not be carried out. What it found is no error.
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
    #[error("{operation} got no definite answer; the last: {told}")]
    NoAnswer { operation: String, told: String },
    #[error("{operation} was answered {told}, which is not what was asked for")]
    Unexpected { operation: String, told: String },
    #[error("the answer to {0} cannot be read: {1}")]
    Unreadable(String, String),
    #[error("it does not come to rest: {0}")]
    Restless(String),
    #[error("there is no process `{0}` of ours")]
    NotOurs(String),
    #[error("{0}")]
    Refused(String),
}
