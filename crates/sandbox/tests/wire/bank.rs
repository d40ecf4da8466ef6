//! The central bank's API Pix at a bank, as a caller of the wire sees it: its errors are problem documents,
//! and it refuses what the API's schema does not describe.

use serde_json::{Value, json};

use crate::client::{Answer, TestSandbox};

const TOKEN: &str = "/oauth/token";
/// `client:secret`, as in HTTP basic.
const CREDENTIALS: &str = "Basic Y2xpZW50OnNlY3JldA==";
pub const TXID: &str = "sh00000000000000000000000000000007";
const UNKNOWN_PIX: &str = "E00000000202601010000000000000000";

/// A sandbox with one account at a bank, and an access token.
pub struct Bank {
    pub sandbox: TestSandbox,
    pub token: String,
}

impl Bank {
    pub async fn start() -> Self {
        let sandbox = TestSandbox::start().await;
        let account = json!({"id": "bank-1", "provider": "pix", "secret_key": "client:secret"});
        sandbox.control("/sandbox/accounts", account).await;
        let headers = [("authorization", CREDENTIALS), ("content-type", "application/x-www-form-urlencoded")];
        let answer = sandbox.send("POST", TOKEN, &headers, "grant_type=client_credentials").await;
        let token = answer.body["access_token"].as_str().unwrap().to_owned();
        Self { sandbox, token }
    }

    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", &*bearer), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.sandbox.send(method, &format!("/api/v2{path}"), &headers, &body).await
    }
}

/// A charge of 37.00 with this debtor, if it is not null.
pub fn charge(debtor: &Value) -> Value {
    let mut charge = json!({
        "calendario": {"expiracao": 600}, "valor": {"original": "37.00"}, "chave": "key@tours.example",
    });
    if !debtor.is_null() {
        charge["devedor"] = debtor.clone();
    }
    charge
}

/// The status and the last part of the type of a problem.
fn problem(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.body);
    assert_eq!((&answer.body["status"], answer.body["type"].is_string()), (&json!(answer.status), true));
    let kind = answer.body["type"].as_str().unwrap().rsplit('/').next().unwrap();
    format!("{} {kind}", answer.status)
}

#[tokio::test]
async fn a_refusal_is_a_problem_document() {
    let bank = Bank::start().await;
    let cob = format!("/cob/{TXID}");
    let made = bank.call("PUT", &cob, &charge(&Value::Null)).await;
    assert_eq!((made.status, made.header("content-type")), (201, Some("application/json")));
    let check = async |method: &str, path: &str, body: Value, expected: &str| {
        assert_eq!(problem(&bank.call(method, path, &body).await), expected, "{method} {path} {body}");
    };
    let removed = json!({"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"});
    check("PUT", &cob, json!({}), "400 CobOperacaoInvalida").await;
    check("PATCH", &cob, json!({"status": "CONCLUIDA"}), "400 CobOperacaoInvalida").await;
    check("PATCH", "/cob/sh00000000000000000000000000000008", removed, "404 NaoEncontrado").await;
    check("GET", &format!("/pix/{UNKNOWN_PIX}"), Value::Null, "404 NaoEncontrado").await;
    check("GET", "/pix?inicio=soon", Value::Null, "400 PixConsultaInvalida").await;
    let returned = json!({"valor": "1.00"});
    check("PUT", &format!("/pix/{UNKNOWN_PIX}/devolucao/r1"), returned, "404 NaoEncontrado").await;
    check("PUT", "/webhook/key", json!({"webhookUrl": "here"}), "400 RequisicaoInvalida").await;
    let unknown = Bank { token: "none".to_owned(), ..bank };
    assert_eq!(problem(&unknown.call("GET", &cob, &Value::Null).await), "401 NaoAutorizado");
    unknown.sandbox.faults(json!({"unavailable": 1})).await;
    assert_eq!(problem(&unknown.call("GET", &cob, &Value::Null).await), "503 ServicoIndisponivel");
}

/// The API describes no body there, so a caller must not need one.
#[tokio::test]
async fn a_registration_is_answered_with_nothing() {
    let bank = Bank::start().await;
    let body = json!({"webhookUrl": "http://127.0.0.1:9/webhooks/pix/bank-1?hmac=secret"});
    let answer = bank.call("PUT", "/webhook/key%40tours.example", &body).await;
    assert_eq!((answer.status, answer.bytes(), answer.header("content-type")), (200, &b""[..], None));
}

#[tokio::test]
async fn a_debtor_has_a_name_and_one_number_in_the_form_of_the_api() {
    let bank = Bank::start().await;
    let check = async |debtor: Value, expected: u16| {
        let answer = bank.call("PUT", &format!("/cob/{TXID}"), &charge(&debtor)).await;
        assert_eq!(answer.status, expected, "{debtor} {}", answer.body);
    };
    check(json!({"cpf": "12345678909", "nome": "Ana"}), 201).await;
    check(json!({"cnpj": "12345678000195", "nome": "Ana"}), 201).await;
    check(json!({"cnpj": "12ABC34501DE35", "nome": "\u{e9}".repeat(200)}), 201).await;
    check(json!({"cnpj": "12abc34501de35", "nome": "Ana"}), 400).await;
    check(json!({"cnpj": "12.345.678/0001", "nome": "Ana"}), 400).await;
    check(json!({"cpf": "1234567890", "nome": "Ana"}), 400).await;
    check(json!({"cpf": "1234567890A", "nome": "Ana"}), 400).await;
    check(json!({"cpf": "12345678909", "cnpj": "12345678000195", "nome": "Ana"}), 400).await;
    check(json!({"cpf": "12345678909"}), 400).await;
    check(json!({"nome": "Ana"}), 400).await;
    check(json!({"cpf": "12345678909", "nome": "\u{e9}".repeat(201)}), 400).await;
}
