//! Dead letters: one list of three kinds, and a person's decision with its author and reason.

use domain::commands::{
    ClaimJobs, CloseEvent, DeliveryKey, FailDelivery, JobLease, MarkSent, ObservedBy, RecheckDelays,
    RecordEvent, Settle,
};
use domain::jobs::JobKinds;
use domain::limits::ANOTHER_KEY_AFTER;
use domain::provider::{Observation, ProviderStatus, Source};
use domain::reply::Reply;
use domain::rows::Message;
use domain::time::Span;
use domain::working_set::Command;
use domain::{AttemptId, Currency, InboxId, JobId, PaymentId, WorkerId};
use serde_json::{Value, json};
use store::CommandResult;
use testkit::{ONE, TestCatalogue};
use uuid::Uuid;

use crate::test_server::TestServer;

testkit::on_both_engines![
    each_kind_is_listed_shown_and_retried,
    a_payment_that_is_written_off_frees_its_booking,
    a_decision_needs_a_name_and_a_reason,
    what_is_foreign_or_well_is_no_dead_letter,
];

const PATH: &str = "/v1/ops/dead_letters";

async fn done(server: &TestServer, command: impl Command + 'static) -> Reply {
    match server.store.submit(Box::new(command)).await.unwrap() {
        CommandResult::Fresh { reply, .. } => reply,
        answer => panic!("{answer:?}"),
    }
}

/// A charge that its provider contradicts: its job is dead, and its attempt in review.
async fn dead_job(server: &TestServer, body: &Value, path: &str, key: &str) -> String {
    let accepted = server.post(path, body).key(key).header("prefer", "respond-async").expect(202).await;
    let payment = PaymentId(accepted.id().parse().unwrap());
    let attempt = AttemptId::from(payment);
    let job = JobId::from(attempt);
    let lease = JobLease { worker: WorkerId(Uuid::from_u128(9)), span: Span::seconds(60) };
    done(server, ClaimJobs { jobs: vec![job], kinds: JobKinds::default(), lease, alone: false }).await;
    let object = Some("pi_1".to_owned());
    let another_key_after = ANOTHER_KEY_AFTER;
    done(server, MarkSent { attempt, token: 1, payment, object, api: None, another_key_after }).await;
    let observation = Observation {
        object: "pi_1".to_owned(),
        status: ProviderStatus::Captured { amount_minor: 1 },
        amount_minor: 1,
        currency: Currency::EUR,
        capture_before: None,
        saved_method: None,
        incoming: Vec::new(),
    };
    let settle = Settle {
        by: ObservedBy::Job { job, token: 1 },
        payment,
        attempt,
        observation,
        source: Source::Fetched,
        refused: None,
        recheck: RecheckDelays { first: Span::seconds(60), longest: Span::seconds(60) },
        deadline: Span::seconds(60),
    };
    done(server, settle).await;
    accepted.id()
}

fn charge() -> Value {
    json!({
        "amount": { "minor": 500, "currency": "EUR" }, "provider": "stripe", "payment_method": "pm_card_visa",
    })
}

async fn dead_event(server: &TestServer) -> String {
    let event = RecordEvent {
        tenant: ONE.id(),
        account: ONE.account(),
        name: "evt_1".to_owned(),
        kind: "payment_intent.succeeded".to_owned(),
        body: b"no JSON".to_vec(),
    };
    let id = event.id();
    done(server, event).await;
    done(server, CloseEvent { event: id, why: "nothing can be made of it".to_owned(), dead: true }).await;
    id.to_string()
}

/// A booking's message in the outbox, as if a consumer had given it up.
async fn dead_message(server: &TestServer, booking: &str) -> (InboxId, Message) {
    let subject = booking.parse().unwrap();
    let message = server.store.messages_of(ONE.id(), subject, 9).await.unwrap().remove(0);
    let at = DeliveryKey { tenant: ONE.id(), message: message.id, consumer: domain::consumers::LEDGER };
    let fail = FailDelivery {
        at,
        error: "it panicked".to_owned(),
        pause: Span::seconds(1),
        attempts_max: 1,
        counted: false,
    };
    done(server, fail).await;
    (at.id(), message)
}

fn decision() -> Value {
    json!({ "who": "Ana", "why": "the account is mended" })
}

async fn listed(server: &TestServer) -> Vec<String> {
    let list = server.get(PATH).expect(200).await.body;
    list["data"].as_array().unwrap().iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect()
}

