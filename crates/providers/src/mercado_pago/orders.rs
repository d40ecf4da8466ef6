//! The calls on orders, <https://www.mercadopago.com.br/developers/en/reference/order/online-payments>, as far as they
//! differ from those on payments.
//!
//! | call | differs |
//! |---|---|
//! | create | a card that is declined is 402 with the order in `data` |
//! | find | the search by our reference needs a time: around that of our payment |
//! | capture | takes all that is authorised, so the order is read before, and a part is never sent |
//! | cancel | 409 where the order is neither `created` nor `action_required` |
//! | refund | names the order's transaction, so the order is read before; the reply is the order |
//! | a refund | is shown by its order alone |

use domain::{
    Money, PaymentId, Timestamp,
    provider::{CallOutcome, Observation, RefundObservation},
    rows::FailureCause,
    time::Span,
};
use http::Method;
use serde::{Deserialize, Serialize};

use super::{
    decimal::to_number,
    key,
    objects::ProviderPayment,
    order_body::order_body,
    order_objects::{ProviderOrder, made_refund},
    outcome::{self, RequestedPayment},
    payment_body::to_time,
    payments::{Payments, found_object, never_sent, rank},
};
use crate::{ObjectCall, PaymentOrder, RefundOrder, exchange::segment};

const ORDERS: &str = "/v1/orders";
/// The search takes a time only. An order is made soon after its payment, or while its key protects; before it, if
/// the database was restored since.
const WITHIN: Span = Span::seconds(31 * 86_400);

#[derive(Serialize)]
struct RefundBody<'a> {
    transactions: [RefundedTransaction<'a>; 1],
}

#[derive(Serialize)]
struct RefundedTransaction<'a> {
    id: &'a str,
    amount: &'a str,
}

/// What a search returns.
#[derive(Deserialize)]
struct FoundOrders {
    data: Vec<ProviderOrder>,
}

fn path(object: &str) -> String {
    format!("{ORDERS}/{}", segment(object))
}

impl Payments {
    pub async fn create_order(&self, order: &PaymentOrder) -> CallOutcome<Observation> {
        let body = match order_body(order, self.currency) {
            Ok(body) => body,
            Err(code) => return never_sent(code),
        };
        let key = key(order.attempt, "order", order.key_number);
        let subject = order.operation.to_string();
        let result = self.client.change(Method::POST, ORDERS, Some(&body), key, &subject).await;
        let shown = outcome::shown_order(result, RequestedPayment::Ours(order.operation));
        self.observed_order(shown.map(|(_, shown)| shown))
    }

    /// The search lags behind, so it only finds the id; the order itself is fetched.
    pub async fn find_order(
        &self,
        payment: PaymentId,
        made_at: Timestamp,
    ) -> CallOutcome<Option<Observation>> {
        let reference = payment.0.hyphenated().to_string();
        let times = (to_time(made_at.minus(WITHIN)), to_time(made_at.plus(WITHIN)));
        let (Some(begin), Some(end)) = times else {
            let error = "the time is not representable".to_owned();
            return CallOutcome::Unknown { error, key_spent: false };
        };
        let (begin, end) = (segment(&begin), segment(&end));
        let path = format!("{ORDERS}?begin_date={begin}&end_date={end}&external_reference={reference}");
        let found: FoundOrders = match outcome::search(self.client.get(&path, &reference).await) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        // A search whose parameter was ignored shows everybody's orders.
        let own = found.data.into_iter().filter(|found| found.payment() == Some(payment));
        let observed: Result<Vec<Observation>, String> =
            own.map(|order| order.into_payment(self.currency).observe()).collect();
        match observed {
            Err(error) => CallOutcome::Unknown { error, key_spent: false },
            // Ids are in the order of their creation.
            Ok(own) => match own.iter().max_by_key(|one| (rank(&one.status), &one.object)) {
                Some(best) => found_object(self.fetch_order(&best.object).await),
                None => CallOutcome::Object(None),
            },
        }
    }

    pub async fn fetch_order(&self, object: &str) -> CallOutcome<Observation> {
        let shown = self.shown_order(object).await;
        self.observed_order(shown)
    }

