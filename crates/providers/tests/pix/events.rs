//! Webhooks and lists: what is believed, and what is only fetched.

use domain::{
    PaymentId, RefundId, Timestamp,
    provider::{CallOutcome, DisputeStatus, ProviderStatus, RefundStatus},
};
use http::HeaderMap;
use providers::{EventContent, Provider, VerifiedEvent, WebhookHead, webhook::WebhookRefused};
use serde_json::{Value, json};
use testkit::scripted_server::ScriptedServer;
use uuid::Uuid;

use crate::{OURS, PAID, WEBHOOK_SECRET, adapter, cob, is_revealing, pix, problem, returned, script, shows};

const ANYWHERE: &str = "http://127.0.0.1:1";

fn verify(query: &str, body: &str, now: i64) -> Result<Vec<VerifiedEvent>, WebhookRefused> {
    let headers = HeaderMap::new();
    let head = WebhookHead { headers: &headers, query };
    let adapter = adapter(ANYWHERE);
    let verified = adapter.verify(head, body.as_bytes(), Timestamp(now));
    if verified.is_err() && body == "{}" {
        assert_eq!(adapter.check_head(head).map(|()| Vec::new()), verified);
    }
    verified
}

#[test]
fn a_delivery_needs_the_secret_of_its_address() {
    let check = |query: &str, expected: Result<(), WebhookRefused>| {
        assert_eq!(verify(query, "{}", 1).map(drop), expected, "{query}");
    };
    check(&format!("hmac={WEBHOOK_SECRET}"), Ok(()));
    check(&format!("hmac={WEBHOOK_SECRET}/pix"), Ok(()));
    check(&format!("hmac={WEBHOOK_SECRET}&ignorar=/pix"), Ok(()));
    check(&format!("a=b&hmac={WEBHOOK_SECRET}"), Ok(()));
    check("", Err(WebhookRefused::SignatureMissing));
    check("hmac", Err(WebhookRefused::SignatureMissing));
    check(&format!("xhmac={WEBHOOK_SECRET}"), Err(WebhookRefused::SignatureMissing));
    check("hmac=", Err(WebhookRefused::SignatureDoesNotMatch));
    check(&format!("hmac={WEBHOOK_SECRET}x"), Err(WebhookRefused::SignatureDoesNotMatch));
    check(&format!("hmac={}", &WEBHOOK_SECRET[1..]), Err(WebhookRefused::SignatureDoesNotMatch));
    check(&format!("hmac=x&hmac={WEBHOOK_SECRET}"), Err(WebhookRefused::SignatureDoesNotMatch));
}

fn fetched(body: &Value) -> Vec<String> {
    let events = verify(&format!("hmac={WEBHOOK_SECRET}"), &body.to_string(), 1).unwrap();
    let adapter = adapter(ANYWHERE);
    let object = |event: &VerifiedEvent| match adapter.interpret(&event.body) {
        Ok(EventContent::Fetch { object }) => object,
        other => panic!("{other:?}"),
    };
    events.iter().map(object).collect()
}

#[test]
fn each_charge_of_a_delivery_is_fetched_once() {
    let other = "sh00000000000000000000000000000002";
    let entry = |txid: &str| pix(Some(txid), &json!([]));
    assert_eq!(fetched(&json!({"pix": [entry(OURS)]})), [OURS]);
    assert_eq!(fetched(&json!({"pix": [entry(other), entry(OURS), entry(OURS)]})), [OURS, other]);
    // Not ours, such as of a printed code.
    assert_eq!(fetched(&json!({"pix": [entry("order7"), entry(OURS)]})), [OURS]);
    assert_eq!(fetched(&json!({"pix": [pix(None, &json!([]))]})), [PAID]);
    // Nothing of an entry becomes a part of a path.
    assert!(fetched(&json!({"pix": [{"endToEndId": "../x"}, {"txid": "../x"}, {}]})).is_empty());
    assert!(fetched(&json!({"pix": []})).is_empty());
    assert!(fetched(&json!({"evento": "teste_webhook"})).is_empty());
}

