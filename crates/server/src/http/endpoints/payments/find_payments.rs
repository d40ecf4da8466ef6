use api::requests::PaymentsQuery;
use api::views::Payment;
use axum::extract::State;
use domain::lifecycle::{State as _, payment};
use domain::{AccountId, BookingId, KeyId, rows};
use store::queries::{Cursor, PaymentSearch};

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Payments;
use crate::http::read_request::{QueryParameters, ReadRequest, found};
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/payments", "find_payments", handle)
        .about("Find payments", "Newest first. `idempotency_key` finds what became of a lost answer.")
        .answers_page::<Payment>(200, "A page of payments.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Payments>,
    QueryParameters(query): QueryParameters<PaymentsQuery>,
) -> Handled {
    let caller = look.caller;
    let limit = limit(query.limit)?;
    let state = query.state.as_deref().map(|name| {
        payment::State::from_name(name)
            .ok_or_else(|| RefusedRequest::parameter("state", "is no state of a payment"))
    });
    let search = PaymentSearch {
        booking: query.booking_id.map(BookingId),
        customer_email: query.customer_email,
        reference: query.reference,
        key: query.idempotency_key.map(|key| KeyId::of(caller.tenant, caller.client, &key)),
        state: state.transpose()?,
        account: query.account_id.map(AccountId),
        amount_minor: query.amount_minor,
        created_from: query.created_from.map(api::time::timestamp),
        created_before: query.created_before.map(api::time::timestamp),
        after: cursor(query.cursor.as_deref())?,
        limit: limit + 1,
    };
    let rows = app.store().payments(caller.tenant, &search).await?;
    let at = |row: &rows::Payment| Cursor { created_at: row.created_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |row| Payment::of(&row))))
}
