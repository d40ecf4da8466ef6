use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use test_servers::Error;
use test_servers::haproxy::{Options, Private};

use crate::{DEADLINE_S, listens, replies, until};

/// A server that replies with its name and its readiness, and closes the connection after each
/// reply.
#[derive(Clone)]
struct Backend {
    name: &'static str,
    port: u16,
    ready: Arc<AtomicBool>,
    /// Closes the connection without a reply to a request.
    mute: Arc<AtomicBool>,
    requests: Arc<AtomicU64>,
}

impl Backend {
    fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let backend = Self {
            name,
            port: listener.local_addr().expect("bound").port(),
            ready: Arc::new(AtomicBool::new(true)),
            mute: Arc::default(),
            requests: Arc::default(),
        };
        let server = backend.clone();
        // Ends with the test's process: the standard library cannot stop listening.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                server.answer(stream);
            }
        });
        backend
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut request = [0; 2048];
        let bytes = stream.read(&mut request).unwrap_or_default();
        let (status, body) = if request[..bytes].starts_with(b"GET /health/ready ") {
            (if self.ready.load(Ordering::SeqCst) { "200 OK" } else { "503 No" }, "")
        } else {
            self.requests.fetch_add(1, Ordering::SeqCst);
            if self.mute.load(Ordering::SeqCst) {
                return;
            }
            ("200 OK", self.name)
        };
        let length = body.len();
        // The client may be gone: the end of a test is not a failure of its servers.
        let _told = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
    }
}

fn get(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(DEADLINE_S))).expect("a time-out");
    write!(stream, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("room for a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// The names of the servers that reply to ten requests in a row.
fn serving_names(haproxy: &Private) -> Vec<String> {
    let name = |_| get(haproxy.port()).rsplit("\r\n\r\n").next().expect("a body").to_owned();
    let mut names: Vec<String> = (0..10).map(name).collect();
    names.sort();
    names.dedup();
    names
}

fn two() -> ([Backend; 2], Private) {
    let backends = [Backend::start("one"), Backend::start("two")];
    let options = Options::in_front_of(&backends.each_ref().map(|backend| backend.port));
    let haproxy = Private::start(options).expect("a private HAProxy");
    (backends, haproxy)
}

fn until_state(haproxy: &Private, backend: &str, state: &str) {
    until(&format!("{backend} is {state}"), || haproxy.state(backend).expect("a state") == state);
}

#[test]
fn requests_are_spread_over_ready_servers() {
    let ([one, _two], haproxy) = two();
    assert_eq!(haproxy.url(), format!("http://127.0.0.1:{}", haproxy.port()));
    assert!(haproxy.version().starts_with("HAProxy version "), "{}", haproxy.version());
    assert_eq!(serving_names(&haproxy), ["one", "two"]);
    one.ready.store(false, Ordering::SeqCst);
    until_state(&haproxy, "server1", "DOWN");
    assert_eq!(serving_names(&haproxy), ["two"]);
    one.ready.store(true, Ordering::SeqCst);
    until_state(&haproxy, "server1", "UP");
    assert_eq!(serving_names(&haproxy), ["one", "two"]);
}

#[test]
fn a_backend_is_drained_and_enabled() {
    let (_backends, haproxy) = two();
    haproxy.drain("server2").unwrap();
    until_state(&haproxy, "server2", "DRAIN");
    assert_eq!(serving_names(&haproxy), ["one"]);
    haproxy.enable("server2").unwrap();
    until_state(&haproxy, "server2", "UP");
    assert_eq!(serving_names(&haproxy), ["one", "two"]);
    assert!(matches!(haproxy.drain("server3"), Err(Error::Refused { .. })));
    assert!(matches!(haproxy.state("server3"), Err(Error::Refused { .. })));
}

#[test]
fn only_a_failed_connection_is_retried() {
    // Nothing listens on the second port. It counts as up until the first check.
    let one = Backend::start("one");
    let unused_port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let options = Options { check_every_ms: 60_000, ..Options::in_front_of(&[one.port, unused_port]) };
    let haproxy = Private::start(options).unwrap();
    assert_eq!(serving_names(&haproxy), ["one"]);
    // A request that a server has received is not sent to another server.
    let taken = one.requests.load(Ordering::SeqCst);
    one.mute.store(true, Ordering::SeqCst);
    let answer = get(haproxy.port());
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert_eq!(one.requests.load(Ordering::SeqCst), taken + 1);
}

#[test]
fn a_proxy_can_be_killed_paused_and_restarted() {
    let (_backends, haproxy) = two();
    haproxy.kill().unwrap();
    assert!(!listens(haproxy.port()));
    haproxy.restart().unwrap();
    assert_eq!(serving_names(&haproxy), ["one", "two"]);
    haproxy.pause().unwrap();
    assert!(!replies(haproxy.port(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    haproxy.resume().unwrap();
    assert_eq!(serving_names(&haproxy), ["one", "two"]);
    haproxy.stop().unwrap();
    assert!(!listens(haproxy.port()));
    let log = std::fs::read_to_string(haproxy.log_path()).unwrap();
    assert!(log.contains("\"GET / HTTP/1.1\""), "{log}");
}

#[test]
fn an_invalid_configuration_is_reported_with_the_log() {
    let options = Options { ready_path: "/ready nonsense".to_owned(), ..Options::in_front_of(&[1]) };
    let refused = Private::start(options).unwrap_err();
    assert!(matches!(&refused, Error::DidNotStart { log, .. } if log.contains("nonsense")), "{refused}");
}

#[test]
fn a_drop_ends_the_server_and_removes_its_directory() {
    let (_backends, haproxy) = two();
    let (port, directory) = (haproxy.port(), haproxy.directory().to_owned());
    drop(haproxy);
    assert!(!listens(port));
    assert!(!directory.exists());
}
