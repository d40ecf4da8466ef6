//! `GET /v1/{bookings,payments,refunds}/{id}/history`: who moved it, when, and from where to where.

use api::views::{HistoryEntry, Page};
use axum::extract::State;
use domain::{BookingId, PaymentId, RefundId, Refusal, TenantId};
use uuid::Uuid;

use super::App;
use super::answer::Handled;
use super::call::Id;
use super::look::{Look, found};
use super::permission::{Bookings, Payments};

/// What one resource can have lived through: its payments, refunds and moves are all limited.
pub const ENTRIES_MAX: usize = 1_000;

pub async fn of_booking(State(app): State<App>, look: Look<Bookings>, Id(id): Id) -> Handled {
    let tenant = look.caller.tenant;
    app.store().booking(tenant, BookingId(id)).await?.ok_or(Refusal::BookingNotFound)?;
    history(&app, tenant, id).await
}

pub async fn of_payment(State(app): State<App>, look: Look<Payments>, Id(id): Id) -> Handled {
    let tenant = look.caller.tenant;
    app.store().payment(tenant, PaymentId(id)).await?.ok_or(Refusal::PaymentNotFound)?;
    history(&app, tenant, id).await
}

pub async fn of_refund(State(app): State<App>, look: Look<Payments>, Id(id): Id) -> Handled {
    let tenant = look.caller.tenant;
    app.store().refund(tenant, RefundId(id)).await?.ok_or(Refusal::RefundNotFound)?;
    history(&app, tenant, id).await
}

async fn history(app: &App, tenant: TenantId, subject: Uuid) -> Handled {
    let entries = app.store().audit_of(tenant, subject, ENTRIES_MAX).await?;
    Ok(found(&Page::whole(entries.iter().map(HistoryEntry::of).collect())))
}
