//! What a person does in a provider's dashboard, as calls of that provider: one row per provider.

use http::Method;

use crate::Error;
use crate::methods::PaymentMethod;

/// A call that no program of ours makes.
pub struct ByHand {
    pub method: Method,
    pub path: String,
    pub body: String,
    pub content_type: &'static str,
    pub key_header: &'static str,
}

pub fn refund(method: &PaymentMethod, object: &str, minor: i64) -> Result<ByHand, Error> {
    match method.provider {
        "stripe" => Ok(stripe("/v1/refunds".to_owned(), format!("payment_intent={object}&amount={minor}"))),
        "mercado_pago" => {
            let path = format!("/v1/payments/{object}/refunds");
            Ok(mercado_pago(Method::POST, path, format!(r#"{{"amount":{}}}"#, decimal(minor))))
        }
        other => Err(unknown(other)),
    }
}

pub fn capture(method: &PaymentMethod, object: &str, minor: i64) -> Result<ByHand, Error> {
    match method.provider {
        "stripe" => {
            let path = format!("/v1/payment_intents/{object}/capture");
            Ok(stripe(path, format!("amount_to_capture={minor}")))
        }
        "mercado_pago" => {
            let body = format!(r#"{{"capture":true,"transaction_amount":{}}}"#, decimal(minor));
            Ok(mercado_pago(Method::PUT, format!("/v1/payments/{object}"), body))
        }
        other => Err(unknown(other)),
    }
}

pub fn void(method: &PaymentMethod, object: &str) -> Result<ByHand, Error> {
    match method.provider {
        "stripe" => Ok(stripe(format!("/v1/payment_intents/{object}/cancel"), String::new())),
        "mercado_pago" => {
            let body = r#"{"status":"cancelled"}"#.to_owned();
            Ok(mercado_pago(Method::PUT, format!("/v1/payments/{object}"), body))
        }
        other => Err(unknown(other)),
    }
}

fn stripe(path: String, body: String) -> ByHand {
    let content_type = "application/x-www-form-urlencoded";
    ByHand { method: Method::POST, path, body, content_type, key_header: "idempotency-key" }
}

fn mercado_pago(method: Method, path: String, body: String) -> ByHand {
    let content_type = "application/json";
    ByHand { method, path, body, content_type, key_header: "x-idempotency-key" }
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn unknown(provider: &str) -> Error {
    Error::Refused(format!("nobody can act by hand at {provider} yet"))
}
