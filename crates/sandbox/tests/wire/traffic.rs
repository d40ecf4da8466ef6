//! The recorded traffic: calls, replies, missing replies, and webhooks.

use serde_json::{Value, json};

use crate::{
    bank::{Bank, TXID, charge},
    client::{CREATE, SALE, TestSandbox, traffic},
    mercado_pago::seller::{ACCESS_TOKEN, PAYMENTS, Seller, card},
    receiver::Receiver,
};

/// Stops the sandbox, so that no exchange is under way, and returns the recorded ones.
async fn recorded(sandbox: TestSandbox) -> Vec<Value> {
    let folder = sandbox.stop().await;
    let text = std::fs::read_to_string(traffic(folder.path())).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn members(line: &Value, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| line[*name].clone()).collect()
}

#[tokio::test]
async fn calls_and_their_replies_are_recorded_and_control_routes_are_not() {
    let sandbox = TestSandbox::start().await;
    let made = sandbox.keyed("k1", CREATE, SALE).await;
    sandbox.get(&format!("{CREATE}/{}?expand[]=latest_charge", made.id())).await;
    sandbox.faults(json!({ "commit_then_drop": 1 })).await;
    sandbox.try_post(CREATE, None, SALE).await.unwrap_err();
    let lines = recorded(sandbox).await;
    let [created, fetched, dropped] = &lines[..] else { panic!("{lines:?}") };
    let names = ["method", "path", "status", "request"];
    assert_eq!(members(created, &names), [json!("POST"), json!(CREATE), json!(200), json!(SALE)]);
    assert_eq!(created["response"], made.body);
    assert_eq!(created["request_headers"]["idempotency-key"], "k1");
    assert_eq!(created["response_headers"]["request-id"], made.header("request-id").unwrap());
    let path = format!("{CREATE}/{}?expand[]=latest_charge", made.body["id"].as_str().unwrap());
    assert_eq!(members(fetched, &names), [json!("GET"), json!(path), json!(200), json!(null)]);
    assert_eq!(members(dropped, &["status", "response"]), [json!(null), json!(null)]);
    assert!(!json!(lines).to_string().contains("sk_test_1"), "{lines:?}");
}

#[tokio::test]
async fn each_attempt_of_a_webhook_is_recorded_as_such() {
    let mut receiver = Receiver::answering(&[503]).await;
    let seller = Seller::start().await;
    let webhook = json!({"url": receiver.url, "secrets": ["secret_1"]});
    seller.0.control("/sandbox/accounts", Seller::account(webhook)).await;
    let paid = seller.create("k1", &card("approved")).await;
    let delivered = receiver.take(2).await;
    let lines = recorded(seller.0).await;
    let webhooks: Vec<&Value> = lines.iter().filter(|line| line["webhook"] == true).collect();
    let statuses: Vec<&Value> = webhooks.iter().map(|line| &line["status"]).collect();
    assert_eq!(statuses, [503, 200]);
    for (line, delivery) in webhooks.iter().zip(&delivered) {
        let path = format!("/hook?data.id={}&type=payment", paid.body["id"]);
        assert_eq!(members(line, &["method", "path"]), [json!("POST"), json!(path)]);
        assert_eq!((&line["request"], &line["response"]), (&delivery.event, &json!({})));
        assert_eq!(line["request_headers"]["x-signature"], delivery.signature);
    }
    let call = lines.iter().find(|line| line["path"] == PAYMENTS).unwrap();
    assert_eq!(call["request"], card("approved"));
    assert!(!json!(lines).to_string().contains(ACCESS_TOKEN), "{lines:?}");
}

#[tokio::test]
async fn a_request_of_an_access_token_is_recorded_without_it() {
    let bank = Bank::start().await;
    let made = bank.call("PUT", &format!("/cob/{TXID}"), &charge(&json!(null))).await;
    let lines = recorded(bank.sandbox).await;
    let [token, call] = &lines[..] else { panic!("{lines:?}") };
    let names = ["method", "path", "status", "request"];
    let expected = [json!("POST"), json!("/oauth/token"), json!(200), json!("grant_type=client_credentials")];
    assert_eq!(members(token, &names), expected);
    let expected = json!({"access_token": "(redacted)", "token_type": "Bearer", "expires_in": 3_600});
    assert_eq!(token["response"], expected);
    assert_eq!((&call["status"], &call["response"]), (&json!(201), &made.body));
    let all = json!(lines).to_string();
    assert!(!all.contains(&bank.token) && !all.contains("Y2xpZW50"), "{all}");
}
