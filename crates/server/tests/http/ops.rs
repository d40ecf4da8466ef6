//! Operators: the settings, and the cases that wait for a person.

use domain::commands::{CloseEvent, RecordEvent};
use serde_json::{Value, json};
use testkit::{ONE, TWO, TestCatalogue};

use crate::test_server::TestServer;

testkit::on_both_engines![
    settings_are_changed_one_by_one,
    changes_of_settings_at_once_all_hold,
    settings_that_contradict_each_other_are_refused,
    a_customer_holds_no_more_than_the_limit,
    a_client_holds_no_more_than_its_limit,
    a_review_case_is_closed_once_and_by_its_own_tenant,
];

async fn settings_are_changed_one_by_one(server: TestServer) {
    let before = server.get("/v1/ops/settings").expect(200).await.body;
    assert_eq!(before["late_money"], "reseat");
    assert_eq!(before["seats_held_per_customer_max"], 20);
    let change = json!({ "late_money": "refund", "seats_held_per_customer_max": null });
    let after = server.request("PATCH", "/v1/ops/settings").json(&change).expect(200).await.body;
    assert_eq!(
        (&after["late_money"], &after["seats_held_per_customer_max"]),
        (&json!("refund"), &Value::Null)
    );
    assert_eq!(after["hold_seconds"], before["hold_seconds"]);
    assert_eq!(server.get("/v1/ops/settings").expect(200).await.body, after);
    let other = server.get("/v1/ops/settings").by("sk_two").expect(200).await.body;
    assert_eq!(other["late_money"], "reseat", "another tenant's settings stay");
    for wrong in [json!({ "hold_seconds": 0 }), json!({ "late_money": "keep" }), json!({ "colour": 1 })] {
        server.request("PATCH", "/v1/ops/settings").json(&wrong).refused(400, "validation_failed").await;
    }
}

/// On as many connections: each changes one setting, and none is lost.
async fn changes_of_settings_at_once_all_hold(server: TestServer) {
    for round in 1..=8 {
        let (late_money, seats) =
            if round % 2 == 0 { ("reseat", json!(null)) } else { ("refund", json!(round)) };
        let changes = [
            json!({ "late_money": late_money }),
            json!({ "seats_held_per_customer_max": seats }),
            json!({ "hold_seconds": 100 + round }),
            json!({ "hold_seconds_max": 1_000 + round }),
        ];
        let requests =
            changes.iter().map(|change| server.request("PATCH", "/v1/ops/settings").json(change).expect(200));
        futures_util::future::join_all(requests).await;
        let now = server.get("/v1/ops/settings").expect(200).await.body;
        for (name, value) in changes.iter().flat_map(|change| change.as_object().unwrap()) {
            assert_eq!(&now[name], value, "round {round}: {name}");
        }
    }
}

/// Each change is checked against the previous ones, also if two come at the same time: no sale is
/// ever stopped.
async fn settings_that_contradict_each_other_are_refused(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let change = |body: Value| server.request("PATCH", "/v1/ops/settings").json(&body);
    let code = "settings_contradict_each_other";
    for (body, pointer) in [
        (json!({ "hold_seconds_max": 60 }), "/hold_seconds_max"),
        (json!({ "hold_seconds_max": 899, "late_money": "refund" }), "/hold_seconds_max"),
        (json!({ "hold_seconds": 61, "hold_seconds_max": 60 }), "/hold_seconds"),
    ] {
        let refused = change(body).refused(422, code).await;
        assert_eq!(refused.pointers(), [pointer], "{}", refused.text);
    }
    assert_eq!(server.get("/v1/ops/settings").expect(200).await.body["late_money"], "reseat");
    server.book(&catalogue, "b-1", 1).await;
    for round in 1..=8 {
        change(json!({ "hold_seconds": 900, "hold_seconds_max": 86_400 })).expect(200).await;
        let requests =
            [json!({ "hold_seconds_max": 1_000 + round }), json!({ "hold_seconds": 2_000 + round })];
        let answers = futures_util::future::join_all(requests.map(|body| change(body).send())).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422], "round {round}");
    }
    server.book(&catalogue, "b-2", 1).await;
}

async fn a_customer_holds_no_more_than_the_limit(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let change = json!({ "seats_held_per_customer_max": 3 });
    server.request("PATCH", "/v1/ops/settings").json(&change).expect(200).await;
    let first = server.book(&catalogue, "b-1", 2).await;
    let code = "too_many_seats_held_by_customer";
    let refused =
        server.post("/v1/bookings", &catalogue.booking(2, "ana")).key("b-2").refused(409, code).await;
    let detail = "2 seats are held, and 2 more are asked for; at most 3 may be held at once.";
    assert_eq!(refused.body["detail"], detail);
    server.book(&catalogue, "b-3", 1).await;
    server.request("POST", &format!("/v1/bookings/{}/cancel", first.id())).key("c-1").expect(200).await;
    server.book(&catalogue, "b-4", 2).await;
    let mut bob = catalogue.booking(3, "ana");
    bob["customer"]["email"] = json!("bob@example.com");
    server.post("/v1/bookings", &bob).key("b-5").expect(201).await;
}

async fn a_client_holds_no_more_than_its_limit(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let limit =
        |seats: Value| json!({ "clients": [{ "client_id": ONE.client().0, "held_seats_max": seats }] });
    server.request("PATCH", "/v1/ops/settings").json(&limit(json!(3))).expect(200).await;
    // Held by many customers, through one client.
    let book = |number: i64, quantity: i64| {
        let mut body = catalogue.booking(quantity, "ana");
        body["customer"]["email"] = json!(format!("guest{number}@example.com"));
        server.post("/v1/bookings", &body).key(&format!("b-{number}"))
    };
    let first = book(1, 2).expect(201).await;
    book(2, 2).refused(409, "too_many_seats_held_by_client").await;
    server.request("POST", &format!("/v1/bookings/{}/cancel", first.id())).key("c-1").expect(200).await;
    book(3, 3).expect(201).await;
    let foreign = json!({ "clients": [{ "client_id": TWO.client().0, "held_seats_max": 1 }] });
    server.request("PATCH", "/v1/ops/settings").json(&foreign).refused(404, "client_not_found").await;
}

async fn a_review_case_is_closed_once_and_by_its_own_tenant(server: TestServer) {
    let event = RecordEvent {
        tenant: ONE.id(),
        account: ONE.account(),
        name: "evt_1".to_owned(),
        kind: "payment_intent.succeeded".to_owned(),
        body: b"{}".to_vec(),
    };
    let close = CloseEvent { event: event.id(), why: "nothing can be made of it".to_owned(), dead: true };
    server.store.submit(Box::new(event)).await.unwrap();
    server.store.submit(Box::new(close)).await.unwrap();
    let cases = server.get("/v1/ops/review_cases").expect(200).await.body;
    let case = cases["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/ops/review_cases/{case}/resolve");
    let resolution = json!({ "resolution": "sent again by hand" });
    server.post(&path, &resolution).by("sk_two").refused(404, "review_case_not_found").await;
    server.post(&path, &json!({})).refused(400, "validation_failed").await;
    let closed = server.post(&path, &resolution).expect(200).await.body;
    assert_eq!((&closed["state"], &closed["resolution"]), (&json!("resolved"), &resolution["resolution"]));
    server.post(&path, &resolution).refused(409, "state_does_not_allow_it").await;
    assert_eq!(server.get("/v1/ops/review_cases").expect(200).await.body["data"], json!([]));
}
