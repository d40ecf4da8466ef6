//! A rolling restart under load: every request is answered, or refused with a retry allowed, and
//! nothing is lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::future::join_all;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::binary::seed;
use crate::deployment::Deployment;
use crate::fleet_client::{FleetClient, PRICE_MINOR, Service};

const CHARGERS: usize = 12;
/// Clients that reserve without a pause, so that a request is always under way.
const RESERVERS: usize = 4;
/// Answers of a request that is done, is under way, or may be retried.
const ANSWERS: [&str; 4] = ["201", "202", "409 retryable", "503 retryable"];

/// Charges until the last process is back. Returns the payments, by the name of the order.
async fn charge(service: &Service, number: usize, done: &AtomicBool) -> Vec<(String, String)> {
    let mut client = FleetClient::new(service);
    let mut paid = Vec::new();
    while !done.load(Ordering::SeqCst) {
        let name = format!("charger-{number}-{}", paid.len());
        let payment = client.charge(&name).await;
        paid.push((name, payment));
    }
    paid
}

async fn reserve(service: &Service, number: usize, done: &AtomicBool) -> Vec<String> {
    let mut client = FleetClient::new(service);
    let mut held = Vec::new();
    while !done.load(Ordering::SeqCst) {
        held.push(client.reserve(&format!("reserver-{number}-{}", held.len())).await);
    }
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_request() {
    let seed = seed();
    println!("SUREHOLD_PROOF_SEED={seed}");
    let begun = Instant::now();
    let mut deployment = Deployment::new().await;
    let service = deployment.service.clone();
    let done = AtomicBool::new(false);
    let charging = join_all((0..CHARGERS).map(|number| charge(&service, number, &done)));
    let reserving = join_all((0..RESERVERS).map(|number| reserve(&service, number, &done)));
    let rolling = async {
        deployment.roll(&mut StdRng::seed_from_u64(seed)).await;
        done.store(true, Ordering::SeqCst);
    };
    let (paid, held, ()) = tokio::join!(charging, reserving, rolling);
    let met = service.met.lock().clone();
    let (paid, held): (BTreeMap<String, String>, usize) =
        (paid.into_iter().flatten().collect(), held.iter().map(Vec::len).sum());
    println!("{} charges and {held} holds in {:.1?}: {met:?}", paid.len(), begun.elapsed());
    let failed: Vec<_> = met.keys().filter(|met| !ANSWERS.contains(&met.as_str())).collect();
    assert!(failed.is_empty(), "{failed:?}{}", deployment.logs());

    let verdicts = deployment.quiet().await;
    println!("{verdicts}judged after {:.1?}", begun.elapsed());
    let books = deployment.books().await;
    let mut captured: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for charge in books.charges.iter().filter(|charge| charge.moved()) {
        let order = charge.metadata["order"].as_str();
        assert_eq!((charge.captured_minor, charge.refunded_minor), (PRICE_MINOR, 0), "{order}");
        assert!(captured.insert(order, charge.operation()).is_none(), "{order} was charged twice");
    }
    let expected: BTreeMap<&str, Option<&str>> =
        paid.iter().map(|(order, payment)| (order.as_str(), Some(payment.as_str()))).collect();
    assert_eq!(captured, expected, "what the provider's books show is what clients were told");
    assert!(paid.len() >= CHARGERS && held >= RESERVERS, "hardly any load");
}
