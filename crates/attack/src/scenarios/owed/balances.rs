//! Money that was captured or authorised, and is not any more.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::methods::{MERCADO_PAGO, PaymentMethod};
use crate::operation_request::{MARK, PRICE_MINOR};
use crate::{Deployment, Error, ExpectedEffect, OperationRequest, RetryingClient, ScenarioContext, Target};

const HOLD_SECONDS: u32 = 3_600;
const PART_MINOR: i64 = 1_000;
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    RefundPart,
    RefundAll,
    CapturePart,
    Void,
}

const KINDS: [Kind; 4] = [Kind::RefundPart, Kind::RefundAll, Kind::CapturePart, Kind::Void];

/// A booking of the last seat of a slot, and the way its money goes.
struct Balance<'a> {
    context: &'a ScenarioContext,
    target: &'a Target,
    slot: usize,
    kind: Kind,
    method: &'static PaymentMethod,
    name: String,
    caller: RetryingClient,
}

pub(super) async fn run(
    context: &ScenarioContext,
    deployment: &Deployment,
    count: usize,
) -> Result<(), Error> {
    let all = count * KINDS.len();
    let mut target = Target { catalogue: deployment.sell(all, 1).await?, ..deployment.target.clone() };
    target.in_other_currencies =
        [(MERCADO_PAGO.currency, deployment.sell_for(&MERCADO_PAGO, all, 1).await?)].into();
    context.progress.counts("what is still owed", all);
    let one = |slot: usize| {
        let (target, kind) = (&target, KINDS[slot % KINDS.len()]);
        let method = context.card(slot / KINDS.len());
        async move {
            let (name, caller) = (context.operation(format!("balance-{slot}")), context.caller(target, slot));
            Balance { context, target, slot, kind, method, name, caller }.settle().await
        }
    };
    try_join_all((0..all).map(one)).await.map(drop)
}

impl Balance<'_> {
    async fn settle(mut self) -> Result<(), Error> {
        let hold = OperationRequest::hold(
            &format!("{}-hold", self.name),
            self.target.catalogue_for(self.method),
            self.slot,
            HOLD_SECONDS,
        );
        let booking = self.done(&hold).await?;
        let operation = format!("{}-pay", self.name);
        let pay = match self.kind {
            Kind::RefundPart | Kind::RefundAll => {
                OperationRequest::pay(&operation, &booking, PRICE_MINOR, self.method)
            }
            Kind::CapturePart | Kind::Void => {
                OperationRequest::reserve_money(&operation, &booking, PRICE_MINOR, self.method)
            }
        };
        let payment = self.done(&pay).await?;
        let path = format!("/v1/bookings/{booking}");
        self.caller.until(&path, SETTLED_WITHIN, |seen| seen["state"] == "confirmed").await?;
        let (request, reached) = self.lets_money_go(&payment, &operation);
        self.done(&request).await?;
        self.context.findings.reached(reached);
        if self.kind == Kind::Void {
            self.frees_its_seat(&path).await?;
        } else {
            self.owes_nothing(&path, &booking).await?;
        }
        self.context.progress.advance();
        Ok(())
    }

    fn lets_money_go(&self, payment: &str, of: &str) -> (OperationRequest, &'static str) {
        let (name, part) = (format!("{}-go", self.name), self.method.money(PART_MINOR));
        match self.kind {
            Kind::RefundPart => (OperationRequest::refund(&name, payment, of, &part), "gave_a_part_back"),
            Kind::RefundAll => {
                (OperationRequest::refund_rest(&name, payment, of, PRICE_MINOR), "gave_all_back")
            }
            Kind::CapturePart => (OperationRequest::capture(&name, payment, of, &part), "took_a_part"),
            Kind::Void => (OperationRequest::void(&name, payment, of), "let_go"),
        }
    }

    async fn done(&mut self, request: &OperationRequest) -> Result<String, Error> {
        let answer = self.caller.retry_until_definite(request).await?;
        let made = answer.id().filter(|_| answer.is_success());
        made.ok_or_else(|| Error::Unexpected {
            operation: request.operation.clone(),
            outcome: answer.summary(),
        })
    }

    async fn owes_nothing(&mut self, path: &str, booking: &str) -> Result<(), Error> {
        let settled = |seen: &Value| seen["open_payment_id"].is_null();
        let seen = self.caller.until(path, SETTLED_WITHIN, settled).await?;
        let name = format!("{}-again", self.name);
        let body = self.method.order(json!({ "booking_id": booking, "metadata": { MARK: name } }));
        let again = OperationRequest::new(&name, "/v1/payments", &body, ExpectedEffect::Nothing);
        let answer = self.caller.retry_until_definite(&again).await?;
        let refused = answer.code().as_deref() == Some("nothing_is_due");
        self.context.findings.always("nothing_is_owed_again", refused && seen["due"]["minor"] == 0, || {
            let (kind, due) = (self.kind, &seen["due"]);
            format!("{name} after {kind:?}: {due} is due, and a payment is answered {}", answer.summary())
        });
        Ok(())
    }

    /// The next customer gets the seat.
    async fn frees_its_seat(&mut self, path: &str) -> Result<(), Error> {
        let seen = self.caller.until(path, SETTLED_WITHIN, |seen| seen["state"] == "cancelled").await?;
        let next = OperationRequest::hold(
            &format!("{}-next", self.name),
            self.target.catalogue_for(self.method),
            self.slot,
            HOLD_SECONDS,
        );
        let answer = self.caller.retry_until_definite(&next.that_may_be_refused()).await?;
        self.context.findings.always("a_void_frees_its_seats", answer.is_success(), || {
            format!("{}: its booking is {}, and the seat: {}", self.name, seen["state"], answer.summary())
        });
        Ok(())
    }
}
