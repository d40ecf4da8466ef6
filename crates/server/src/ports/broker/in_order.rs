//! Publishing in order: subjects in parallel, each up to its first failure, within the patience.

use std::collections::BTreeMap;
use std::future::Future;

use parking_lot::Mutex;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Ack, Error, Publication};

/// Keeps each reply that came in time, even if others take longer.
pub async fn in_order<'a, Publishing>(
    batch: &'a [Publication],
    subjects_at_once_max: Option<usize>,
    patience: Duration,
    publish: impl Fn(&'a Publication) -> Publishing,
) -> Vec<Result<Ack, Error>>
where
    Publishing: Future<Output = Result<Ack, Error>>,
{
    let mut subjects: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for (at, publication) in batch.iter().enumerate() {
        subjects.entry(publication.message.subject).or_default().push(at);
    }
    let answers = Mutex::new(vec![Err(Error::HeldBack); batch.len()]);
    let (publish, results) = (&publish, &answers);
    let chains =
        stream::iter(subjects.into_values()).for_each_concurrent(subjects_at_once_max, |chain| async move {
            for at in chain {
                let answer = publish(&batch[at]).await;
                let failed = answer.is_err();
                results.lock()[at] = answer;
                if failed {
                    break;
                }
            }
        });
    let late = timeout(patience, chains).await.is_err();
    let mut answers = answers.into_inner();
    if late {
        for answer in answers.iter_mut().filter(|answer| **answer == Err(Error::HeldBack)) {
            *answer = Err(Error::Late);
        }
    }
    answers
}
