//! Due jobs of a lane, with the key that limits how many of them run at once.

use domain::jobs::JobKinds;
use domain::rows::Lane;
use domain::working_set::{Kind, Value};
use domain::{AccountId, JobId, Timestamp};
use uuid::Uuid;

use super::Queries;
use super::filter::{limit, placeholders, with};
use crate::Error;

/// A job that may be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueJob {
    pub job: JobId,
    pub concurrency_key: Option<Uuid>,
}

impl Queries {
    /// Jobs of a lane that are ready and due, and jobs whose lease has lapsed, most overdue first.
    /// While a job runs, `due_at` is when its lease lapses. Left out, so that they do not hide the
    /// others:
    ///
    /// - jobs of the keys in `without`, which cannot run now;
    /// - jobs of a kind, or with a payload, that only a newer version knows.
    pub async fn due_jobs(
        &self,
        kinds: JobKinds,
        lane: Lane,
        now: Timestamp,
        without: &[Uuid],
        max: usize,
    ) -> Result<Vec<DueJob>, Error> {
        let mut parameters = with![lane, now, limit(max)];
        let known = known_kinds(kinds, lane, &mut parameters);
        let others = match among("concurrency_key not in", without, &mut parameters) {
            Some(not_in) => format!("and (concurrency_key is null or {not_in})"),
            None => String::new(),
        };
        let sql = format!(
            "select id, concurrency_key from jobs \
             where lane = $1 and state in ('ready', 'running') and due_at <= $2 and ({known}) {others} \
             order by due_at limit $3"
        );
        let rows = self.values(&sql, parameters, &[Kind::Id, Kind::Id]).await?;
        let due = |row: Vec<Value<'static>>| {
            let [job, key] = <[_; 2]>::try_from(row).ok()?;
            Some(DueJob { job: JobId(job.id()?), concurrency_key: key.id() })
        };
        Ok(rows.into_iter().filter_map(due).collect())
    }

    /// Due jobs, of these accounts only, whose attempts are past their deadline and have neither an end nor
    /// a review case; the latest first.
    ///
    /// Very many jobs may wait that are not late, and this query runs often. So it reads only the
    /// late attempts in the index of open attempts. Both engines use that partial index because the
    /// query has its exact condition.
    pub async fn late_jobs(
        &self,
        kinds: JobKinds,
        now: Timestamp,
        of: &[AccountId],
        max: usize,
    ) -> Result<Vec<JobId>, Error> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let mut parameters = with![now, limit(max)];
        let known = known_kinds(kinds, Lane::Critical, &mut parameters);
        let accounts: Vec<Uuid> = of.iter().map(|account| account.0).collect();
        let these = among("payments.account in", &accounts, &mut parameters).unwrap_or_default();
        let sql = format!(
            "select jobs.id from attempts \
             join jobs on jobs.id = attempts.id join payments on payments.id = attempts.payment \
             where attempts.state in ('created', 'sent', 'unknown', 'review') and attempts.state <> 'review' \
             and attempts.deadline_at <= $1 \
             and jobs.state in ('ready', 'running') and jobs.due_at <= $1 and ({known}) and {these} \
             order by attempts.deadline_at limit $2"
        );
        Ok(self.ids(&sql, parameters).await?.into_iter().map(JobId).collect())
    }
}

/// The known kinds of the lane, with the versions of their payloads. The parameters are numbered in order.
fn known_kinds(kinds: JobKinds, lane: Lane, parameters: &mut Vec<Value<'static>>) -> String {
    let mut known = Vec::new();
    for kind in kinds.in_lane(lane) {
        parameters.extend(with![kind.name.to_owned(), kind.payload_version]);
        let version = parameters.len();
        known.push(format!("(jobs.kind = ${} and jobs.payload_version <= ${version})", version - 1));
    }
    if known.is_empty() { "1 = 0".to_owned() } else { known.join(" or ") }
}

/// A comparison with a list of ids. `None` for an empty list.
fn among(comparison: &str, ids: &[Uuid], parameters: &mut Vec<Value<'static>>) -> Option<String> {
    if ids.is_empty() {
        return None;
    }
    let first = parameters.len() + 1;
    parameters.extend(ids.iter().map(|id| Value::Id(*id)));
    Some(format!("{comparison} ({})", placeholders(first, ids.len())))
}
