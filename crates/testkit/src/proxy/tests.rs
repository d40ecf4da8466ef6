//! Each fault has its effect on real sockets on both sides.

mod commands;
mod duplicates;
mod faults;
mod peer;
