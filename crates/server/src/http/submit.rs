//! Carries out a command. A known duplicate is answered by the
//! [`IdempotencyCache`](crate::ports::IdempotencyCache) instead.

use std::sync::Arc;

use domain::working_set::{Claim, Command};
use domain::{ProductId, Refusal, TenantId, UnitId};
use store::{CommandResult, Rendered};

use super::answer::{Handled, handled};
use super::{App, RefusedRequest};
use crate::ports::idempotency_cache::{CacheLookup, InFlightMarker, NoMarker};

/// Carries out a command that is answered in one transaction.
pub async fn submit(app: &App, command: impl Command + 'static) -> Handled {
    let claim = command.claim().cloned();
    submit_once(app, claim.as_ref(), |_| app.store().submit(Box::new(command))).await
}

/// Carries out work that may claim a key. A duplicate that the cache knows never reaches `work`.
pub async fn submit_once<W, E>(
    app: &App,
    claim: Option<&Claim>,
    work: impl FnOnce(Arc<dyn InFlightMarker>) -> W,
) -> Handled
where
    W: Future<Output = Result<CommandResult, E>>,
    RefusedRequest: From<E>,
{
    let lookup = match claim {
        Some(claim) => app.parts.idempotency_cache.lookup(claim).await,
        None => CacheLookup::Decide(Arc::new(NoMarker)),
    };
    let marker = match lookup {
        CacheLookup::Known(known) => return handled(known.into()),
        CacheLookup::Decide(marker) => marker,
    };
    let answer = work(marker.clone()).await;
    // Before the client gets the reply, so that a repetition right after it finds the same reply.
    let reply = answer.as_ref().ok().and_then(stored);
    marker.settle(reply.as_ref()).await;
    handled(answer?)
}

/// Against others who change the same at the same moment.
pub const TRIES_MAX: usize = 20;

/// Carries out a command over what it was made from at this moment; again if somebody else was quicker.
pub async fn submit_over<C, W>(
    app: &App,
    tries_max: usize,
    command: impl Fn() -> W,
) -> Result<CommandResult, RefusedRequest>
where
    C: Command + 'static,
    W: Future<Output = Result<C, RefusedRequest>>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        match app.store().submit(Box::new(command().await?)).await? {
            CommandResult::Refused { refusal: Refusal::ChangedMeanwhile, .. } if tries < tries_max => {}
            answer => return Ok(answer),
        }
    }
}

/// Carries out a command over a product and the units that it has at this moment.
pub async fn submit_over_product<C: Command + 'static>(
    app: &App,
    tenant: TenantId,
    product: ProductId,
    command: impl Fn(i64, Vec<UnitId>) -> C,
) -> Result<CommandResult, RefusedRequest> {
    let (app, command) = (&app, &command);
    submit_over(app, TRIES_MAX, || async move {
        // The product first: a unit that is added after it is read changes its version.
        let seen = app.store().product(tenant, product).await?.ok_or(Refusal::ProductNotFound)?;
        let units = app.store().units(tenant, product).await?.into_iter().map(|unit| unit.id).collect();
        Ok(command(seen.version, units))
    })
    .await
}

/// The reply that the database keeps under the key permanently.
fn stored(answer: &CommandResult) -> Option<Rendered> {
    match answer {
        CommandResult::Fresh { rendered, .. } | CommandResult::Refused { rendered, .. } => rendered.clone(),
        CommandResult::Replay { status, body, location } => {
            Some(Rendered { status: *status, body: body.clone(), location: location.clone() })
        }
        CommandResult::InFlight { .. } | CommandResult::Expired { .. } | CommandResult::Mismatch => None,
    }
}
