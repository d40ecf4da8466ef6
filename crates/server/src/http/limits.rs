//! The limits of the HTTP side. Each has a name, a unit and a default.

use std::time::Duration;

use domain::limits::OPERATION_DEADLINE_SECONDS;
use domain::time::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests at work at the same time; one more is answered 503 `overloaded`.
    pub requests_max: usize,
    /// Connections open at the same time; one more waits to be accepted.
    pub connections_max: usize,
    /// From the head to the response. Longer than the longest wait that a client may request.
    pub request_timeout: Duration,
    /// For a connection to send its next head.
    pub head_timeout: Duration,
    /// How long a request waits for a provider's outcome if the client does not specify it.
    pub wait: Duration,
    /// How often a waiting request reads the database, for an outcome that another process
    /// recorded.
    pub poll: Duration,
    /// Between the request to stop and the end of accepting: readiness is refused, so that a load
    /// balancer sends nothing new, and each response closes its connection. Longer than the
    /// balancer takes to notice.
    pub drain: Duration,
    pub address_bytes_max: usize,
    pub headers_max: usize,
    pub header_bytes_max: usize,
    /// The database's connections for reading. A tenant has at most half of them.
    pub readers: usize,
    /// How long an operation at a provider may stay without a definite outcome before it becomes a review
    /// case.
    pub operation_deadline: Span,
    /// How long an API key is used without reading the database again. A revoked key works at most
    /// this long.
    pub key_ttl: Duration,
    /// The most API keys that are cached.
    pub keys_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            requests_max: 4_096,
            connections_max: 10_000,
            request_timeout: Duration::from_secs(45),
            head_timeout: Duration::from_secs(75),
            wait: Duration::from_secs(10),
            poll: Duration::from_millis(500),
            drain: Duration::ZERO,
            address_bytes_max: 2_048,
            headers_max: 64,
            header_bytes_max: 16 * 1024,
            readers: store::READERS,
            operation_deadline: Span::seconds(OPERATION_DEADLINE_SECONDS),
            key_ttl: Duration::from_secs(5),
            keys_max: 10_000,
        }
    }
}
