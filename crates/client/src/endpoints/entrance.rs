//! Tickets, who is expected, and who came.

use api::requests::{LetterDecision, ListQuery, NewCheckIn};
use api::views::{BookingTicket, CheckIn, ManifestEntry, Page, ScannedTicket, TicketKeys};
use http::Method;
use uuid::Uuid;

use crate::api_request::ApiRequest;
use crate::reply_meaning::json;
use crate::{Client, Listing, Operation, Result};

impl Client {
    /// The bookings of a slot with their tickets, in the order in which they were made.
    pub async fn list_manifest(&self, slot: Uuid, query: &ListQuery) -> Result<Page<ManifestEntry>> {
        self.call(ApiRequest::search(&format!("/v1/slots/{slot}/manifest"), query)).await
    }

    /// The whole manifest of a slot.
    pub fn all_manifest(&self, slot: Uuid, query: &ListQuery) -> Listing<ManifestEntry> {
        Listing::new(self, format!("/v1/slots/{slot}/manifest"), query)
    }

    /// The tickets of a confirmed booking, with their QR codes.
    pub async fn list_tickets(&self, booking: Uuid, query: &ListQuery) -> Result<Page<BookingTicket>> {
        self.call(ApiRequest::search(&format!("/v1/bookings/{booking}/tickets"), query)).await
    }

    /// All tickets of a confirmed booking.
    pub fn all_tickets(&self, booking: Uuid, query: &ListQuery) -> Listing<BookingTicket> {
        Listing::new(self, format!("/v1/bookings/{booking}/tickets"), query)
    }

    /// Checks a ticket in, once. A scan that was made without a network is sent later, with its time.
    pub fn check_in(&self, request: &NewCheckIn) -> Operation<ScannedTicket> {
        self.operation(ApiRequest::send(Method::POST, "/v1/check_ins", request), json)
    }

    /// Takes a check-in back, by a person with a reason.
    pub fn undo_check_in(&self, id: Uuid, request: &LetterDecision) -> Operation<CheckIn> {
        self.operation(ApiRequest::send(Method::POST, format!("/v1/check_ins/{id}/undo"), request), json)
    }

    /// The keys that verify tickets without a network: see [`TicketKeys::verifying`] and
    /// [`api::ticket::SignedTicket::verify`].
    pub async fn get_ticket_keys(&self) -> Result<TicketKeys> {
        self.call(ApiRequest::get("/.well-known/ticket-keys")).await
    }
}
