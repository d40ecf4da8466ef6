//! What the tests, the attack and the bench share.
//!
//! | module | what it holds |
//! |---|---|
//! | [`databases`] | private databases on a PostgreSQL |
//! | [`program`] | the program as a process of its own: started, measured, stopped, killed |
//! | [`proxy`] | a network between two peers that fails on command |
//! | [`scrape`] | the text of `/metrics`, read |
//!
//! What must never be here: anything that the server needs in order to run.

pub mod databases;
pub mod program;
pub mod proxy;
pub mod scrape;
