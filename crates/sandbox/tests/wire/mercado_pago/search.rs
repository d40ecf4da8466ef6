//! `GET /v1/payments/search`.

use serde_json::{Value, json};

use super::seller::{Seller, card, path, summary, with};

const NEWEST: &str = "/v1/payments/search?sort=date_created&criteria=desc";

async fn found(seller: &Seller, more: &str) -> Vec<Value> {
    let answer = seller.get(&format!("{NEWEST}{more}")).await;
    assert_eq!(answer.status, 200, "{more}: {}", answer.body);
    answer.body["results"].as_array().unwrap().iter().map(|payment| payment["id"].clone()).collect()
}

#[tokio::test]
async fn payments_are_found_by_reference_and_status_page_by_page() {
    let seller = Seller::start().await;
    let mut ids = Vec::new();
    for (number, token) in ["approved", "rejected_other", "approved", "in_process"].iter().enumerate() {
        let body = with(card(token), "external_reference", json!(format!("op_{}", number % 2)));
        ids.insert(0, seller.create(&number.to_string(), &body).await.body["id"].clone());
    }
    assert_eq!(found(&seller, "").await, ids);
    assert_eq!(found(&seller, "&external_reference=op_1").await, [ids[0].clone(), ids[2].clone()]);
    assert_eq!(found(&seller, "&external_reference=op_2").await, [0; 0]);
    assert_eq!(found(&seller, "&status=rejected").await, ids[2..3]);
    assert_eq!(found(&seller, "&limit=2&offset=1").await, ids[1..3]);
    let page = seller.get(&format!("{NEWEST}&limit=2&offset=3")).await.body;
    assert_eq!(page["paging"], json!({"total": 4, "limit": 2, "offset": 3}));
    assert_eq!(page["results"][0], seller.get(&format!("/v1/payments/{}", ids[3])).await.body);
    let oldest = seller.get("/v1/payments/search?sort=date_last_updated&criteria=asc&limit=1").await.body;
    assert_eq!(oldest["results"][0]["id"], ids[3]);
}

#[tokio::test]
async fn payments_are_found_by_the_time_of_their_change() {
    let seller = Seller::start().await;
    let first = seller.create("k1", &card("approved")).await;
    let before = first.body["date_last_updated"].as_str().unwrap().to_owned();
    let mut after = before.clone();
    // The clock has milliseconds, and the last change needs a later one.
    for number in 0.. {
        if after != before {
            break;
        }
        seller.refund(&first, &format!("r{number}"), r#"{"amount": 0.01}"#).await;
        after = seller.get(&path(&first)).await.body["date_last_updated"].as_str().unwrap().to_owned();
    }
    let range =
        |name: &str, begin: &str, end: &str| format!("&range={name}&begin_date={begin}&end_date={end}");
    let end = "2999-01-01T00:00:00Z";
    let id = [first.body["id"].clone()];
    assert_eq!(found(&seller, &range("date_last_updated", &after, end)).await, id);
    assert_eq!(found(&seller, &range("date_last_updated", &after, &after)).await, id, "both ends count");
    assert_eq!(found(&seller, &range("date_last_updated", &before, &before)).await, [0; 0]);
    assert_eq!(found(&seller, &range("date_created", &before, &before)).await, id);
    assert_eq!(found(&seller, &range("date_created", &after, end)).await, [0; 0]);
}

#[tokio::test]
async fn an_index_may_lag_behind_the_payments() {
    let seller = Seller::start().await;
    let paid = seller.create("k1", &card("approved")).await;
    seller.0.faults(json!({"search_lag_ms": 3_600_000})).await;
    assert_eq!(found(&seller, "&external_reference=op_1").await, [0; 0]);
    assert_eq!(seller.get(&path(&paid)).await.status, 200, "by its id it is there");
    seller.0.faults(json!({})).await;
    assert_eq!(found(&seller, "&external_reference=op_1").await.len(), 1);
}

#[tokio::test]
async fn a_search_that_is_not_understood_is_refused() {
    let seller = Seller::start().await;
    let check = async |query: &str, expected: &str| {
        let refused = seller.get(&format!("/v1/payments/search{query}")).await;
        assert_eq!(summary(&refused), expected, "{query}");
    };
    check("", "400 1").await;
    check("?sort=date_created", "400 1").await;
    check("?criteria=desc", "400 1").await;
    check("?sort=amount&criteria=desc", "400 1").await;
    check("?sort=date_created&criteria=down", "400 1").await;
    let sorted = |more: &str| format!("?sort=date_created&criteria=desc&{more}");
    check(&sorted("limit=1001"), "400 1000").await;
    check(&sorted("limit=-1"), "400 1").await;
    check(&sorted("store_id=1"), "400 8").await;
    check(&sorted("range=date_created"), "400 1").await;
    check(&sorted("begin_date=2026-01-01T00:00:00Z"), "400 1").await;
    check(&sorted("range=date_created&begin_date=now&end_date=now"), "400 23").await;
}
