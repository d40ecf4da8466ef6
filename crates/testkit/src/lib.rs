//! The parts that the tests of every crate, the attack and the bench share.
//!
//! | module | content |
//! |---|---|
//! | [`databases`] | private databases on a PostgreSQL server |
//! | [`engine`] | the two engines, and a test written once for both |
//! | [`program`] | the program as its own process: started, measured, stopped, killed |
//! | [`proxy`] | a network between two peers that fails on command |
//! | [`scrape`] | the text of `/metrics`, parsed |
//! | [`scripted_server`] | a server whose replies the test gives |
//! | [`traffic`] | where sandboxes record their traffic |
//!
//! With the feature `in_process`, for tests only:
//!
//! | module | content |
//! |---|---|
//! | [`api`] | a client with an API key, its requests and replies |
//! | [`brokers`] | brokers and consumers that fail on command |
//! | [`catalogue`] | a product with one slot, and bookings of it |
//! | [`clock`] | a clock that a test moves, and new ids |
//! | [`database`] | a private database on either engine, and statements that bypass the program |
//! | [`log_lines`] | the log of this process |
//! | [`outbox`] | a database with an outbox, and relays that come and go |
//! | [`sandbox_client`] | the provider's books, its faults, and what a person does there |
//! | [`service`] | the service and the sandbox in this process |
//! | [`tenant`] | two tenants, whose keys and secrets are derived from their names |
//! | [`waiting`] | waiting for a condition |
//!
//! What must never be here: anything that the server needs in order to run.

#[cfg(feature = "in_process")]
pub mod api;
#[cfg(feature = "in_process")]
pub mod brokers;
#[cfg(feature = "in_process")]
pub mod catalogue;
#[cfg(feature = "in_process")]
pub mod clock;
#[cfg(feature = "in_process")]
pub mod database;
pub mod databases;
pub mod engine;
#[cfg(feature = "in_process")]
pub mod log_lines;
#[cfg(feature = "in_process")]
pub mod outbox;
pub mod program;
pub mod proxy;
#[cfg(feature = "in_process")]
pub mod sandbox_client;
pub mod scrape;
pub mod scripted_server;
#[cfg(feature = "in_process")]
pub mod service;
#[cfg(feature = "in_process")]
pub mod tenant;
pub mod traffic;
#[cfg(feature = "in_process")]
pub mod waiting;

pub use engine::{Engine, OnEngine};
#[cfg(feature = "in_process")]
pub use {
    api::{TestClient, TestReply, TestRequest, charge, eur, id_of, payment_of, with},
    brokers::{ConsumerFault, FaultyConsumer, RecordingBroker, StalledBroker},
    catalogue::{StoredCatalogue, TestCatalogue},
    clock::{AscendingIds, TestClock, new_id, now_ms},
    database::{TestDatabase, submit},
    log_lines::{LogLine, LogLines, keep_log},
    outbox::TestOutbox,
    sandbox_client::{SandboxBooks, SandboxClient},
    service::TestService,
    tenant::{ALL_SCOPES, ONE, TWO, TestTenant, provision, ticket_key},
    waiting::until,
};
