//! A rolling restart under load: whoever asks is answered, or told to ask again, and nothing is lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::future::join_all;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::binary::seed;
use crate::deployment::Deployment;
use crate::fleet_client::{FleetClient, PRICE_MINOR, Shop};

const CHARGERS: usize = 12;
/// Clients that reserve without a pause: no moment is without a request on its way.
const RESERVERS: usize = 4;
/// Done, under way, or: ask again.
const ANSWERS: [&str; 4] = ["201", "202", "409 retryable", "503 retryable"];

/// Charges until the last process is back; what was paid, by the name of the order.
async fn charge(shop: &Shop, number: usize, done: &AtomicBool) -> Vec<(String, String)> {
    let mut teller = FleetClient::new(shop);
    let mut paid = Vec::new();
    while !done.load(Ordering::SeqCst) {
        let name = format!("charger-{number}-{}", paid.len());
        let payment = teller.charge(&name).await;
        paid.push((name, payment));
    }
    paid
}

async fn reserve(shop: &Shop, number: usize, done: &AtomicBool) -> Vec<String> {
    let mut teller = FleetClient::new(shop);
    let mut held = Vec::new();
    while !done.load(Ordering::SeqCst) {
        held.push(teller.reserve(&format!("reserver-{number}-{}", held.len())).await);
    }
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_failed() {
    let seed = seed();
    println!("SUREHOLD_PROOF_SEED={seed}");
    let begun = Instant::now();
    let mut deployment = Deployment::new().await;
    let shop = deployment.shop.clone();
    let done = AtomicBool::new(false);
    let charging = join_all((0..CHARGERS).map(|number| charge(&shop, number, &done)));
    let reserving = join_all((0..RESERVERS).map(|number| reserve(&shop, number, &done)));
    let rolling = async {
        deployment.roll(&mut StdRng::seed_from_u64(seed)).await;
        done.store(true, Ordering::SeqCst);
    };
    let (paid, held, ()) = tokio::join!(charging, reserving, rolling);
    let met = shop.met.lock().clone();
    let (paid, held): (BTreeMap<String, String>, usize) =
        (paid.into_iter().flatten().collect(), held.iter().map(Vec::len).sum());
    println!("{} charges and {held} holds in {:.1?}: {met:?}", paid.len(), begun.elapsed());
    let failed: Vec<_> = met.keys().filter(|met| !ANSWERS.contains(&met.as_str())).collect();
    assert!(failed.is_empty(), "{failed:?}{}", deployment.words());

    let verdicts = deployment.quiet().await;
    println!("{verdicts}judged after {:.1?}", begun.elapsed());
    let books = deployment.books().await;
    let mut captured: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for charge in books.charges.iter().filter(|charge| charge.moved()) {
        let order = charge.metadata["order"].as_str();
        assert_eq!((charge.captured_minor, charge.refunded_minor), (PRICE_MINOR, 0), "{order}");
        assert!(captured.insert(order, charge.operation()).is_none(), "{order} was charged twice");
    }
    let told: BTreeMap<&str, Option<&str>> =
        paid.iter().map(|(order, payment)| (order.as_str(), Some(payment.as_str()))).collect();
    assert_eq!(captured, told, "what the provider's books show is what clients were told");
    assert!(paid.len() >= CHARGERS && held >= RESERVERS, "hardly any load");
}
