//! Who asks a second time does not wait for what is under way.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::program::Running;

use crate::town::{Engine, Town};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_word_ends_it_at_once() {
    let mut town = Town::open(Engine::Sqlite, "").await;
    let _under_way = half_a_request(&town);
    let server = town.take_server();
    let told = Command::new("kill").args(["-s", "TERM", &server.pid().to_string()]).status().unwrap();
    assert!(told.success());
    until_it_says(&server, "those at work are answered");
    // Without it the request would have time until its limit, and the end would be a good one.
    let status = server.stop("TERM").await.unwrap();
    assert_eq!(status.code(), Some(1));

    // Nothing has to be mended after it.
    town.start_again("").await;
    town.close().await;
}

/// Somebody whose body never comes. It is at work when this is back: its handler has asked for the body.
fn half_a_request(town: &Town) -> TcpStream {
    let mut stream = TcpStream::connect(town.base_url.strip_prefix("http://").unwrap()).unwrap();
    let key = &town.installation.tenant.api_key;
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

fn until_it_says(server: &Running, words: &str) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !server.last_words().contains(words) {
        assert!(Instant::now() < deadline, "{}", server.last_words());
        std::thread::sleep(Duration::from_millis(20));
    }
}
