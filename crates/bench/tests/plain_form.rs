//! The plain form does the same work: its rows are sound, and a repeated key gets the same answer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use bench::plain::{Options, serve};
use outbound::HttpConnection;
use serde_json::{Value, json};
use testkit::{Engine, ONE, OnEngine as _, StoredCatalogue, TestDatabase, submit};

const READY_WITHIN: Duration = Duration::from_secs(10);

async fn its_rows_are_sound(database: TestDatabase) {
    let store = database.open().await;
    submit(&store, ONE.provision()).await;
    let catalogue = StoredCatalogue::create(&store, ONE.id(), ONE.client()).await;
    store.close().await;
    let directory = tempfile::tempdir().unwrap();
    let ready_file = directory.path().join("ready");
    tokio::spawn(serve(Options {
        location: database.location.clone(),
        listen: "127.0.0.1:0".parse().unwrap(),
        tenant: ONE.id(),
        api_key: "key".to_owned(),
        ready_file: ready_file.clone(),
    }));
    let begun = Instant::now();
    let ready: Value = loop {
        let read = std::fs::read(&ready_file).ok().and_then(|read| serde_json::from_slice(&read).ok());
        if let Some(ready) = read {
            break ready;
        }
        assert!(begun.elapsed() < READY_WITHIN, "it does not serve");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let mut client = HttpConnection::new(ready["base_url"].as_str().unwrap());
    let mut bodies = Vec::new();
    for (key, quantity, status) in [("a", 1, 201), ("b", 2, 201), ("a", 1, 201), ("a", 2, 409), ("c", 8, 409)]
    {
        let body = json!({
            "slot_id": catalogue.slot.0,
            "units": [{ "unit_id": catalogue.unit.0, "quantity": quantity }],
            "customer": { "name": "Ana", "email": format!("{key}@example.com") },
        });
        let headers = [("authorization", "Bearer key"), ("idempotency-key", key)];
        let answer = client.post("/v1/bookings", &headers, body.to_string()).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{key} {quantity}: {}", answer.text());
        bodies.push(answer.text());
    }
    assert_eq!(bodies[0], bodies[2], "a key is answered as it was");
    let metrics = client.get("/metrics", &[]).await.unwrap().text();
    assert!(metrics.contains("surehold_store_commits_total 2\n"), "{metrics}");
    let verdicts = check::run(&database.location, None).await.unwrap();
    assert!(verdicts.all_hold(), "{verdicts}");
    let queries = store::Store::open_read_only(&database.location).await.unwrap();
    assert_eq!(queries.slot(ONE.id(), catalogue.slot).await.unwrap().unwrap().held, 3);
}

#[tokio::test]
async fn on_sqlite() {
    its_rows_are_sound(TestDatabase::on(Engine::Sqlite).await).await;
}

#[tokio::test]
async fn on_postgres() {
    its_rows_are_sound(TestDatabase::on(Engine::Postgres).await).await;
}
