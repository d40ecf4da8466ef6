//! Other tests depend on the private servers, so they are tested first.

mod ended_with_us;
mod haproxy;
mod nats;
mod redis;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The time limit for an expected change.
const DEADLINE_S: u64 = 30;
/// How long a paused server is observed.
const SILENCE_MS: u64 = 300;

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(DEADLINE_S);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE_S} s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Whether a request gets a reply within a moment. The kernel accepts connections for a paused
/// server, but the server does not reply.
fn replies(port: u16, request: &str) -> bool {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_millis(SILENCE_MS))).expect("a time-out");
    stream.write_all(request.as_bytes()).expect("the request is written");
    stream.read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0)
}
