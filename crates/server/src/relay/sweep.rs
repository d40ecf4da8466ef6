//! The sweep: compares published messages with their receipts, and publishes again what nobody
//! received.
//!
//! A broker may lose what it acknowledged, and a consumer may have failed. Only the outbox and the
//! inbox are reliable. Every relay process sweeps; if two find the same message, they publish it
//! twice under one number.
//!
//! | what is found | when it is published again |
//! |---|---|
//! | its consumer failed, and the time for the next try has come | at once, and once for that time |
//! | no receipt, and no consumer failed | after `unreceived_after`, then after twice, four times as long, up to 16 times |
//! | it was due and published again, and no consumer began it | the same |

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::commands::{MarkRepublished, SettleMessages};
use domain::limits::RELAYED_PER_COMMAND_MAX;
use domain::working_set::Command;
use domain::{MessageId, Reply, Timestamp};
use futures_util::FutureExt as _;
use rand::RngExt as _;
use store::CommandResult;
use tokio::sync::{Notify, watch};
use tracing::warn;

use super::{RelayShares, of};
use crate::ports::broker::{Error, Publication};

/// Approximately; no two processes sweep in step.
const SWEEP: Duration = Duration::from_secs(1);

/// Sweeps until `stop`.
pub async fn run(parts: RelayShares, wake: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let swept = AssertUnwindSafe(sweep(&parts)).catch_unwind().await;
        match swept.unwrap_or_else(|_| Err("a sweep panicked".to_owned())) {
            Ok(settled) if settled == RELAYED_PER_COMMAND_MAX => continue,
            Ok(_) => {}
            Err(error) => warn!(error, "the sweep will try again"),
        }
        let pause = SWEEP.mul_f64(rand::rng().random_range(0.5..1.5));
        tokio::select! {
            _ = stop.changed() => {}
            () = wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Returns the number of messages that were settled.
async fn sweep(parts: &RelayShares) -> Result<usize, String> {
    let now = parts.now();
    let unreceived_after = parts.settings.unreceived_after;
    let (before, consumers) = (now.minus(unreceived_after), parts.consumers);
    let found = parts.store.unsettled_messages(consumers, before, now, RELAYED_PER_COMMAND_MAX).await;
    let messages = found.map_err(|error| error.to_string())?;
    if messages.is_empty() {
        return Ok(0);
    }
    let Reply::Settled { settled, again, at } =
        submit(parts, SettleMessages { messages, unreceived_after, consumers }).await?
    else {
        return Err("messages could not be settled".to_owned());
    };
    parts.set_database_time(at);
    if !again.is_empty() {
        publish_again(parts, &again, at).await?;
    }
    Ok(settled)
}

async fn publish_again(parts: &RelayShares, again: &[MessageId], looked_at: Timestamp) -> Result<(), String> {
    let messages = parts.store.messages(again).await.map_err(|error| error.to_string())?;
    let publication = |message: domain::rows::Message| Publication {
        number: message.published + 1,
        message: Arc::new(message),
        left_behind: true,
    };
    let publications: Vec<Publication> = messages.into_iter().map(publication).collect();
    let answers = parts.broker.publish(&publications, parts.settings.patience()).await;
    let (mut published, mut failed) = (Vec::new(), 0);
    for (publication, answer) in publications.iter().zip(answers) {
        match answer {
            Ok(ack) => published.push(of(publication, ack)),
            Err(Error::HeldBack) => {}
            Err(error) => {
                failed += 1;
                if failed == 1 {
                    warn!(id = %publication.message.id, %error, "a message was not published again");
                }
            }
        }
    }
    submit(parts, MarkRepublished { published, found_at: looked_at, consumers: parts.consumers })
        .await
        .map(drop)
}

async fn submit(parts: &RelayShares, command: impl Command + 'static) -> Result<Reply, String> {
    match parts.store.submit(Box::new(command)).await {
        Ok(CommandResult::Fresh { reply, .. }) => Ok(reply),
        Ok(answer) => Err(format!("an answer that has no meaning: {}", answer.name())),
        Err(unavailable) => Err(unavailable.to_string()),
    }
}
