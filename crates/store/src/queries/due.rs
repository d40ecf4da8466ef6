//! Due jobs while some accounts at providers cannot be called.

use std::fmt::Write as _;

use domain::{AccountId, JobId, Timestamp};

use super::Queries;
use super::filter::{limit, owned, with};
use crate::Error;

impl Queries {
    /// As [`due_jobs`](Queries::due_jobs), less those of these accounts: however many of them are due, they
    /// must not hide the jobs of others. The job of an attempt has its id.
    pub async fn due_jobs_of_others(
        &self,
        now: Timestamp,
        without: &[AccountId],
        max: usize,
    ) -> Result<Vec<JobId>, Error> {
        let mut parameters = with![now, limit(max)];
        let mut accounts = String::new();
        for account in without {
            parameters.push(owned(account));
            let comma = if accounts.is_empty() { "" } else { ", " };
            write!(accounts, "{comma}${}", parameters.len()).expect("a String takes it");
        }
        let sql = format!(
            "select jobs.id from jobs \
             join attempts on attempts.id = jobs.id join payments on payments.id = attempts.payment \
             where jobs.state in ('ready', 'running') and jobs.due_at <= $1 \
             and payments.account not in ({accounts}) \
             order by jobs.due_at limit $2"
        );
        let ids = self.ids(&sql, parameters).await?;
        Ok(ids.into_iter().map(JobId).collect())
    }
}
