//! A person takes a review case, sees everything that is known of it, and closes it by an action.

use domain::time::Span;
use serde_json::{Value, json};
use testkit::{Engine, TestService, charge, eur, until};

testkit::on_both_engines![
    a_case_is_assigned_noted_and_shows_everything,
    a_look_up_settles_what_the_provider_says_and_closes_the_case,
    a_look_up_that_contradicts_leaves_the_case_to_its_person,
    a_refund_is_made_once_whoever_repeats_it,
    a_release_ends_the_authorisation,
    a_write_off_closes_the_case,
];

fn by(action: &str) -> Value {
    json!({ "action": action, "who": "Ana", "why": "the customer called" })
}

async fn only_case(service: &TestService) -> String {
    let path = "/v1/ops/review_cases";
    let found = |page: &Value| page["data"].as_array().is_some_and(|cases| cases.len() == 1);
    service.one.becomes(path, found, "there is one case").await["data"][0]["id"].as_str().unwrap().to_owned()
}

/// A payment with a case about it, as another part of the program would open it.
async fn with_case(service: &TestService, payment: &str) -> String {
    let literal = |id: &str| service.database.literal(id.parse::<uuid::Uuid>().unwrap());
    let case = "00000000-0000-7000-8000-0000000000c1";
    let insert = format!(
        "insert into reviews select {}, tenant, 'payment', id, null, 'asked', 'a customer asked', 'open', \
         1, null, null, null from payments where id = {}",
        literal(case),
        literal(payment)
    );
    service.database.execute(&insert).await;
    case.to_owned()
}

async fn paid(service: &TestService, minor: i64) -> String {
    let made = service.one.post("/v1/charges", &charge(minor, "pm_card_visa")).key("paid").expect(201).await;
    let path = format!("/v1/payments/{}", made.id());
    service.one.becomes(&path, |seen| seen["confirmed_by_provider"] == true, "there is evidence").await;
    made.id()
}

async fn act(service: &TestService, case: &str, action: &Value, key: &str) -> testkit::TestReply {
    service.one.post(&format!("/v1/ops/review_cases/{case}/actions"), action).key(key).send().await
}

async fn a_case_is_assigned_noted_and_shows_everything(engine: Engine) {
    let service = TestService::on(engine).await;
    let payment = paid(&service, 1_000).await;
    let case = with_case(&service, &payment).await;
    let path = format!("/v1/ops/review_cases/{case}");
    let to_ana = json!({ "assignee": "Ana", "who": "Rui", "why": "she knows the customer" });
    service.two.post(&format!("{path}/assign"), &to_ana).refused(404, "review_case_not_found").await;
    service.one.post(&format!("{path}/assign"), &to_ana).key("a").expect(200).await;
    assert!(service.one.post(&format!("{path}/assign"), &to_ana).key("a").expect(200).await.is_replay());
    let note = json!({ "who": "Ana", "why": "the bank says it is paid" });
    service.one.post(&format!("{path}/notes"), &note).expect(200).await;
    for (filter, count) in [
        ("assignee=Ana", 1),
        ("assignee=Rui", 0),
        ("reason=asked", 1),
        ("reason=other", 0),
        ("state=resolved", 0),
        ("opened_before=1970-01-02T00:00:00Z", 1),
        ("opened_before=1970-01-01T00:00:00Z", 0),
    ] {
        let page = service.one.see(&format!("/v1/ops/review_cases?{filter}")).await;
        assert_eq!(page["data"].as_array().unwrap().len(), count, "{filter}");
    }
    service.two.get(&path).refused(404, "review_case_not_found").await;
    let detail = service.one.see(&path).await;
    assert_eq!((&detail["case"]["assignee"], &detail["payment"]["id"]), (&json!("Ana"), &json!(payment)));
    assert_eq!(detail["actions"], json!(["look_up", "refund", "write_off"]));
    let timeline = detail["timeline"].as_array().unwrap();
    for source in ["audit", "attempt", "movement", "message"] {
        assert!(timeline.iter().any(|entry| entry["source"] == source), "{source}: {detail}");
    }
    let noted = timeline.iter().find(|entry| entry["data"]["why"] == note["why"]).unwrap();
    assert_eq!(noted["data"]["by"], "Ana");
    service.stop().await;
}

