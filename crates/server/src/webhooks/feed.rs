//! Events that no webhook brought. The provider lists its events; those that are not stored are
//! stored and processed like any other.
//!
//! One process at a time reads an account's list, up to some time before the present, so that
//! webhooks on their way come first. Each reading overlaps the previous one, so that events that
//! the provider lists late are not missed.

use std::sync::Arc;
use std::time::Duration;

use domain::commands::{AdvanceFeed, ClaimFeed, RecordEvent};
use domain::reply::FeedClaim;
use domain::time::Span;
use domain::{AccountId, Reply, TenantId, Timestamp};
use store::{Clock as _, CommandResult};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Webhooks, record};
use crate::metrics::catalogue::EVENTS_READ_BACK;
use crate::ports::clock::SystemClock;

/// How often the events of an account are read, and how long a webhook is awaited before.
pub const EVERY: Span = Span::seconds(20);
/// The overlap of a reading with the previous one.
const OVERLAP: Span = Span::seconds(120);
/// Pages per reading. The next reading continues.
const PAGES_MAX: usize = 1_000;

/// Reads the lists of all accounts, until `stop`.
pub async fn read_back(webhooks: Arc<Webhooks>, every: Span, mut stop: watch::Receiver<bool>) {
    let pause = Duration::from_micros(every.0.max(1_000).unsigned_abs());
    while !*stop.borrow() {
        let reading = async {
            for entry in webhooks.accounts.values() {
                let Some(claim) = claimed(&webhooks, entry.id, entry.tenant, every).await else { continue };
                if let Err(why) = read(&webhooks, entry.id, entry.tenant, claim, every).await {
                    warn!(account = %entry.id, why, "the events of an account were not read back; trying again soon");
                }
            }
        };
        tokio::select! {
            _ = stop.changed() => return,
            () = reading => {}
        }
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn claimed(
    webhooks: &Webhooks,
    account: AccountId,
    tenant: TenantId,
    every: Span,
) -> Option<FeedClaim> {
    // A little less, because after a pause of exactly that length it would often be a moment too
    // early.
    let every = Span(every.0 / 10 * 9);
    match webhooks.store.submit(Box::new(ClaimFeed { account, tenant, every })).await {
        Ok(CommandResult::Fresh { reply: Reply::Feed(claim), .. }) => claim,
        Ok(_) => None,
        Err(unavailable) => {
            warn!(%unavailable, "the events of an account could not be claimed");
            None
        }
    }
}

/// The start and end of the next reading, if it is due. A mark in the future was made by a clock
/// that was set back since: events until then are before the mark.
fn stretch(read_until: Timestamp, now: Timestamp, every: Span) -> Option<(Timestamp, Timestamp)> {
    let before = now.minus(every);
    if before > read_until {
        return Some((read_until.minus(OVERLAP), before));
    }
    let from = before.minus(every).minus(OVERLAP);
    (read_until > now.plus(OVERLAP)).then_some((from, before))
}

async fn read(
    webhooks: &Webhooks,
    account: AccountId,
    tenant: TenantId,
    claim: FeedClaim,
    every: Span,
) -> Result<(), String> {
    let provider = webhooks.registry.get(account).ok_or("no provider is configured for it")?;
    // Providers list by the time of day.
    let Some((from, before)) = stretch(claim.read_until, SystemClock.now(), every) else {
        return Ok(());
    };
    let mut page: Option<String> = None;
    let mut found = 0;
    for _ in 0..PAGES_MAX {
        let events = provider.events(from, before, page.as_deref()).await.shown()?;
        let records: Vec<RecordEvent> =
            events.events.into_iter().map(|event| record(tenant, account, event)).collect();
        let ids = records.iter().map(RecordEvent::id).collect::<Vec<_>>();
        let known = webhooks.store.known_events(&ids).await.map_err(|error| error.to_string())?;
        for record in records.into_iter().filter(|record| !known.contains(&record.id())) {
            webhooks.store_and_queue(record).await.map_err(|unavailable| unavailable.to_string())?;
            found += 1;
        }
        if events.next.is_none() {
            if found > 0 {
                EVENTS_READ_BACK.add((), found);
                info!(%account, found, "events were read back that no webhook had brought");
            }
            // Another process may have claimed it meanwhile; then the mark is refused.
            let advance = AdvanceFeed { account, token: claim.token, read_until: before };
            let advanced = webhooks.store.submit(Box::new(advance)).await;
            return advanced.map(drop).map_err(|unavailable| unavailable.to_string());
        }
        page = events.next;
    }
    Err(format!("there were more than {PAGES_MAX} pages"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_leaves_no_events_unread() {
        let at = |seconds| Timestamp(0).plus(Span::seconds(seconds));
        for (read_until, now, every, expected) in [
            (1_000, 1_040, 20, Some((880, 1_020))),
            // Another process has just read.
            (1_000, 1_020, 20, None),
            // A new account: the interval of the readings says nothing about the clock.
            (1_000, 1_000, 20, None),
            (1_000, 1_000, 3_600, None),
            // Set back by no more than the overlap.
            (1_000, 880, 20, None),
            (4_600, 1_020, 20, Some((860, 1_000))),
            (4_600, 1_040, 20, Some((880, 1_020))),
            (9_000, 2_000, 600, Some((680, 1_400))),
        ] {
            let expected = expected.map(|(from, until)| (at(from), at(until)));
            let found = stretch(at(read_until), at(now), Span::seconds(every));
            assert_eq!(found, expected, "{read_until} {now} {every}");
        }
    }
}
