//! A lower layer that sends requests twice.

use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{any, post};

use super::peer::{Server, exactly, send_line, until};
use crate::proxy::{Fault, Plan, Proxy};
use outbound::HttpConnection;

type Seen = Arc<Mutex<Vec<String>>>;

async fn served(seen: Seen) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let work = move |body: Bytes| async move {
        seen.lock().push(String::from_utf8(body.to_vec()).unwrap());
        "done"
    };
    let endless = || async {
        let chunk = |number| Ok::<_, std::io::Error>(format!("more{number}"));
        axum::body::Body::from_stream(futures_util::stream::iter((1..=3).map(chunk)))
    };
    let router = Router::new().route("/work", post(work)).route("/chunks", any(endless));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

#[tokio::test]
async fn each_request_is_carried_out_twice_and_answered_once() {
    let seen = Seen::default();
    let proxy = Proxy::start(served(seen.clone()).await, Plan::Always(Fault::Duplicate)).unwrap();
    let mut client = HttpConnection::new(&proxy.url());
    for body in ["one", "two"] {
        assert_eq!(client.post("/work", &[], body).await.unwrap().text(), "done");
    }
    assert_eq!(client.get("/chunks", &[]).await.unwrap().text(), "more1more2more3");
    let counters = until(&proxy, |counters| counters.copies == 3).await;
    assert_eq!((counters.connections, counters.struck, counters.copies_left_out), (1, 1, 0));
    let mut bodies = seen.lock().clone();
    bodies.sort();
    assert_eq!(bodies, ["one", "one", "two", "two"]);
}

#[tokio::test]
async fn what_is_no_http_is_led_on_once() {
    let server = Server::answering(b"paid\n").await;
    let proxy = Proxy::start(server.address, Plan::Always(Fault::Duplicate)).unwrap();
    assert_eq!(exactly(&mut send_line(&proxy).await, 5).await, b"paid\n");
    let counters = proxy.counters();
    assert_eq!((counters.copies, counters.copies_left_out), (0, 1));
}
