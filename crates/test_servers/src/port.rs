//! A free port below the range that the system assigns to clients (Linux: 32768 and up).
//!
//! A server that a test stops and starts again releases its port in between. If the system had
//! assigned it, any client on the machine could get it in that moment.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

#[derive(Debug, thiserror::Error)]
#[error("no free port on 127.0.0.1 between {FIRST} and {}", FIRST + COUNT - 1)]
pub struct NoPort;

/// A port on which nothing listens now; only the server's start shows whether it is still free.
pub(crate) fn free() -> Result<u16, NoPort> {
    // Servers of one process use increasing ports; processes start at different ports, so
    // collisions are rare.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u32::from(COUNT) * (std::process::id().wrapping_mul(2_654_435_761) >> 16) / (1 << 16);
    for _ in 0..COUNT {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + ((start + step) % u32::from(COUNT)) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(NoPort)
}
