//! The broker on a real NATS server: what it is sent, what it keeps, and what becomes of messages where it
//! loses, repeats or forgets them.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod consuming;
mod line;
mod losses;
mod publishing;
mod silence;
mod stream;
