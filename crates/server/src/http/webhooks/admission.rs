//! Admission of deliveries: how many may arrive at the same time, and how long each may take.
//!
//! Anybody can reach this address, and a body must be read before its signature can be verified. So
//! a delivery without a signature in the right form is not read at all. Of the others a bounded
//! number is read at the same time, a part of it per account, each within a few seconds. A provider
//! sends again what was refused, and what it gives up is read back later.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use api::Code;
use axum::body::{Body, Bytes, to_bytes};
use domain::AccountId;
use tokio::sync::Semaphore;

use crate::http::RefusedRequest;

/// Stripe's events have a few kilobytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// With bodies of the largest size these take 32 MiB.
const DELIVERIES_MAX: usize = 128;
const OF_ACCOUNT_MAX: usize = 32;
const BODY_WITHIN: Duration = Duration::from_secs(5);

pub struct WebhookAdmission {
    all: Semaphore,
    of: HashMap<AccountId, Arc<Semaphore>>,
}

impl WebhookAdmission {
    pub fn new(accounts: impl Iterator<Item = AccountId>) -> WebhookAdmission {
        let of = accounts.map(|account| (account, Arc::new(Semaphore::new(OF_ACCOUNT_MAX)))).collect();
        WebhookAdmission { all: Semaphore::new(DELIVERIES_MAX), of }
    }

    /// Reads the whole body. The permit is returned with it, because storing the event takes little
    /// time.
    pub async fn read(&self, account: AccountId, body: Body) -> Result<Bytes, RefusedRequest> {
        let full = |_| RefusedRequest::from(Code::Overloaded);
        let not_shared = fault_injection::is(fault_injection::InjectedFault::DoorNotShared);
        let _of_account = match self.of.get(&account).filter(|_| !not_shared) {
            Some(permits) => Some(permits.try_acquire().map_err(full)?),
            None => None,
        };
        let _permit = self.all.try_acquire().map_err(full)?;
        match tokio::time::timeout(BODY_WITHIN, to_bytes(body, BODY_BYTES_MAX)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(_)) => Err(Code::BodyIsTooLarge.into()),
            Err(_) => Err(RefusedRequest::from(Code::RequestTimedOut)
                .because(format!("a delivery's body did not come within {} s", BODY_WITHIN.as_secs()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, stream};
    use uuid::Uuid;

    use super::*;

    const ACCOUNTS: [AccountId; 5] = [
        AccountId(Uuid::from_u128(1)),
        AccountId(Uuid::from_u128(2)),
        AccountId(Uuid::from_u128(3)),
        AccountId(Uuid::from_u128(4)),
        AccountId(Uuid::from_u128(5)),
    ];

    fn half() -> Body {
        Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>())
    }

    fn code(read: Result<Bytes, RefusedRequest>) -> String {
        read.err().unwrap().problem.code
    }

    #[tokio::test(start_paused = true)]
    async fn half_sent_deliveries_are_bounded_in_number_and_time() {
        let admission = WebhookAdmission::new(ACCOUNTS.into_iter());
        let mut held = Vec::new();
        for account in &ACCOUNTS[..4] {
            for _ in 0..OF_ACCOUNT_MAX {
                let mut read = Box::pin(admission.read(*account, half()));
                assert!(read.as_mut().now_or_never().is_none());
                held.push(read);
            }
            let one_more = admission.read(*account, Body::from("{}")).now_or_never().unwrap();
            assert_eq!(code(one_more), "overloaded", "an account has its part");
        }
        let other = admission.read(ACCOUNTS[4], Body::from("{}")).now_or_never().unwrap();
        assert_eq!(code(other), "overloaded", "all together have their bound");
        for read in held {
            assert_eq!(code(read.await), "request_timed_out");
        }
        assert_eq!(admission.read(ACCOUNTS[4], Body::from("{}")).await.unwrap(), "{}");
        let large = Body::from(vec![b'x'; BODY_BYTES_MAX + 1]);
        assert_eq!(code(admission.read(ACCOUNTS[0], large).await), "body_is_too_large");
    }
}
