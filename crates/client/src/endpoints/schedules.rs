//! Slots that are made ahead by rule, and the days without any.

use api::requests::{ChangedSchedule, ListQuery, NewBlackout, NewSchedule};
use api::views::{Blackout, BlackoutDetail, Page, Schedule, ScheduleDetail};
use http::Method;
use uuid::Uuid;

use crate::api_request::ApiRequest;
use crate::reply_meaning::json;
use crate::{Client, Listing, Operation, Result};

impl Client {
    /// Creates a schedule, which makes the slots of a product ahead. The first appear within seconds.
    pub fn create_schedule(&self, product: Uuid, request: &NewSchedule) -> Operation<Schedule> {
        let path = format!("/v1/products/{product}/schedules");
        self.operation(ApiRequest::send(Method::POST, path, request), json)
    }

    /// Absent fields stay unchanged. Slots with bookings stay as they are, and are listed.
    pub fn change_schedule(&self, id: Uuid, request: &ChangedSchedule) -> Operation<ScheduleDetail> {
        self.operation(ApiRequest::send(Method::PATCH, format!("/v1/schedules/{id}"), request), json)
    }

    /// With the slots that have bookings now and that the schedule would not have like this.
    pub async fn get_schedule(&self, id: Uuid) -> Result<ScheduleDetail> {
        self.call(ApiRequest::get(format!("/v1/schedules/{id}"))).await
    }

    /// The schedules of a product, newest first.
    pub async fn list_schedules(&self, product: Uuid, query: &ListQuery) -> Result<Page<Schedule>> {
        self.call(ApiRequest::search(&format!("/v1/products/{product}/schedules"), query)).await
    }

    /// All schedules of a product, newest first.
    pub fn all_schedules(&self, product: Uuid, query: &ListQuery) -> Listing<Schedule> {
        Listing::new(self, format!("/v1/products/{product}/schedules"), query)
    }

    /// Blocks days of a product out. Slots with bookings stay as they are, and are listed.
    pub fn add_blackout(&self, product: Uuid, request: &NewBlackout) -> Operation<BlackoutDetail> {
        let path = format!("/v1/products/{product}/blackouts");
        self.operation(ApiRequest::send(Method::POST, path, request), json)
    }

    /// The blackouts of a product, newest first.
    pub async fn list_blackouts(&self, product: Uuid, query: &ListQuery) -> Result<Page<Blackout>> {
        self.call(ApiRequest::search(&format!("/v1/products/{product}/blackouts"), query)).await
    }

    /// All blackouts of a product, newest first.
    pub fn all_blackouts(&self, product: Uuid, query: &ListQuery) -> Listing<Blackout> {
        Listing::new(self, format!("/v1/products/{product}/blackouts"), query)
    }

    /// Ends a blackout for good. It takes no key: to end it twice is to end it once.
    pub async fn end_blackout(&self, id: Uuid) -> Result<Blackout> {
        let path = format!("/v1/blackouts/{id}/end");
        self.call(ApiRequest { method: Method::POST, ..ApiRequest::get(path) }).await
    }
}
