//! A webhook endpoint that passes each delivery to the test and replies with the given statuses.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use parking_lot::Mutex;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Delivery {
    /// The query of the address.
    pub query: String,
    /// The value of `stripe-signature` or `x-signature`.
    pub signature: String,
    /// The value of `x-request-id`, which only Mercado Pago sends.
    pub request_id: String,
    pub raw: Vec<u8>,
    pub event: Value,
}

impl Delivery {
    pub fn kind(&self) -> &str {
        self.event["type"].as_str().unwrap()
    }
}

pub struct Receiver {
    pub url: String,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
}

impl Receiver {
    /// Replies to the first deliveries with these statuses, and to all others with 200.
    pub async fn answering(statuses: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, deliveries) = mpsc::unbounded_channel();
        let statuses = Arc::new(Mutex::new(statuses.iter().copied().collect::<VecDeque<_>>()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, statuses) = (sender.clone(), statuses.clone());
                let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let (sender, statuses) = (sender.clone(), statuses.clone());
                    async move {
                        let header =
                            |name: &str| request.headers().get(name)?.to_str().ok().map(str::to_owned);
                        let signature = header("stripe-signature").or_else(|| header("x-signature")).unwrap();
                        let request_id = header("x-request-id").unwrap_or_default();
                        let query = request.uri().query().unwrap_or_default().to_owned();
                        let raw = request.into_body().collect().await.unwrap().to_bytes().to_vec();
                        let event = serde_json::from_slice(&raw).unwrap();
                        // The test may have ended.
                        let _ = sender.send(Delivery { query, signature, request_id, raw, event });
                        let status = statuses.lock().pop_front().unwrap_or(200);
                        let mut response = hyper::Response::new(Full::new(Bytes::from_static(b"{}")));
                        *response.status_mut() = status.try_into().unwrap();
                        Ok::<_, Infallible>(response)
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, deliveries }
    }

    pub async fn next(&mut self) -> Delivery {
        let next = tokio::time::timeout(PATIENCE, self.deliveries.recv()).await;
        next.expect("a delivery comes in time").expect("the endpoint is there")
    }

    pub async fn take(&mut self, count: usize) -> Vec<Delivery> {
        let mut taken = Vec::new();
        for _ in 0..count {
            taken.push(self.next().await);
        }
        taken
    }

    /// Whether every delivery was taken.
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }
}
