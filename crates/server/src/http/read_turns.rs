//! Turns at reading: slow or many reads of one tenant leave room for those of the others.
//!
//! The database has a few connections for reading. A tenant has at most half of them at the same
//! time; its further requests wait for its own turns, in order and for a bounded time. Beyond a
//! bounded number they are shed.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use api::Code;
use domain::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::RefusedRequest;

/// For a turn; after this time the request is shed.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Requests of one tenant that may wait, per turn of the tenant.
const WAITING_MAX: usize = 32;
/// With more tenants than this, those without a read in progress are forgotten.
const KNOWN_MAX: usize = 1_024;

/// A turn. Dropping it ends it.
pub struct ReadTurn {
    _reads: OwnedSemaphorePermit,
}

/// The tenant has as many reads in progress and waiting as it may have.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany;

/// This concerns one tenant only: the others have room.
impl From<TooMany> for RefusedRequest {
    fn from(_: TooMany) -> RefusedRequest {
        Code::RateLimited.into()
    }
}

pub struct ReadTurns {
    each: usize,
    tenants: Mutex<HashMap<TenantId, Tenant>>,
}

#[derive(Clone)]
struct Tenant {
    turns: Arc<Semaphore>,
    /// The tenant's requests that wait, and those that read.
    admitted: Arc<Semaphore>,
}

impl ReadTurns {
    pub fn new(readers: usize) -> ReadTurns {
        let part = if fault_injection::is(fault_injection::InjectedFault::ReadersNotShared) { 1 } else { 2 };
        ReadTurns { each: readers.div_ceil(part).max(1), tenants: Mutex::default() }
    }

    pub async fn take(&self, tenant: TenantId) -> Result<ReadTurn, TooMany> {
        let Tenant { turns, admitted } = self.of(tenant);
        let _admitted = admitted.try_acquire_owned().map_err(|_| TooMany)?;
        match tokio::time::timeout(WAIT_MAX, turns.acquire_owned()).await {
            Ok(Ok(reads)) => Ok(ReadTurn { _reads: reads }),
            _ => Err(TooMany),
        }
    }

    fn of(&self, tenant: TenantId) -> Tenant {
        // Nothing that can panic runs under the lock, so the data behind a poisoned one is intact.
        let mut tenants = self.tenants.lock();
        if tenants.len() >= KNOWN_MAX {
            tenants.retain(|_, tenant| Arc::strong_count(&tenant.turns) > 1);
        }
        let new = || Tenant {
            turns: Arc::new(Semaphore::new(self.each)),
            admitted: Arc::new(Semaphore::new(self.each * (1 + WAITING_MAX))),
        };
        tenants.entry(tenant).or_insert_with(new).clone()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    const GREEDY: TenantId = TenantId(Uuid::from_u128(1));
    const OTHER: TenantId = TenantId(Uuid::from_u128(2));

    #[tokio::test(start_paused = true)]
    async fn one_tenant_has_half_of_the_readers_and_the_others_theirs() {
        let turns = ReadTurns::new(4);
        let first = turns.take(GREEDY).await.ok();
        let _second = turns.take(GREEDY).await.ok().unwrap();
        let mut third = Box::pin(turns.take(GREEDY));
        assert!(third.as_mut().now_or_never().is_none(), "it waits for its own");
        assert!(turns.take(OTHER).await.is_ok(), "and nobody else does");
        drop(first);
        assert!(third.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_bounded_in_time_and_number() {
        let turns = Arc::new(ReadTurns::new(1));
        let _at_work = turns.take(GREEDY).await.ok().unwrap();
        let waiting: Vec<_> = (0..=WAITING_MAX)
            .map(|_| {
                let turns = turns.clone();
                tokio::spawn(async move { turns.take(GREEDY).await.is_ok() })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(matches!(turns.take(GREEDY).now_or_never(), Some(Err(TooMany))), "one more is shed at once");
        assert_eq!(RefusedRequest::from(TooMany).problem.code, "rate_limited");
        for waited in waiting {
            assert!(!waited.await.unwrap(), "the others after a while");
        }
        assert!(turns.take(OTHER).await.is_ok());
    }

    #[tokio::test]
    async fn tenants_that_read_nothing_are_forgotten() {
        let turns = ReadTurns::new(2);
        let reads = turns.take(GREEDY).await.ok().unwrap();
        for number in 0..2 * KNOWN_MAX as u128 {
            turns.take(TenantId(Uuid::from_u128(100 + number))).await.ok().unwrap();
        }
        assert!(turns.tenants.lock().len() <= KNOWN_MAX);
        assert!(turns.tenants.lock().contains_key(&GREEDY), "one that reads is not");
        drop(reads);
    }
}
