//! Dead letters: one list over jobs, providers' events and deliveries that were given up.

use std::collections::HashMap;

use domain::reply::DeadLetter;
use domain::rows::{Attempt, Delivery, InboundEvent, Job, Message};
use domain::working_set::{Row, Value};
use domain::{AttemptId, MessageId, TenantId};
use uuid::Uuid;

use super::filter::{Filter, placeholders, with};
use super::{Cursor, Queries};
use crate::Error;

impl Queries {
    /// In the order in which they were given up. The cursor's instant is that time.
    pub async fn dead_letters(
        &self,
        tenant: TenantId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<DeadLetter>, Error> {
        let dead =
            |at: &str| Filter::of(tenant).and("state =", Some("dead".to_owned())).oldest(at, after, max);
        let (page, parameters) = dead("updated_at");
        let jobs = self.rows(&page, parameters.clone()).await?;
        let deliveries = self.rows(&page, parameters).await?;
        let (page, parameters) = dead("processed_at");
        let events: Vec<InboundEvent> = self.rows(&page, parameters).await?;
        let mut letters = self.with_attempts(jobs).await?;
        letters.extend(events.into_iter().map(DeadLetter::Event));
        letters.extend(self.with_messages(deliveries).await?);
        letters.sort_by_key(|letter| (letter.moved_at(), letter.id()));
        letters.truncate(max);
        Ok(letters)
    }

    /// A job, event or delivery, dead or not.
    pub async fn letter(&self, tenant: TenantId, id: Uuid) -> Result<Option<DeadLetter>, Error> {
        let one = "where tenant = $1 and id = $2";
        if let Some(job) = self.row::<Job>(one, with![tenant, id]).await? {
            return Ok(self.with_attempts(vec![job]).await?.pop());
        }
        if let Some(event) = self.row::<InboundEvent>(one, with![tenant, id]).await? {
            return Ok(Some(DeadLetter::Event(event)));
        }
        let delivery = self.row::<Delivery>(one, with![tenant, id]).await?;
        Ok(self.with_messages(delivery.into_iter().collect()).await?.pop())
    }

    async fn with_attempts(&self, jobs: Vec<Job>) -> Result<Vec<DeadLetter>, Error> {
        let attempts: HashMap<Uuid, Attempt> = self.by_id(jobs.iter().filter_map(Job::attempt)).await?;
        let with_attempt = |job: Job| {
            let attempt = job.attempt().and_then(|AttemptId(id)| attempts.get(&id).cloned());
            DeadLetter::Job { job, attempt }
        };
        Ok(jobs.into_iter().map(with_attempt).collect())
    }

    async fn with_messages(&self, deliveries: Vec<Delivery>) -> Result<Vec<DeadLetter>, Error> {
        let messages: HashMap<Uuid, Message> =
            self.by_id(deliveries.iter().map(|delivery| delivery.message)).await?;
        let with_message = |delivery: Delivery| {
            let MessageId(id) = delivery.message;
            let message = messages.get(&id).cloned()?;
            Some(DeadLetter::Message { delivery, message })
        };
        Ok(deliveries.into_iter().filter_map(with_message).collect())
    }

    async fn by_id<R: Row>(&self, ids: impl Iterator<Item = R::Id>) -> Result<HashMap<Uuid, R>, Error> {
        let ids: Vec<Value<'static>> = ids.map(|id| Value::Id(id.into())).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let placeholders = placeholders(1, ids.len());
        let rows: Vec<R> = self.rows(&format!("where id in ({placeholders})"), ids).await?;
        Ok(rows.into_iter().map(|row| (row.id().into(), row)).collect())
    }
}
