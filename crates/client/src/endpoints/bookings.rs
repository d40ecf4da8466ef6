//! Seats: held for a while, and then paid.

use api::requests::{BookingsQuery, NewBooking, NewCancellation};
use api::views::{Booking, BookingDetail, HistoryEntry, Page};
use http::Method;
use uuid::Uuid;

use crate::answer::json;
use crate::call::Call;
use crate::{Client, Operation, Result};

impl Client {
    /// Holds seats of a slot for a customer.
    pub fn reserve(&self, request: &NewBooking) -> Operation<Booking> {
        self.operation(Call::send(Method::POST, "/v1/bookings", request), json)
    }

    /// Gives the seats of an unpaid booking back.
    pub fn cancel_booking(&self, id: Uuid) -> Operation<Booking> {
        let call = Call::send(Method::POST, format!("/v1/bookings/{id}/cancel"), &NewCancellation {});
        self.operation(call, json)
    }

    /// With its payments, and all that happened to it.
    pub async fn get_booking(&self, id: Uuid) -> Result<BookingDetail> {
        self.ask(Call::get(format!("/v1/bookings/{id}"))).await
    }

    /// Newest first.
    pub async fn find_bookings(&self, query: &BookingsQuery) -> Result<Page<Booking>> {
        self.ask(Call::search("/v1/bookings", query)).await
    }

    /// Who moved it, when, and from where to where; oldest first.
    pub async fn get_booking_history(&self, id: Uuid) -> Result<Page<HistoryEntry>> {
        self.ask(Call::get(format!("/v1/bookings/{id}/history"))).await
    }
}
