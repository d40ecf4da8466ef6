//! `/v1/webhook_endpoints`: where events are sent, besides the account's own endpoint.

use super::page::{Listed, Page, json, render};
use crate::{
    account::{Endpoint, is_deliverable},
    answer::Answer,
    books::Held,
    desk::Desk,
    parameters::Parameters,
    refusal::Refusal,
    snapshot::Snapshot,
};

const ENDPOINTS_MAX: usize = 16;

impl Listed for Endpoint {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

pub fn create(desk: &mut Desk, mut parameters: Parameters) -> Result<Answer, Refusal> {
    let url = parameters.required("url")?;
    let enabled_events = parameters.list("enabled_events");
    parameters.ignore(&["api_version", "description", "metadata", "expand"]);
    parameters.finish()?;
    if enabled_events.is_empty() {
        return Err(Refusal::missing_parameter("enabled_events"));
    }
    if !is_deliverable(&url) {
        let message = "Invalid URL: this sandbox delivers to http:// addresses only";
        return Err(Refusal::invalid(message).with_code("url_invalid").with_param("url"));
    }
    if desk.held.account.endpoints.len() >= ENDPOINTS_MAX {
        return Err(Refusal::invalid(format!("You have reached the maximum of {ENDPOINTS_MAX} endpoints.")));
    }
    let (id, secret) = (desk.mint.id("we"), desk.mint.id("whsec"));
    let created = desk.now();
    let endpoint = Endpoint { id, created, url, secrets: vec![secret], enabled_events, removed: false };
    let snapshot = desk.show(Snapshot::Endpoint(endpoint));
    Ok(Answer::Shown { snapshot, latest: None })
}

pub fn remove(desk: &mut Desk, id: &str, parameters: Parameters) -> Result<Answer, Refusal> {
    parameters.finish()?;
    let endpoint = find(desk.held, id)?.clone();
    let snapshot = desk.show(Snapshot::Endpoint(Endpoint { removed: true, ..endpoint }));
    Ok(Answer::Shown { snapshot, latest: None })
}

pub fn retrieve(held: &Held, id: &str, parameters: Parameters) -> Result<Vec<u8>, Refusal> {
    parameters.finish()?;
    Ok(json(&find(held, id)?.view(false)))
}

pub fn list(held: &Held, mut parameters: Parameters) -> Result<Vec<u8>, Refusal> {
    let page = Page::read(&mut parameters)?;
    parameters.finish()?;
    let present = held.account.endpoints.iter().rev().filter(|endpoint| !endpoint.removed);
    let (shown, has_more) = page.select(present);
    Ok(render("/v1/webhook_endpoints", shown.into_iter().map(|one| one.view(false)).collect(), has_more))
}

fn find<'a>(held: &'a Held, id: &str) -> Result<&'a Endpoint, Refusal> {
    let found = held.account.endpoints.iter().find(|endpoint| endpoint.id == id && !endpoint.removed);
    found.ok_or_else(|| Refusal::missing_object("webhook endpoint", id, "webhook_endpoint").with_status(404))
}
