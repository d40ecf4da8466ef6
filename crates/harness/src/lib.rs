//! What Surehold is judged by, from outside: load, the oracle, and proofs that kill it.
//!
//! | module | what it does |
//! |---|---|
//! | [`attack`] | `surehold attack`: scenarios that try to make it do something twice, or lose something |
//! | [`mod@bench`] | `surehold bench`: how much, how fast, at what cost |
//! | [`databases`] | databases of one's own on a PostgreSQL |
//! | [`http`] | a client that is cheap enough to be the load, and never repeats anything by itself |
//! | [`program`] | the program as a process of its own: started, measured, stopped, killed |
//! | [`proxy`] | a network between two peers that fails on command |
//! | [`oracle`] | `surehold check`: the invariants, asked of the database and of the provider's books |
//! | [`plain`] | the plain form of a reservation, for the bench to compare with |
//! | [`scrape`] | the text of `/metrics`, read |
//!
//! What must never be here: anything that the server needs in order to run, and a second opinion on how a
//! decision is made. The oracle looks at rows and books, not at the code that wrote them.

#[cfg(feature = "attack")]
pub mod attack;
pub mod bench;
pub mod databases;
pub mod http;
pub mod oracle;
pub mod plain;
pub mod program;
#[cfg(feature = "attack")]
pub mod proxy;
pub mod scrape;
