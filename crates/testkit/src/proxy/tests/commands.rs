//! The effect of a command on existing connections, and on the port.

use std::io::ErrorKind;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::peer::{End, Saw, Server, connect, exactly, is_silent, proxied, rest, send_line, until};
use crate::proxy::{Fault, Plan, What};

const ANSWER: &[u8] = b"paid\n";

#[tokio::test]
async fn a_refusing_port_is_closed_and_stays_ours() {
    let server = Server::answering(ANSWER).await;
    let proxy = proxied(&server, Plan::pass());
    let mut living = connect(&proxy).await;
    until(&proxy, |counters| counters.connections == 1).await;
    for _ in 0..3 {
        proxy.refuse().await;
        let refused = TcpStream::connect(proxy.address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        proxy.accept().await;
        assert_eq!(exactly(&mut send_line(&proxy).await, ANSWER.len()).await, ANSWER);
    }
    living.write_all(b"pay\n").await.unwrap();
    assert_eq!(exactly(&mut living, ANSWER.len()).await, ANSWER, "what lives is left alone");
    let commands: Vec<What> = proxy.log().iter().map(|entry| entry.what).collect();
    assert_eq!(commands[..2], [What::Closed, What::Opened]);
}

#[tokio::test]
async fn all_that_live_are_reset_at_once() {
    let mut server = Server::answering(ANSWER).await;
    let proxy = proxied(&server, Plan::pass());
    let mut living = [send_line(&proxy).await, send_line(&proxy).await];
    for client in &mut living {
        exactly(client, ANSWER.len()).await;
    }
    proxy.reset_all();
    for client in &mut living {
        assert_eq!(rest(client).await, (vec![], End::Reset));
    }
    for _ in 0..4 {
        assert_ne!(server.saw().await, Saw::Reset, "each was opened, and sent a line");
    }
    assert_eq!([server.saw().await, server.saw().await], [Saw::Reset, Saw::Reset]);
    assert_eq!(exactly(&mut send_line(&proxy).await, ANSWER.len()).await, ANSWER, "those to come are not");
}

#[tokio::test]
async fn a_strike_reaches_what_lives() {
    let mut server = Server::answering(ANSWER).await;
    let proxy = proxied(&server, Plan::pass());
    let mut client = send_line(&proxy).await;
    assert_eq!(exactly(&mut client, ANSWER.len()).await, ANSWER);
    assert_eq!([server.saw().await, server.saw().await], [Saw::Opened, Saw::Line("pay\n".to_owned())]);
    proxy.strike(Fault::HalfOpen);
    client.write_all(b"pay\n").await.unwrap();
    assert_eq!(server.saw().await, Saw::Line("pay\npay\n".to_owned()));
    until(&proxy, |counters| counters.swallowed_bytes == ANSWER.len() as u64).await;
    assert!(is_silent(&client));
    // Another kind of failure has its effect too: bytes were lost, so the connection cannot
    // continue.
    proxy.strike(Fault::CutResponse { after_bytes: 1 });
    assert_eq!(rest(&mut client).await, (vec![], End::Reset));
    assert_eq!(rest(&mut send_line(&proxy).await).await, (ANSWER[..1].to_vec(), End::Closed));
}

#[tokio::test]
async fn everything_ends_with_the_handle() {
    let mut server = Server::answering(ANSWER).await;
    let proxy = proxied(&server, Plan::listed(vec![Fault::Pass, Fault::Blackhole]));
    let mut passing = send_line(&proxy).await;
    exactly(&mut passing, ANSWER.len()).await;
    let mut swallowed = send_line(&proxy).await;
    until(&proxy, |counters| counters.swallowed_bytes == 4).await;
    let address = proxy.address;
    drop(proxy);
    rest(&mut passing).await;
    rest(&mut swallowed).await;
    assert_eq!([server.saw().await, server.saw().await], [Saw::Opened, Saw::Line("pay\n".to_owned())]);
    assert!(matches!(server.saw().await, Saw::Ended(_) | Saw::Reset));
    assert!(TcpStream::connect(address).await.is_err());
}
