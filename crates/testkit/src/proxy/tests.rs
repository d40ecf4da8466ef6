//! Each fault does what it says, to real sockets on both sides.

mod commands;
mod duplicates;
mod faults;
mod peer;
