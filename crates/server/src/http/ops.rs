//! `/v1/ops`: what waits for a person, and what a tenant chose.

use api::requests::{ChangedSettings, LateMoney, ListQuery, Resolution};
use api::views::{Breaker, ReviewCase, Settings};
use axum::extract::State;
use domain::commands::{ChangeSettings, ResolveReview, SettingsChange};
use domain::{AccountId, ClientId, Refusal, ReviewId, Timestamp, rows};
use store::queries::Cursor;

use super::App;
use super::answer::Handled;
use super::idempotency_cache::submit;
use super::listing::{cursor, limit, page};
use super::permission::Ops;
use super::read_request::{QueryParameters, ReadRequest, found};
use super::write_request::{Id, WriteRequest};

pub async fn review_cases(
    State(app): State<App>,
    look: ReadRequest<Ops>,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let rows = app.store().open_reviews(look.caller.tenant, after, limit + 1).await?;
    let at = |row: &rows::Review| Cursor { created_at: row.opened_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |row| ReviewCase::of(&row))))
}

/// `POST /v1/ops/review_cases/{id}/resolve`
pub async fn resolve(State(app): State<App>, Id(id): Id, call: WriteRequest<Ops, Resolution>) -> Handled {
    let review = app.store().review(call.caller.tenant, ReviewId(id)).await?;
    let command = ResolveReview {
        claim: call.claim,
        tenant: call.caller.tenant,
        client: call.caller.client,
        review: ReviewId(id),
        attempt: review.ok_or(Refusal::ReviewNotFound)?.attempt,
        resolution: call.request.resolution,
    };
    submit(&app, command).await
}

/// `GET /v1/ops/settings`
pub async fn settings(State(app): State<App>, look: ReadRequest<Ops>) -> Handled {
    let tenant = app.store().tenant(look.caller.tenant).await?.ok_or(Refusal::ClientNotFound)?;
    Ok(found(&Settings::of(&tenant)))
}

/// `PATCH /v1/ops/settings`
pub async fn change_settings(State(app): State<App>, call: WriteRequest<Ops, ChangedSettings>) -> Handled {
    let request = call.request;
    let held_seats_max =
        request.clients.iter().map(|client| (ClientId(client.client_id), client.held_seats_max)).collect();
    let command = ChangeSettings {
        claim: call.claim,
        tenant: call.caller.tenant,
        client: call.caller.client,
        settings: SettingsChange {
            late_money: request.late_money.map(late_money),
            seats_held_per_customer_max: request.seats_held_per_customer_max,
            hold_seconds: request.hold_seconds,
            hold_seconds_max: request.hold_seconds_max,
        },
        held_seats_max,
    };
    let answer = submit(&app, command).await;
    app.known_keys.forget();
    answer
}

fn late_money(asked: LateMoney) -> rows::LateMoney {
    match asked {
        LateMoney::Reseat => rows::LateMoney::Reseat,
        LateMoney::Refund => rows::LateMoney::Refund,
    }
}

/// `GET /v1/ops/breakers`
pub async fn breakers(
    State(app): State<App>,
    look: ReadRequest<Ops>,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let mut rows = app.parts.accounts.breakers(look.caller.tenant, look.caller.mode);
    // By an order that every process has, whichever accounts it knows.
    let id = |row: &Breaker| AccountId::of(&row.provider, &row.account).0;
    rows.sort_by_key(id);
    rows.retain(|row| after.is_none_or(|after| id(row) > after.id));
    let at = |row: &Breaker| Cursor { created_at: Timestamp(0), id: id(row) };
    Ok(found(&page(rows, limit, at, |row| row)))
}
