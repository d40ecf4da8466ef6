//! The SDK against the whole service and the sandbox, and against servers and networks that misbehave.
//! What was charged is read from the sandbox's books.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod charges;
mod example;
mod journey;
mod lines;
mod sdk_service;
mod wires;
