//! The door for deliveries: how many may be on their way in at once, and for how long each.
//!
//! Anybody can reach it, and what is sent must be read before it can be believed. So a delivery without a
//! signature in the right form is not read at all; of the others so many are read at once, of one account a
//! part of them, each within a few seconds. A provider sends what was turned away again, and what it gives up is
//! read back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use api::Code;
use axum::body::{Body, Bytes, to_bytes};
use domain::AccountId;
use tokio::sync::Semaphore;

use crate::http::RefusedRequest;

/// Stripe's events are a few kilobytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// With the bodies at their largest these take 32 MiB.
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

    /// The whole body. The place is given back with it: what is read is soon stored.
    pub async fn read(&self, account: AccountId, body: Body) -> Result<Bytes, RefusedRequest> {
        let full = |_| RefusedRequest::from(Code::Overloaded);
        let not_shared = fault_injection::is(fault_injection::InjectedFault::DoorNotShared);
        let _of_account = match self.of.get(&account).filter(|_| !not_shared) {
            Some(places) => Some(places.try_acquire().map_err(full)?),
            None => None,
        };
        let _place = self.all.try_acquire().map_err(full)?;
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

    /// One that is never sent whole.
    fn half() -> Body {
        Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>())
    }

    fn code(read: Result<Bytes, RefusedRequest>) -> String {
        read.err().unwrap().problem.code
    }

    #[tokio::test(start_paused = true)]
    async fn half_sent_deliveries_take_no_more_than_their_places_and_not_for_long() {
        let door = WebhookAdmission::new(ACCOUNTS.into_iter());
        let mut held = Vec::new();
        for account in &ACCOUNTS[..4] {
            for _ in 0..OF_ACCOUNT_MAX {
                let mut read = Box::pin(door.read(*account, half()));
                assert!(read.as_mut().now_or_never().is_none());
                held.push(read);
            }
            let one_more = door.read(*account, Body::from("{}")).now_or_never().unwrap();
            assert_eq!(code(one_more), "overloaded", "an account has its part");
        }
        let other = door.read(ACCOUNTS[4], Body::from("{}")).now_or_never().unwrap();
        assert_eq!(code(other), "overloaded", "all together have their bound");
        for read in held {
            assert_eq!(code(read.await), "request_timed_out");
        }
        assert_eq!(door.read(ACCOUNTS[4], Body::from("{}")).await.unwrap(), "{}");
        let large = Body::from(vec![b'x'; BODY_BYTES_MAX + 1]);
        assert_eq!(code(door.read(ACCOUNTS[0], large).await), "body_is_too_large");
    }
}
