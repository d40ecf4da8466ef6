//! Composes evidence: what is stored of the booking and its payment, with the client's own texts.
//!
//! | part | from |
//! |---|---|
//! | customer, what was booked, for when | the booking, its items, slots and products |
//! | timeline | the audit of the booking and of the payment, and the payment's movements |
//! | terms, why no refund was due, correspondence, check-in, statement | the request |
//!
//! What must never be here: a name of a person of the tenant, who acted in the history.

use std::fmt::Write as _;

use api::limits::PAGE_ROWS_MAX;
use api::requests::NewDisputeEvidence;
use domain::rows::{Audit, Booking, Dispute, EvidenceTexts};
use domain::{PaymentId, TenantId, Timestamp};
use uuid::Uuid;

use crate::http::endpoints::bookings::context::views;
use crate::http::{App, RefusedRequest};

/// Characters of what is composed of stored rows.
const TIMELINE_CHARACTERS_MAX: usize = 20_000;
const PRODUCT_CHARACTERS_MAX: usize = 10_000;

pub async fn compose(
    app: &App,
    tenant: TenantId,
    dispute: &Dispute,
    request: NewDisputeEvidence,
) -> Result<EvidenceTexts, RefusedRequest> {
    let booking = match dispute.booking {
        Some(booking) => app.store().booking(tenant, booking).await?,
        None => None,
    };
    let timeline = timeline(app, tenant, dispute, request.check_in.as_deref()).await?;
    let mut texts = EvidenceTexts {
        timeline: some(clipped(timeline, TIMELINE_CHARACTERS_MAX)),
        terms: request.terms.and_then(some),
        refund_refusal: request.refund_refusal.and_then(some),
        ..EvidenceTexts::default()
    };
    let mut phone = None;
    if let Some(booking) = booking {
        texts.customer_name = Some(booking.customer_name.clone());
        texts.customer_email = Some(booking.customer_email.clone());
        phone.clone_from(&booking.customer_phone);
        (texts.product, texts.service_date) = service(app, tenant, booking).await?;
    }
    texts.statement = statement(request.statement, request.correspondence, phone);
    Ok(texts)
}

/// What was booked, and the day of the first departure at its place.
async fn service(
    app: &App,
    tenant: TenantId,
    booking: Booking,
) -> Result<(Option<String>, Option<String>), RefusedRequest> {
    let shown = views(app, tenant, vec![booking]).await?.remove(0);
    let products: Vec<_> = shown.items.iter().map(|item| domain::ProductId(item.product_id)).collect();
    let products = app.store().products_by_ids(tenant, &products).await?;
    let mut text = String::new();
    for item in &shown.items {
        let product = products.iter().find(|product| product.id.0 == item.product_id);
        let name = product.map_or("", |product| product.name.as_str());
        writeln!(
            text,
            "{} x {} of {name}, departure {} ({})",
            item.quantity, item.name, item.slot.local_starts_at, item.slot.time_zone
        )
        .expect("a String takes it");
    }
    let first = shown.items.iter().map(|item| item.slot.local_starts_at).min();
    Ok((some(clipped(text, PRODUCT_CHARACTERS_MAX)), first.map(|first| first.date().to_string())))
}

/// One line for each move, oldest first.
async fn timeline(
    app: &App,
    tenant: TenantId,
    dispute: &Dispute,
    check_in: Option<&str>,
) -> Result<String, RefusedRequest> {
    let mut lines: Vec<(Timestamp, String)> = Vec::new();
    let payment = dispute.payment;
    for (subject, name) in
        [(dispute.booking.map(|booking| booking.0), "booking"), (Some(payment.0), "payment")]
    {
        let Some(subject) = subject else { continue };
        lines.extend(moves(app, tenant, subject, name).await?);
    }
    lines.extend(movements(app, tenant, payment).await?);
    lines.sort();
    let mut text = String::new();
    for (at, line) in lines {
        writeln!(text, "{} {line}", api::time::instant(at)).expect("a String takes it");
    }
    if let Some(check_in) = check_in.filter(|text| !text.is_empty()) {
        writeln!(text, "Check-in: {check_in}").expect("a String takes it");
    }
    Ok(text)
}

async fn moves(
    app: &App,
    tenant: TenantId,
    subject: Uuid,
    name: &str,
) -> Result<Vec<(Timestamp, String)>, RefusedRequest> {
    let rows = app.store().audit_of(tenant, subject, None, PAGE_ROWS_MAX as usize).await?;
    let line = |row: Audit| {
        let to = row.to_state.filter(|_| !row.action.starts_with("review_"))?;
        Some((row.at, format!("{name}: {} ({to})", row.action.replace('_', " "))))
    };
    Ok(rows.into_iter().filter_map(line).collect())
}

async fn movements(
    app: &App,
    tenant: TenantId,
    payment: PaymentId,
) -> Result<Vec<(Timestamp, String)>, RefusedRequest> {
    let rows = app.store().movements_of_payment(tenant, payment, None, PAGE_ROWS_MAX as usize).await?;
    let line = |row: domain::rows::Movement| {
        let amount = domain::Money::new(row.amount_minor, row.currency);
        (row.recorded_at, format!("payment: {} of {amount}", row.kind.name().replace('_', " ")))
    };
    Ok(rows.into_iter().map(line).collect())
}

/// A statement alone stays as the client wrote it.
fn statement(
    statement: Option<String>,
    correspondence: Option<String>,
    phone: Option<String>,
) -> Option<String> {
    let parts = [
        statement,
        correspondence.and_then(some).map(|text| format!("Correspondence with the customer:\n{text}")),
        phone.map(|phone| format!("Telephone of the customer: {phone}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    some(parts.join("\n\n"))
}

fn some(text: String) -> Option<String> {
    (!text.trim().is_empty()).then_some(text)
}

fn clipped(text: String, characters_max: usize) -> String {
    match text.char_indices().nth(characters_max) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_alone_stays_as_it_is() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(statement(text("winning_evidence"), None, None), text("winning_evidence"));
        assert_eq!(statement(None, None, None), None);
        assert_eq!(statement(text(" "), text(""), None), None);
        let all = statement(text("They came."), text("Thanks!"), text("+351 1")).unwrap();
        assert_eq!(
            all,
            "They came.\n\nCorrespondence with the customer:\nThanks!\n\nTelephone of the customer: +351 1"
        );
    }

    #[test]
    fn a_long_text_is_clipped_between_characters() {
        assert_eq!(clipped("\u{e9}\u{e9}\u{e9}".to_owned(), 2), "\u{e9}\u{e9}");
        assert_eq!(clipped("ab".to_owned(), 2), "ab");
    }
}
