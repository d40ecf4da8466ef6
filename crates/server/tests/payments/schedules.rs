//! A running service makes the slots of schedules by itself, also after it was stopped, and they are sold.

use serde_json::{Value, json};
use testkit::{Engine, TestCatalogue, TestService, payment_of};

testkit::on_both_engines![slots_are_made_by_the_service_and_sold];

const DAYS: usize = 30;

async fn slots_are_made_by_the_service_and_sold(engine: Engine) {
    let mut service = TestService::on(engine).await;
    let mut catalogue = TestCatalogue::create(&service.one, 10).await;
    let rule =
        json!({ "first_date": "2020-01-01", "rrule": "FREQ=DAILY", "start_times": ["09:00", "17:00"] });
    let body = json!({ "rule": rule, "capacity": 4, "horizon_days": DAYS });
    let path = format!("/v1/products/{}/schedules", catalogue.product);
    let schedule = service.one.post(&path, &body).expect(201).await.id();
    service.stop_service().await;
    service.start_service().await;
    let path = format!("/v1/schedules/{schedule}");
    let is_made = |detail: &Value| detail["schedule"]["slots_in_progress"] == false;
    service.one.becomes(&path, is_made, "made").await;

    let range = "from=2020-01-01T00:00:00Z&to=2049-01-01T00:00:00Z&limit=200";
    let slots = service.one.see(&format!("/v1/availability?product_id={}&{range}", catalogue.product)).await;
    let slots = slots["data"].as_array().unwrap();
    assert!(slots.len() >= 2 * DAYS, "{}", slots.len());
    slots[20]["id"].as_str().unwrap().clone_into(&mut catalogue.slot);
    let booking = catalogue.book(&service.one, "b-1", 2).await;
    service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-1").expect(201).await;
    service.one.booking_becomes(&booking, "confirmed").await;

    // Nothing is made twice, and the slot that was sold stays.
    let change = json!({ "capacity": 1 });
    let changed = service.one.request("PATCH", &path).json(&change).expect(200).await.body;
    assert_eq!(changed["slots_with_bookings"][0]["slot_id"], catalogue.slot.as_str());
    service.one.becomes(&path, is_made, "made again").await;
    let again = service.one.see(&format!("/v1/availability?product_id={}&{range}", catalogue.product)).await;
    let again = again["data"].as_array().unwrap();
    assert_eq!(again.len(), slots.len());
    let of = |slot: &Value| (slot["id"] == catalogue.slot.as_str(), slot["capacity"].as_i64().unwrap());
    assert!(again.iter().map(of).all(|slot| slot == (true, 4) || slot == (false, 1)), "{again:?}");
    service.end().await;
}