async fn a_look_up_settles_what_the_provider_says_and_closes_the_case(engine: Engine) {
    let service = TestService::with(engine, |settings| {
        settings.pace.evidence_after = Span::seconds(3_600);
    })
    .await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let asked = charge(2_000, "pm_card_authenticationRequired");
    let payment = service.one.post("/v1/charges", &asked).key("k").expect(201).await.id();
    service.provider.authenticate(&service.provider_reference(&payment).await, true).await;
    let case = with_case(&service, &payment).await;
    assert_eq!(act(&service, &case, &by("look_up"), "l").await.status, 200);
    service.one.payment_becomes(&payment, "captured").await;
    let path = format!("/v1/ops/review_cases/{case}");
    let detail = service.one.becomes(&path, |seen| seen["case"]["state"] == "resolved", "it is closed").await;
    assert_eq!(detail["actions"], json!([]));
    assert_eq!(act(&service, &case, &by("look_up"), "again").await.code(), "state_does_not_allow_it");
    service.provider.faults(json!({})).await;
    service.end().await;
}

async fn a_look_up_that_contradicts_leaves_the_case_to_its_person(engine: Engine) {
    let service = TestService::on(engine).await;
    let payment = paid(&service, 1_000).await;
    let object = service.provider_reference(&payment).await;
    let plant = format!("/sandbox/plant/{object}");
    service.provider.post(&plant, &json!({ "amount": 900 })).await;
    let case = with_case(&service, &payment).await;
    assert_eq!(act(&service, &case, &by("look_up"), "l").await.status, 200);
    until("the job has ended", async || {
        let figures = service.store().figures(domain::Timestamp(0)).await.unwrap();
        figures.jobs.is_empty().then_some(())
    })
    .await;
    assert_eq!(only_case(&service).await, case, "it is open, and there is no other");
    service.stop().await;
}

async fn a_refund_is_made_once_whoever_repeats_it(engine: Engine) {
    let service = TestService::on(engine).await;
    let payment = paid(&service, 1_000).await;
    let case = with_case(&service, &payment).await;
    let mut part = by("refund");
    part["amount"] = eur(400);
    let answers =
        futures_util::future::join_all(["a", "b", "c"].map(|key| act(&service, &case, &part, key))).await;
    assert!(answers.iter().any(|answer| answer.status == 200), "{}", answers[0].text);
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)));
    service
        .one
        .becomes(&format!("/v1/payments/{payment}"), |seen| seen["refunded"] == eur(400), "it is back")
        .await;
    let books = service.quiet().await;
    assert_eq!(books.refunds_of(&payment), [(400, "succeeded")]);
    let detail = service.one.see(&format!("/v1/ops/review_cases/{case}")).await;
    assert_eq!(detail["case"]["resolution"], "refund: the customer called");
    service.end().await;
}

async fn a_release_ends_the_authorisation(engine: Engine) {
    let service = TestService::on(engine).await;
    let manual =
        testkit::with(charge(2_000, "pm_card_visa"), json!({ "capture": "manual", "reference": "m" }));
    let payment = service.one.post("/v1/payments", &manual).key("m").expect(201).await.id();
    service.one.payment_becomes(&payment, "authorized").await;
    let case = with_case(&service, &payment).await;
    assert_eq!(act(&service, &case, &by("refund"), "r").await.code(), "payment_is_not_captured");
    assert_eq!(act(&service, &case, &by("release"), "v").await.status, 200);
    service.one.payment_becomes(&payment, "cancelled").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment).0, "canceled");
    service.end().await;
}

async fn a_write_off_closes_the_case(engine: Engine) {
    let service = TestService::on(engine).await;
    let payment = paid(&service, 1_000).await;
    let case = with_case(&service, &payment).await;
    assert_eq!(
        act(&service, &case, &json!({ "action": "forget", "who": "A", "why": "b" }), "x").await.status,
        400
    );
    let closed = act(&service, &case, &by("write_off"), "w").await;
    assert_eq!((closed.status, &closed.body["state"]), (200, &json!("resolved")));
    let history = service.one.see(&format!("/v1/payments/{payment}/history")).await;
    let entries = history["data"].as_array().unwrap();
    let resolved = entries.iter().find(|entry| entry["action"] == "review_resolved").unwrap();
    assert_eq!(
        (&resolved["person"], &resolved["why"]),
        (&json!("Ana"), &json!("write_off: the customer called"))
    );
    service.end().await;
}
