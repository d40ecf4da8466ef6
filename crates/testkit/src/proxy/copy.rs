//! A request said a second time, as a load balancer or a kernel's fast open does that resends.
//!
//! The original is led on untouched; its copy goes over a connection of its own, at the same time, and what
//! is answered to it nobody hears.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Shared;
use super::message::{Unreadable, request_length, response_length};

/// A longer request is not said twice.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// A server that says nothing for this long says nothing more.
const ANSWERED_WITHIN: Duration = Duration::from_secs(35);

/// Takes requests out of the bytes of one connection.
pub(super) struct Copier {
    pending: BytesMut,
    /// The stream can no longer be followed.
    lost: bool,
}

impl Copier {
    pub fn new() -> Copier {
        Copier { pending: BytesMut::new(), lost: false }
    }

    /// Hands over every request that is whole now.
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

/// Says it, and waits for its answer: a server may give up a request whose client hangs up.
pub(super) async fn say(shared: Arc<Shared>, request: Bytes) {
    let upstream = shared.upstream();
    let said = tokio::time::timeout(ANSWERED_WITHIN, async {
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
    let heard = matches!(said.await, Ok(Some(())));
    shared.chronicle.count(|counters| {
        counters.copies += u64::from(heard);
        counters.copies_left_out += u64::from(!heard);
    });
}
