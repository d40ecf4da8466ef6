use api::requests::PayoutsQuery;
use api::views::Payout;
use axum::extract::State;
use domain::lifecycle::{State as _, payout};
use domain::{BeneficiaryId, BookingId, rows};
use store::queries::{Cursor, PayoutSearch};

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Payouts;
use crate::http::read_request::{QueryParameters, ReadRequest, found};
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/payouts", "find_payouts", handle)
        .about("Find payouts", "Newest first, by beneficiary, booking and state.")
        .answers_page::<Payout>(200, "A page of payouts.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Payouts>,
    QueryParameters(query): QueryParameters<PayoutsQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let state = query.state.as_deref().map(|name| {
        payout::State::from_name(name)
            .ok_or_else(|| RefusedRequest::parameter("state", "is no state of a payout"))
    });
    let search = PayoutSearch {
        booking: query.booking_id.map(BookingId),
        beneficiary: query.beneficiary_id.map(BeneficiaryId),
        state: state.transpose()?,
        after: cursor(query.cursor.as_deref())?,
        limit: limit + 1,
    };
    let rows = app.store().payouts(look.caller.tenant, &search).await?;
    let at = |row: &rows::Payout| Cursor { created_at: row.created_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |row| Payout::of(&row))))
}
