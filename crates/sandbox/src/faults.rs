//! The faults that can be switched on, and the random draws that decide which calls they affect.
//!
//! | fault                  | effect | reply   | a repetition under the key |
//! |------------------------|--------|---------|----------------------------|
//! | `drop_before`          | none   | none    | is executed                |
//! | `unavailable`          | none   | 503     | is executed                |
//! | `rate_limited`         | none   | 429     | is executed                |
//! | `key_locked`           | none   | 423     | is executed                |
//! | `failed_dependency`    | none   | 424     | is executed                |
//! | `kept_500`             | none   | 500     | gets the 500 again         |
//! | `commit_then_drop`     | full   | none    | gets the real reply        |
//! | `commit_then_500`      | full   | 500     | gets the real reply        |
//! | `commit_then_kept_500` | full   | 500     | gets the 500 again         |
//!
//! Stripe stores the first reply once execution has begun, also a 500
//! (<https://docs.stripe.com/api/idempotent_requests>): the stored errors are Stripe's own. A 500
//! that is not stored under the key came from a system between Stripe and its caller.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// The largest delay of Mercado Pago's search.
const SEARCH_LAG_MAX_MS: u64 = 60 * 60 * 1000;

const KEY_RETENTION_DEFAULT_S: u64 = 24 * 60 * 60;
const DELAY_MAX_MS: u64 = 10 * 60 * 1000;
const DUPLICATES_MAX: u32 = 100;
const RETRY_AFTER_MAX_S: u64 = 60 * 60;
/// Stripe keeps events for thirty days.
const AGE_MAX_S: u64 = 30 * 24 * 60 * 60;
/// Shuffled deliveries are spread over this time.
const SHUFFLE_SPREAD_MS: u64 = 250;

/// The body of `POST /sandbox/faults`; an absent field is its default. Probabilities are in `0..=1`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The seed of all faults below. The same seed and the same order of calls give the same
    /// faults.
    pub seed: u64,
    /// The effect happens and is journaled, then the connection is closed without a reply.
    pub commit_then_drop: f64,
    /// The effect happens and is journaled, then the reply is a 500 from a system between Stripe
    /// and the caller. The idempotency key stores the real reply, so a repetition gets it.
    pub commit_then_500: f64,
    /// The effect happens, and Stripe itself replies 500. The idempotency key stores the 500, so a
    /// repetition learns nothing: only the objects show what happened.
    pub commit_then_kept_500: f64,
    /// Execution begins, nothing happens, and Stripe replies 500. The idempotency key stores the
    /// 500, so a repetition does nothing either.
    pub kept_500: f64,
    /// Only Stripe keeps errors under a key: `kept_500` and `commit_then_kept_500` are ordinary ones
    /// elsewhere.
    pub kept_by_stripe_only: bool,
    /// The connection is closed and nothing happens.
    pub drop_before: f64,
    /// The reply is 503 and nothing happens.
    pub unavailable: f64,
    /// The reply is 429 and nothing happens.
    pub rate_limited: f64,
    /// The value of `Retry-After` in a 503 or 429; 0 sends no header.
    pub retry_after_s: u64,
    /// How long each call takes, uniform between the two values; a part before its effect and a
    /// part after.
    pub delay_ms: [u64; 2],
    /// How much later each reply is sent after its effect, so that its webhooks arrive first.
    pub answer_delay_ms: [u64; 2],
    /// A confirmation is declined although its card would pay.
    pub decline: f64,
    /// A confirmation leaves its intent in `processing`; its card decides the result later.
    pub stuck_processing: f64,
    /// How long an intent stays in `processing`, uniform between the two values.
    pub processing_ms: [u64; 2],
    /// How many extra copies of each delivery are sent.
    pub webhook_duplicates: u32,
    /// Deliveries are spread at random over a quarter of a second.
    pub webhook_shuffle: bool,
    /// A delivery is never made.
    pub webhook_drop: f64,
    /// How long each delivery waits before its first attempt.
    pub webhook_delay_ms: [u64; 2],
    /// Events are held back while this is set; their faults are drawn when they are sent.
    pub webhook_hold: bool,
    /// Delivered events claim to have happened this long ago, as after an outage of days. The
    /// signature has the current time, as in any late attempt.
    pub webhook_age_s: u64,
    /// How many seconds an idempotency key is remembered.
    pub key_retention_s: u64,
    /// Idempotency keys are ignored.
    pub forget_keys: bool,
    /// Mercado Pago only: a call with a key gets a 423, as while another call holds the key.
    pub key_locked: f64,
    /// Mercado Pago only: a call with a key gets a 424, and nothing happens.
    pub failed_dependency: f64,
    /// Mercado Pago only: a payment that changed within this time is missing from the search.
    pub search_lag_ms: u64,
    /// Mercado Pago only: the letters of the id in the text that is signed.
    pub webhook_id_case: IdCase,
    /// Mercado Pago only: the unit of `ts` in a signature.
    pub webhook_time_unit: TimeUnit,
    /// A bank only: another number ends all tokens that were issued under the earlier one, before their
    /// time.
    pub token_generation: u64,
    /// A bank only: a charge shows its Pix without their returns, as while another system of the bank has
    /// them.
    pub returns_hidden: bool,
}

