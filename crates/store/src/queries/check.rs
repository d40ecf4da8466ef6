//! `surehold check`: the invariants, checked on the committed rows, one statement per check.
//!
//! A statement finds the rows that break the promise. Another one counts the rows that it checked,
//! so that a clean result over no rows is visible. Checks that need the provider's books
//! (`charged_once` in full) are not here.

mod booking;
mod books;
mod lifecycle;
mod payment;
mod payout;
mod resource;

use std::fmt::Write as _;

use domain::working_set::{Kind, Value};
use domain::{Currency, Money};

use super::Queries;
use crate::Error;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The invariant's name, such as `never_oversold`.
    pub invariant: &'static str,
    /// The promise, as a sentence that is true if nothing is broken.
    pub promise: &'static str,
    /// How many rows were checked.
    pub counted: i64,
    /// Descriptions of all rows that break the promise, because a repair needs all of them.
    pub broken: Vec<String>,
}

/// A pair of states in the audit, to compare with the lifecycle's table.
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
    /// One number: how many rows are checked.
    counted: &'static str,
    /// Rows of (id, description). Amounts in a description are `{4500 EUR}`, in minor units.
    broken: &'static str,
}

/// Formats each `{4500 EUR}` for people.
fn with_amounts(description: &str) -> String {
    let mut parts = description.split('{');
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
        let all = [booking::CHECKS, payment::CHECKS, payout::CHECKS, lifecycle::CHECKS, books::CHECKS];
        let mut findings = Vec::new();
        for check in all.into_iter().flatten() {
            findings.push(self.run(check).await?);
        }
        findings.push(self.check_resources().await?);
        Ok(findings)
    }

    async fn run(&self, check: &Check) -> Result<Finding, Error> {
        let counted = self.number(check.counted, vec![]).await?;
        let rows = self.values(check.broken, vec![], &[Kind::Id, Kind::Text]).await?;
        let describe = |mut row: Vec<Value<'static>>| {
            let description = row.pop().and_then(Value::text).unwrap_or_default();
            let id = row.pop().and_then(Value::id).unwrap_or_default();
            format!("{id}: {}", with_amounts(&description))
        };
        let broken = rows.into_iter().map(describe).collect();
        Ok(Finding { invariant: check.invariant, promise: check.promise, counted, broken })
    }

    /// Every pair of states between which a row was moved, with the number of moves. The caller
    /// compares them with the lifecycles (`only_forward`). The audit has a review case under its
    /// subject, which it does not move.
    pub async fn moves(&self) -> Result<Vec<StateChange>, Error> {
        let sql = "select subject_kind, from_state, to_state, count(*) from audit \
             where from_state is not null and to_state is not null and action <> 'review_resolved' \
             group by subject_kind, from_state, to_state order by subject_kind, from_state, to_state";
        let rows = self.values(sql, vec![], &[Kind::Text, Kind::Text, Kind::Text, Kind::Int]).await?;
        let mut moves = Vec::new();
        for row in rows {
            let mut row = row.into_iter();
            let mut text = || row.next().and_then(Value::text).unwrap_or_default().into_owned();
            let (subject_kind, from, to) = (text(), text(), text());
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
        for (description, expected) in [
            (
                "costs {4500 EUR}, open {-5 JPY}",
                "costs 45.00 EUR (4500 in minor units), open -5 JPY (-5 in minor units)",
            ),
            ("{1 KWD}", "0.001 KWD (1 in minor units)"),
            ("a {name} and {1", "a {name} and {1"),
            ("", ""),
        ] {
            assert_eq!(with_amounts(description), expected);
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
