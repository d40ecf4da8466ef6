//! `[relay]` and `[consumers]`.

use std::time::Duration;

use domain::time::Span;
use serde::Deserialize;
use server::service::Settings;

use super::{above_zero, set};
use crate::{Failed, failed};

const DAY: i64 = 86_400;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelayFile {
    pub catch_up_per_second: Option<u32>,
    pub lease_ms: Option<i64>,
    pub unreceived_after_ms: Option<i64>,
    pub messages_kept_days: Option<i64>,
}

impl RelayFile {
    pub fn apply(&self, settings: &mut Settings) -> Result<(), Failed> {
        let relay = &mut settings.relay;
        set(&mut relay.catch_up_per_second, self.catch_up_per_second);
        set(&mut relay.lease, self.lease_ms.map(Span::millis));
        set(&mut relay.unreceived_after, self.unreceived_after_ms.map(Span::millis));
        set(
            &mut relay.messages_kept,
            self.messages_kept_days.map(|days| Span::seconds(days.saturating_mul(DAY))),
        );
        if !(1..=1_000_000).contains(&relay.catch_up_per_second) {
            return Err(failed("relay.catch_up_per_second must be from 1 to 1000000"));
        }
        // A partition is held for five seconds, and the lease must last longer than the publishing.
        if relay.lease < Span::seconds(2) || relay.lease > Span::seconds(3_600) {
            return Err(failed("relay.lease_ms must be from two seconds to an hour"));
        }
        if relay.unreceived_after < Span::seconds(1) || relay.unreceived_after > Span::seconds(DAY) {
            return Err(failed("relay.unreceived_after_ms must be from a second to a day"));
        }
        if relay.messages_kept < Span::seconds(DAY) || relay.messages_kept > Span::seconds(36_500 * DAY) {
            return Err(failed("relay.messages_kept_days must be from 1 to 36500"));
        }
        Ok(())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsumersFile {
    pub concurrency: Option<usize>,
    pub attempts_max: Option<i64>,
    pub backoff_base_ms: Option<u64>,
    pub backoff_cap_ms: Option<u64>,
    pub attempt_timeout_ms: Option<u64>,
}

impl ConsumersFile {
    pub fn apply(&self, settings: &mut Settings) -> Result<(), Failed> {
        let consumers = &mut settings.consumers;
        set(&mut consumers.concurrency, self.concurrency);
        set(&mut consumers.attempts_max, self.attempts_max);
        set(&mut consumers.backoff.base, self.backoff_base_ms.map(Duration::from_millis));
        set(&mut consumers.backoff.cap, self.backoff_cap_ms.map(Duration::from_millis));
        set(&mut consumers.attempt_timeout, self.attempt_timeout_ms.map(Duration::from_millis));
        if !(1..=1_000).contains(&consumers.attempts_max) {
            return Err(failed("consumers.attempts_max must be from 1 to 1000"));
        }
        if consumers.backoff.base.is_zero() || consumers.backoff.cap < consumers.backoff.base {
            return Err(failed("consumers.backoff_base_ms must be above zero and at most backoff_cap_ms"));
        }
        if consumers.attempt_timeout < Duration::from_millis(100) {
            return Err(failed("consumers.attempt_timeout_ms must be at least 100"));
        }
        above_zero("consumers.concurrency", consumers.concurrency)
    }
}

#[cfg(test)]
mod tests {
    use server::roles::Roles;
    use store::Location;

    use super::super::File;
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let location = Location::parse("sqlite:x").unwrap();
        file.settings("127.0.0.1:0".parse().unwrap(), location, Roles::ALL)
            .map_err(|failed| failed.to_string())
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_the_reason() {
        for (text, reason) in [
            ("[relay]\ncatch_up_per_second = 0", "catch_up_per_second"),
            ("[relay]\nlease_ms = 1999", "two seconds"),
            ("[relay]\nunreceived_after_ms = 10", "unreceived_after_ms"),
            ("[relay]\nmessages_kept_days = 0", "messages_kept_days"),
            ("[relay]\nmessages_kept_days = 9223372036854775807", "messages_kept_days"),
            ("[relay]\ncolour = 1", "unknown field"),
            ("[consumers]\nconcurrency = 0", "above 0"),
            ("[consumers]\nattempts_max = 0", "attempts_max"),
            ("[consumers]\nbackoff_base_ms = 0", "backoff_base_ms"),
            ("[consumers]\nbackoff_base_ms = 100\nbackoff_cap_ms = 10", "at most"),
            ("[consumers]\nattempt_timeout_ms = 10", "at least"),
            ("[consumers]\nattempt_timeout_ms = 5001", "at most a third of relay.lease_ms"),
            ("[relay]\nlease_ms = 14999", "at most a third of relay.lease_ms"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(reason), "{text}\n-> {refused}");
        }
        let settings = parse("[relay]\ncatch_up_per_second = 7\n[consumers]\nattempts_max = 3").unwrap();
        assert_eq!((settings.relay.catch_up_per_second, settings.consumers.attempts_max), (7, 3));
        parse("[relay]\nlease_ms = 2000\n[consumers]\nattempt_timeout_ms = 666").unwrap();
    }
}
