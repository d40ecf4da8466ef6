//! Due jobs, with the accounts at providers that they will call.

use std::fmt::Write as _;

use domain::working_set::{Kind, Value};
use domain::{AccountId, JobId, Timestamp};

use super::Queries;
use super::filter::{limit, owned, with};
use crate::Error;

/// A job that may be claimed, and whom it will call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    pub job: JobId,
    pub account: AccountId,
}

impl Queries {
    /// Jobs that are ready and due, and jobs whose lease has lapsed, most overdue first; none of these
    /// accounts, which cannot be called now: however many of theirs are due, they must not hide those of
    /// others. While a job runs, `due_at` is when its lease lapses. The job of an attempt has its id.
    pub async fn due_jobs(
        &self,
        now: Timestamp,
        without: &[AccountId],
        max: usize,
    ) -> Result<Vec<Due>, Error> {
        let mut parameters = with![now, limit(max)];
        let mut others = String::new();
        for account in without {
            parameters.push(owned(account));
            let word = if others.is_empty() { "and payments.account not in (" } else { ", " };
            write!(others, "{word}${}", parameters.len()).expect("a String takes it");
        }
        if !others.is_empty() {
            others.push(')');
        }
        let sql = format!(
            "select jobs.id, payments.account from jobs \
             join attempts on attempts.id = jobs.id join payments on payments.id = attempts.payment \
             where jobs.state in ('ready', 'running') and jobs.due_at <= $1 {others} \
             order by jobs.due_at limit $2"
        );
        let rows = self.values(&sql, parameters, &[Kind::Id, Kind::Id]).await?;
        let due = |row: Vec<Value<'static>>| match row[..] {
            [Value::Id(job), Value::Id(account)] => {
                Some(Due { job: JobId(job), account: AccountId(account) })
            }
            _ => None,
        };
        Ok(rows.into_iter().filter_map(due).collect())
    }
}