    /// Takes all that is authorised, whatever is asked for: so another amount is refused before.
    pub async fn capture_order(&self, action: ObjectCall<'_>, amount: Money) -> CallOutcome<Observation> {
        let held = match outcome::looked_up(self.payment_of_order(action.object).await) {
            Ok(held) => held.observe(),
            Err(outcome) => return outcome,
        };
        let held = match held {
            Ok(held) => Money::new(held.amount_minor, held.currency),
            Err(error) => return CallOutcome::Unknown { error, key_spent: false },
        };
        if held != amount {
            return never_sent("a_part_cannot_be_captured");
        }
        self.order_action(action, "capture").await
    }

    pub async fn cancel_order(&self, action: ObjectCall<'_>) -> CallOutcome<Observation> {
        self.order_action(action, "cancel").await
    }

    async fn order_action(&self, action: ObjectCall<'_>, verb: &str) -> CallOutcome<Observation> {
        let ObjectCall { attempt, key_number, object } = action;
        let key = key(attempt, verb, key_number);
        let path = format!("{}/{verb}", path(object));
        let result = self.client.change(Method::POST, &path, None::<&()>, key, object).await;
        match outcome::shown_order(result, RequestedPayment::Object(object)) {
            Ok((_, shown)) if !shown.is_complete() => self.fetch_order(object).await,
            shown => self.observed_order(shown.map(|(_, shown)| shown)),
        }
    }

    /// The amount is always sent: without one, all that is left is refunded.
    pub async fn refund_order(&self, refund: &RefundOrder) -> CallOutcome<RefundObservation> {
        let order = match outcome::looked_up(self.shown_order(&refund.object).await) {
            Ok(order) => order,
            Err(outcome) => return outcome,
        };
        let unknown = |error: &str| CallOutcome::Unknown { error: error.to_owned(), key_spent: false };
        let Some(transaction) = order.transaction() else {
            return unknown("the order has not one transaction");
        };
        let amount = to_number(refund.amount);
        let body = RefundBody {
            transactions: [RefundedTransaction { id: transaction.as_str(), amount: amount.get() }],
        };
        let key = key(refund.attempt, "refund", refund.key_number);
        let path = format!("{}/refund", path(&refund.object));
        let result = self.client.change(Method::POST, &path, Some(&body), key, &refund.object).await;
        let shown = match outcome::shown_order(result, RequestedPayment::Object(&refund.object)) {
            Ok((_, shown)) => shown,
            Err(outcome) => return outcome,
        };
        made_refund(shown, transaction.as_str(), refund.amount)
            .map_or_else(|| unknown("the reply shows no such refund"), CallOutcome::Object)
    }

    pub async fn fetch_refund_of_order(&self, order: &str, object: &str) -> CallOutcome<RefundObservation> {
        let shown = match self.shown_order(order).await {
            Ok(shown) => shown.into_payment(self.currency),
            Err(outcome) => return outcome,
        };
        let refund = shown.refunds.into_iter().flatten().find(|refund| refund.id.as_str() == object);
        match refund.map(|refund| refund.observe(self.currency)) {
            Some(Ok(observation)) => CallOutcome::Object(observation),
            Some(Err(error)) => CallOutcome::Unknown { error, key_spent: false },
            None => {
                let code = "resource_missing".to_owned();
                CallOutcome::Refused { code, cause: FailureCause::OurRequest, object: None }
            }
        }
    }

    /// The order as the payment that it makes, with its refunds.
    pub async fn payment_of_order<O>(&self, object: &str) -> Result<ProviderPayment, CallOutcome<O>> {
        Ok(self.shown_order(object).await?.into_payment(self.currency))
    }

    async fn shown_order<O>(&self, object: &str) -> Result<ProviderOrder, CallOutcome<O>> {
        let result = self.client.get(&path(object), object).await;
        outcome::shown_order(result, RequestedPayment::Object(object)).map(|(_, order)| order)
    }

    fn observed_order(
        &self,
        shown: Result<ProviderOrder, CallOutcome<Observation>>,
    ) -> CallOutcome<Observation> {
        match shown.map(|order| order.into_payment(self.currency).observe()) {
            Ok(Ok(observation)) => CallOutcome::Object(observation),
            Ok(Err(error)) => CallOutcome::Unknown { error, key_spent: false },
            Err(outcome) => outcome,
        }
    }
}
