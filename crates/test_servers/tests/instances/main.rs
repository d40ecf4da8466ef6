//! The private servers are what the other tests stand on, so their own promises are tested first.

mod ended_with_us;
mod haproxy;
mod nats;
mod redis;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long what must happen may take.
const DEADLINE_S: u64 = 30;
/// How long a server that is held still is listened to.
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

/// Whether a question is answered within a moment. A server that is held still takes the connection, for
/// the kernel does that, and says nothing.
fn answers(port: u16, question: &str) -> bool {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_millis(SILENCE_MS))).expect("a time-out");
    stream.write_all(question.as_bytes()).expect("room for a question");
    stream.read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0)
}
