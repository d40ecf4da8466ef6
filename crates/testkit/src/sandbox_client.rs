//! The sandbox from outside: its books, its faults, and its test pages.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::TestTenant;

#[derive(Clone)]
pub struct SandboxClient {
    pub http: reqwest::Client,
    pub base_url: String,
}

/// The provider's objects, and the calls that it received, at one moment.
#[derive(Debug)]
pub struct SandboxBooks(Value);

/// The length of a key up to the end of its attempt's id.
const ATTEMPT_CHARACTERS: usize = "surehold-01a2277b-4cf6-7000-b974-5fc08840a5bf".len();
const BY_HAND: &str = "by-hand-";

fn by_hand_key() -> String {
    format!("{BY_HAND}{:032x}", rand::random::<u128>())
}

impl SandboxClient {
    pub async fn books(&self) -> SandboxBooks {
        let response = self.http.get(format!("{}/sandbox/books", self.base_url)).send().await.unwrap();
        SandboxBooks(serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    /// Replaces all faults; `{}` removes them.
    pub async fn faults(&self, faults: Value) {
        self.post("/sandbox/faults", &faults).await;
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.base_url));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// An object as Stripe's API shows it.
    pub async fn stripe(&self, tenant: TestTenant, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.base_url)).bearer_auth(tenant.provider_key());
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A manual action in the provider's dashboard, or by another program of the tenant.
    pub async fn by_hand(&self, tenant: TestTenant, path: &str, form: &[(&str, &str)]) -> Value {
        let form: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "%20"))).collect();
        let request = self.http.post(format!("{}{path}", self.base_url));
        let request = request.bearer_auth(tenant.provider_key()).header("idempotency-key", by_hand_key());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(form.join("&")).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The customer's answer on the bank's page.
    pub async fn authenticate(&self, object: &str, approve: bool) {
        self.post(&format!("/sandbox/authenticate/{object}"), &json!({ "approve": approve })).await;
    }

    /// The customer enters a test card into the payment form, which confirms the object.
    pub async fn fill_form(&self, object: &str, card: &str) -> Value {
        self.post(&format!("/sandbox/form/{object}"), &json!({ "card": card })).await
    }

    /// The same for an object that may have ended meanwhile. Returns whether the form was accepted.
    pub async fn try_form(&self, object: &str, card: &str) -> bool {
        let request = self.http.post(format!("{}/sandbox/form/{object}", self.base_url));
        let request = request.header("content-type", "application/json");
        let body = json!({ "card": card }).to_string();
        request.body(body).send().await.unwrap().status().is_success()
    }

    /// A change that may be refused. Returns whether it was made.
    pub async fn try_post(&self, path: &str, body: &serde_json::Value) -> bool {
        let request = self.http.post(format!("{}{path}", self.base_url));
        let request = request.header("content-type", "application/json");
        request.body(body.to_string()).send().await.unwrap().status().is_success()
    }

    /// The customer pays the code of Pix in the application of a bank.
    pub async fn pay_code(&self, object: &str) {
        self.post(&format!("/sandbox/pay/{object}"), &json!({})).await;
    }

    /// The same for an object that may have ended meanwhile. Returns whether the bank accepted it.
    pub async fn try_authenticate(&self, object: &str) -> bool {
        let request = self.http.post(format!("{}/sandbox/authenticate/{object}", self.base_url));
        let request = request.header("content-type", "application/json").body(r#"{"approve":true}"#);
        request.send().await.unwrap().status().is_success()
    }
}

impl SandboxBooks {
    pub fn charges(&self) -> &[Value] {
        self.0["charges"].as_array().unwrap()
    }

    pub fn refunds(&self) -> &[Value] {
        self.0["refunds"].as_array().unwrap()
    }

    pub fn transfers(&self) -> &[Value] {
        self.0["transfers"].as_array().unwrap()
    }

    pub fn calls(&self) -> &[Value] {
        self.0["calls"].as_array().unwrap()
    }

    /// The only object of this payment. A call that got a kept error may have left another one: its
    /// id is unknown, so it is never confirmed.
    pub fn charge_of(&self, payment: &str) -> &Value {
        let of = |charge: &&Value| charge["reference"] == payment;
        let mut made: Vec<&Value> = self.charges().iter().filter(of).collect();
        if made.len() > 1 {
            let lost = |call: &&Value| call["outcome"] == "committed_then_kept_500";
            let lost: Vec<&Value> = self.calls().iter().filter(lost).map(|call| &call["object"]).collect();
            made.retain(|charge| {
                charge["status"] != "requires_confirmation" || !lost.contains(&&charge["id"])
            });
        }
        assert_eq!(made.len(), 1, "objects of payment {payment}: {made:?}");
        made[0]
    }

    /// The status, and the amounts that were authorised, captured and refunded in total.
    pub fn stands(&self, payment: &str) -> (&str, i64, i64, i64) {
        let charge = self.charge_of(payment);
        let sum = |name: &str| charge[name].as_i64().unwrap();
        let status = charge["status"].as_str().unwrap();
        (status, sum("authorized_minor"), sum("captured_minor"), sum("refunded_minor"))
    }

    /// The amounts and statuses of the payment's refunds, in order.
    pub fn refunds_of(&self, payment: &str) -> Vec<(i64, &str)> {
        let object = &self.charge_of(payment)["id"];
        let of = self.refunds().iter().filter(|refund| refund["payment_intent"] == *object);
        of.map(|refund| (refund["amount_minor"].as_i64().unwrap(), refund["status"].as_str().unwrap()))
            .collect()
    }

    /// How many calls arrived on paths with this end; repetitions count.
    pub fn arrivals(&self, method: &str, end: &str) -> usize {
        let such = |call: &&Value| call["method"] == method && call["path"].as_str().unwrap().ends_with(end);
        self.calls().iter().filter(such).count()
    }

    /// Checks that hold for all calls: a key is never used with different bytes, each call that
    /// changes something has a key, and no attempt confirms or captures under another key unless
    /// its previous key is spent, because the provider keeps an error under it.
    pub fn check_calls(&self) {
        let mut before: BTreeMap<(&str, &str), (&str, bool)> = BTreeMap::new();
        for call in self.calls() {
            let [outcome, path] = ["outcome", "path"].map(|member| call[member].as_str().unwrap());
            assert!(outcome != "400 other parameters" && !outcome.starts_with("401"), "{call}");
            if call["method"] != "POST" {
                continue;
            }
            let key = call["idempotency_key"].as_str().unwrap_or_else(|| panic!("without a key: {call}"));
            let moves_money = path.ends_with("/confirm") || path.ends_with("/capture");
            if moves_money && !key.starts_with(BY_HAND) {
                let spent = ["kept_500", "committed_then_kept_500", "500 replayed"].contains(&outcome);
                // The attempt, whose keys differ only at their end.
                let attempt = key.get(..ATTEMPT_CHARACTERS).unwrap_or(key);
                let known = before.insert((path, attempt), (key, spent));
                assert!(known.is_none_or(|(known, spent)| known == key || spent), "{call} after {known:?}");
            }
        }
    }
}
