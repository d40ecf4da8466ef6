//! The service is stopped in the middle of its work and started again: what was accepted ends.

use futures_util::future::join_all;
use serde_json::json;
use testkit::{Engine, TestCatalogue, TestService, charge, eur, payment_of, until};

testkit::on_both_engines![what_was_under_way_goes_on];

async fn what_was_under_way_goes_on(engine: Engine) {
    let mut service = TestService::watchful(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 100).await;
    let paid =
        service.one.post("/v1/charges", &charge(9_000, "pm_card_visa")).key("before").expect(201).await;
    let mut requests = Vec::new();
    for number in 0..30 {
        let key = format!("k-{number}");
        requests.push(match number % 3 {
            0 => {
                let booking = catalogue.book(&service.one, &format!("b-{number}"), 1).await;
                ("/v1/payments".to_owned(), payment_of(&booking, "pm_card_visa"), key)
            }
            1 => ("/v1/charges".to_owned(), charge(700, "pm_card_visa"), key),
            _ => (format!("/v1/payments/{}/refunds", paid.id()), json!({ "amount": eur(100) }), key),
        });
    }
    service.provider.faults(json!({ "seed": 11, "delay_ms": [50, 400], "commit_then_drop": 0.2 })).await;
    let begun = requests
        .iter()
        .map(|(path, body, key)| service.one.post(path, body).key(key).without_waiting().send());
    for answer in join_all(begun).await {
        assert!([201, 202].contains(&answer.status), "{}", answer.text);
    }
    for calls in [10, 40] {
        until("the work is in its midst", async || {
            (service.provider.books().await.calls().len() > calls).then_some(())
        })
        .await;
        service.stop_service().await;
        service.start_service().await;
    }
    service.provider.faults(json!({})).await;
    let replies = requests.iter().map(|(path, body, key)| service.one.persist(path, body, key));
    let replies = join_all(replies).await;
    let books = service.quiet().await;
    for ((path, ..), answer) in requests.iter().zip(&replies) {
        assert!(answer.status == 201 && answer.is_replay(), "{}", answer.text);
        if !path.ends_with("/refunds") {
            let minor = answer.body["amount"]["minor"].as_i64().unwrap();
            assert_eq!(books.stands(&answer.id()), ("succeeded", minor, minor, 0));
        }
    }
    assert_eq!(books.refunds_of(&paid.id()), [(100, "succeeded"); 10]);
    service.end().await;
}
