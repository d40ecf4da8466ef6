//! Other tests depend on the private server, so it is tested first.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use test_servers::postgres::{Binaries, Error, Options, Private};

/// How long a server's directory may exist after its sessions have ended.
const END_S: u64 = 30;

fn start() -> Private {
    Private::start(&Options::default()).expect("a private server")
}

/// A session that has begun, and would last a minute if nothing closed it.
fn begin_session(url: &str) -> Child {
    let mut session = Command::new(Binaries::find().expect("PostgreSQL").program("psql"))
        .args(["-X", "-A", "-t", "-c", "select 'begun'", "-c", "select pg_sleep(60)", url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql");
    let mut line = String::new();
    BufReader::new(session.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
    assert_eq!(line, "begun\n");
    session
}

#[test]
fn a_server_answers_and_is_durable() {
    let server = start();
    assert_eq!(server.query("select 1").unwrap(), "1");
    let check = |name: &str, expected: &str| {
        assert_eq!(server.query(&format!("show {name}")).unwrap(), expected, "{name}");
    };
    check("fsync", "on");
    check("synchronous_commit", "on");
    check("listen_addresses", "127.0.0.1");
    check("max_connections", "200");
    check("shared_buffers", "256MB");
    check("unix_socket_directories", &server.directory().display().to_string());
}

#[test]
fn the_callers_settings_override_the_defaults() {
    let settings = vec![("max_connections".to_owned(), "7".to_owned())];
    let server = Private::start(&Options { settings, ..Options::default() }).unwrap();
    assert_eq!(server.query("show max_connections").unwrap(), "7");
}

#[test]
fn an_unknown_setting_is_reported_with_the_servers_log() {
    let settings = vec![("no_such_setting".to_owned(), "1".to_owned())];
    let refused = Private::start(&Options { settings, ..Options::default() }).unwrap_err();
    assert!(matches!(&refused, Error::Refused { log, .. } if log.contains("no_such_setting")), "{refused}");
}

#[test]
fn committed_data_outlives_a_restart_and_a_crash() {
    let server = start();
    let url = server.url();
    server.query("create table kept as select 42 as answer").unwrap();
    server.restart().unwrap();
    assert_eq!(server.query("select answer from kept").unwrap(), "42");
    server.query("update kept set answer = 43").unwrap();
    server.stop_immediate().unwrap();
    assert!(server.query("select 1").is_err());
    server.restart().unwrap();
    assert_eq!(server.query("select answer from kept").unwrap(), "43");
    assert_eq!(server.url(), url);
}

#[test]
fn only_plain_database_names_are_accepted() {
    let server = start();
    let url = server.create_database("bookings_1").unwrap();
    assert_eq!(url, format!("postgres://postgres@127.0.0.1:{}/bookings_1", server.port()));
    assert_eq!(server.query("select count(*) from pg_database where datname = 'bookings_1'").unwrap(), "1");
    assert!(matches!(server.create_database("bookings_1"), Err(Error::Refused { .. })));
    for name in ["", "Upper", "a b", "a\"b", &"a".repeat(64)] {
        assert!(matches!(server.create_database(name), Err(Error::Name { .. })), "{name}");
    }
}

#[test]
fn connections_can_be_closed() {
    let server = start();
    let mut session = begin_session(&server.url());
    assert_eq!(server.terminate_connections().unwrap(), 1);
    assert!(!session.wait().unwrap().success());
}

#[test]
fn a_drop_stops_the_server_and_removes_its_directory() {
    let server = start();
    let (port, directory) = (server.port(), server.directory().to_owned());
    assert!(directory.join("data").is_dir());
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!directory.exists());
}

#[test]
fn a_server_does_not_outlive_a_killed_owner() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_private-postgres"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let url = lines.next().unwrap().unwrap();
    let directory = lines.next().unwrap().unwrap();
    let address = url.trim_start_matches("postgres://postgres@").trim_end_matches("/postgres").to_owned();
    // The session's end shows the server's end. A bare connection is not enough: a server that is
    // stopping waits up to a minute for such a client.
    let mut session = begin_session(&url);

    owner.kill().unwrap();
    owner.wait().unwrap();

    assert!(!session.wait().unwrap().success());
    // The directory is removed a moment later, so the test polls for it.
    let deadline = Instant::now() + Duration::from_secs(END_S);
    while Path::new(&directory).exists() {
        assert!(Instant::now() < deadline, "{directory} is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(TcpStream::connect(&address).is_err());
}
