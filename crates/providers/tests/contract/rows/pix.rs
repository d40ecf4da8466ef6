//! Banks in Brazil, <https://github.com/bacen/pix-api>.

use std::{
    sync::{LazyLock, mpsc},
    thread,
};

use domain::{Timestamp, rows::PaymentMethod, time::Span};
use http::HeaderMap;
use providers::{
    PaymentOrder, ProviderSettings,
    pix::{self, PixAccount, PixReceiver},
};
use serde_json::{Value, json};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use super::{ContractRow, Delivery, KeysOf, Particulars, Signature, SignedBy, order_in_brazil};
use crate::calls::Call;

const TXID: &str = "sh00000000000000000000000000000001";
const RETURN_ID: &str = "sh00000000000000000000000000000001";
const PAID: &str = "E12345678202009091000abcde123456";

pub static ROW: ContractRow = ContractRow {
    adapter: &pix::ADAPTER,
    api: None,
    secret_key: "client-secret-of-contract",
    // As long as the signatures of others.
    webhook_secret: "5ec2e7000000000000000000000000000000000000000000000000000000abcd",
    order,
    object: TXID,
    refund: "E12345678202009091000abcde123456-sh00000000000000000000000000000001",
    replies,
    fetches_events: true,
    error: |status| {
        json!({
            "type": "https://pix.bcb.gov.br/api/v2/error/CobOperacaoInvalida", "title": "Maria",
            "status": status, "detail": "12345678909",
        })
    },
    differs: &[],
    // The id of the charge or of the return is in the path.
    key: |request| request.lines().next().filter(|line| !line.starts_with("GET ")).map(str::to_owned),
    statuses: &["status"],
    amounts: &["valor"],
    hidden: &["maria@a.example", "Maria", "12345678909", "token-of-contract", "Y2xpZW50LW9mLWNvbnRyYWN0"],
    delivery,
    // Nothing is signed.
    tampers: |delivery| delivery.query = delivery.query.replace("abcd", "abce"),
    signature: Signature::Query,
    particulars: Particulars {
        settings,
        token_requests: 1,
        before: |call| if call == Call::Refund { vec![paid(&json!([]))] } else { Vec::new() },
        look_up,
        absent: &[Call::Find, Call::FetchEvents],
        repeats: &[401],
        keys_of: KeysOf::Object,
        own_id: |id| format!("sh{}", id.simple()),
        ids: &["id", "txid"],
    },
};

/// A server of tokens beside the bank's API, as some banks have it.
static TOKEN_URL: LazyLock<String> = LazyLock::new(|| {
    let body = json!({"access_token": "token-of-contract", "token_type": "Bearer", "expires_in": 3_600});
    let step = ServerStep::Answer(answer(200, "", &body.to_string()));
    let (started, base_url) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = ScriptedServer::start(vec![step]).await;
            started.send(server.base_url.clone()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    format!("{}/token", base_url.recv().unwrap())
});

fn settings(settings: ProviderSettings) -> ProviderSettings {
    let account = PixAccount {
        client_id: "client-of-contract".to_owned(),
        key: "key-of-contract".to_owned(),
        token_url: Some(TOKEN_URL.clone()),
        api_path: "/v2".to_owned(),
        receiver: PixReceiver { name: "Harbour Tours".to_owned(), city: "RECIFE".to_owned() },
    };
    ProviderSettings { pix: Some(account), ..settings }
}

fn order(number: u128) -> PaymentOrder {
    let pay_until = Timestamp(1_700_000_600_000_000);
    order_in_brazil(number, PaymentMethod::Pix { pay_until, pay_within: Span::seconds(600) })
}

fn charge(status: &str, pix: &Value) -> Value {
    json!({
        "txid": TXID, "status": status, "revisao": 0, "chave": "key-of-contract",
        "calendario": {"criacao": "2023-11-14T22:13:20.000Z", "expiracao": 600},
        "location": "pix.example.com/qr/v2/7", "valor": {"original": "100.50"},
        "devedor": {"cpf": "12345678909", "nome": "Maria da Silva"}, "pix": pix,
    })
}

/// Final by its status. Money that was received is final whatever the status is.
fn removed() -> Value {
    charge("REMOVIDA_PELO_USUARIO_RECEBEDOR", &json!([]))
}

fn pix(returns: &Value) -> Value {
    json!({
        "endToEndId": PAID, "txid": TXID, "valor": "100.50", "horario": "2023-11-14T22:14:00.000Z",
        "pagador": {"cpf": "12345678909", "nome": "Maria da Silva"}, "devolucoes": returns,
    })
}

fn paid(returns: &Value) -> Value {
    charge("CONCLUIDA", &json!([pix(returns)]))
}

fn returned() -> Value {
    json!({
        "id": RETURN_ID, "rtrId": "D12345678202009091000abcde123456", "valor": "5.00", "status": "DEVOLVIDO",
        "horario": {"solicitacao": "2023-11-15T22:14:00.000Z"},
    })
}

fn replies(call: Call) -> Vec<Value> {
    vec![match call {
        Call::Refund | Call::FetchRefund => returned(),
        Call::RefundsOf | Call::FetchEvents => paid(&json!([returned()])),
        Call::Events => json!({
            "parametros": {
                "inicio": "2023-11-14T00:00:00.000Z", "fim": "2023-11-15T00:00:00.000Z",
                "paginacao": {
                    "paginaAtual": 0, "itensPorPagina": 100, "quantidadeDePaginas": 1,
                    "quantidadeTotalDeItens": 1,
                },
            },
            "pix": [pix(&json!([]))],
        }),
        _ => removed(),
    }]
}

/// An earlier call may have made what is refused now, and a charge that cannot be removed is shown.
fn look_up(call: Call) -> Option<(u16, Value)> {
    match call {
        Call::Create | Call::Refund => Some((404, (ROW.error)(404))),
        Call::Cancel => Some((200, removed())),
        _ => None,
    }
}

/// The number is in an end-to-end id, because only ids are read.
fn delivery(by: &SignedBy) -> Delivery {
    let entry = json!({
        "endToEndId": format!("E12345678202009091000abcde12345{}", by.event), "txid": TXID,
        "valor": "100.50", "horario": "2023-11-14T22:14:00.000Z",
    });
    let body = json!({"pix": [entry]}).to_string().into_bytes();
    Delivery { headers: HeaderMap::new(), query: format!("hmac={}", by.secret), body }
}
