//! Seats that are held for a while and then paid.

use api::requests::{
    BookingsQuery, CancellationQuoteQuery, ListQuery, NewBooking, NewCancellation, NewExtension, NewQuote,
};
use api::views::{Booking, BookingDetail, CancellationQuote, HistoryEntry, Page, Quote};
use http::Method;
use uuid::Uuid;

use crate::api_request::ApiRequest;
use crate::reply_meaning::json;
use crate::{Client, Listing, Operation, Result};

impl Client {
    /// What a booking would cost now, and whether its seats are free. Holds nothing.
    pub async fn quote(&self, request: &NewQuote) -> Result<Quote> {
        self.call(ApiRequest::ask("/v1/quotes", request)).await
    }

    /// Holds seats of one or several slots for a customer: all of them, or none.
    pub fn reserve(&self, request: &NewBooking) -> Operation<Booking> {
        self.operation(ApiRequest::send(Method::POST, "/v1/bookings", request), json)
    }

    /// Keeps the seats of an unpaid booking longer.
    pub fn extend_booking(&self, id: Uuid, request: &NewExtension) -> Operation<Booking> {
        self.operation(ApiRequest::send(Method::POST, format!("/v1/bookings/{id}/extend"), request), json)
    }

    /// What a cancellation would give back now.
    pub async fn get_cancellation_quote(
        &self,
        id: Uuid,
        query: &CancellationQuoteQuery,
    ) -> Result<CancellationQuote> {
        self.call(ApiRequest::search(&format!("/v1/bookings/{id}/cancellation_quote"), query)).await
    }

    /// Gives up a hold, or cancels sold tickets and gives back what the quote said.
    pub fn cancel_booking(&self, id: Uuid, request: &NewCancellation) -> Operation<Booking> {
        self.operation(ApiRequest::send(Method::POST, format!("/v1/bookings/{id}/cancel"), request), json)
    }

    /// The booking with its payments and the first page of its history.
    pub async fn get_booking(&self, id: Uuid) -> Result<BookingDetail> {
        self.call(ApiRequest::get(format!("/v1/bookings/{id}"))).await
    }

    /// Newest first.
    pub async fn find_bookings(&self, query: &BookingsQuery) -> Result<Page<Booking>> {
        self.call(ApiRequest::search("/v1/bookings", query)).await
    }

    /// All matching bookings, newest first.
    pub fn all_bookings(&self, query: &BookingsQuery) -> Listing<Booking> {
        Listing::new(self, "/v1/bookings", query)
    }

    /// Who changed the booking, when, and from which state to which; oldest first.
    pub async fn get_booking_history(&self, id: Uuid, query: &ListQuery) -> Result<Page<HistoryEntry>> {
        self.call(ApiRequest::search(&format!("/v1/bookings/{id}/history"), query)).await
    }

    /// The whole history, oldest first.
    pub fn all_booking_history(&self, id: Uuid, query: &ListQuery) -> Listing<HistoryEntry> {
        Listing::new(self, format!("/v1/bookings/{id}/history"), query)
    }
}
