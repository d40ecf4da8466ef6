//! These tests write NATS's protocol directly: it consists of lines, and a client library would
//! hide what the server does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use test_servers::Error;
use test_servers::nats::{Options, Private};

use crate::{DEADLINE_S, listens, replies};

fn start(options: Options) -> Private {
    Private::start(options).expect("a private NATS")
}

/// Sends a request to JetStream's API, or to any subject, and returns the reply.
fn request(port: u16, subject: &str, payload: &str) -> String {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(DEADLINE_S))).expect("a time-out");
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle"));
    let length = payload.len();
    write!(
        &stream,
        "CONNECT {{\"verbose\":false}}\r\nSUB back 1\r\nPUB {subject} back {length}\r\n{payload}\r\n"
    )
    .expect("the request is written");
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        assert!(!line.is_empty() && !line.starts_with("-ERR"), "{line}");
        if line.starts_with("MSG ") {
            let bytes = line.split_whitespace().last().expect("a length").parse().expect("a number");
            let mut answer = vec![0; bytes];
            lines.read_exact(&mut answer).expect("the answer");
            return String::from_utf8(answer).expect("JSON");
        }
    }
}

fn create_stream(port: u16) {
    let stream = r#"{"name":"KEPT","subjects":["kept"],"storage":"file"}"#;
    let answer = request(port, "$JS.API.STREAM.CREATE.KEPT", stream);
    assert!(answer.contains("\"did_create\":true"), "{answer}");
}

/// Publishes one message; the reply is JetStream's acknowledgement.
fn publish(port: u16) {
    let answer = request(port, "kept", "hello");
    assert!(answer.contains("\"stream\":\"KEPT\"") && !answer.contains("error"), "{answer}");
}

fn kept(port: u16) -> String {
    let answer = request(port, "$JS.API.STREAM.INFO.KEPT", "");
    let (_, after) = answer.split_once("\"messages\":").unwrap_or_else(|| panic!("{answer}"));
    after.chars().take_while(char::is_ascii_digit).collect()
}

#[test]
fn a_server_keeps_streams() {
    let nats = start(Options::default());
    assert_eq!(nats.url(), format!("nats://127.0.0.1:{}", nats.port()));
    assert!(nats.version().starts_with("nats-server: v"), "{}", nats.version());
    create_stream(nats.port());
    publish(nats.port());
    assert_eq!(kept(nats.port()), "1");
}

#[test]
fn streams_outlive_a_kill_and_a_restart() {
    let nats = start(Options::default());
    let url = nats.url();
    create_stream(nats.port());
    publish(nats.port());
    nats.kill().unwrap();
    assert!(!listens(nats.port()));
    nats.restart().unwrap();
    assert_eq!(kept(nats.port()), "1");
    publish(nats.port());
    nats.restart().unwrap();
    assert_eq!(kept(nats.port()), "2");
    assert_eq!(nats.url(), url);
}

#[test]
fn the_callers_options_apply() {
    let nats = start(Options {
        domain: Some("leaf".to_owned()),
        storage_max_mb: Some(64),
        payload_max_bytes: Some(4096),
        configuration: "max_connections: 7".to_owned(),
    });
    let account = request(nats.port(), "$JS.API.INFO", "");
    assert!(account.contains("\"domain\":\"leaf\""), "{account}");
    let stream = r#"{"name":"LARGE","subjects":["large"],"storage":"file","max_bytes":100000000}"#;
    let refused = request(nats.port(), "$JS.API.STREAM.CREATE.LARGE", stream);
    assert!(refused.contains("insufficient storage resources"), "{refused}");
    let mut hello = String::new();
    BufReader::new(TcpStream::connect(("127.0.0.1", nats.port())).unwrap()).read_line(&mut hello).unwrap();
    assert!(hello.contains("\"max_payload\":4096"), "{hello}");
}

#[test]
fn an_unknown_setting_is_reported_with_the_servers_log() {
    let configuration = "no_such_setting: 1".to_owned();
    let refused = Private::start(Options { configuration, ..Options::default() }).unwrap_err();
    assert!(
        matches!(&refused, Error::DidNotStart { log, .. } if log.contains("no_such_setting")),
        "{refused}"
    );
}

#[test]
fn a_paused_server_is_silent_and_then_continues() {
    let nats = start(Options::default());
    create_stream(nats.port());
    nats.pause().unwrap();
    assert!(!replies(nats.port(), "PING\r\n"));
    nats.resume().unwrap();
    publish(nats.port());
    nats.pause().unwrap();
    nats.stop().unwrap();
    assert!(!listens(nats.port()));
}

#[test]
fn a_drop_ends_the_server_and_removes_its_directory() {
    let nats = start(Options::default());
    let (port, directory) = (nats.port(), nats.directory().to_owned());
    drop(nats);
    assert!(!listens(port));
    assert!(!directory.exists());
}
