//! Says of deliveries whether they come from Surehold: `cargo run -p client --example verify_webhook`.
//!
//! Reads one delivery a line from standard input, and answers with one line each:
//!
//! ```text
//! {"secrets":["whsec_..."],"headers":{"webhook-id":"..",..},"body_base64":"..","now":1649367553}
//! {"believed":true,"id":"msg_.."}
//! {"believed":false,"why":"it was signed too long ago"}
//! ```
//!
//! `now` is in unix seconds; without it the clock's time counts.

use std::error::Error;
use std::io::{BufRead as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use client::webhook::{Delivery, DeliveryRefused, Signed, Verifier};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let said = verdict(&serde_json::from_str(&line?)?)?;
        writeln!(out, "{said}")?;
        out.flush()?;
    }
    Ok(())
}

fn verdict(asked: &Value) -> Result<Value, Box<dyn Error>> {
    let secrets = asked["secrets"].as_array().ok_or("no secrets")?;
    let secrets = secrets.iter().map(|secret| secret.as_str().unwrap_or_default());
    let verifier = match Verifier::new(secrets) {
        Ok(verifier) => verifier,
        Err(invalid) => return Ok(json!({ "believed": false, "why": invalid.to_string() })),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in asked["headers"].as_object().ok_or("no headers")? {
        let value = value.as_str().ok_or("a header that is no text")?;
        headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    let body = asked["body_base64"].as_str().ok_or("no body")?;
    let body = STANDARD.decode(body).map_err(|error| error.to_string())?;
    let believed = match asked["now"].as_i64() {
        Some(now) => verify_then(&verifier, &headers, &body, now)?,
        None => verifier.verify(&headers, &body),
    };
    Ok(match believed {
        Ok(Delivery { id, .. }) => json!({ "believed": true, "id": id }),
        Err(refused) => json!({ "believed": false, "why": refused.to_string() }),
    })
}

type Verdict<'a> = Result<Delivery<'a>, DeliveryRefused>;

fn verify_then<'a>(
    verifier: &Verifier,
    headers: &'a HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<Verdict<'a>, Box<dyn Error>> {
    let now = jiff::Timestamp::from_second(now)?;
    Ok(Signed::of(headers).and_then(|signed| verifier.verify_at(&signed, body, now)))
}
