//! Every webhook is lost: what each provider can be asked for settles each payment and each booking.
//!
//! Orders of every kind are paid by each method. The program looks for the evidence itself: it fetches
//! the objects that its jobs wait for, and reads the list of events for all others, such as a refund that
//! ends later. Nothing may depend on a delivery.

use serde_json::json;

use crate::methods::{MERCADO_PAGO, MERCADO_PAGO_PIX, PIX_AT_BANK, PaymentMethod, STRIPE};
use crate::orders::{self, OrderOutcome};
use crate::{Deployment, Error, Need, PendingWork, Scenario, ScenarioContext, Tuning, judge};

pub const SCENARIO: Scenario = Scenario {
    number: 17,
    name: "lost-webhooks",
    promise: "With every webhook lost, each payment and each booking settles all the same, at each provider, and nobody has to look.",
    needs: &[Need::Deployment],
    always: &["paid_bookings_are_confirmed", "no_webhook_came", "nobody_has_to_look"],
    sometimes: &["settled_at_stripe", "settled_at_mercado_pago", "settled_by_pix", "settled_at_a_bank"],
    run: |context| Box::pin(run(context)),
};

const CLIENTS: usize = 12;
/// Each kind of order meets each method.
const ORDERS_MIN: usize = 28;

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let mut random = context.random("orders");
    let count = (context.operations() / 4).max(ORDERS_MIN);
    let orders = orders::orders(&context, count, &mut random);
    let tuning = Tuning::default().with("workers", "events_every_ms", 500);
    let mut deployment = context.deploy(&tuning).await?;
    deployment.set_faults(json!({ "webhook_drop": 1 })).await?;
    let outcomes =
        orders::serve(&context, &deployment.target, CLIENTS, orders, &PendingWork::as_planned()).await?;
    deployment.all_alive()?;
    judge(&context, &deployment).await?;
    orders::judge_bookings(&context, &deployment, &outcomes).await?;
    reached(&context, &outcomes);
    no_webhook_came(&context, &deployment).await?;
    nobody_has_to_look(&context, &deployment).await
}

fn reached(context: &ScenarioContext, outcomes: &[OrderOutcome]) {
    let states: [(&PaymentMethod, &str); 4] = [
        (&STRIPE, "settled_at_stripe"),
        (&MERCADO_PAGO, "settled_at_mercado_pago"),
        (&MERCADO_PAGO_PIX, "settled_by_pix"),
        (&PIX_AT_BANK, "settled_at_a_bank"),
    ];
    for outcome in outcomes.iter().filter(|outcome| !outcome.declined) {
        let state = states.iter().find(|(method, _)| method.name == outcome.order.method.name);
        if let Some((_, state)) = state {
            context.findings.reached(state);
        }
    }
}

/// Otherwise the run proves nothing.
async fn no_webhook_came(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    for server in deployment.names(crate::Part::Server) {
        let came = deployment.scrape(&server).await?.total("surehold_webhooks_total").unwrap_or(0.0);
        context
            .findings
            .always("no_webhook_came", came == 0.0, || format!("{server} received {came} webhooks"));
    }
    Ok(())
}

async fn nobody_has_to_look(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    let cases = caller.get("/v1/ops/review_cases", deployment.target.ops_key.as_deref()).await?;
    let none = cases["data"].as_array().is_some_and(Vec::is_empty);
    context.findings.always("nobody_has_to_look", none, || cases.to_string());
    Ok(())
}
