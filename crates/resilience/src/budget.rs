//! The retry budget of a call site: retries are at most a share of recent requests, plus a small floor.
//!
//! | what | how |
//! |---|---|
//! | a fresh request deposits `ratio` of a token | it lives `ttl`, so that a busy morning does not pay for a storm at noon |
//! | the floor brings `floor_per_second` tokens | saved for `ttl` at most, so that a quiet caller may retry, and no more |
//! | or the fleet grants tokens from outside | they live `ttl` as deposits do ([`FloorSource`]) |
//! | a retry withdraws a whole token, or is not made | what expires first is spent first |
//! | a retry that cost the other side nothing in vain may give its token back | it lives `ttl` anew |
//!
//! In any stretch of time, then:
//! `retries - given back <= ratio * requests + floor_per_second * (time + ttl) + granted`.
//!
//! **Giving back** is for work that has to be done in the end, such as a queue of jobs. There a retry that
//! is answered well is the one call that was owed anyway; if it cost a token too, a dependency that fails
//! one call in five would be starved of the retries that settle them, and a backlog would grow forever.
//! In an outage nothing is answered well, and the bound is the strict one. A caller that may simply give
//! up, as [`Layer`](crate::Layer)'s may, gives nothing back.
//!
//! Tokens are counted in whole parts, never in floating point: ten deposits of a tenth are one token.

mod shared;

use std::collections::VecDeque;
use std::time::Duration;

pub use shared::{FloorSource, FloorUnavailable, SharedBudget};

/// A deposit lives in a slot of a tenth of its life: no row a request.
const SLOTS: u32 = 10;
/// Parts of a token: a millionth of a token a second, times a nanosecond.
const TOKEN: u128 = 1_000_000_000_000_000;
const TOKEN_PER_MILLIONTH: u128 = TOKEN / 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What a fresh request adds: 0.1 allows one retry in ten requests.
    pub ratio: f64,
    /// For how long a deposit can be spent.
    pub ttl: Duration,
    pub floor_per_second: f64,
    /// Deposits and grants together never hold more than so many tokens.
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

    /// Says in a sentence what is wrong.
    pub fn check(&self) -> Result<(), String> {
        if !(0.0..=Self::RATIO_MAX).contains(&self.ratio) {
            return Err("the budget's ratio must be from 0 to 1".to_owned());
        }
        if !(Self::TTL_MIN..=Self::TTL_MAX).contains(&self.ttl) {
            return Err("a deposit must live for at least a second and at most five minutes".to_owned());
        }
        if !(0.0..=Self::FLOOR_PER_SECOND_MAX).contains(&self.floor_per_second) {
            return Err("the budget's floor must be from 0 to 1000 a second".to_owned());
        }
        Ok(())
    }

    /// What of the floor can be saved: its `ttl`, and always a whole token, or it could never be spent.
    pub fn floor_saved_max(&self) -> f64 {
        if self.floor_per_second > 0.0 {
            (self.floor_per_second * self.ttl.as_secs_f64()).max(1.0)
        } else {
            0.0
        }
    }
}

fn parts(tokens: f64) -> u128 {
    // A negative number and one that is none become 0: no token comes from a mistake.
    (tokens * 1e6).round() as u128 * TOKEN_PER_MILLIONTH
}

#[derive(Clone, Debug)]
struct Slot {
    number: u128,
    parts: u128,
}

/// The tokens. Starts with the floor saved up: the first request of a quiet caller may be retried.
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
            // A millionth of a token a second is one part a nanosecond.
            floor_per_ns: parts(settings.floor_per_second) / TOKEN_PER_MILLIONTH,
            floor_max,
            floor: floor_max,
            now,
        }
    }

    /// A fresh request is made: the first try of an operation, never a retry.
    pub fn deposit(&mut self, now: Duration) {
        self.put(now, self.deposit);
    }

    /// So many tokens were taken from the floor that the fleet shares.
    pub fn grant(&mut self, now: Duration, tokens: u32) {
        self.put(now, u128::from(tokens) * TOKEN);
    }

    /// A retry's token comes back.
    pub fn give_back(&mut self, now: Duration) {
        self.put(now, TOKEN);
    }

    /// Whether one retry may be made.
    pub fn withdraw(&mut self, now: Duration) -> bool {
        self.pass(now);
        let Some(lacking) = TOKEN.checked_sub(self.deposited()) else { return self.spend_deposits(TOKEN) };
        if lacking > self.floor {
            return false;
        }
        self.floor -= lacking;
        self.spend_deposits(TOKEN - lacking)
    }

    /// The same without the local floor: where the fleet's is asked instead.
    pub fn withdraw_deposited(&mut self, now: Duration) -> bool {
        self.pass(now);
        self.deposited() >= TOKEN && self.spend_deposits(TOKEN)
    }

    /// Tokens that could be spent now.
    pub fn left(&mut self, now: Duration) -> f64 {
        self.pass(now);
        (self.deposited() + self.floor) as f64 / TOKEN as f64
    }

    pub fn left_deposited(&mut self, now: Duration) -> f64 {
        self.pass(now);
        self.deposited() as f64 / TOKEN as f64
    }

    fn deposited(&self) -> u128 {
        self.slots.iter().map(|slot| slot.parts).sum()
    }

    /// Lets time pass: old slots go, the floor rises.
    fn pass(&mut self, now: Duration) {
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
        self.pass(now);
        let parts = parts.min(self.deposits_max.saturating_sub(self.deposited()));
        let number = self.slot();
        match self.slots.back_mut() {
            Some(slot) if slot.number == number => slot.parts += parts,
            _ => self.slots.push_back(Slot { number, parts }),
        }
    }

    /// Oldest first. To be called only with what is there.
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
