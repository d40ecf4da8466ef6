//! The program is killed at random moments, while the provider and the network have faults.

use attack::incidents::{Incident, TargetProcess, plan};
use attack::load_with_faults::{self, LoadWithFaults};
use attack::orders::{Order, orders};
use attack::{Error, Ground, Need, Scenario, ScenarioContext, Tuning};
use serde_json::json;

use crate::{on_postgres, prove};

pub const ORDERS: usize = 200;
const CLIENTS: usize = 16;

static KILLED: Scenario = Scenario {
    number: 1,
    name: "proof-killed",
    promise: "Whoever dies, whenever: each order is carried out exactly once.",
    needs: &[Need::Deployment],
    always: &load_with_faults::ALWAYS,
    sometimes: &[],
    run: |context| Box::pin(killed(context)),
};

async fn killed(context: ScenarioContext) -> Result<(), Error> {
    let mut incidents = vec![Incident::Kill(TargetProcess::Server); 12];
    incidents.extend([Incident::Kill(TargetProcess::Provider); 3]);
    if context.has(Need::PrivatePostgres) {
        incidents.extend([Incident::RestartDatabase; 2]);
        incidents.extend([Incident::CutConnections; 4]);
    }
    run_with_incidents(&context, &incidents).await
}

/// Applies these incidents to the deployment while customers pay.
pub async fn run_with_incidents(context: &ScenarioContext, incidents: &[Incident]) -> Result<(), Error> {
    let count = context.operations();
    let faults = json!({
        "seed": context.draw("provider") >> 12,
        "commit_then_drop": 0.1, "commit_then_500": 0.1, "drop_before": 0.1, "kept_500": 0.05, "commit_then_kept_500": 0.05,
        "kept_by_stripe_only": true, "delay_ms": [0, 60],
        "decline": 0.1,
        "webhook_duplicates": 2, "webhook_shuffle": true, "webhook_drop": 0.3, "webhook_delay_ms": [0, 200],
    });
    let orders = orders(context, count, &mut context.random("orders")).into_iter();
    let load = LoadWithFaults {
        orders: orders.map(|order| Order { may_be_declined: true, ..order }).collect(),
        clients: CLIENTS,
        plan: plan(incidents, count, &mut context.random("incidents")),
        faults,
        tuning: Tuning::default(),
    };
    load_with_faults::run_load(context, load).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    prove(&KILLED, ORDERS, Ground::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_database_that_dies_too() {
    prove(&KILLED, ORDERS, on_postgres()).await;
}
