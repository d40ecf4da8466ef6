//! The embedded broker: brings messages to the consumers in this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::rows::Subject;
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::FuturesUnordered;
use uuid::Uuid;

use super::{Ack, Broker, Error, Publication};
use crate::consumers::{Desk, Taken};

pub struct Embedded {
    pub desk: Arc<Desk>,
}

impl Broker for Embedded {
    /// Subjects side by side, each in order. The desk bounds how many are at work.
    fn publish<'a>(&'a self, batch: &'a [Publication]) -> BoxFuture<'a, Vec<Result<Ack, Error>>> {
        async move {
            let mut subjects: BTreeMap<(Subject, Uuid), Vec<usize>> = BTreeMap::new();
            for (at, publication) in batch.iter().enumerate() {
                let message = &publication.message;
                subjects.entry((message.subject_kind, message.subject)).or_default().push(at);
            }
            let mut answers = vec![Err(Error::HeldBack); batch.len()];
            let mut bringing: FuturesUnordered<_> =
                subjects.into_values().map(|places| self.bring(batch, places)).collect();
            while let Some(brought) = bringing.next().await {
                for (at, answer) in brought {
                    answers[at] = answer;
                }
            }
            answers
        }
        .boxed()
    }
}

impl Embedded {
    /// What came of a subject's messages, up to the first that failed.
    async fn bring(&self, batch: &[Publication], places: Vec<usize>) -> Vec<(usize, Result<Ack, Error>)> {
        let mut brought = Vec::with_capacity(places.len());
        for at in places {
            let publication = &batch[at];
            let answer = match self.desk.take(&publication.message, publication.left_behind).await {
                Taken::Received => Ok(Ack::Received),
                // Set aside with its own times; it does not hold its subject back.
                Taken::Waiting | Taken::Dead => Ok(Ack::Stored),
                Taken::Unavailable(why) => Err(Error::Unavailable(why)),
            };
            let failed = answer.is_err();
            brought.push((at, answer));
            if failed {
                break;
            }
        }
        brought
    }
}
