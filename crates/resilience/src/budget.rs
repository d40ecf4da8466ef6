//! The retry budget of a call site: retries are at most a share of recent requests, plus a small
//! floor.
//!
//! | what | how |
//! |---|---|
//! | a fresh request deposits `ratio` of a token | it lives `ttl`, so that a busy hour does not pay for a burst of retries later |
//! | the floor brings `floor_per_second` tokens | saved for at most `ttl`, so that a quiet caller may retry, but only a little |
//! | or the fleet's shared floor grants tokens | they live `ttl`, as deposits do ([`FloorSource`]) |
//! | a retry withdraws a whole token, or is not made | the token that expires first is spent first |
//! | a retry that did useful work may give its token back | the token lives another `ttl` |
//!
//! For any period this holds: `retries - given back <= ratio * requests + floor_per_second * (time
//! + ttl) + granted`.
//!
//! **Giving back** is for work that must be done in the end, such as a queue of jobs. There, a
//! retry that succeeds is the one call that was needed anyway. If it cost a token, a dependency
//! that fails one call in five would run out of the retries that complete those calls, and a
//! backlog would grow forever. In an outage no retry succeeds, and the strict bound applies. A
//! caller that may simply give up, as [`Layer`](crate::Layer)'s may, gives nothing back.
//!
//! Tokens are counted in integer parts, never in floating point: ten deposits of a tenth make one
//! token.

mod shared;

use std::collections::VecDeque;
use std::time::Duration;

pub use shared::{FloorSource, FloorUnavailable, SharedBudget};

/// A deposit lives in a slot of a tenth of its lifetime, so memory does not grow with requests.
const SLOTS: u32 = 10;
/// Parts of a token: a millionth of a token per second, times a nanosecond.
const TOKEN: u128 = 1_000_000_000_000_000;
const TOKEN_PER_MILLIONTH: u128 = TOKEN / 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What a fresh request adds: 0.1 allows one retry in ten requests.
    pub ratio: f64,
    /// How long a deposit can be spent.
    pub ttl: Duration,
    pub floor_per_second: f64,
    /// The most tokens that deposits and grants together can hold.
    pub deposits_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { ratio: 0.1, ttl: Duration::from_secs(10), floor_per_second: 1.0, deposits_max: 1_000 }
    }
}

impl Settings {
    pub const RATIO_MAX: f64 = 1.0;
    pub const TTL_MIN: Duration = Duration::from_secs(1);
    pub const TTL_MAX: Duration = Duration::from_mins(5);
    pub const FLOOR_PER_SECOND_MAX: f64 = 1_000.0;

    /// The error is a sentence that says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        if !(0.0..=Self::RATIO_MAX).contains(&self.ratio) {
            return Err("the budget's ratio must be from 0 to 1".to_owned());
        }
        if !(Self::TTL_MIN..=Self::TTL_MAX).contains(&self.ttl) {
            return Err("a deposit must live from a second to five minutes".to_owned());
        }
        if !(0.0..=Self::FLOOR_PER_SECOND_MAX).contains(&self.floor_per_second) {
            return Err("the budget's floor must be from 0 to 1000 per second".to_owned());
        }
        Ok(())
    }

    /// How much of the floor can be saved: what arrives in `ttl`, but at least a whole token, or it
    /// could never be spent.
    pub fn floor_saved_max(&self) -> f64 {
        if self.floor_per_second > 0.0 {
            (self.floor_per_second * self.ttl.as_secs_f64()).max(1.0)
        } else {
            0.0
        }
    }
}

fn parts(tokens: f64) -> u128 {
    // A negative number or NaN becomes 0, so a mistake creates no tokens.
    (tokens * 1e6).round() as u128 * TOKEN_PER_MILLIONTH
}

#[derive(Clone, Debug)]
struct Slot {
    number: u128,
    parts: u128,
}

/// The tokens. The floor starts full, so the first request of a quiet caller may be retried.
#[derive(Clone, Debug)]
pub struct Budget {
    deposit: u128,
    deposits_max: u128,
    slot_ns: u128,
    slots: VecDeque<Slot>,
    floor_per_ns: u128,
    floor_max: u128,
    floor: u128,
    now: Duration,
}

impl Budget {
    pub fn new(settings: &Settings, now: Duration) -> Budget {
        let floor_max = parts(settings.floor_saved_max());
        Budget {
            deposit: parts(settings.ratio),
            deposits_max: u128::from(settings.deposits_max) * TOKEN,
            slot_ns: (settings.ttl.as_nanos() / u128::from(SLOTS)).max(1),
            slots: VecDeque::new(),
            // A millionth of a token per second is one part per nanosecond.
            floor_per_ns: parts(settings.floor_per_second) / TOKEN_PER_MILLIONTH,
            floor_max,
            floor: floor_max,
            now,
        }
    }

    /// Records a fresh request: the first try of an operation, never a retry.
    pub fn deposit(&mut self, now: Duration) {
        self.put(now, self.deposit);
    }

    /// Adds tokens that were taken from the fleet's shared floor.
    pub fn grant(&mut self, now: Duration, tokens: u32) {
        self.put(now, u128::from(tokens) * TOKEN);
    }

    /// Returns the token of a retry.
    pub fn give_back(&mut self, now: Duration) {
        self.put(now, TOKEN);
    }

    /// Takes a token for one retry; `false` if there is none.
    pub fn withdraw(&mut self, now: Duration) -> bool {
        self.advance(now);
        let Some(lacking) = TOKEN.checked_sub(self.deposited()) else { return self.spend_deposits(TOKEN) };
        if lacking > self.floor {
            return false;
        }
        self.floor -= lacking;
        self.spend_deposits(TOKEN - lacking)
    }

    /// As `withdraw`, but without the local floor. Used where the fleet shares a floor.
    pub fn withdraw_deposited(&mut self, now: Duration) -> bool {
        self.advance(now);
        self.deposited() >= TOKEN && self.spend_deposits(TOKEN)
    }

    /// Tokens that can be spent now.
    pub fn left(&mut self, now: Duration) -> f64 {
        self.advance(now);
        (self.deposited() + self.floor) as f64 / TOKEN as f64
    }

    pub fn left_deposited(&mut self, now: Duration) -> f64 {
        self.advance(now);
        self.deposited() as f64 / TOKEN as f64
    }

    fn deposited(&self) -> u128 {
        self.slots.iter().map(|slot| slot.parts).sum()
    }

    /// Applies the passage of time: old slots expire, the floor rises.
    fn advance(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.now).as_nanos();
        self.now = self.now.max(now);
        let risen = passed.saturating_mul(self.floor_per_ns);
        self.floor = self.floor.saturating_add(risen).min(self.floor_max);
        let current = self.slot();
        while self.slots.front().is_some_and(|slot| slot.number + u128::from(SLOTS) <= current) {
            self.slots.pop_front();
        }
    }

    fn slot(&self) -> u128 {
        self.now.as_nanos() / self.slot_ns
    }

    fn put(&mut self, now: Duration, parts: u128) {
        self.advance(now);
        let parts = parts.min(self.deposits_max.saturating_sub(self.deposited()));
        let number = self.slot();
        match self.slots.back_mut() {
            Some(slot) if slot.number == number => slot.parts += parts,
            _ => self.slots.push_back(Slot { number, parts }),
        }
    }

    /// Spends the oldest deposits first. The caller has checked that there is enough.
    fn spend_deposits(&mut self, mut parts: u128) -> bool {
        for slot in &mut self.slots {
            let spent = parts.min(slot.parts);
            slot.parts -= spent;
            parts -= spent;
        }
        true
    }
}

#[cfg(test)]
mod tests;
