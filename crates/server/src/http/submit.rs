//! Carries out a command. Its duplicates are answered by the
//! [`IdempotencyCache`](crate::ports::IdempotencyCache) where that knows them.

use std::sync::Arc;

use domain::working_set::{Claim, Command};
use store::{CommandResult, Rendered};

use super::answer::{Handled, handled};
use super::{App, RefusedRequest};
use crate::ports::idempotency_cache::{CacheLookup, InFlightMarker, NoMarker};

/// Carries out a command that is answered in one transaction.
pub async fn submit(app: &App, command: impl Command + 'static) -> Handled {
    let claim = command.claim().cloned();
    submit_once(app, claim.as_ref(), |_| app.store().submit(Box::new(command))).await
}

/// Carries out what may claim a key. A duplicate that is known here never comes to `work`.
pub async fn submit_once<W, E>(
    app: &App,
    claim: Option<&Claim>,
    work: impl FnOnce(Arc<dyn InFlightMarker>) -> W,
) -> Handled
where
    W: Future<Output = Result<CommandResult, E>>,
    RefusedRequest: From<E>,
{
    let asked = match claim {
        Some(claim) => app.parts.hot_path.ask(claim).await,
        None => CacheLookup::Decide(Arc::new(NoMarker)),
    };
    let marker = match asked {
        CacheLookup::Known(known) => return handled(known.into()),
        CacheLookup::Decide(marker) => marker,
    };
    let answer = work(marker.clone()).await;
    // Before the client hears of it: one that asks again at once finds what it was told.
    let reply = answer.as_ref().ok().and_then(stored);
    marker.settle(reply.as_ref()).await;
    handled(answer?)
}

/// What the database keeps under the key, for good.
fn stored(answer: &CommandResult) -> Option<Rendered> {
    match answer {
        CommandResult::Fresh { rendered, .. } | CommandResult::Refused { rendered, .. } => rendered.clone(),
        CommandResult::Replay { status, body, location } => {
            Some(Rendered { status: *status, body: body.clone(), location: location.clone() })
        }
        CommandResult::InFlight { .. } | CommandResult::Expired { .. } | CommandResult::Mismatch => None,
    }
}
