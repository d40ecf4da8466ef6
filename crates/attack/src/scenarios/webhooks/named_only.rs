//! A provider whose deliveries only name an object, and sign nothing of their body: what the body says
//! must not matter, and the object is fetched.
//!
//! | delivery | what must hold |
//! |---|---|
//! | unsigned, guessed, for another object, stale, early, of another tenant's account | refused |
//! | two true ones whose bodies have the same id, as after a replay | each is followed |
//! | a true one whose body names another object | the signed object is followed, the other is not |
//! | a true one, ten times | followed once |

use serde_json::json;
use server::ports::clock::SystemClock;
use store::Clock as _;

use super::courier::status_text;
use super::{HOLD_SECONDS, made};
use crate::methods::MERCADO_PAGO;
use crate::operation_request::PRICE_MINOR;
use crate::{Deployment, Error, OperationRequest, RetryingClient, ScenarioContext};
use outbound::HttpConnection;
use std::time::Duration;
use testkit::program::{InstalledAccount, Resident};

const PAIRS_MIN: usize = 2;
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// The wait if an invariant is broken already.
const TAKEN_WITHIN_IF_BROKEN: Duration = Duration::from_secs(3);
const TIMES: usize = 10;
const HOUR_S: i64 = 3_600;
const BAD: [Bad; 6] = [Bad::Unsigned, Bad::Guessed, Bad::OfAnother, Bad::Stale, Bad::Early, Bad::Neighbour];

#[derive(Clone, Copy, Debug)]
enum Bad {
    Unsigned,
    Guessed,
    OfAnother,
    Stale,
    Early,
    Neighbour,
}

/// A booking whose payment has had no webhook.
struct Paid {
    booking: String,
    object: String,
}

struct Deliveries<'a> {
    context: &'a ScenarioContext,
    sandbox: HttpConnection,
    server: HttpConnection,
    own: InstalledAccount,
    neighbour: InstalledAccount,
    caller: RetryingClient,
    /// Makes the ids of deliveries.
    sent: usize,
}

/// Webhooks are held back, and the program fetches nothing by itself.
pub async fn run(
    context: &ScenarioContext,
    deployment: &Deployment,
    neighbour: &Resident,
    count: usize,
) -> Result<(), Error> {
    let account = |resident: &Resident| {
        let account = resident.account_at(MERCADO_PAGO.provider).cloned();
        account.ok_or_else(|| Error::NotOurs(MERCADO_PAGO.name.to_owned()))
    };
    let mut deliveries = Deliveries {
        context,
        sandbox: HttpConnection::new(deployment.sandbox_url()?),
        server: HttpConnection::new(deployment.target.base_urls.first().map_or("", String::as_str)),
        own: account(&deployment.installation()?.residents()[0])?,
        neighbour: account(neighbour)?,
        caller: context.caller(&deployment.target, 0),
        sent: 0,
    };
    context.progress.counts("deliveries that only name an object", 2 * count.max(PAIRS_MIN));
    for number in 0..count.max(PAIRS_MIN) {
        deliveries.one_pair(deployment, number).await?;
    }
    Ok(())
}

