//! Settings of different sections that must fit each other. Each setting was checked alone before;
//! here they are checked together, after the file, the variables and the flags are combined.
//!
//! | setting | must be | otherwise |
//! |---|---|---|
//! | `limits.request_timeout_ms` | above `limits.wait_ms` and above 30000 | a client with the longest wait gets a 503 |
//! | `limits.request_timeout_ms` | at most 60000 | a server that stops ends requests that still have time |
//! | `workers.backoff_cap_ms` | at most `workers.operation_deadline_seconds` | an operation becomes a review case before it is checked again |
//! | `workers.evidence_after_ms` | at most an hour | the second check comes before the first |
//! | `consumers.attempt_timeout_ms` | at most a third of `relay.lease_ms` | a handler that hangs is never counted as failed |
//! | `consumers.backoff_cap_ms` | at most `relay.messages_kept_days` | a message waits longer than messages are kept |
//! | `relay.unreceived_after_ms` | at least `consumers.attempt_timeout_ms` and `broker.ack_wait_ms` | a message in progress is published again |
//! | `broker.publish_timeout_ms` | at most `relay.lease_ms` | a relay waits for messages that another relay publishes meanwhile |
//! | `redis.lease_ms` | at least `redis.timeout_ms` | a marker expires before Redis has replied |
//! | `redis.lease_ms` | at most `limits.request_timeout_ms` | duplicates are rejected although no request is in progress |
//! | `redis.reply_ttl_seconds` | at most `store.replies_kept_days` | a deleted reply is still returned |
//! | `breaker.probe_patience_ms` | at least an account's `call_timeout_ms` | a probe that gets a reply has already failed |
//! | an account's `key_retention_seconds` | at least its `operation_timeout_ms` | a retry uses a key that the provider has forgotten |

use std::time::Duration;

use api::limits::WAIT_SECONDS_MAX;
use domain::time::Span;
use server::http::FAREWELL;
use server::service::{AccountSettings, Settings};

use crate::{Failed, failed};

/// `first` must not be longer than `second`; `sentence` is the error message.
struct Pair {
    first: Duration,
    second: Duration,
    sentence: &'static str,
}

/// Refuses settings that cannot work together, with a sentence.
pub fn check(settings: &Settings) -> Result<(), Failed> {
    let pairs = [http(settings), workers(settings), messages(settings), redis(settings)];
    let pairs =
        pairs.into_iter().flatten().chain(settings.accounts.iter().flat_map(|account| at(settings, account)));
    match pairs.into_iter().find(|pair| pair.first > pair.second) {
        Some(pair) => Err(failed(pair.sentence)),
        None => Ok(()),
    }
}

fn http(settings: &Settings) -> Vec<Pair> {
    let limits = &settings.limits;
    // Above, and not equal: the reply takes a moment as well.
    let moment = Duration::from_millis(1);
    vec![
        Pair {
            first: limits.wait + moment,
            second: limits.request_timeout,
            sentence: "limits.wait_ms must be below limits.request_timeout_ms",
        },
        Pair {
            first: Duration::from_secs(WAIT_SECONDS_MAX) + moment,
            second: limits.request_timeout,
            sentence: "limits.request_timeout_ms must be above 30000: a client may ask to wait that long",
        },
        Pair {
            first: limits.request_timeout,
            second: FAREWELL,
            sentence: "limits.request_timeout_ms must be at most 60000: a server that stops waits no longer \
                       for work in progress",
        },
    ]
}

fn workers(settings: &Settings) -> Vec<Pair> {
    let pace = &settings.pace;
    vec![
        Pair {
            first: duration(pace.cap),
            second: duration(settings.limits.operation_deadline),
            sentence: "workers.backoff_cap_ms must be at most workers.operation_deadline_seconds: past it an \
                       operation without an outcome is a review case",
        },
        Pair {
            first: duration(pace.evidence_after),
            second: duration(pace.poll_max),
            sentence: "workers.evidence_after_ms must be at most 3600000: each check waits longer than \
                       the one before, up to an hour",
        },
    ]
}

fn messages(settings: &Settings) -> Vec<Pair> {
    let (relay, consumers) = (&settings.relay, &settings.consumers);
    let mut pairs = vec![
        // A handler that hangs must be counted as failed before the relay gives up its batch;
        // otherwise the message would come again without end.
        Pair {
            first: consumers.attempt_timeout,
            second: duration(relay.lease) / 3,
            sentence: "consumers.attempt_timeout_ms must be at most a third of relay.lease_ms: the relay \
                       waits for only half of it",
        },
        Pair {
            first: consumers.attempt_timeout,
            second: duration(relay.unreceived_after),
            sentence: "relay.unreceived_after_ms must be at least consumers.attempt_timeout_ms: what is \
                       being handled would be published again",
        },
        Pair {
            first: consumers.backoff.cap,
            second: duration(relay.messages_kept),
            sentence: "consumers.backoff_cap_ms must be at most relay.messages_kept_days",
        },
    ];
    if let Some(broker) = settings.broker.as_ref().map(|broker| broker.times()) {
        pairs.push(Pair {
            first: broker.publish_timeout,
            second: duration(relay.lease),
            sentence: "broker.publish_timeout_ms must be at most relay.lease_ms: another relay publishes \
                       what this one waits for",
        });
        pairs.push(Pair {
            first: broker.ack_wait,
            second: duration(relay.unreceived_after),
            sentence: "broker.ack_wait_ms must be at most relay.unreceived_after_ms: the stream delivers \
                       again what a worker lost, before it is published again",
        });
    }
    pairs
}