/// Mercado Pago's pages say that the signed id is lower-cased, its SDKs sign it as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdCase {
    #[default]
    Verbatim,
    Lower,
}

/// Mercado Pago's pages say milliseconds, one of their samples has seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    #[default]
    Milliseconds,
    Seconds,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            seed: 0,
            commit_then_drop: 0.0,
            commit_then_500: 0.0,
            commit_then_kept_500: 0.0,
            kept_500: 0.0,
            kept_by_stripe_only: false,
            drop_before: 0.0,
            unavailable: 0.0,
            rate_limited: 0.0,
            retry_after_s: 0,
            delay_ms: [0, 0],
            answer_delay_ms: [0, 0],
            decline: 0.0,
            stuck_processing: 0.0,
            processing_ms: [0, 0],
            webhook_duplicates: 0,
            webhook_shuffle: false,
            webhook_drop: 0.0,
            webhook_delay_ms: [0, 0],
            webhook_hold: false,
            webhook_age_s: 0,
            key_retention_s: KEY_RETENTION_DEFAULT_S,
            forget_keys: false,
            key_locked: 0.0,
            failed_dependency: 0.0,
            search_lag_ms: 0,
            webhook_id_case: IdCase::default(),
            webhook_time_unit: TimeUnit::default(),
            token_generation: 0,
            returns_hidden: false,
        }
    }
}

/// What happens to one call after its effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CallEnding {
    Answered,
    Dropped,
    Failed,
    /// The failure is stored under the key.
    FailedForGood,
}

/// What happens to a confirmation before its card decides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ConfirmationFault {
    pub declined: bool,
    /// How long it stays undecided.
    pub processing_ms: Option<u64>,
}

/// Why a call is rejected before it has an effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TurnedAway {
    Unavailable,
    RateLimited,
    KeyLocked,
    FailedDependency,
}

/// The faults of one call, drawn when it arrives.
#[derive(Clone, Copy, Debug)]
pub struct CallFaults {
    pub drop_before: bool,
    pub turned_away: Option<TurnedAway>,
    /// For calls with a key, on a wire that has this fault.
    pub key_fault: Option<TurnedAway>,
    pub delay_before_ms: u64,
    pub delay_after_ms: u64,
    pub confirmation: ConfirmationFault,
    /// Execution begins and fails before it does anything.
    pub kept_500: bool,
    pub ending: CallEnding,
}

impl CallFaults {
    /// On a wire that keeps no errors.
    pub fn that_keep_nothing(self) -> Self {
        let ending = if self.ending == CallEnding::FailedForGood { CallEnding::Failed } else { self.ending };
        Self { kept_500: false, ending, ..self }
    }
}

/// The faults of one delivery.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryFaults {
    pub lost: bool,
    pub delay_ms: u64,
    pub copies: u32,
}

