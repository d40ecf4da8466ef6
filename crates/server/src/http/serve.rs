//! Takes connections. Differs from `axum::serve` by the limits on a head, and by the time that a
//! connection may take to send one, so that a client that sends a byte per minute blocks nothing.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Limits;

/// Memory per connection for a head and for reading a body.
const BUFFER_BYTES: usize = 64 * 1024;
/// For responses in progress when the program stops. No request may take longer.
pub const FAREWELL: Duration = Duration::from_mins(1);
/// Most likely the process has no free file descriptors; a moment later it may have some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is ready, then lets requests in progress finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let connections = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let permit = tokio::select! {
            permit = connections.clone().acquire_owned() => permit.map_err(io::Error::other)?,
            () = &mut stop => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let connection = graceful.watch(connection(stream, router.clone(), &limits));
        tokio::spawn(async move {
            // A client that disconnects is no fault of ours, and is not logged.
            let _broken_off = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(FAREWELL) => tracing::warn!("some requests did not finish in time"),
    }
    Ok(())
}

fn connection(
    stream: TcpStream,
    router: Router,
    limits: &Limits,
) -> http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>> {
    // A response is one small write, which must not wait for a second one.
    let _best_effort = stream.set_nodelay(true);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(BUFFER_BYTES)
        // One more than is allowed, so that the excess is refused with a problem document.
        .max_headers(limits.headers_max + 1)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
}
