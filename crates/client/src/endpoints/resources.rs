//! Resources, and what products need of them.

use api::requests::{CalendarQuery, ChangedResource, ListQuery, NewProductResources, NewResource};
use api::views::{CalendarEntry, Page, Product, Resource};
use http::Method;
use uuid::Uuid;

use crate::api_request::ApiRequest;
use crate::reply_meaning::json;
use crate::{Client, Listing, Operation, Result};

impl Client {
    /// Creates a resource, which the slots of several products share.
    pub fn create_resource(&self, request: &NewResource) -> Operation<Resource> {
        self.operation(ApiRequest::send(Method::POST, "/v1/resources".to_owned(), request), json)
    }

    /// Absent fields stay unchanged. Refused if slots with bookings would need more than is left.
    pub fn change_resource(&self, id: Uuid, request: &ChangedResource) -> Operation<Resource> {
        self.operation(ApiRequest::send(Method::PATCH, format!("/v1/resources/{id}"), request), json)
    }

    pub async fn get_resource(&self, id: Uuid) -> Result<Resource> {
        self.call(ApiRequest::get(format!("/v1/resources/{id}"))).await
    }

    /// The resources, newest first.
    pub async fn list_resources(&self, query: &ListQuery) -> Result<Page<Resource>> {
        self.call(ApiRequest::search("/v1/resources", query)).await
    }

    /// All resources, newest first.
    pub fn all_resources(&self, query: &ListQuery) -> Listing<Resource> {
        Listing::new(self, "/v1/resources", query)
    }

    /// What is in use of a resource, earliest first.
    pub async fn get_resource_calendar(
        &self,
        id: Uuid,
        query: &CalendarQuery,
    ) -> Result<Page<CalendarEntry>> {
        self.call(ApiRequest::search(&format!("/v1/resources/{id}/calendar"), query)).await
    }

    /// All that is in use of a resource in the period, earliest first.
    pub fn resource_calendar(&self, id: Uuid, query: &CalendarQuery) -> Listing<CalendarEntry> {
        Listing::new(self, format!("/v1/resources/{id}/calendar"), query)
    }

    /// Says what each slot of a product needs of resources. Slots of which a seat is taken keep what they need.
    pub fn set_product_resources(&self, product: Uuid, request: &NewProductResources) -> Operation<Product> {
        let path = format!("/v1/products/{product}/resources");
        self.operation(ApiRequest::send(Method::POST, path, request), json)
    }
}