impl Deliveries<'_> {
    async fn one_pair(&mut self, deployment: &Deployment, number: usize) -> Result<(), Error> {
        let first = self.pays(deployment, &format!("{number}-first")).await?;
        let second = self.pays(deployment, &format!("{number}-second")).await?;
        for paid in [&first, &second] {
            self.is(paid, "held", "answers_alone_confirm_nothing", "an answer").await?;
            for bad in BAD {
                self.is_refused(bad, &paid.object).await?;
            }
        }
        // The second pair of deliveries comes under ids that were used already.
        let notification = format!("{number}7777");
        self.is_taken(&first.object, &second.object, &notification).await?;
        self.is(&first, "confirmed", "good_evidence_is_taken", "its delivery").await?;
        self.is(&second, "held", "bad_evidence_changes_nothing", "a body that named it").await?;
        for _ in 0..TIMES {
            self.is_taken(&second.object, &second.object, &notification).await?;
        }
        self.is(&second, "confirmed", "good_evidence_is_taken", "its delivery").await?;
        self.context.findings.reached("told_under_a_used_id");
        self.context.progress.advance();
        Ok(())
    }

    async fn pays(&mut self, deployment: &Deployment, name: &str) -> Result<Paid, Error> {
        let name = self.context.operation(format!("named-{name}"));
        let catalogue = deployment.target.catalogue_for(&MERCADO_PAGO);
        let hold = OperationRequest::hold(&format!("{name}-hold"), catalogue, 0, HOLD_SECONDS);
        let booking = made(&hold, self.caller.retry_until_definite(&hold).await?.id())?;
        let pay = OperationRequest::pay(&format!("{name}-pay"), &booking, PRICE_MINOR, &MERCADO_PAGO);
        let answer = self.caller.retry_until_definite(&pay).await?;
        let object = answer.body["provider_reference"].as_str().map(str::to_owned);
        Ok(Paid { booking, object: made(&pay, object)? })
    }

    async fn is_refused(&mut self, bad: Bad, object: &str) -> Result<(), Error> {
        let (own, neighbour) = (self.own.name.clone(), self.neighbour.name.clone());
        let now = SystemClock.now().0 / 1_000_000;
        let request = self.request_id();
        let signature = match bad {
            Bad::Unsigned => None,
            Bad::Guessed => Some(format!("ts={now},v1={}", "0".repeat(64))),
            Bad::OfAnother => Some(self.signs(&own, "1", &request, now).await?),
            Bad::Stale => Some(self.signs(&own, object, &request, now - HOUR_S).await?),
            Bad::Early => Some(self.signs(&own, object, &request, now + HOUR_S).await?),
            Bad::Neighbour => Some(self.signs(&neighbour, object, &request, now).await?),
        };
        let status = self.delivers(object, object, "1", &request, signature).await?;
        let refused = status.is_some_and(|status| (400..500).contains(&status));
        self.context.findings.always("bad_evidence_is_refused", refused, || {
            format!("{bad:?} about {object} was answered {}", status_text(status))
        });
        Ok(())
    }

    /// Sends a true delivery about `object`, whose body names `named` and has this id.
    async fn is_taken(&mut self, object: &str, named: &str, notification: &str) -> Result<(), Error> {
        let (own, request) = (self.own.name.clone(), self.request_id());
        let signature = self.signs(&own, object, &request, SystemClock.now().0 / 1_000_000).await?;
        let status = self.delivers(object, named, notification, &request, Some(signature)).await?;
        self.context.findings.always("good_evidence_is_taken", status == Some(200), || {
            format!("a true delivery about {object} was answered {}", status_text(status))
        });
        Ok(())
    }

    async fn is(&mut self, paid: &Paid, state: &str, invariant: &str, after: &str) -> Result<(), Error> {
        let within = match state {
            "held" => Duration::ZERO,
            _ if self.context.findings.any_broken() => TAKEN_WITHIN_IF_BROKEN,
            _ => TAKEN_WITHIN,
        };
        let path = format!("/v1/bookings/{}", paid.booking);
        let seen = self.caller.until(&path, within, |seen| seen["state"] == state).await?;
        self.context.findings.always(invariant, seen["state"] == state, || {
            format!("{}: after {after} it is {}, not {state}", paid.object, seen["state"])
        });
        Ok(())
    }

    fn request_id(&mut self) -> String {
        self.sent += 1;
        format!("request-{}", self.sent)
    }

    async fn signs(&mut self, account: &str, object: &str, request: &str, at: i64) -> Result<String, Error> {
        let order = json!({ "account": account, "data_id": object, "request_id": request, "at": at });
        let answer = self.sandbox.post("/sandbox/sign", &[], order.to_string()).await?;
        let signed = answer.json().ok().and_then(|signed| signed["signature"].as_str().map(str::to_owned));
        signed.ok_or_else(|| Error::Unexpected {
            operation: "POST /sandbox/sign".to_owned(),
            outcome: answer.text(),
        })
    }

    async fn delivers(
        &mut self,
        object: &str,
        named: &str,
        notification: &str,
        request: &str,
        signature: Option<String>,
    ) -> Result<Option<u16>, Error> {
        let InstalledAccount { provider, name, .. } = &self.own;
        let path = format!("/webhooks/{provider}/{name}?data.id={object}&type=payment");
        let body = json!({
            "id": notification.parse::<u64>().unwrap_or_default(), "type": "payment", "action": "payment.updated",
            "data": { "id": named },
        });
        let mut headers = vec![("content-type", "application/json"), ("x-request-id", request)];
        headers.extend(signature.as_deref().map(|signature| ("x-signature", signature)));
        match self.server.post(&path, &headers, body.to_string()).await {
            Ok(answer) => Ok(Some(answer.status.as_u16())),
            Err(outbound::Error::Broken(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
