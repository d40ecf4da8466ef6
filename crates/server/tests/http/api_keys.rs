//! API keys are rotated over the API: created, shown once, revoked at once.

use domain::Timestamp;
use serde_json::{Value, json};
use testkit::{ONE, TestReply};

use crate::test_server::TestServer;

const PATH: &str = "/v1/ops/api_keys";

testkit::on_both_engines![
    a_key_is_rotated,
    a_key_is_for_a_client_that_is_there_or_new,
    the_secret_is_shown_once,
    the_last_ops_key_stays,
    of_all_who_revoke_at_once_one_ops_key_is_left,
    keys_made_at_once_are_all_made,
    keys_of_others_are_unknown,
    nobody_gives_a_scope_that_they_lack,
    keys_are_listed_in_pages,
];

fn new(scopes: &[&str]) -> Value {
    json!({ "client_id": ONE.client().0, "scopes": scopes })
}

fn secret(made: &TestReply) -> String {
    made.body["secret"].as_str().unwrap().to_owned()
}

async fn make(server: &TestServer, scopes: &[&str]) -> TestReply {
    server.post(PATH, &new(scopes)).expect(201).await
}

fn revoke(id: &str) -> String {
    format!("{PATH}/{id}/revoke")
}

async fn keys(server: &TestServer) -> Vec<Value> {
    server.get(PATH).expect(200).await.body["data"].as_array().unwrap().clone()
}

async fn a_key_is_rotated(server: TestServer) {
    let old = make(&server, &["bookings", "ops"]).await;
    let new = make(&server, &["bookings", "ops"]).await;
    for made in [&old, &new] {
        server.get("/v1/bookings").by(&secret(made)).expect(200).await;
        server.get("/v1/payments").by(&secret(made)).refused(403, "scope_is_missing").await;
    }
    let revoked = server.request("POST", &revoke(&old.id())).by(&secret(&new)).expect(200).await;
    assert!(revoked.body["revoked_at"].is_string(), "{}", revoked.text);
    server.get("/v1/bookings").by(&secret(&old)).refused(401, "unauthenticated").await;
    server.get("/v1/bookings").by(&secret(&new)).expect(200).await;
    let again = server.request("POST", &revoke(&old.id())).expect(200).await;
    assert_eq!(again.text, revoked.text, "once and for all");
    let history = server.store.audit_of(ONE.id(), old.id().parse().unwrap(), None, 9).await.unwrap();
    let actions: Vec<_> = history.iter().map(|row| (row.action.as_str(), row.request_id.is_some())).collect();
    assert_eq!(actions, [("api_key_added", true), ("api_key_revoked", true)]);
}

async fn a_key_is_for_a_client_that_is_there_or_new(server: TestServer) {
    let made = make(&server, &["ledger"]).await;
    assert_eq!((&made.body["client_name"], &made.body["mode"]), (&json!("web"), &json!("test")));
    let kiosk =
        server.post(PATH, &json!({ "client_name": "kiosk", "scopes": ["bookings"] })).expect(201).await;
    assert_eq!(kiosk.body["client_name"], "kiosk");
    assert_ne!(kiosk.body["client_id"], made.body["client_id"]);
    let second = json!({ "client_id": kiosk.body["client_id"], "scopes": ["bookings"] });
    assert_eq!(server.post(PATH, &second).expect(201).await.body["client_name"], "kiosk");
    let limit = json!({ "clients": [{ "client_id": kiosk.body["client_id"], "held_seats_max": 1 }] });
    server.request("PATCH", "/v1/ops/settings").json(&limit).expect(200).await;
    for wrong in [
        json!({ "scopes": ["ops"] }),
        json!({ "client_name": "a", "client_id": ONE.client().0, "scopes": ["ops"] }),
        json!({ "client_name": "a", "scopes": ["root"] }),
        json!({ "client_name": "a", "scopes": [] }),
    ] {
        server.post(PATH, &wrong).refused(400, "validation_failed").await;
    }
}

