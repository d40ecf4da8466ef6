//! The broker on a real NATS server: what is sent to it, what it keeps, and what happens to
//! messages if it loses, repeats or forgets them.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod consuming;
mod line;
mod losses;
mod publishing;
mod silence;
mod stream;
