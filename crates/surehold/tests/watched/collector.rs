//! A collector of traces: OTLP over HTTP, read with types generated from the specification's own
//! files.

use parking_lot::Mutex;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use testkit::until;

/// How it treats the batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Takes,
    Refuses,
    Hangs,
}

#[derive(Clone)]
pub struct Collector {
    pub address: String,
    books: Arc<Mutex<Books>>,
}

struct Books {
    mood: Mood,
    batches: Vec<ExportTraceServiceRequest>,
    headers: Vec<HeaderMap>,
    bytes: Vec<Bytes>,
}

impl Collector {
    pub async fn open(mood: Mood) -> Collector {
        let books = Books { mood, batches: Vec::new(), headers: Vec::new(), bytes: Vec::new() };
        let books = Arc::new(Mutex::new(books));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(receive)).with_state(books.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Collector { address, books }
    }

    /// The section `[telemetry]`, with these further lines.
    pub fn section(&self, more: &str) -> String {
        format!("[telemetry]\notlp_endpoint = \"{}\"\n{more}\n", self.address)
    }

    pub fn turns(&self, mood: Mood) {
        self.books.lock().mood = mood;
    }

    pub fn headers(&self) -> Vec<HeaderMap> {
        self.books.lock().headers.clone()
    }

    pub fn bytes(&self) -> Vec<Bytes> {
        self.books.lock().bytes.clone()
    }

    /// The attributes of the process that sent the spans.
    pub fn resource(&self) -> Vec<KeyValue> {
        let books = self.books.lock();
        books.batches[0].resource_spans[0].resource.clone().unwrap().attributes
    }

    pub fn spans(&self) -> Vec<Span> {
        let books = self.books.lock();
        let resources = books.batches.iter().flat_map(|batch| &batch.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }

    pub async fn spans_named(&self, name: &str, count: usize) -> Vec<Span> {
        until(&format!("{count} spans {name} are collected"), async || {
            let mut spans = self.spans();
            spans.retain(|span| span.name == name);
            (spans.len() >= count).then_some(spans)
        })
        .await
    }
}

async fn receive(
    State(books): State<Arc<Mutex<Books>>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let mood = {
        let mut books = books.lock();
        if books.mood == Mood::Takes {
            books.batches.push(ExportTraceServiceRequest::decode(body.clone()).unwrap());
        }
        books.headers.push(headers);
        books.bytes.push(body);
        books.mood
    };
    match mood {
        Mood::Takes => (StatusCode::OK, ""),
        Mood::Refuses => (StatusCode::SERVICE_UNAVAILABLE, "not now"),
        Mood::Hangs => std::future::pending().await,
    }
}

pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.clone()?.value? {
        any_value::Value::StringValue(text) => Some(text),
        other => Some(format!("{other:?}")),
    }
}
