//! New ids: UUIDv7, so that rows made together are together in every index.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::RngExt as _;
use uuid::Uuid;

use crate::ports::clock::SystemClock;

/// Ids ascend within one process, also within one millisecond: the sub-millisecond bits are a
/// counter that is carried along with the time, and the rest is random.
#[derive(Debug, Default)]
pub struct UuidV7 {
    /// Milliseconds << 12 | counter.
    last: AtomicU64,
}

impl UuidV7 {
    fn tick(&self, now_ms: u64) -> u64 {
        let fresh = now_ms << 12;
        let step = |last: u64| Some(fresh.max(last + 1));
        self.last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
            .map_or(fresh, |last| fresh.max(last + 1))
    }
}

impl domain::Ids for UuidV7 {
    fn next(&self) -> Uuid {
        let now = store::Clock::now(&SystemClock);
        let tick = self.tick(u64::try_from(now.0 / 1_000).unwrap_or(0));
        let mut bytes = [0u8; 16];
        bytes[..6].copy_from_slice(&(tick >> 12).to_be_bytes()[2..]);
        bytes[6..8].copy_from_slice(&(((tick & 0xfff) as u16) | 0x7000).to_be_bytes());
        let random: u64 = rand::rng().random();
        bytes[8..].copy_from_slice(&(random & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000).to_be_bytes());
        Uuid::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use domain::Ids as _;

    use super::*;

    #[test]
    fn ids_ascend_and_are_version_seven() {
        let ids = UuidV7::default();
        let made: Vec<Uuid> = (0..10_000).map(|_| ids.next()).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(made.iter().all(|id| id.get_version_num() == 7));
    }
}
