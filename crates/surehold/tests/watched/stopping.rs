//! A second signal ends the program without waiting for work in progress. A start that fails or is
//! cancelled ends in order.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use testkit::Engine;
use testkit::program::RunningProgram;

use crate::deployment::Deployment;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once() {
    let mut deployment = Deployment::open(Engine::Sqlite, "").await;
    let _under_way = half_a_request(&deployment);
    let server = deployment.take_server();
    let kill = Command::new("kill").args(["-s", "TERM", &server.pid().to_string()]).status().unwrap();
    assert!(kill.success());
    wait_for_log_line(&server, "requests in progress are finished");
    // Without the second signal the request would have time until its limit, and the exit status
    // would be 0.
    let status = server.stop("TERM").await.unwrap();
    assert_eq!(status.code(), Some(1));

    // Nothing has to be repaired afterwards.
    deployment.start_again("").await;
    deployment.close().await;
}

/// A client that never sends its body. The request is in progress when this returns, because its
/// handler has begun to read the body.
fn half_a_request(deployment: &Deployment) -> TcpStream {
    let mut stream = TcpStream::connect(deployment.base_url.strip_prefix("http://").unwrap()).unwrap();
    let key = &deployment.installation.tenant.api_key;
    let head = format!(
        "POST /v1/bookings HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nidempotency-key: k\r\n\
         content-type: application/json\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 100"), "{line}");
    stream
}

fn wait_for_log_line(server: &RunningProgram, text: &str) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !server.last_output().contains(text) {
        assert!(Instant::now() < deadline, "{}", server.last_output());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn surehold(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_surehold"));
    command.args(arguments.split_whitespace()).current_dir(folder).output().unwrap()
}

/// One sentence, an exit status, and no errors of tasks that lost their resources.
fn ends_in_order(folder: &Path, arguments: &str, reason: &str) {
    let ended = surehold(folder, arguments);
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{arguments}: {text}");
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("INFO")).collect();
    let [.., sentence] = lines[..] else { panic!("{arguments} printed nothing") };
    assert!(sentence.starts_with("surehold: ") && sentence.contains(reason), "{arguments}: {text}");
    let unexpected = lines.iter().filter(|line| line.contains("WARN") || line.contains("ERROR"));
    let expected = |line: &&&str| line.contains("no provider account") || line.contains("there is no tenant");
    let unexpected: Vec<_> = unexpected.filter(|line| !expected(line)).collect();
    assert!(unexpected.is_empty(), "{arguments}: {text}");
}

#[test]
fn a_start_that_fails_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap();
    std::fs::write(folder.path().join("ready.toml"), "ready_file = '/no/such/folder/ready.json'\n").unwrap();
    // More than once, because the tasks did not always have the time to log errors.
    for _ in 0..5 {
        ends_in_order(folder.path(), &format!("serve --listen {port}"), "cannot listen on");
    }
    ends_in_order(folder.path(), "serve --listen 127.0.0.1:0 --config ready.toml", "ready_file");
    let free = "127.0.0.1:0";
    for (demo, sandbox) in [(port.to_string().as_str(), free), (free, port.to_string().as_str())] {
        let arguments =
            format!("demo --once --listen {demo} --sandbox-listen {sandbox} --log info --data demo");
        ends_in_order(folder.path(), &arguments, "cannot listen on");
    }
    ends_in_order(folder.path(), &format!("sandbox --listen {port}"), "cannot listen on");
}

/// If another process listens at the address, this is detected before the database is changed.
#[test]
fn a_taken_address_writes_no_account() {
    let folder = tempfile::tempdir().unwrap();
    assert!(surehold(folder.path(), "tenant create --name Fjord").status.success());
    let account = "[[accounts]]\ntenant = 'Fjord'\nprovider = 'stripe'\nname = 'acct_1'\nmode = 'test'\n\
                   base_url = 'http://127.0.0.1:1'\nsecret_key = 'sk_test_1'\nwebhook_secrets = []\n";
    std::fs::write(folder.path().join("surehold.toml"), account).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    ends_in_order(
        folder.path(),
        &format!("serve --config surehold.toml --listen {listen}"),
        "cannot listen on",
    );
    let database = rusqlite::Connection::open(folder.path().join("surehold-data/surehold.sqlite")).unwrap();
    let accounts: i64 = database.query_row("select count(*) from accounts", [], |row| row.get(0)).unwrap();
    assert_eq!(accounts, 0);
}

/// The database accepts the connection, and never replies.
#[test]
fn one_that_is_called_off_ends_in_order() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://{}/books", silent.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    for (arguments, code) in [
        (&["serve", "--listen", "127.0.0.1:0"][..], 0),
        (&["demo", "--once", "--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0"], 1),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_surehold"));
        command.args(arguments).args(["--database-url", &url]).current_dir(folder.path());
        let server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _connection = silent.accept().unwrap();
        let kill = Command::new("kill").args(["-s", "TERM", &server.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let ended = server.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains("stopped before the server was ready"), "{arguments:?}: {text}");
        assert!(!text.contains("WARN") && !text.contains("ERROR"), "{arguments:?}: {text}");
    }
}
