//! Sends events to the servers, as the provider does or as a stranger does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Deployment, Error};
use outbound::HttpConnection;
use testkit::program::Resident;

const PAGE_ROWS: usize = 100;
/// Larger than any event.
const LARGE_BYTES: usize = 64 * 1024;
/// The time for a true event to be accepted.
const BROUGHT_WITHIN: Duration = Duration::from_mins(1);
const AGAIN_AFTER: Duration = Duration::from_millis(200);

pub struct WebhookForwarder {
    sandbox: HttpConnection,
    urls: Vec<String>,
    servers: Vec<HttpConnection>,
    next: usize,
}

/// A status for a finding.
pub fn status_text(status: Option<u16>) -> String {
    status.map_or_else(|| "nothing".to_owned(), |status| status.to_string())
}

/// No answer, or a refusal by a server that is overloaded or stops.
fn is_for_the_moment(status: Option<u16>) -> bool {
    status.is_none_or(|status| status == 429 || status >= 500)
}

impl WebhookForwarder {
    pub fn new(deployment: &Deployment) -> Result<WebhookForwarder, Error> {
        let urls = deployment.target.base_urls.clone();
        Ok(WebhookForwarder {
            sandbox: HttpConnection::new(deployment.sandbox_url()?),
            servers: urls.iter().map(|url| HttpConnection::new(url)).collect(),
            urls,
            next: 0,
        })
    }

    /// All events of an account by payment, oldest first.
    pub async fn events(&mut self, of: &Resident) -> Result<BTreeMap<String, Vec<Value>>, Error> {
        let authorization = format!("Bearer {}", of.secret_key);
        let mut events = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/v1/events?limit={PAGE_ROWS}{after}");
            let page = self.sandbox.get(&path, &[("authorization", &authorization)]).await?;
            let page = page.json().map_err(|error| Error::Unreadable(path, error.to_string()))?;
            events.extend(page["data"].as_array().cloned().unwrap_or_default());
            let Some(last) = events.last().filter(|_| page["has_more"] == true) else { break };
            after = format!("&starting_after={}", last["id"].as_str().unwrap_or_default());
        }
        let mut by_payment: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for event in events.into_iter().rev() {
            if let Some(payment) = event["data"]["object"]["metadata"]["operation"].as_str() {
                by_payment.entry(payment.to_owned()).or_default().push(event);
            }
        }
        Ok(by_payment)
    }

    /// Signs as the account's provider does, at this Unix second, or now.
    pub async fn signs(&mut self, account: &str, body: &str, at: Option<i64>) -> Result<String, Error> {
        let order = json!({ "account": account, "body": body, "at": at });
        let answer = self.sandbox.post("/sandbox/sign", &[], order.to_string()).await?;
        let signed = answer.json().ok().and_then(|signed| signed["signature"].as_str().map(str::to_owned));
        signed.ok_or_else(|| Error::Unexpected {
            operation: "POST /sandbox/sign".to_owned(),
            outcome: answer.text(),
        })
    }

    /// Sends to the address of an account, at one server after another. Returns the status; `None`
    /// if the server closed the connection before the end of the request.
    pub async fn delivers(
        &mut self,
        account: &str,
        body: &str,
        signature: Option<&str>,
    ) -> Result<Option<u16>, Error> {
        let path = format!("/webhooks/stripe/{account}");
        let mut headers = vec![("content-type", "application/json; charset=utf-8")];
        headers.extend(signature.map(|signature| ("stripe-signature", signature)));
        self.next = (self.next + 1) % self.servers.len();
        let answered = self.servers[self.next].post(&path, &headers, body.to_owned()).await;
        if body.len() > LARGE_BYTES {
            // The server may end such a connection at any moment, so it is not used again.
            self.servers[self.next] = HttpConnection::new(&self.urls[self.next]);
        }
        match answered {
            Ok(answer) => Ok(Some(answer.status.as_u16())),
            Err(outbound::Error::Broken(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a true event with a fresh signature, and retries as a provider does while the server
    /// refuses for now or does not answer. Returns the last status.
    pub async fn brings(&mut self, account: &str, event: &Value) -> Result<Option<u16>, Error> {
        let body = event.to_string();
        let begun = Instant::now();
        loop {
            let signature = self.signs(account, &body, None).await?;
            let status = self.delivers(account, &body, Some(&signature)).await?;
            if !is_for_the_moment(status) || begun.elapsed() > BROUGHT_WITHIN {
                return Ok(status);
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_turned_away_for_the_moment_comes_again() {
        let check = |status, expected| assert_eq!(is_for_the_moment(status), expected, "{status:?}");
        check(None, true);
        check(Some(429), true);
        check(Some(503), true);
        check(Some(200), false);
        check(Some(400), false);
        check(Some(413), false);
    }
}
