//! The effect of a plan on a connection.

use tokio::io::AsyncWriteExt as _;

use super::peer::{End, Saw, Server, connect, exactly, is_silent, proxied, rest, send_line, until};
use crate::proxy::{Fault, Plan, What};

const ANSWER: &[u8] = b"paid, and here is your receipt\n";

fn line() -> Saw {
    Saw::Line("pay\n".to_owned())
}

#[tokio::test]
async fn nothing_befalls_what_passes() {
    let mut server = Server::answering(ANSWER).await;
    let proxy = proxied(&server, Plan::pass());
    let mut client = send_line(&proxy).await;
    assert_eq!(exactly(&mut client, ANSWER.len()).await, ANSWER);
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await, (vec![], End::Closed));
    assert_eq!([server.saw().await, server.saw().await], [Saw::Opened, line()]);
    assert_eq!(server.saw().await, Saw::Ended("pay\n".to_owned()));
    let counters = until(&proxy, |counters| counters.ended == 1).await;
    assert_eq!((counters.request_bytes, counters.response_bytes), (4, ANSWER.len() as u64));
    assert_eq!((counters.struck, proxy.log().len()), (0, 0));
}

#[tokio::test]
async fn an_answer_ends_early() {
    let check = async |fault: Fault, comes: usize, ends: End| {
        let mut server = Server::answering(ANSWER).await;
        let proxy = proxied(&server, Plan::Always(fault));
        let mut client = send_line(&proxy).await;
        assert_eq!(rest(&mut client).await, (ANSWER[..comes].to_vec(), ends), "{fault:?}");
        assert_eq!([server.saw().await, server.saw().await], [Saw::Opened, line()], "the work was done");
        let expected = What::Struck { connection: 0, fault, request_bytes: 4, response_bytes: comes as u64 };
        assert_eq!(proxy.log()[0].what, expected);
    };
    check(Fault::CutResponse { after_bytes: 0 }, 0, End::Closed).await;
    check(Fault::CutResponse { after_bytes: 7 }, 7, End::Closed).await;
    check(Fault::Reset { after_bytes: 0 }, 0, End::Reset).await;
    check(Fault::Reset { after_bytes: 7 }, 7, End::Reset).await;
}

#[tokio::test]
async fn a_request_ends_early() {
    let check = async |after_bytes: u64, comes: &str| {
        let mut server = Server::answering(ANSWER).await;
        let proxy = proxied(&server, Plan::Always(Fault::CutRequest { after_bytes }));
        let mut client = send_line(&proxy).await;
        assert_eq!(rest(&mut client).await, (vec![], End::Closed), "{after_bytes}");
        assert_eq!(server.saw().await, Saw::Opened);
        assert_eq!(server.saw().await, Saw::Ended(comes.to_owned()));
    };
    check(0, "").await;
    check(2, "pa").await;
}

#[tokio::test]
async fn a_black_hole_swallows_everything() {
    let mut server = Server::answering(ANSWER).await;
    let proxy = proxied(&server, Plan::Always(Fault::Blackhole));
    let mut client = send_line(&proxy).await;
    until(&proxy, |counters| counters.swallowed_bytes == 4).await;
    assert!(is_silent(&client) && server.saw_nothing());
    // Discarded bytes cannot be recovered; a connection without any can continue.
    let mut late = connect(&proxy).await;
    until(&proxy, |counters| counters.struck == 2).await;
    proxy.heal();
    assert_eq!(rest(&mut client).await, (vec![], End::Reset));
    late.write_all(b"pay\n").await.unwrap();
    assert_eq!(exactly(&mut late, ANSWER.len()).await, ANSWER);
    assert_eq!([server.saw().await, server.saw().await], [Saw::Opened, line()]);
}

#[tokio::test]
async fn half_open_loses_answers_and_their_end() {
    let mut server = Server::answering(ANSWER).await;
    let proxy = proxied(&server, Plan::Always(Fault::HalfOpen));
    let mut client = send_line(&proxy).await;
    assert_eq!([server.saw().await, server.saw().await], [Saw::Opened, line()]);
    until(&proxy, |counters| counters.swallowed_bytes == ANSWER.len() as u64).await;
    assert!(is_silent(&client));
    client.write_all(b"pay\n").await.unwrap();
    assert_eq!(server.saw().await, Saw::Line("pay\npay\n".to_owned()), "requests still come through");
    until(&proxy, |counters| counters.swallowed_bytes == 2 * ANSWER.len() as u64).await;
    proxy.heal();
    assert_eq!(rest(&mut client).await, (vec![], End::Reset));
    assert_eq!(server.saw().await, Saw::Reset);
}

