//! `/v1/webhook_endpoints`: where events are sent, besides the account's own endpoint.

use super::page::{Listed, StripePage, json, render};
use crate::{
    account::{WebhookEndpoint, is_deliverable},
    answer::StripeAnswer,
    books::AccountBooks,
    call_draft::CallDraft,
    parameters::{Parameters, StripeMetadata},
    refusal::StripeRefusal,
};

/// Stripe's limit, <https://docs.stripe.com/webhooks>.
const ENDPOINTS_MAX: usize = 16;

impl Listed for WebhookEndpoint {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

pub fn create(draft: &mut CallDraft, mut parameters: Parameters) -> Result<StripeAnswer, StripeRefusal> {
    let url = parameters.text("url").unwrap_or_default();
    if !is_deliverable(&url) {
        let message = "Invalid URL: this sandbox delivers to http:// addresses only";
        return Err(StripeRefusal::invalid(message).with_code("url_invalid").with_param("url"));
    }
    let present = draft.held.account.endpoints.iter().filter(|endpoint| !endpoint.removed);
    if present.count() >= ENDPOINTS_MAX {
        let message = format!("You have reached the maximum of {ENDPOINTS_MAX} test webhook endpoints.");
        return Err(StripeRefusal::invalid(message));
    }
    let mut metadata = StripeMetadata::new();
    parameters.merge_metadata(&mut metadata)?;
    let endpoint = WebhookEndpoint {
        id: draft.mint.id("we"),
        created: draft.now(),
        url,
        secrets: vec![draft.mint.id("whsec")],
        enabled_events: parameters.list("enabled_events").unwrap_or_default(),
        api_version: parameters.text("api_version"),
        description: parameters.text("description"),
        metadata,
        removed: false,
    };
    Ok(StripeAnswer::shown(draft.add_snapshot(endpoint)))
}

pub fn remove(draft: &mut CallDraft, id: &str) -> Result<StripeAnswer, StripeRefusal> {
    let endpoint = find(draft.held, id)?.clone();
    Ok(StripeAnswer::shown(draft.add_snapshot(WebhookEndpoint { removed: true, ..endpoint })))
}

pub fn retrieve(held: &AccountBooks, id: &str) -> Result<Vec<u8>, StripeRefusal> {
    Ok(json(&find(held, id)?.view(false)))
}

pub fn list(held: &AccountBooks, mut parameters: Parameters) -> Result<Vec<u8>, StripeRefusal> {
    let page = StripePage::read(&mut parameters, "webhook endpoint", |id| find(held, id).is_ok())?;
    let mut present: Vec<&WebhookEndpoint> =
        held.account.endpoints.iter().filter(|endpoint| !endpoint.removed).collect();
    // The account's own endpoint has an id that does not grow with age.
    present.sort_by(|one, other| other.id.cmp(&one.id));
    let (shown, has_more) = page.select(present.into_iter());
    Ok(render("/v1/webhook_endpoints", shown.into_iter().map(|one| one.view(false)).collect(), has_more))
}

fn find<'a>(held: &'a AccountBooks, id: &str) -> Result<&'a WebhookEndpoint, StripeRefusal> {
    let found = held.account.endpoints.iter().find(|endpoint| endpoint.id == id && !endpoint.removed);
    found.ok_or_else(|| {
        StripeRefusal::missing_object("webhook endpoint", id, "webhook_endpoint").with_status(404)
    })
}
