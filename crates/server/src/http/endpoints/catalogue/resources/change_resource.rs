use api::Code;
use api::requests::{ChangedResource, NewClosure};
use api::views::Resource;
use axum::extract::State;
use domain::commands::ChangeResource;
use domain::limits::RESOURCE_DAYS_MAX;
use domain::rows::Actor;
use domain::{Refusal, ResourceId, resources};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Catalogue;
use crate::http::submit::{TRIES_MAX, submit_once, submit_over};
use crate::http::write_request::{Id, WriteRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::patch("/v1/resources/{id}", "change_resource", handle)
        .about(
            "Change a resource",
            "What is absent stays. A resource never has less than its slots with bookings need: such a change is \
             refused, and `resource` names one of these slots.",
        )
        .answers::<Resource>(200, "The resource as it is now.")
        .refuses(&[Code::ResourceNotFound, Code::ResourceIsInUse, Code::ChangedMeanwhile])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    call: WriteRequest<Catalogue, ChangedResource>,
) -> Handled {
    let (caller, request, claim) = (call.caller, &call.request, call.claim);
    let (app, id) = (&app, ResourceId(id));
    // A version that is outdated stays so.
    let tries = if request.version.is_some() { 1 } else { TRIES_MAX };
    let work = submit_over(app, tries, || async {
        let missing = Refusal::ResourceNotFound { resource: id.0 };
        // The resource first: a day that is added after it is read changes their number.
        let seen = app.store().resource(caller.tenant, id).await?.ok_or(missing)?;
        let now = app.parts.clock.now();
        let today = *resources::days(now, now).start();
        Ok(ChangeResource {
            claim: claim.clone(),
            tenant: caller.tenant,
            by: Actor::Client(caller.client),
            resource: id,
            name: request.name.clone(),
            capacity: request.capacity,
            closures: request.closures.as_ref().map(|all| all.iter().map(NewClosure::row).collect()),
            active: request.active,
            metadata: request.metadata.clone(),
            version: request.version,
            days: seen.days,
            days_ahead: app.store().resource_days_from(caller.tenant, id, today, RESOURCE_DAYS_MAX).await?,
        })
    });
    submit_once(app, claim.as_ref(), |_| work).await
}
