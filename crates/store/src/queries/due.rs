//! Due jobs, with the accounts at providers that they will call.

use domain::working_set::{Kind, Value};
use domain::{AccountId, JobId, Timestamp};

use super::Queries;
use super::filter::{limit, owned, with};
use crate::Error;

/// A job that may be claimed, and whom it will call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueJob {
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
    ) -> Result<Vec<DueJob>, Error> {
        let mut parameters = with![now, limit(max)];
        let others = among("not in", without, &mut parameters);
        let sql = format!(
            "select jobs.id, payments.account from jobs \
             join attempts on attempts.id = jobs.id join payments on payments.id = attempts.payment \
             where jobs.state in ('ready', 'running') and jobs.due_at <= $1 {others} \
             order by jobs.due_at limit $2"
        );
        let rows = self.values(&sql, parameters, &[Kind::Id, Kind::Id]).await?;
        let due = |row: Vec<Value<'static>>| match row[..] {
            [Value::Id(job), Value::Id(account)] => {
                Some(DueJob { job: JobId(job), account: AccountId(account) })
            }
            _ => None,
        };
        Ok(rows.into_iter().filter_map(due).collect())
    }

    /// Due jobs, of these accounts only, whose attempts are past their deadline and have neither an end nor
    /// a review case; the latest first.
    ///
    /// Very many may wait that are not late, and this is asked again and again. So what is read is the index
    /// of open attempts, and of it those alone that are late: both engines use it because its own condition
    /// stands here word for word.
    pub async fn late_jobs(&self, now: Timestamp, of: &[AccountId], max: usize) -> Result<Vec<JobId>, Error> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let mut parameters = with![now, limit(max)];
        let these = among("in", of, &mut parameters);
        let sql = format!(
            "select jobs.id from attempts \
             join jobs on jobs.id = attempts.id join payments on payments.id = attempts.payment \
             where attempts.state in ('created', 'sent', 'unknown', 'review') and attempts.state <> 'review' \
             and attempts.deadline_at <= $1 \
             and jobs.state in ('ready', 'running') and jobs.due_at <= $1 {these} \
             order by attempts.deadline_at limit $2"
        );
        Ok(self.ids(&sql, parameters).await?.into_iter().map(JobId).collect())
    }
}

/// The condition on the account, its parameters numbered as they come; none where there are no accounts.
fn among(comparison: &str, accounts: &[AccountId], parameters: &mut Vec<Value<'static>>) -> String {
    let mut marks = Vec::with_capacity(accounts.len());
    for account in accounts {
        parameters.push(owned(account));
        marks.push(format!("${}", parameters.len()));
    }
    if marks.is_empty() {
        return String::new();
    }
    format!("and payments.account {comparison} ({})", marks.join(", "))
}
