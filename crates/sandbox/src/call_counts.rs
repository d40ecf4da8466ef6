//! `GET /sandbox/calls`: how often each kind of call was made, and when. It shows by how much an
//! outage multiplied the calls.
//!
//! ```json
//! {"calls": [{"at", "verb", "outcome", "count"}]}
//! ```
//!
//! `at` is the start of a window in Unix milliseconds; `?per_ms=` sets its length, by default a
//! minute. `?since_ms=` and `?until_ms=` (exclusive) bound the calls, `?account=` selects one
//! account. `outcome` is as in the books; a delayed call appears when it is done.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{books::Books, form::FormPairs, line::ReceivedCall};

const WINDOW_DEFAULT_MS: i64 = 60_000;

pub struct CountedSpan {
    account: Option<String>,
    since_ms: i64,
    until_ms: i64,
    per_ms: i64,
}

impl CountedSpan {
    pub fn read(pairs: &FormPairs) -> Result<CountedSpan, String> {
        let mut span =
            CountedSpan { account: None, since_ms: i64::MIN, until_ms: i64::MAX, per_ms: WINDOW_DEFAULT_MS };
        for (name, value) in pairs {
            let number = || value.parse::<i64>().map_err(|_| format!("{name} must be a whole number"));
            match &name[..] {
                "account" => span.account = Some(value.clone()),
                "since_ms" => span.since_ms = number()?,
                "until_ms" => span.until_ms = number()?,
                "per_ms" => span.per_ms = number()?,
                _ => return Err("only account, since_ms, until_ms and per_ms are known".to_owned()),
            }
        }
        if span.per_ms < 1 {
            return Err("per_ms must be at least 1".to_owned());
        }
        Ok(span)
    }

    fn has(&self, account: Option<&str>, call: &ReceivedCall) -> bool {
        (self.since_ms..self.until_ms).contains(&call.at)
            && (self.account.is_none() || account == self.account.as_deref())
    }
}

#[derive(Serialize)]
struct Counted<'a> {
    at: i64,
    verb: &'static str,
    outcome: &'a str,
    count: u64,
}

pub fn render(books: &Books, span: &CountedSpan) -> Vec<u8> {
    let mut counts: BTreeMap<(i64, &str, &str), u64> = BTreeMap::new();
    for (account, call) in &books.calls {
        if span.has(account.as_deref(), call) {
            let at = call.at - call.at.rem_euclid(span.per_ms);
            *counts.entry((at, verb(call), &call.outcome)).or_default() += 1;
        }
    }
    let counted = |((at, verb, outcome), count)| Counted { at, verb, outcome, count };
    let calls: Vec<Counted> = counts.into_iter().map(counted).collect();
    serde_json::to_vec(&BTreeMap::from([("calls", calls)])).expect("the keys are text")
}

fn verb(call: &ReceivedCall) -> &'static str {
    let segments: Vec<&str> = call.path.split('/').skip(2).collect();
    match (&*call.method, segments.as_slice()) {
        ("POST", ["payment_intents"]) => "create",
        ("POST", ["payment_intents", _]) => "update",
        ("POST", ["payment_intents", _, "confirm"]) => "confirm",
        ("POST", ["payment_intents", _, "capture"]) => "capture",
        ("POST", ["payment_intents", _, "cancel"]) => "cancel",
        ("POST", ["refunds"]) => "refund",
        ("POST", ["payments"]) => "create",
        ("PUT", ["payments", _]) => "update",
        ("POST", ["payments", _, "refunds"]) => "refund",
        ("GET", ["payments", "search"] | ["payments", _, "refunds"]) => "list",
        ("GET", ["payments", _, "refunds", _]) => "retrieve",
        ("GET", [_]) => "list",
        ("GET", [_, _]) => "retrieve",
        _ => "other",
    }
}