#[test]
fn a_delivery_of_another_form_is_refused() {
    let check = |body: &str| {
        let found = verify(&format!("hmac={WEBHOOK_SECRET}"), body, 1);
        assert_eq!(found, Err(WebhookRefused::BodyIsNotAnEvent), "{body}");
    };
    check("");
    check("null");
    check(r#"{"pix":{}}"#);
    check(r#"{"pix":[7]}"#);
    check(&json!({"pix": vec![json!({}); 501]}).to_string());
}

#[test]
fn a_delivery_never_suppresses_a_later_one() {
    let body = json!({"pix": [pix(Some(OURS), &json!([]))]}).to_string();
    let name = |now: i64| verify(&format!("hmac={WEBHOOK_SECRET}"), &body, now).unwrap()[0].event.clone();
    assert_ne!(name(1), name(2));
    assert_eq!(name(1), name(1));
}

async fn shown(steps: Vec<testkit::scripted_server::ServerStep>, object: &str) -> Vec<VerifiedEvent> {
    let server = ScriptedServer::start(script(&steps)).await;
    adapter(&server.base_url).fetch_events(object).await.shown().unwrap()
}

fn charge(status: &str, returns: &Value) -> testkit::scripted_server::ServerStep {
    shows(&cob(OURS, status, &json!([pix(Some(OURS), returns)])))
}

#[tokio::test]
async fn a_fetched_charge_says_what_moved() {
    let mut by_bank = returned("MED1", "DEVOLVIDO");
    by_bank["natureza"] = json!("MED_FRAUDE");
    let returns = json!([returned(OURS, "DEVOLVIDO"), returned("other", "NAO_REALIZADO"), by_bank]);
    let events = shown(vec![charge("CONCLUIDA", &returns)], OURS).await;
    let adapter = adapter(ANYWHERE);
    let contents: Vec<EventContent> =
        events.iter().map(|event| adapter.interpret(&event.body).unwrap()).collect();
    let ours = Some(PaymentId(Uuid::from_u128(1)));
    let [
        EventContent::Payment { payment, observation },
        EventContent::Refund { refund, payment: of, payment_object, observation: made },
        EventContent::Refund { refund: None, observation: other, .. },
        EventContent::Dispute { payment_object: disputed, observation: dispute },
    ] = &contents[..]
    else {
        panic!("{contents:?}");
    };
    assert_eq!((*payment, &observation.status), (ours, &ProviderStatus::Captured { amount_minor: 10_050 }));
    assert_eq!(
        (*refund, *of, payment_object.as_deref()),
        (Some(RefundId(Uuid::from_u128(1))), ours, Some(OURS))
    );
    assert_eq!((&made.status, made.amount_minor), (&RefundStatus::Succeeded, 500));
    assert!(matches!(other.status, RefundStatus::Failed(_)));
    assert_eq!(
        (disputed.as_str(), dispute.status, dispute.details.amount_minor),
        (OURS, DisputeStatus::Lost, 500)
    );
    for event in &events {
        let text = String::from_utf8(event.body.clone()).unwrap();
        assert!(!is_revealing(&text), "{text}");
    }
    // The same state has the same name, and another state another.
    let again = shown(vec![charge("CONCLUIDA", &returns)], OURS).await;
    assert_eq!(events, again);
    let pending = json!([returned(OURS, "EM_PROCESSAMENTO")]);
    let pending = shown(vec![charge("CONCLUIDA", &pending)], OURS).await;
    assert!(events.iter().all(|event| !pending.iter().any(|other| other.event == event.event)));
}

#[tokio::test]
async fn a_pix_without_a_txid_leads_to_its_charge() {
    let found = shown(vec![shows(&pix(Some(OURS), &json!([]))), charge("CONCLUIDA", &json!([]))], PAID).await;
    assert_eq!(found.len(), 1);
    assert!(shown(vec![shows(&pix(Some("order7"), &json!([])))], PAID).await.is_empty());
    assert!(shown(vec![shows(&pix(None, &json!([])))], PAID).await.is_empty());
}

#[tokio::test]
async fn what_the_bank_does_not_have_shows_nothing() {
    assert!(shown(vec![problem(404, "NaoEncontrado")], OURS).await.is_empty());
    assert!(shown(vec![problem(404, "NaoEncontrado")], PAID).await.is_empty());
    let server = ScriptedServer::start(script(&[problem(503, "ServicoIndisponivel")])).await;
    assert!(adapter(&server.base_url).fetch_events(OURS).await.shown().is_err());
}

/// A page with one Pix.
fn page(pages: u32, pix: &Value) -> testkit::scripted_server::ServerStep {
    let paging = json!({
        "paginaAtual": 0, "itensPorPagina": 100, "quantidadeDePaginas": pages, "quantidadeTotalDeItens": 1,
    });
    let parameters = json!({
        "inicio": "2023-11-14T00:00:00.000Z", "fim": "2023-11-15T00:00:00.000Z", "paginacao": paging,
    });
    shows(&json!({"parametros": parameters, "pix": [pix]}))
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let hour = 3_600_000_000;
    let check = async |from: i64, before: i64, expected: &[(&str, u32)]| {
        let steps = [page(2, &pix(Some(OURS), &json!([]))), page(2, &pix(Some("order7"), &json!([])))];
        let server = ScriptedServer::start(script(&[&steps[..], &steps[..]].concat())).await;
        let adapter = adapter(&server.base_url);
        let (mut cursor, mut events) = (None, 0);
        for _ in expected {
            let page = adapter.events(Timestamp(from), Timestamp(before), cursor.as_deref()).await.shown();
            let page = page.unwrap();
            events += page.events.len();
            cursor = page.next;
        }
        assert_eq!(cursor, None, "{from} {before}");
        assert_eq!(events, expected.len() / 2, "{from} {before}");
        let requests = server.requests();
        for (request, (filter, page)) in requests[1..].iter().zip(expected) {
            assert!(request.contains(&format!("&{filter}=true&paginacao.paginaAtual={page}&")), "{request}");
        }
        assert_eq!(requests.len(), expected.len() + 1);
    };
    let received = [("txIdPresente", 0), ("txIdPresente", 1)];
    check(hour + 1, hour + 2, &received).await;
    let with_returns = [received[0], received[1], ("devolucaoPresente", 0), ("devolucaoPresente", 1)];
    check(2 * hour - 1, 2 * hour, &with_returns).await;
}

#[tokio::test]
async fn a_listed_pix_is_fetched_once_for_each_of_its_states() {
    let listed = async |returns: Value| {
        let server = ScriptedServer::start(script(&[page(1, &pix(Some(OURS), &returns))])).await;
        let found = adapter(&server.base_url).events(Timestamp(1), Timestamp(2), None).await;
        let CallOutcome::Object(mut page) = found else { panic!("{found:?}") };
        page.events.pop().unwrap().event
    };
    assert_eq!(listed(json!([])).await, listed(json!([])).await);
    assert_ne!(listed(json!([])).await, listed(json!([returned("a", "DEVOLVIDO")])).await);
}
