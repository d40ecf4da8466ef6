//! The jobs of attempts in review. Each fetches from the provider again, after longer and longer
//! pauses. Only when each has done so is it certain that none of them sends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::database_rows::{DatabaseRows, Texts};
use crate::{Deployment, Error};

/// Far longer than any pause after an outage of some seconds.
const WITHIN: Duration = Duration::from_secs(90);
const EVERY: Duration = Duration::from_millis(200);

pub struct JobsInReview {
    rows: DatabaseRows,
    /// By id: how many fetches have begun.
    begun: BTreeMap<String, i64>,
}

impl JobsInReview {
    pub async fn of(deployment: &Deployment) -> Result<JobsInReview, Error> {
        let location = deployment.location().ok_or_else(|| Error::NotOurs("the database".to_owned()))?;
        let rows = DatabaseRows::of(location).await?;
        let begun = fetches(&rows, "looks + case state when 'running' then 1 else 0 end").await?;
        if begun.is_empty() {
            return Err(Error::Restless("nothing was handed over to a person".to_owned()));
        }
        Ok(JobsInReview { rows, begun })
    }

    /// Waits until each job has begun and ended a fetch, or has ended.
    pub async fn each_has_fetched_again(&self) -> Result<(), Error> {
        let until = Instant::now() + WITHIN;
        loop {
            let ended = fetches(&self.rows, "looks").await?;
            let waits = |(job, begun): &(&String, &i64)| ended.get(*job).is_some_and(|ended| ended <= begun);
            let waiting = self.begun.iter().filter(waits).count();
            if waiting == 0 {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(Error::Restless(format!("{waiting} jobs in review do not fetch again")));
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

async fn fetches(rows: &DatabaseRows, count: &str) -> Result<BTreeMap<String, i64>, Error> {
    let alive = "state in ('ready', 'running') and id in (select id from attempts where state = 'review')";
    let found = rows.select(&format!("select id, {count} from jobs where {alive}")).await?;
    let job = |mut row: Texts| Some((row.first_mut()?.take()?, row.get(1)?.as_ref()?.parse().ok()?));
    Ok(found.into_iter().filter_map(job).collect())
}
