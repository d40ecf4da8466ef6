//! Listens, and routes each request to the provider's API or to the control routes.
//!
//! hyper is used directly, without a router: every arrival must be recorded, known or not, and a
//! fault must be able to close the connection it arrived on.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    authorization,
    call::{self, ArrivedCall},
    clock,
    control::{self, ControlRequest},
    pix,
    reply::{ConnectionResult, json},
    state::SharedState,
    wire::ProviderWire,
};

const CONNECTIONS_MAX: usize = 4_096;
const BODY_BYTES_MAX: usize = 64 * 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after a failed accept, for example when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub async fn listen(shared: Arc<SharedState>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let permit = permits.clone().acquire_owned().await.expect("the semaphore is never closed");
        let accepted = tokio::select! {
            _ = stop.changed() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (shared, stop) = (shared.clone(), stop.clone());
        connections.spawn(async move {
            serve(shared, stream, stop).await;
            drop(permit);
        });
    }
    // Replies in progress are finished; no new connection is accepted.
    while connections.join_next().await.is_some() {}
}

async fn serve(shared: Arc<SharedState>, stream: TcpStream, mut stop: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| route(shared.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // An error means that a client disconnected, or that a connection was dropped on purpose: both
    // are normal here.
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn route(shared: Arc<SharedState>, request: Request<Incoming>) -> ConnectionResult {
    let (head, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err(refused) => return Ok(refused),
    };
    let method = match head.method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        _ => return Ok(json(405, b"{}".to_vec())),
    };
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    if path == "/sandbox" || path.starts_with("/sandbox/") {
        let is_form = text(&head.headers, "content-type").is_some_and(|kind| kind.contains("form"));
        let request = ControlRequest { method, path, query, is_form, body: &body };
        return Ok(control::answer(&shared, &request));
    }
    let exchange = shared.traffic.as_ref().map(|traffic| traffic.call(&head, &body));
    let host = text(&head.headers, "host").map_or_else(|| shared.address.to_string(), str::to_owned);
    let wire = ProviderWire::of_path(path);
    let credential = text(&head.headers, "authorization");
    if path == pix::TOKEN_PATH {
        let response = pix::token::issue(&shared.state(), credential, &body, clock::now_ms());
        if let Some(exchange) = exchange {
            exchange.answered(&response).await;
        }
        return Ok(response);
    }
    let connected = text(&head.headers, "stripe-account").filter(|_| wire == ProviderWire::Stripe);
    let arrival = ArrivedCall {
        wire,
        at: clock::now_ms(),
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        key: wire
            .key_header()
            .and_then(|name| text(&head.headers, name))
            .filter(|key| !key.is_empty())
            .map(str::to_owned),
        secret_key: match wire {
            ProviderWire::Stripe => credential.and_then(authorization::secret_key),
            ProviderWire::MercadoPago | ProviderWire::Pix => credential.and_then(authorization::bearer),
        },
        version: text(&head.headers, "stripe-version").map(str::to_owned),
        connected: connected.map(str::to_owned),
        base: format!("http://{host}"),
        body,
    };
    let outcome = call::answer(&shared, arrival).await;
    if let (Some(exchange), Ok(response)) = (exchange, &outcome) {
        exchange.answered(response).await;
    }
    outcome
}

async fn read(body: Incoming) -> Result<Bytes, Response<Full<Bytes>>> {
    let refused = |status, message: &str| {
        let body = serde_json::json!({"error": {"type": "invalid_request_error", "message": message}});
        json(status, body.to_string().into_bytes())
    };
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(refused(413, "Request body too large."))
        }
        Ok(Err(_)) => Err(refused(400, "The request body could not be read.")),
        Err(_) => Err(refused(408, "The request body did not arrive in time.")),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