async fn the_secret_is_shown_once(server: TestServer) {
    let request = || server.post(PATH, &new(&["ledger"]));
    let (one, other) = (request().key("k-1").expect(201).await, request().key("k-1").expect(201).await);
    let malformed = request().key("not a key").expect(201).await;
    assert_ne!(one.id(), other.id(), "an idempotency key says nothing here");
    for made in [&one, &other, &malformed] {
        assert_eq!(made.header("cache-control"), Some("no-store"));
        assert!(made.header("location").is_none() && made.header("idempotent-replayed").is_none());
        let secret = secret(made);
        assert_eq!((secret.len(), secret.strip_prefix("sh_test_").map(str::len)), (72, Some(64)));
    }
    let listed = server.get(PATH).expect(200).await;
    let revoked = server.request("POST", &revoke(&one.id())).expect(200).await;
    for text in [&listed.text, &revoked.text] {
        assert!(text.contains(&one.id()));
        for part in ["secret", "hash", "sh_test_", &secret(&one)[8..]] {
            assert!(!text.contains(part), "{part}: {text}");
        }
    }
    let key = domain::KeyId::of(ONE.id(), ONE.client(), "k-1");
    assert!(server.store.key(ONE.id(), key).await.unwrap().is_none(), "nothing was stored under the key");
}

async fn the_last_ops_key_stays(server: TestServer) {
    let first = keys(&server).await[0]["id"].as_str().unwrap().to_owned();
    make(&server, &["bookings"]).await;
    server.request("POST", &revoke(&first)).refused(409, "last_ops_key").await;
    let second = make(&server, &["ops"]).await;
    server.request("POST", &revoke(&first)).by(&secret(&second)).expect(200).await;
    server.get(PATH).refused(401, "unauthenticated").await;
    server.request("POST", &revoke(&second.id())).by(&secret(&second)).refused(409, "last_ops_key").await;
}

async fn of_all_who_revoke_at_once_one_ops_key_is_left(server: TestServer) {
    for _ in 0..5 {
        make(&server, &["ops"]).await;
    }
    let all = keys(&server).await;
    assert_eq!(all.len(), 6);
    let requests = all.iter().map(|key| server.request("POST", &revoke(key["id"].as_str().unwrap())).send());
    futures_util::future::join_all(requests).await;
    let live = server.store.live_api_keys(ONE.id(), 9).await.unwrap();
    assert!(!live.is_empty(), "somebody can still make keys");
}

async fn keys_made_at_once_are_all_made(server: TestServer) {
    let requests = (0..4).map(|_| server.post(PATH, &new(&["ledger"])).send());
    let made = futures_util::future::join_all(requests).await;
    let fine = made.iter().filter(|made| made.status == 201).count();
    assert_eq!(keys(&server).await.len(), 1 + fine);
    for refused in made.iter().filter(|made| made.status != 201) {
        assert_eq!(refused.body["code"], "changed_meanwhile");
        assert_eq!(refused.body["retryable"], true);
    }
    assert!(fine > 1, "they are tried again");
}

async fn keys_of_others_are_unknown(server: TestServer) {
    let made = make(&server, &["ledger"]).await;
    server.request("POST", &revoke(&made.id())).by("sk_two").refused(404, "api_key_not_found").await;
    server.request("POST", &revoke(&made.id().replace('-', ""))).refused(404, "not_found").await;
    server.post(PATH, &new(&["ledger"])).by("sk_two").refused(404, "client_not_found").await;
    let other = server.get(PATH).by("sk_two").expect(200).await;
    assert!(!other.text.contains(&made.id()));
    assert_eq!(other.body["data"].as_array().unwrap().len(), 1);
    server.get("/v1/ledger/accounts").by(&secret(&made)).expect(200).await;
}

async fn nobody_gives_a_scope_that_they_lack(server: TestServer) {
    server.provision_keys(ONE, &[("sk_kiosk", &["ops", "bookings"], None::<Timestamp>)]).await;
    server.post(PATH, &new(&["ops", "payments"])).by("sk_kiosk").refused(403, "scope_is_missing").await;
    server.post(PATH, &new(&["ops", "bookings"])).by("sk_kiosk").expect(201).await;
}

async fn keys_are_listed_in_pages(server: TestServer) {
    let mut made = vec![keys(&server).await[0]["id"].as_str().unwrap().to_owned()];
    for number in 0..4 {
        let body = json!({ "client_name": format!("kiosk {number}"), "scopes": ["bookings"] });
        made.insert(0, server.post(PATH, &body).expect(201).await.id());
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{PATH}?limit=2{cursor}")).expect(200).await.body;
        seen.extend(
            page["data"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, made);
}
