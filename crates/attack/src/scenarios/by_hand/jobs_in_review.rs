//! The jobs of attempts that a person has. Each looks at the provider again, after longer and longer pauses: only
//! when all have done so is it known that none of them sends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::database_rows::{DatabaseRows, Texts};
use crate::{Deployment, Error};

/// Far longer than any pause that an outage of some seconds leads to.
const WITHIN: Duration = Duration::from_secs(90);
const EVERY: Duration = Duration::from_millis(200);

pub struct JobsInReview {
    rows: DatabaseRows,
    /// By their ids: how many looks have begun.
    begun: BTreeMap<String, i64>,
}

impl JobsInReview {
    pub async fn of(deployment: &Deployment) -> Result<JobsInReview, Error> {
        let location = deployment.location().ok_or_else(|| Error::NotOurs("the database".to_owned()))?;
        let rows = DatabaseRows::of(location).await?;
        let begun = looks(&rows, "looks + case state when 'running' then 1 else 0 end").await?;
        if begun.is_empty() {
            return Err(Error::Restless("nothing was handed over to a person".to_owned()));
        }
        Ok(JobsInReview { rows, begun })
    }

    /// Each has begun and ended a look since, or has nothing left to look for.
    pub async fn each_has_looked_again(&self) -> Result<(), Error> {
        let until = Instant::now() + WITHIN;
        loop {
            let ended = looks(&self.rows, "looks").await?;
            let waits = |(job, begun): &(&String, &i64)| ended.get(*job).is_some_and(|ended| ended <= begun);
            let waiting = self.begun.iter().filter(waits).count();
            if waiting == 0 {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(Error::Restless(format!("{waiting} jobs in review do not look again")));
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

async fn looks(rows: &DatabaseRows, count: &str) -> Result<BTreeMap<String, i64>, Error> {
    let alive = "state in ('ready', 'running') and id in (select id from attempts where state = 'review')";
    let found = rows.select(&format!("select id, {count} from jobs where {alive}")).await?;
    let job = |mut row: Texts| Some((row.first_mut()?.take()?, row.get(1)?.as_ref()?.parse().ok()?));
    Ok(found.into_iter().filter_map(job).collect())
}
