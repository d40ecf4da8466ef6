use api::views::TicketKeys;
use axum::extract::State;
use axum::response::Response;

use crate::http::App;
use crate::http::endpoint::Endpoint;
use crate::http::read_request::found;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/.well-known/ticket-keys", "get_ticket_keys", handle)
        .about(
            "Get the keys that verify tickets",
            "For everybody, as a JWK set. With them a device verifies tickets without a network. A key that signs \
             from tomorrow on is here today, so once a day is often enough to ask.",
        )
        .answers::<TicketKeys>(200, "The public keys.")
}

async fn handle(State(app): State<App>) -> Response {
    found(&TicketKeys::of(app.parts.tickets.published()))
}