fn redis(settings: &Settings) -> Vec<Pair> {
    let Some(redis) = settings.cache.as_ref().map(|cache| cache.times()) else { return Vec::new() };
    vec![
        Pair {
            first: redis.timeout,
            second: redis.lease,
            sentence: "redis.timeout_ms must be at most redis.lease_ms: a marker would be over before \
                       Redis has answered",
        },
        Pair {
            first: redis.lease,
            second: settings.limits.request_timeout,
            sentence: "redis.lease_ms must be at most limits.request_timeout_ms: it would keep duplicates \
                       away from what nobody works at",
        },
        Pair {
            first: redis.reply_ttl,
            second: duration(settings.replies_kept),
            sentence: "redis.reply_ttl_seconds must not be longer than store.replies_kept_days",
        },
    ]
}

fn at(settings: &Settings, account: &AccountSettings) -> Vec<Pair> {
    let of_account = &account.settings;
    vec![
        Pair {
            first: of_account.wire.call_timeout,
            second: settings.guard.breaker.probe_patience,
            sentence: "breaker.probe_patience_ms must be at least the call_timeout_ms of every account: a \
                       probe that is answered would have failed",
        },
        Pair {
            first: of_account.wire.operation_timeout,
            second: duration(of_account.key_retention),
            sentence: "accounts: key_retention_seconds must be at least operation_timeout_ms: a second try \
                       would come under a key that is forgotten",
        },
    ]
}

fn duration(span: Span) -> Duration {
    Duration::from_micros(u64::try_from(span.0).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use domain::TenantId;
    use server::roles::Roles;
    use store::Location;

    use super::*;
    use crate::config::File;

    fn parse(text: &str) -> Result<(), String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let location = Location::parse("sqlite:x").unwrap();
        let mut settings =
            file.settings(listen, location, Roles::ALL).map_err(|failed| failed.to_string())?;
        for account in &file.accounts {
            settings.accounts.push(account.settings(TenantId(uuid::Uuid::nil())).unwrap());
        }
        check(&settings).map_err(|failed| failed.to_string())
    }

    /// The refused and the accepted value of `second`, beside `first`.
    fn pair(first: &str, refused: &str, taken: &str, reason: &str) {
        let error = parse(&format!("{first}\n{refused}")).expect_err(refused);
        assert!(error.contains(reason), "{first} {refused}\n-> {error}");
        parse(&format!("{first}\n{taken}")).unwrap_or_else(|error| panic!("{first} {taken}\n-> {error}"));
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused_with_the_reason() {
        let limits = "[limits]\nrequest_timeout_ms = 40000";
        pair(limits, "wait_ms = 40000", "wait_ms = 39999", "below limits.request_timeout_ms");
        pair("[limits]", "request_timeout_ms = 30000", "request_timeout_ms = 30001", "above 30000");
        pair("[limits]", "request_timeout_ms = 60001", "request_timeout_ms = 60000", "at most 60000");
        pair("[workers]", "backoff_cap_ms = 3600001", "backoff_cap_ms = 3600000", "backoff_cap_ms");
        pair("[workers]", "evidence_after_ms = 3600001", "evidence_after_ms = 3600000", "evidence_after_ms");
        let attempt = "[consumers]\nattempt_timeout_ms = 3000\n[relay]";
        pair(attempt, "lease_ms = 8999", "lease_ms = 9000", "a third of relay.lease_ms");
        pair(attempt, "unreceived_after_ms = 2999", "unreceived_after_ms = 3000", "unreceived_after_ms");
        let kept = "[relay]\nmessages_kept_days = 1\n[consumers]";
        pair(kept, "backoff_cap_ms = 86400001", "backoff_cap_ms = 86400000", "messages_kept_days");
    }

    #[test]
    #[cfg(feature = "redis")]
    fn redis_fits_the_rest() {
        let redis = "[redis]\nurl = 'redis://h'";
        pair(
            redis,
            "timeout_ms = 300\nlease_ms = 299",
            "timeout_ms = 300\nlease_ms = 300",
            "redis.timeout_ms",
        );
        let slow = format!("[limits]\nrequest_timeout_ms = 31000\n{redis}");
        pair(&slow, "lease_ms = 31001", "lease_ms = 31000", "limits.request_timeout_ms");
        let day = format!("[store]\nreplies_kept_days = 1\n{redis}");
        pair(&day, "reply_ttl_seconds = 86401", "reply_ttl_seconds = 86400", "replies_kept_days");
    }

    #[test]
    #[cfg(feature = "nats")]
    fn a_broker_fits_the_rest() {
        let lease = "[consumers]\nattempt_timeout_ms = 1000\n[relay]\nlease_ms = 3000\nunreceived_after_ms = 5000\n\
                     [broker]\nnats_url = 'nats://h'\n";
        let wait = format!("{lease}ack_wait_ms = 5000");
        pair(&wait, "publish_timeout_ms = 3001", "publish_timeout_ms = 3000", "relay.lease_ms");
        pair(lease, "ack_wait_ms = 5001", "ack_wait_ms = 5000", "unreceived_after_ms");
    }

    #[test]
    fn an_account_fits_the_rest() {
        let account = "[[accounts]]\ntenant = 'a'\nprovider = 'stripe'\nname = 'acct_1'\nmode = 'test'\n\
                       base_url = 'http://127.0.0.1:1'\nwebhook_secrets = []\nsecret_key = 'sk_test_1'";
        let patience = |ms: u32| format!("call_timeout_ms = 20000\n[breaker]\nprobe_patience_ms = {ms}");
        pair(account, &patience(19_999), &patience(20_000), "probe_patience_ms");
        pair(account, "key_retention_seconds = 39", "key_retention_seconds = 40", "key_retention_seconds");
    }
}
