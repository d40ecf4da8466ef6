//! No server outlives the process that started it, however that process ends.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{listens, until};

fn check(peer: &str) {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_private-server"))
        .arg(peer)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut lines = BufReader::new(owner.stdout.take().expect("piped")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    let url = line();
    let directory = line();
    let port = url.rsplit_once(':').expect("a port").1.parse().expect("a number");
    assert!(listens(port) && Path::new(&directory).is_dir());

    owner.kill().expect("it runs");
    owner.wait().expect("its end");

    until("the server has ended", || !listens(port));
    until("its directory is gone", || !Path::new(&directory).exists());
}

#[test]
fn redis_does_not_outlive_a_killed_owner() {
    check("redis");
}

#[test]
fn nats_does_not_outlive_a_killed_owner() {
    check("nats");
}

#[test]
fn haproxy_does_not_outlive_a_killed_owner() {
    check("haproxy");
}