impl Faults {
    pub fn check(&self) -> Result<(), String> {
        let probabilities = [
            ("commit_then_drop", self.commit_then_drop),
            ("commit_then_500", self.commit_then_500),
            ("commit_then_kept_500", self.commit_then_kept_500),
            ("kept_500", self.kept_500),
            ("drop_before", self.drop_before),
            ("unavailable", self.unavailable),
            ("rate_limited", self.rate_limited),
            ("decline", self.decline),
            ("stuck_processing", self.stuck_processing),
            ("webhook_drop", self.webhook_drop),
            ("key_locked", self.key_locked),
            ("failed_dependency", self.failed_dependency),
        ];
        if let Some((name, _)) = probabilities.iter().find(|(_, p)| !(0.0..=1.0).contains(p)) {
            return Err(format!("{name} must be a probability between 0 and 1"));
        }
        let spans = [
            ("delay_ms", self.delay_ms),
            ("answer_delay_ms", self.answer_delay_ms),
            ("processing_ms", self.processing_ms),
            ("webhook_delay_ms", self.webhook_delay_ms),
        ];
        if let Some((name, _)) = spans.iter().find(|(_, [low, high])| low > high || *high > DELAY_MAX_MS) {
            return Err(format!("{name} must be [low, high] with low <= high <= {DELAY_MAX_MS}"));
        }
        if self.webhook_duplicates > DUPLICATES_MAX {
            return Err(format!("webhook_duplicates must be at most {DUPLICATES_MAX}"));
        }
        if self.retry_after_s > RETRY_AFTER_MAX_S {
            return Err(format!("retry_after_s must be at most {RETRY_AFTER_MAX_S}"));
        }
        if self.search_lag_ms > SEARCH_LAG_MAX_MS {
            return Err(format!("search_lag_ms must be at most {SEARCH_LAG_MAX_MS}"));
        }
        if self.webhook_age_s > AGE_MAX_S {
            return Err(format!("webhook_age_s must be at most {AGE_MAX_S}"));
        }
        Ok(())
    }

    pub fn plan(&self, random: &mut Random) -> CallFaults {
        let drop_before = random.chance(self.drop_before);
        let delay_ms = random.between(self.delay_ms[0], self.delay_ms[1]);
        let delay_before_ms = random.between(0, delay_ms);
        let declined = random.chance(self.decline);
        let dropped = random.chance(self.commit_then_drop);
        let failed = random.chance(self.commit_then_500);
        // The newer faults are drawn last and from their own generator, so that an old seed still
        // gives the same faults.
        let mut apart = random.fork();
        let unavailable = apart.chance(self.unavailable);
        let limited = apart.chance(self.rate_limited);
        let turned_away = match (unavailable, limited) {
            (true, _) => Some(TurnedAway::Unavailable),
            (false, true) => Some(TurnedAway::RateLimited),
            (false, false) => None,
        };
        let late_ms = apart.between(self.answer_delay_ms[0], self.answer_delay_ms[1]);
        let delay_after_ms = delay_ms - delay_before_ms + late_ms;
        let kept_500 = apart.chance(self.kept_500);
        let failed_for_good = apart.chance(self.commit_then_kept_500);
        let stuck = apart.chance(self.stuck_processing);
        let processing_ms = apart.between(self.processing_ms[0], self.processing_ms[1]);
        let confirmation = ConfirmationFault { declined, processing_ms: stuck.then_some(processing_ms) };
        let locked = apart.chance(self.key_locked);
        let dependency_failed = apart.chance(self.failed_dependency);
        let key_fault = match (locked, dependency_failed) {
            (true, _) => Some(TurnedAway::KeyLocked),
            (false, true) => Some(TurnedAway::FailedDependency),
            (false, false) => None,
        };
        let ending = match (dropped, failed, failed_for_good) {
            (true, _, _) => CallEnding::Dropped,
            (_, true, _) => CallEnding::Failed,
            (_, _, true) => CallEnding::FailedForGood,
            _ => CallEnding::Answered,
        };
        CallFaults {
            drop_before,
            turned_away,
            key_fault,
            delay_before_ms,
            delay_after_ms,
            confirmation,
            kept_500,
            ending,
        }
    }

