use api::Code;
use api::views::Blackout;
use axum::Extension;
use axum::extract::State;
use domain::commands::{EndBlackout, Origin};
use domain::rows::Actor;
use domain::{BlackoutId, Refusal};

use super::submit_over_schedules;
use crate::http::answer::{Handled, handled};
use crate::http::endpoint::Endpoint;
use crate::http::permission::Catalogue;
use crate::http::read_request::ReadRequest;
use crate::http::write_request::Id;
use crate::http::{App, RequestId};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/blackouts/{id}/end", "end_blackout", handle)
        .about(
            "End a blackout",
            "Once and for all, as often as it is asked. Slots that it closed open again within seconds, \
             where a schedule makes them.",
        )
        .answers::<Blackout>(200, "The blackout, ended.")
        .refuses(&[Code::BlackoutNotFound, Code::ChangedMeanwhile])
}

async fn handle(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    look: ReadRequest<Catalogue>,
    Id(id): Id,
) -> Handled {
    let caller = look.caller;
    let blackout = BlackoutId(id);
    let found = app.store().blackout(caller.tenant, blackout).await?.ok_or(Refusal::BlackoutNotFound)?;
    let origin = Origin {
        request_id: Some(request_id.as_str().to_owned()),
        ..Origin::of(Actor::Client(caller.client))
    };
    let command = async |of| Ok(EndBlackout { origin: origin.clone(), of, blackout });
    handled(submit_over_schedules(&app, caller.tenant, found.product, command).await?)
}
