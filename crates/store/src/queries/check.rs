//! `surehold check`: the invariants, each asked of the committed rows, a statement a check.
//!
//! A statement finds what breaks the promise; how many rows it looked at stands beside it, so that a
//! clean answer over nothing is seen to be one. What only the provider's books can show
//! (`charged_once` in full) is not here.

mod booking;
mod books;
mod lifecycle;
mod payment;

use std::fmt::Write as _;

use domain::working_set::{Kind, Value};
use domain::{Currency, Money};

use super::Queries;
use crate::Error;

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The invariant's name, such as `never_oversold`.
    pub invariant: &'static str,
    /// What was looked for, as a sentence that holds when nothing is broken.
    pub promise: &'static str,
    /// Rows that were looked at.
    pub counted: i64,
    /// Rows that break it, in words: all of them, for whoever repairs it needs all of them.
    pub broken: Vec<String>,
}

/// A pair of states that the audit has seen, to be held against the lifecycle's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    pub subject_kind: String,
    pub from: String,
    pub to: String,
    pub count: i64,
}

struct Check {
    invariant: &'static str,
    promise: &'static str,
    /// One number: how many rows there are to break it.
    counted: &'static str,
    /// Rows of (id, words); amounts in them as `{4500 EUR}`, in minor units.
    broken: &'static str,
}

/// Each `{4500 EUR}` as people write it.
fn with_amounts(words: &str) -> String {
    let mut parts = words.split('{');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let amount = part.split_once('}').and_then(|(amount, rest)| {
            let (minor, currency) = amount.split_once(' ')?;
            Some((Money::new(minor.parse().ok()?, Currency::new(currency)?), rest))
        });
        let written = match amount {
            Some((money, rest)) => write!(text, "{money}{rest}"),
            None => write!(text, "{{{part}"),
        };
        written.expect("a String takes it");
    }
    text
}

impl Queries {
    /// Every invariant, in the order of the promises. Reads whole tables.
    pub async fn check(&self) -> Result<Vec<Finding>, Error> {
        let all = [booking::CHECKS, payment::CHECKS, lifecycle::CHECKS, books::CHECKS];
        let mut findings = Vec::new();
        for check in all.into_iter().flatten() {
            findings.push(self.ask(check).await?);
        }
        Ok(findings)
    }

    async fn ask(&self, check: &Check) -> Result<Finding, Error> {
        let counted = self.number(check.counted, vec![]).await?;
        let rows = self.values(check.broken, vec![], &[Kind::Id, Kind::Text]).await?;
        let tell = |mut row: Vec<Value<'static>>| {
            let words = row.pop().and_then(Value::text).unwrap_or_default();
            let id = row.pop().and_then(Value::id).unwrap_or_default();
            format!("{id}: {}", with_amounts(&words))
        };
        let broken = rows.into_iter().map(tell).collect();
        Ok(Finding { invariant: check.invariant, promise: check.promise, counted, broken })
    }

    /// Every pair of states that was ever moved between, with how often. The caller holds them
    /// against the lifecycles (`only_forward`). A review case stands in the audit of what it is about,
    /// and is no move of that.
    pub async fn moves(&self) -> Result<Vec<StateChange>, Error> {
        let sql = "select subject_kind, from_state, to_state, count(*) from audit \
             where from_state is not null and to_state is not null and action <> 'review_resolved' \
             group by subject_kind, from_state, to_state order by subject_kind, from_state, to_state";
        let rows = self.values(sql, vec![], &[Kind::Text, Kind::Text, Kind::Text, Kind::Int]).await?;
        let mut moves = Vec::new();
        for row in rows {
            let mut row = row.into_iter();
            let mut word = || row.next().and_then(Value::text).unwrap_or_default().into_owned();
            let (subject_kind, from, to) = (word(), word(), word());
            let count = row.next().and_then(Value::int).unwrap_or(0);
            moves.push(StateChange { subject_kind, from, to, count });
        }
        Ok(moves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_as_people_write_them() {
        for (words, expected) in [
            (
                "costs {4500 EUR}, open {-5 JPY}",
                "costs 45.00 EUR (4500 in minor units), open -5 JPY (-5 in minor units)",
            ),
            ("{1 KWD}", "0.001 KWD (1 in minor units)"),
            ("a {name} and {1", "a {name} and {1"),
            ("", ""),
        ] {
            assert_eq!(with_amounts(words), expected);
        }
    }

    #[test]
    fn each_sum_has_its_currency() {
        let checks = [booking::CHECKS, payment::CHECKS, lifecycle::CHECKS, books::CHECKS];
        for check in checks.into_iter().flatten() {
            let opened = check.broken.matches('{').count();
            let amounts = check.broken.matches("currency || '}").count();
            assert_eq!(opened, amounts, "{}", check.promise);
        }
    }
}