    pub fn posting(&self, random: &mut Random) -> DeliveryFaults {
        let lost = random.chance(self.webhook_drop);
        let delay_ms = random.between(self.webhook_delay_ms[0], self.webhook_delay_ms[1]);
        let spread_ms = if self.webhook_shuffle { random.between(0, SHUFFLE_SPREAD_MS) } else { 0 };
        DeliveryFaults { lost, delay_ms: delay_ms + spread_ms, copies: 1 + self.webhook_duplicates }
    }

    pub fn key_is_remembered(&self, kept_at_ms: i64, now_ms: i64) -> bool {
        let age_ms = now_ms.saturating_sub(kept_at_ms).max(0) as u64;
        !self.forget_keys && age_ms < self.key_retention_s.saturating_mul(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_faults_are_refused() {
        let check = |text: &str, allowed: bool| {
            let read: Result<Faults, _> = serde_json::from_str(text);
            assert_eq!(read.is_ok_and(|faults| faults.check().is_ok()), allowed, "{text}");
        };
        check("{}", true);
        check(r#"{"decline":1,"delay_ms":[1,2]}"#, true);
        check(r#"{"decline":1.1}"#, false);
        check(r#"{"drop_before":-0.1}"#, false);
        check(r#"{"delay_ms":[2,1]}"#, false);
        check(r#"{"dleay_ms":[1,2]}"#, false);
        check(r#"{"webhook_duplicates":101}"#, false);
        check(r#"{"unavailable":2}"#, false);
        check(r#"{"rate_limited":1,"retry_after_s":3600}"#, true);
        check(r#"{"retry_after_s":3601}"#, false);
        check(r#"{"webhook_age_s":2592001}"#, false);
        check(r#"{"key_locked":1,"webhook_id_case":"lower","webhook_time_unit":"seconds"}"#, true);
        check(r#"{"failed_dependency":1.5}"#, false);
        check(r#"{"search_lag_ms":3600001}"#, false);
        check(r#"{"webhook_id_case":"upper"}"#, false);
    }

    /// The plans from before `kept_500` and stuck confirmations existed.
    #[test]
    fn an_old_seed_keeps_its_plans_when_faults_are_added() {
        use super::{CallEnding::*, TurnedAway::Unavailable};
        let faults = Faults {
            commit_then_drop: 0.3,
            commit_then_500: 0.3,
            drop_before: 0.2,
            unavailable: 0.2,
            rate_limited: 0.2,
            decline: 0.4,
            delay_ms: [5, 50],
            answer_delay_ms: [0, 90],
            ..Faults::default()
        };
        let added = Faults {
            kept_500: 0.5,
            stuck_processing: 0.5,
            processing_ms: [1, 9],
            key_locked: 0.5,
            ..faults.clone()
        };
        let expected = [
            (false, None, 24, 45, false, Dropped),
            (true, Some(Unavailable), 6, 28, false, Dropped),
            (false, None, 8, 67, true, Answered),
            (false, None, 4, 82, false, Answered),
            (false, None, 6, 12, false, Answered),
            (false, None, 5, 122, false, Answered),
            (true, None, 31, 76, true, Failed),
            (false, None, 16, 83, true, Answered),
        ];
        for faults in [faults, added] {
            let mut random = Random::seeded(11);
            let plans = expected.map(|_| {
                let plan = faults.plan(&mut random);
                let (before, after) = (plan.delay_before_ms, plan.delay_after_ms);
                let declined = plan.confirmation.declined;
                (plan.drop_before, plan.turned_away, before, after, declined, plan.ending)
            });
            assert_eq!(plans, expected);
        }
    }

    #[test]
    fn a_seed_repeats_its_plans() {
        let faults = Faults { commit_then_drop: 0.5, delay_ms: [5, 50], ..Faults::default() };
        let plans = |seed| {
            let mut random = Random::seeded(seed);
            (0..50).map(|_| format!("{:?}", faults.plan(&mut random))).collect::<Vec<_>>()
        };
        assert_eq!(plans(4), plans(4));
        assert_ne!(plans(4), plans(5));
    }
}
