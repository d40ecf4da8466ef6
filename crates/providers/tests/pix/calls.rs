//! The bytes of each call.

use domain::Timestamp;
use providers::{PaymentOrder, Provider, pix::PixBank};
use serde_json::{Value, json};
use testkit::scripted_server::ScriptedServer;

use crate::{OURS, PAID, adapter, cob, on, order, pix, problem, refund, script, shows};

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn body(request: &str) -> Value {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() }
}

/// Makes the call twice, and returns the request that the script's last step answers.
async fn requested(call: impl AsyncFn(&PixBank), server: ScriptedServer, line: &str) -> String {
    let adapter = adapter(&server.base_url);
    call(&adapter).await;
    let first = server.requests().last().unwrap().clone();
    call(&adapter).await;
    let requests = server.requests();
    assert_eq!(&first, requests.last().unwrap(), "the same call must always be the same bytes");
    assert_eq!(first.lines().next().unwrap(), format!("{line} HTTP/1.1"));
    assert_eq!(header(&first, "authorization"), Some("Bearer token_1"));
    let changes = !line.starts_with("GET");
    assert_eq!(header(&first, "content-type"), changes.then_some("application/json"));
    first
}

/// Any reply will do: the test looks at the request.
async fn failing() -> ScriptedServer {
    ScriptedServer::start(script(&[problem(500, "ErroInternoDoServidor")])).await
}

#[tokio::test]
async fn a_charge_has_our_id_and_ends_in_time() {
    let line = format!("PUT /api/v2/cob/{OURS}");
    let whole = order(1);
    let request = requested(async |adapter| drop(adapter.create(&whole).await), failing().await, &line).await;
    let expected = json!({
        "calendario": {"expiracao": 600}, "devedor": {"cpf": "12345678909", "nome": "Maria da Silva"},
        "valor": {"original": "100.50"}, "chave": "key@a.example", "solicitacaoPagador": "tour 7",
    });
    assert_eq!(body(&request), expected);
    let bare = PaymentOrder { payer: None, reference: None, ..order(1) };
    let request = requested(async |adapter| drop(adapter.create(&bare).await), failing().await, &line).await;
    let expected = json!({
        "calendario": {"expiracao": 600}, "valor": {"original": "100.50"}, "chave": "key@a.example",
    });
    assert_eq!(body(&request), expected);
}

#[tokio::test]
async fn a_charge_is_fetched_and_removed_by_its_id() {
    let line = format!("GET /api/v2/cob/{OURS}");
    requested(async |adapter| drop(adapter.fetch(OURS).await), failing().await, &line).await;
    requested(async |adapter| drop(adapter.find(&order(1)).await), failing().await, &line).await;
    let line = format!("PATCH /api/v2/cob/{OURS}");
    let request =
        requested(async |adapter| drop(adapter.cancel(on(OURS)).await), failing().await, &line).await;
    assert_eq!(body(&request), json!({"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"}));
}

#[tokio::test]
async fn a_return_is_made_on_the_pix_of_its_charge() {
    let line = format!("PUT /api/v2/pix/{PAID}/devolucao/{OURS}");
    let charge = shows(&cob(OURS, "CONCLUIDA", &json!([pix(Some(OURS), &json!([]))])));
    let failed = problem(500, "ErroInternoDoServidor");
    let steps = script(&[charge.clone(), failed.clone(), charge, failed]);
    let order = refund(500);
    let server = ScriptedServer::start(steps).await;
    let request = requested(async |adapter| drop(adapter.refund(&order).await), server, &line).await;
    assert_eq!(body(&request), json!({"valor": "5.00"}));
}

#[tokio::test]
async fn a_return_is_fetched_by_both_ids() {
    let line = format!("GET /api/v2/pix/{PAID}/devolucao/{OURS}");
    let object = format!("{PAID}-{OURS}");
    requested(async |adapter| drop(adapter.fetch_refund(OURS, &object).await), failing().await, &line).await;
}

#[tokio::test]
async fn received_pix_are_listed_by_their_time() {
    let line = "GET /api/v2/pix?inicio=2023-11-14T22%3A13%3A20%2E000Z&fim=2023-11-14T22%3A14%3A20%2E000Z\
                &txIdPresente=true&paginacao.paginaAtual=0&paginacao.itensPorPagina=100";
    let (from, before) = (Timestamp(1_700_000_000_000_000), Timestamp(1_700_000_060_000_000));
    requested(async |adapter| drop(adapter.events(from, before, None).await), failing().await, line).await;
}

#[tokio::test]
async fn an_order_that_cannot_be_written_is_never_sent() {
    let server = failing().await;
    let adapter = adapter(&server.base_url);
    let check = async |order: PaymentOrder, expected: &str| {
        let domain::provider::CallOutcome::Refused { code, cause, object: None } =
            adapter.create(&order).await
        else {
            panic!("{expected}");
        };
        assert_eq!((code.as_str(), cause), (expected, domain::rows::FailureCause::NotSent));
    };
    let euros = domain::Money::new(100, domain::Currency::EUR);
    check(PaymentOrder { amount: euros, ..order(1) }, "currency_is_not_brl").await;
    let card = domain::rows::PaymentMethod::Card { token: "t".to_owned(), brand: None, instalments: 1 };
    check(PaymentOrder { method: card, ..order(1) }, "only_pix_is_offered").await;
    assert_eq!(server.requests(), Vec::<String>::new());
}
