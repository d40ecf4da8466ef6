//! Killed at any moment, with a provider and a network that misbehave.

use std::time::Instant;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::json;
use tokio::sync::watch;

use crate::binary::seed;
use crate::incidents::{Incident, plan};
use crate::town::Town;
use crate::{clients, judge, orders};

const ORDERS: usize = 200;

pub async fn endure(mut town: Town, incidents: &[Incident]) {
    let seed = seed();
    println!("SUREHOLD_PROOF_SEED={seed}");
    let begun = Instant::now();
    let mut random = StdRng::seed_from_u64(seed);
    let orders = orders::orders(ORDERS, &mut random);
    let plan = plan(incidents, ORDERS, &mut random);
    town.set_faults(json!({
        "seed": seed >> 12,
        "commit_then_drop": 0.1, "commit_then_500": 0.1, "drop_before": 0.1, "delay_ms": [0, 60],
        "decline": 0.1,
        "webhook_duplicates": 2, "webhook_shuffle": true, "webhook_drop": 0.3, "webhook_delay_ms": [0, 200],
    }))
    .await;
    let (finished, watched) = watch::channel(0);
    let shop = town.shop.clone();
    let serving = clients::serve(&shop, orders.clone(), finished);
    let peace = async {
        town.suffer(&plan, watched).await;
        town.set_faults(json!({})).await;
    };
    let (outcomes, ()) = tokio::join!(serving, peace);
    println!("{} incidents and {ORDERS} orders in {:.1?}", plan.len(), begun.elapsed());
    judge::judge(&town, &orders, &outcomes).await;
    println!("judged after {:.1?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let mut incidents = vec![Incident::KillServer; 12];
    incidents.extend([Incident::KillProvider; 3]);
    endure(Town::on_sqlite().await, &incidents).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let mut incidents = vec![Incident::KillServer; 10];
    incidents.extend([Incident::KillProvider; 2]);
    incidents.extend([Incident::RestartDatabase; 2]);
    incidents.extend([Incident::CutConnections; 4]);
    endure(Town::on_postgres().await, &incidents).await;
}