#[tokio::test]
async fn a_client_that_gives_up_ends_a_half_open_connection() {
    let mut server = Server::answering(ANSWER).await;
    let proxy = proxied(&server, Plan::Always(Fault::HalfOpen));
    let client = send_line(&proxy).await;
    until(&proxy, |counters| counters.swallowed_bytes == ANSWER.len() as u64).await;
    drop(client);
    assert_eq!([server.saw().await, server.saw().await], [Saw::Opened, line()]);
    assert_eq!(server.saw().await, Saw::Ended("pay\n".to_owned()));
    until(&proxy, |counters| counters.ended == 1).await;
}

#[tokio::test]
async fn half_closed_ends_towards_the_client_alone() {
    let mut server = Server::answering(ANSWER).await;
    let proxy = proxied(&server, Plan::Always(Fault::HalfClose));
    let mut client = send_line(&proxy).await;
    assert_eq!(rest(&mut client).await, (vec![], End::Closed));
    client.write_all(b"pay\n").await.unwrap();
    assert_eq!([server.saw().await, server.saw().await], [Saw::Opened, line()]);
    assert_eq!(server.saw().await, Saw::Line("pay\npay\n".to_owned()));
    drop(client);
    assert_eq!(server.saw().await, Saw::Ended("pay\npay\n".to_owned()));
    until(&proxy, |counters| counters.ended == 1).await;
}

#[tokio::test]
async fn a_slow_line_brings_everything_in_the_end() {
    // At this rate the response would take hours; the healed connection delivers the rest at once.
    const LONG: &[u8] = &[b'x'; 64 * 1024];
    let server = Server::answering(LONG).await;
    let proxy = proxied(&server, Plan::Always(Fault::Slow { bytes_per_second: 10 }));
    let mut client = send_line(&proxy).await;
    assert_eq!(exactly(&mut client, 1).await, b"x");
    assert!(proxy.counters().response_bytes < LONG.len() as u64);
    proxy.heal();
    assert_eq!(exactly(&mut client, LONG.len() - 1).await, LONG[1..]);
}

#[tokio::test]
async fn latency_holds_both_directions_back() {
    let mut server = Server::answering(ANSWER).await;
    let proxy = proxied(&server, Plan::Always(Fault::Latency { ms: 3_600_000 }));
    let mut client = send_line(&proxy).await;
    until(&proxy, |counters| counters.struck == 1).await;
    assert!(is_silent(&client));
    proxy.strike(Fault::Latency { ms: 1 });
    assert_eq!(exactly(&mut client, ANSWER.len()).await, ANSWER);
    assert_eq!([server.saw().await, server.saw().await], [Saw::Opened, line()]);
}

#[tokio::test]
async fn who_is_turned_away_is_reset() {
    let server = Server::answering(ANSWER).await;
    let proxy = proxied(&server, Plan::listed(vec![Fault::Refuse]));
    assert_eq!(rest(&mut connect(&proxy).await).await, (vec![], End::Reset));
    let mut second = send_line(&proxy).await;
    assert_eq!(exactly(&mut second, ANSWER.len()).await, ANSWER);
    assert!(matches!(proxy.log()[0].what, What::Struck { connection: 0, fault: Fault::Refuse, .. }));
}

#[tokio::test]
async fn an_unreachable_upstream_is_counted() {
    let server = Server::answering(ANSWER).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = proxied(&server, Plan::pass());
    proxy.aim(closed);
    assert_eq!(rest(&mut connect(&proxy).await).await, (vec![], End::Reset));
    assert_eq!(proxy.log()[0].what, What::Unreachable { connection: 0 });
    proxy.aim(server.address);
    assert_eq!(exactly(&mut send_line(&proxy).await, ANSWER.len()).await, ANSWER);
}

#[tokio::test]
async fn a_seed_gives_each_connection_the_same_again() {
    let suffered = async |seed: u64| {
        use rand::RngExt as _;
        let server = Server::answering(ANSWER).await;
        let plan = Plan::drawn(seed, |random| Fault::CutResponse { after_bytes: random.random_range(1..20) });
        let proxy = proxied(&server, plan);
        let mut lengths = Vec::new();
        for _ in 0..12 {
            lengths.push(rest(&mut send_line(&proxy).await).await.0.len());
        }
        lengths
    };
    let (first, again, other) = (suffered(7).await, suffered(7).await, suffered(8).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
}
