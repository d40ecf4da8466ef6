//! Sends a request a second time, as a load balancer or the kernel's TCP Fast Open may do.
//!
//! The original is forwarded unchanged. Its copy is sent over a separate connection at the same
//! time, and its response is discarded.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Shared;
use super::message::{Unreadable, request_length, response_length};

/// A longer request is not copied.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// After this time without a response there will be none.
const ANSWERED_WITHIN: Duration = Duration::from_secs(35);

pub(super) struct Copier {
    pending: BytesMut,
    /// The requests can no longer be separated.
    lost: bool,
}

impl Copier {
    pub fn new() -> Copier {
        Copier { pending: BytesMut::new(), lost: false }
    }

    /// Passes on every complete request.
    pub fn reads(&mut self, bytes: &[u8], shared: &Shared) {
        if self.lost {
            return;
        }
        self.pending.extend_from_slice(bytes);
        loop {
            match request_length(&self.pending) {
                Ok(Some(length)) => {
                    let request = self.pending.split_to(length).freeze();
                    if shared.copies.try_send(request).is_err() {
                        shared.chronicle.count(|counters| counters.copies_left_out += 1);
                    }
                }
                Ok(None) if self.pending.len() <= REQUEST_BYTES_MAX => return,
                Ok(None) | Err(Unreadable) => {
                    self.lost = true;
                    self.pending.clear();
                    return shared.chronicle.count(|counters| counters.copies_left_out += 1);
                }
            }
        }
    }
}

/// Sends the copy and waits for the response, because a server may abandon a request whose client
/// disconnects.
pub(super) async fn send(shared: Arc<Shared>, request: Bytes) {
    let upstream = shared.upstream();
    let exchange = tokio::time::timeout(ANSWERED_WITHIN, async {
        let mut stream = TcpStream::connect(upstream).await.ok()?;
        stream.write_all(&request).await.ok()?;
        let mut answer = BytesMut::new();
        while answer.len() <= ANSWER_BYTES_MAX && matches!(response_length(&answer), Ok(None)) {
            if stream.read_buf(&mut answer).await.ok()? == 0 {
                break;
            }
        }
        Some(())
    });
    let answered = matches!(exchange.await, Ok(Some(())));
    shared.chronicle.count(|counters| {
        counters.copies += u64::from(answered);
        counters.copies_left_out += u64::from(!answered);
    });
}
