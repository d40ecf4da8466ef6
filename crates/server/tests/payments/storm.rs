//! Many faults at once, with clients that retry: in the end each operation has a definite outcome,
//! and the provider's books contain it once.

use futures_util::future::join_all;
use serde_json::json;
use testkit::{Engine, TestCatalogue, TestReply, TestService, charge, eur, payment_of};

testkit::on_both_engines![sixty_charges_and_twenty_refunds_in_a_storm];

const CHARGES: usize = 40;
const BOOKINGS: usize = 20;
const REFUNDS: usize = 20;

async fn sixty_charges_and_twenty_refunds_in_a_storm(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 100).await;
    let mut bookings = Vec::new();
    for number in 0..BOOKINGS {
        bookings.push(catalogue.book(&service.one, &format!("b-{number}"), 1).await);
    }
    let mut captured = Vec::new();
    for number in 0..REFUNDS / 2 {
        let made =
            service.one.post("/v1/charges", &charge(1_000, "pm_card_visa")).key(&format!("before-{number}"));
        captured.push(made.expect(201).await.id());
    }
    service.provider.faults(json!({
        "seed": 20_261, "commit_then_drop": 0.2, "commit_then_500": 0.2, "drop_before": 0.2, "decline": 0.1,
        "delay_ms": [0, 40], "webhook_drop": 0.2, "webhook_duplicates": 2, "webhook_shuffle": true,
        "webhook_delay_ms": [0, 200],
    }))
    .await;

    let requests = (0..CHARGES + BOOKINGS + REFUNDS).map(|number| {
        let (path, body) = match number {
            ..CHARGES => ("/v1/charges".to_owned(), charge(500 + number as i64, "pm_card_visa")),
            number if number < CHARGES + BOOKINGS => {
                ("/v1/payments".to_owned(), payment_of(&bookings[number - CHARGES], "pm_card_visa"))
            }
            number => {
                let payment = &captured[number % captured.len()];
                (format!("/v1/payments/{payment}/refunds"), json!({ "amount": eur(250) }))
            }
        };
        let one = &service.one;
        async move { one.persist(&path, &body, &format!("storm-{number}")).await }
    });
    let answers = join_all(requests).await;
    service.provider.faults(json!({})).await;
    let books = service.quiet().await;

    let (payments, refunds) = answers.split_at(CHARGES + BOOKINGS);
    for (number, answer) in payments.iter().enumerate() {
        let minor = if number < CHARGES { 500 + number as i64 } else { 4_500 };
        let (payment, stands) = ended(answer, minor);
        assert_eq!(books.stands(&payment), stands, "{}", answer.text);
        if let Some(booking) = number.checked_sub(CHARGES).map(|at| &bookings[at]) {
            let state = if answer.status == 201 { "confirmed" } else { "held" };
            assert_eq!(service.one.booking(booking).await["state"], state);
        }
    }
    for answer in refunds {
        assert_eq!((answer.status, &answer.body["state"]), (201, &json!("succeeded")), "{}", answer.text);
    }
    for payment in &captured {
        assert_eq!(books.refunds_of(payment), [(250, "succeeded"); 2]);
    }
    let declined = payments.iter().filter(|answer| answer.status == 402).count();
    assert!((1..payments.len() / 2).contains(&declined), "{declined} declined: the dice are loaded");
    service.end().await;
}

/// The payment's id, and its expected state in the provider's books.
fn ended(answer: &TestReply, minor: i64) -> (String, (&'static str, i64, i64, i64)) {
    if answer.status == 201 {
        assert_eq!(answer.body["state"], "captured");
        return (answer.id(), ("succeeded", minor, minor, 0));
    }
    assert_eq!((answer.status, answer.code()), (402, "payment_declined"), "{}", answer.text);
    (answer.body["payment_id"].as_str().unwrap().to_owned(), ("canceled", 0, 0, 0))
}
