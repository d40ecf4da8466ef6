//! What is sold, and when.

use api::requests::{
    AvailabilityQuery, ChangedProduct, ListQuery, NewCancellationPolicy, NewProduct, NewSlots,
};
use api::views::{Page, Product, Slot};
use http::Method;
use uuid::Uuid;

use crate::api_request::ApiRequest;
use crate::reply_meaning::json;
use crate::{Client, Listing, Operation, Result};

impl Client {
    /// Creates a product with its units and puts it on sale.
    pub fn create_product(&self, request: &NewProduct) -> Operation<Product> {
        self.operation(ApiRequest::send(Method::POST, "/v1/products", request), json)
    }

    /// Absent fields stay unchanged. Bookings keep their prices.
    pub fn change_product(&self, id: Uuid, request: &ChangedProduct) -> Operation<Product> {
        self.operation(ApiRequest::send(Method::PATCH, format!("/v1/products/{id}"), request), json)
    }

    /// What customers get back who cancel. Bookings keep the policy they were made under.
    pub fn set_cancellation_policy(
        &self,
        product: Uuid,
        request: &NewCancellationPolicy,
    ) -> Operation<Product> {
        let path = format!("/v1/products/{product}/cancellation_policy");
        self.operation(ApiRequest::send(Method::POST, path, request), json)
    }

    /// Adds dated departures; they are returned in the order of the request.
    pub fn add_slots(&self, product: Uuid, request: &NewSlots) -> Operation<Page<Slot>> {
        self.operation(ApiRequest::send(Method::POST, format!("/v1/products/{product}/slots"), request), json)
    }

    /// The product with all its units.
    pub async fn get_product(&self, id: Uuid) -> Result<Product> {
        self.call(ApiRequest::get(format!("/v1/products/{id}"))).await
    }

    /// Newest first.
    pub async fn list_products(&self, query: &ListQuery) -> Result<Page<Product>> {
        self.call(ApiRequest::search("/v1/products", query)).await
    }

    /// All of them, newest first.
    pub fn all_products(&self, query: &ListQuery) -> Listing<Product> {
        Listing::new(self, "/v1/products", query)
    }

    /// The slots of a product in a period, earliest first, with their vacancies.
    pub async fn get_availability(&self, query: &AvailabilityQuery) -> Result<Page<Slot>> {
        self.call(ApiRequest::search("/v1/availability", query)).await
    }

    /// All slots of the period, earliest first.
    pub fn all_availability(&self, query: &AvailabilityQuery) -> Listing<Slot> {
        Listing::new(self, "/v1/availability", query)
    }
}
