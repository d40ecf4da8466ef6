//! Two tenants share a deployment. No request, data or limit of one tenant may stop the other.
//!
//! | part | the fault at one tenant | what must hold |
//! |---|---|---|
//! | [`newer`] | a newer version has written its settings, and one of its bookings | its own commands fail; the other tenant's succeed, and so do the sweeps |
//! | [`newer`] | a newer version adds a setting, and a consumer of messages | the setting is kept; no message counts as received without that consumer |
//! | [`keys`] | a key with one scope reads the events; a live key requests test money | it sees bookings only; no money moves |
//! | [`queue`] | its commands and events come in a flood while no writer can work | the other tenant has room |
//! | [`crowds`] | its webhooks are half sent, its reads are stuck | the other tenant's webhooks, requests and reads are answered |
//!
//! No check here depends on time.

mod crowds;
mod keys;
mod newer;
mod queue;

use serde_json::Value;

use crate::database_rows::DatabaseRows;
use crate::methods::STRIPE;
use crate::operation_request::PRICE_MINOR;
use crate::scenarios::relay::{ATTEMPT_TIMEOUT_MS, LEASE_MS, UNRECEIVED_AFTER_MS};
use crate::scenarios::webhooks::WebhookForwarder;
use crate::{Deployment, Error, Need, OperationRequest, Scenario, ScenarioContext, Target, Tuning, judge};
use keys::Keys;
use testkit::program::{Resident, sell};

pub const SCENARIO: Scenario = Scenario {
    number: 16,
    name: "neighbours",
    promise: "One tenant, one row, one key or another version stops nobody else, and moves and shows nothing of others.",
    needs: &[Need::Deployment],
    always: &[
        "an_unreadable_row_stops_nobody_else",
        "an_unreadable_row_stops_no_sweep",
        "what_a_newer_version_added_is_kept",
        "received_once_every_consumer_has_it",
        "a_key_sees_what_its_scopes_show",
        "test_and_live_do_not_mix",
        "a_flood_leaves_room_in_the_queue",
        "half_sent_webhooks_keep_nobody_out",
        "stuck_reads_leave_room_for_a_neighbour",
    ],
    sometimes: &[
        "refused_for_an_unreadable_row",
        "lapsed_beside_an_unreadable_hold",
        "posted_and_not_received",
        "read_the_events_of_bookings_alone",
        "asked_by_a_live_key",
        "told_by_a_live_event",
        "a_flood_was_turned_away",
        "half_sent_webhooks_were_turned_away",
        "reads_were_stuck",
    ],
    run: |context| Box::pin(run(context)),
};

/// Operations for each part.
const OPERATIONS_A_TRY: usize = 20;
const TRIES_MIN: usize = 3;
const TRIES_MAX: usize = 10;
const CAPACITY: i64 = 10_000;

/// The other tenant.
struct Neighbour {
    resident: Resident,
    target: Target,
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let tries = (context.operations() / OPERATIONS_A_TRY).clamp(TRIES_MIN, TRIES_MAX);
    let mut deployment = context.prepare().await?;
    let resident = deployment.neighbour().await?;
    let keys = Keys::made(&deployment).await?;
    let tuning = Tuning::default()
        .with("relay", "lease_ms", LEASE_MS)
        .with("relay", "unreceived_after_ms", UNRECEIVED_AFTER_MS)
        .with("consumers", "attempt_timeout_ms", ATTEMPT_TIMEOUT_MS)
        .with("store", "readers", crowds::READERS)
        .with("store", "queue_max", queue::QUEUE_MAX)
        .with("store", "tenant_share", queue::TENANT_SHARE);
    deployment.start(&tuning).await?;
    let neighbour = moves_in(&context, &deployment, resident).await?;
    let rows =
        DatabaseRows::of(deployment.location().ok_or_else(|| Error::NotOurs("the database".to_owned()))?)
            .await?;

    let subscription = newer::adds_a_consumer(&rows).await?;
    newer::settings(&context, &rows, &deployment.target, &neighbour, tries).await?;
    tokio::try_join!(
        newer::holds(&context, &rows, &deployment.target, &neighbour),
        newer::waits_for_its_consumer(&context, &rows, &deployment.target),
        keys::scopes(&context, &deployment, &keys),
        keys::modes(&context, &deployment, &keys),
    )?;
    queue::run(&context, &rows, &deployment, &neighbour).await?;
    deployment.retune(&tuning.with("limits", "requests_max", crowds::REQUESTS_MAX)).await?;
    crowds::webhooks(&context, &deployment, &neighbour).await?;
    crowds::reads(&context, &deployment, &neighbour).await?;
    newer::has_its_consumer(&context, &rows, &subscription).await?;
    deployment.all_alive()?;
    judge(&context, &deployment).await.map(drop)
}

/// The provider's last event of a charge of the deployment's own tenant.
async fn true_event(
    context: &ScenarioContext,
    deployment: &Deployment,
    courier: &mut WebhookForwarder,
    charge: &str,
) -> Result<Value, Error> {
    let charge = OperationRequest::charge(&context.operation(charge), PRICE_MINOR, &STRIPE);
    let payment =
        context.caller(&deployment.target, 0).retry_until_definite(&charge).await?.id().unwrap_or_default();
    let own = deployment.installation()?.residents()[0].clone();
    let events = courier.events(&own).await?.remove(&payment).unwrap_or_default();
    let missing =
        || Error::Unexpected { operation: charge.operation.clone(), outcome: "no events".to_owned() };
    events.last().cloned().ok_or_else(missing)
}

/// The other tenant, with a product.
async fn moves_in(
    context: &ScenarioContext,
    deployment: &Deployment,
    resident: Resident,
) -> Result<Neighbour, Error> {
    let base_url = deployment.target.base_urls.first().map_or("", String::as_str);
    let name = context.operation("neighbour");
    let catalogue = sell(base_url, &resident.tenant.api_key, &name, STRIPE.currency, 1, CAPACITY).await?;
    let target = Target {
        api_key: resident.tenant.api_key.clone(),
        ops_key: Some(resident.tenant.ops_key.clone()),
        catalogue,
        ..deployment.target.clone()
    };
    Ok(Neighbour { resident, target })
}