async fn each_kind_is_listed_shown_and_retried(server: TestServer) {
    assert!(listed(&server).await.is_empty());
    let catalogue = TestCatalogue::create(&server, 10).await;
    let booking = server.book(&catalogue, "b-1", 1).await.id();
    let job = dead_job(&server, &charge(), "/v1/charges", "p-1").await;
    let event = dead_event(&server).await;
    let (message, appended) = dead_message(&server, &booking).await;
    let message = message.to_string();
    let letters = listed(&server).await;
    assert_eq!(letters.len(), 3);
    for letter in [&job, &event, &message] {
        assert!(letters.contains(letter), "{letter}");
    }
    // Page by page, each once.
    let mut paged = Vec::new();
    let mut next = format!("{PATH}?limit=1");
    while paged.len() < 4 {
        let page = server.get(&next).expect(200).await.body;
        paged.extend(page["data"].as_array().unwrap().iter().map(|letter| letter["id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("{PATH}?limit=1&cursor={cursor}");
    }
    assert_eq!(paged, letters.iter().map(|letter| json!(letter)).collect::<Vec<_>>());

    for (id, kind, reason, pointer, payload) in [
        (
            &job,
            "job",
            "the provider's object is for 0.01 EUR (1 in minor units)",
            "/outcome",
            json!("review"),
        ),
        (&event, "event", "nothing can be made of it", "/body", json!("no JSON")),
        (&message, "message", "it panicked", "/message_id", json!(appended.id.0)),
    ] {
        let shown = server.get(&format!("{PATH}/{id}")).expect(200).await.body;
        assert_eq!((&shown["kind"], &shown["state"]), (&json!(kind), &json!("dead")), "{shown}");
        assert_eq!(shown["reason"], reason, "{shown}");
        assert_eq!(shown["payload"].pointer(pointer), Some(&payload), "{shown}");
        let gave_up = shown["history"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&gave_up["action"], &gave_up["why"]), (&json!("gave_up"), &json!(reason)), "{gave_up}");

        let path = format!("{PATH}/{id}/retry");
        let retried = server.post(&path, &decision()).key(&format!("retry-{kind}")).expect(200).await;
        assert_ne!(retried.body["state"], "dead");
        let again = server.post(&path, &decision()).key(&format!("retry-{kind}")).expect(200).await;
        assert_eq!((again.header("idempotent-replayed"), &again.text), (Some("true"), &retried.text));
        server.post(&path, &decision()).refused(409, "state_does_not_allow_it").await;
        let shown = server.get(&format!("{PATH}/{id}")).expect(200).await.body;
        let last = shown["history"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["person"], &last["why"]), (&decision()["who"], &decision()["why"]), "{last}");
        assert_eq!(last["actor"], "client");
    }
    assert!(listed(&server).await.is_empty());
}

async fn a_payment_that_is_written_off_frees_its_booking(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let booking = server.book(&catalogue, "b-1", 1).await.id();
    let pay = json!({ "booking_id": booking, "provider": "stripe", "payment_method": "pm_card_visa" });
    let payment = dead_job(&server, &pay, "/v1/payments", "p-1").await;
    server.post("/v1/payments", &pay).key("p-2").refused(409, "payment_already_open").await;
    let discarded = server.post(&format!("{PATH}/{payment}/discard"), &decision()).expect(200).await.body;
    assert_eq!(
        (&discarded["state"], &discarded["payload"]["outcome"]),
        (&json!("done"), &json!("written_off"))
    );
    let shown = server.get(&format!("/v1/payments/{payment}")).expect(200).await.body;
    assert_eq!(shown["state"], "written_off");
    server
        .post(&format!("{PATH}/{payment}/discard"), &decision())
        .refused(409, "state_does_not_allow_it")
        .await;
    server.post("/v1/payments", &pay).key("p-2").header("prefer", "respond-async").expect(202).await;
}

async fn a_decision_needs_a_name_and_a_reason(server: TestServer) {
    let event = dead_event(&server).await;
    for verb in ["retry", "discard"] {
        let path = format!("{PATH}/{event}/{verb}");
        for body in [
            json!({}),
            json!({ "who": "Ana" }),
            json!({ "who": "", "why": "x" }),
            json!({ "who": "Ana", "why": " " }),
            json!({ "who": "Ana", "why": "x", "colour": "red" }),
        ] {
            server.post(&path, &body).refused(400, "validation_failed").await;
        }
    }
    assert_eq!(listed(&server).await, [event]);
}

async fn what_is_foreign_or_well_is_no_dead_letter(server: TestServer) {
    server.provision_keys(ONE, &[("sk_sales", &["bookings", "payments"], None)]).await;
    let event = dead_event(&server).await;
    let job = dead_job(&server, &charge(), "/v1/charges", "p-1").await;
    let request = server.post("/v1/charges", &charge()).key("p-2").header("prefer", "respond-async");
    let well = request.expect(202).await.id();
    let list = server.get(PATH).by("sk_two").expect(200).await.body;
    assert_eq!(list["data"], json!([]));
    for id in [&event, &job] {
        server.get(&format!("{PATH}/{id}")).by("sk_two").refused(404, "dead_letter_not_found").await;
        for verb in ["retry", "discard"] {
            let path = format!("{PATH}/{id}/{verb}");
            server.post(&path, &decision()).by("sk_two").refused(404, "dead_letter_not_found").await;
            server.post(&path, &decision()).by("sk_sales").refused(403, "scope_is_missing").await;
        }
        server.get(&format!("{PATH}/{id}")).by("sk_sales").refused(403, "scope_is_missing").await;
        let history = format!("{PATH}/{id}/history");
        server.get(&history).expect(200).await;
        server.get(&history).by("sk_two").refused(404, "dead_letter_not_found").await;
        server.get(&history).by("sk_sales").refused(403, "scope_is_missing").await;
    }
    server.get(PATH).by("sk_sales").refused(403, "scope_is_missing").await;
    server.get(&format!("{PATH}/{well}")).refused(404, "dead_letter_not_found").await;
    server.get(&format!("{PATH}/{well}/history")).refused(404, "dead_letter_not_found").await;
    server.post(&format!("{PATH}/{well}/discard"), &decision()).refused(409, "state_does_not_allow_it").await;
    let nothing = Uuid::from_u128(77);
    server.get(&format!("{PATH}/{nothing}")).refused(404, "dead_letter_not_found").await;
    server.post(&format!("{PATH}/{nothing}/retry"), &decision()).refused(404, "dead_letter_not_found").await;
    assert_eq!(listed(&server).await.len(), 2);
}
