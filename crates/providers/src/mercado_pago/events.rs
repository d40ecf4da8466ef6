//! Payments, their refunds and their chargebacks as events. Mercado Pago lists no events, so each state of an object is
//! one: its name contains a hash of what was read, and the same state always has the same name.

use domain::{Timestamp, provider::CallOutcome};
use serde::Deserialize;

use super::{
    chargebacks::ChargebackOfPayment,
    objects::{ProviderPayment, ProviderRefund, is_order},
    outcome::{self, RequestedPayment},
    payment_body::to_time,
    payments::{Payments, payment_path},
    webhook::{self, EventBody, RefundOfPayment},
};
use crate::{EventPage, VerifiedEvent, exchange::segment};

/// Mercado Pago's own default. These always fit into the longest reply that is read, even with the
/// pictures of their Pix codes.
const PAGE: u64 = 30;
/// A payment that changes while the pages are read leaves the range, and the later ones move up. So
/// each page begins within the previous one.
const PAGE_OVERLAP: u64 = 5;
/// The circuit's subject of these calls.
const SUBJECT: &str = "events";

#[derive(Deserialize)]
struct ChangedPayments {
    results: Vec<ProviderPayment>,
    paging: Paging,
}

#[derive(Deserialize)]
struct Paging {
    total: u64,
}

impl Payments {
    /// The payments that changed within this time, each with the refunds that it shows. `page` is an
    /// offset.
    pub async fn changed(
        &self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&str>,
    ) -> CallOutcome<EventPage> {
        let unknown = |error: &str| CallOutcome::Unknown { error: error.to_owned(), key_spent: false };
        let Some(offset) = page.map_or(Some(0), |page| page.parse::<u64>().ok()) else {
            return unknown("the page is not an offset");
        };
        let (Some(begin), Some(end)) = (to_time(from), to_time(before)) else {
            return unknown("the time is not representable");
        };
        let path = format!(
            "/v1/payments/search?range=date_last_updated&begin_date={}&end_date={}\
             &sort=date_last_updated&criteria=desc&limit={PAGE}&offset={offset}",
            segment(&begin),
            segment(&end)
        );
        let shown: ChangedPayments = match outcome::search(self.client.get(&path, SUBJECT).await) {
            Ok(shown) => shown,
            Err(outcome) => return outcome,
        };
        let read = offset.saturating_add(shown.results.len() as u64);
        let has_more = !shown.results.is_empty() && read < shown.paging.total;
        let step = (shown.results.len() as u64).saturating_sub(PAGE_OVERLAP).max(1);
        let next = has_more.then(|| offset.saturating_add(step).to_string());
        CallOutcome::Object(EventPage {
            events: shown.results.into_iter().flat_map(events_of_listed).collect(),
            next,
        })
    }

    /// A payment and its refunds as they are now.
    pub async fn events_of(&self, object: &str) -> CallOutcome<Vec<VerifiedEvent>> {
        if is_order(object) {
            return self.events_of_order(object).await;
        }
        let result = self.client.get(&payment_path(object), object).await;
        let mut payment = match outcome::shown_payment(result, RequestedPayment::Object(object)) {
            Ok((_, payment)) => payment,
            Err(outcome) => return outcome,
        };
        if let Some(order) = payment.order() {
            // The order is the object that we know, and shows the refunds by its own ids.
            return self.events_of_order(order.as_str()).await;
        }
        if payment.is_captured() {
            match self.list_refunds(object).await {
                Ok(refunds) => payment.refunds = Some(refunds),
                Err(outcome) => return outcome,
            }
        }
        let mut events = Vec::new();
        if payment.is_charged_back() {
            let chargebacks = match self.chargebacks_of(&payment.id, payment.status_detail()).await {
                Ok(chargebacks) => chargebacks,
                Err(outcome) => return outcome,
            };
            events.extend(chargebacks.into_iter().map(of_chargeback));
        }
        // The capture comes first: a dispute is of captured money.
        let mut all = events_of_payment(payment);
        all.append(&mut events);
        CallOutcome::Object(all)
    }

    /// A chargeback names a payment and no order, so that of an order is found by its payment.
    async fn events_of_order(&self, object: &str) -> CallOutcome<Vec<VerifiedEvent>> {
        let order = match self.payment_of_order(object).await {
            Ok(order) => order,
            Err(outcome) => return outcome,
        };
        let ours = order.payment().filter(|_| order.is_charged_back());
        let (id, detail) = (order.id.clone(), order.status_detail().map(str::to_owned));
        let mut events = events_of_payment(order);
        let Some(ours) = ours else { return CallOutcome::Object(events) };
        let made = match self.found_by_reference(ours).await {
            Ok(made) => made,
            Err(outcome) => return outcome,
        };
        let Some(payment) = made.iter().find(|made| made.order() == Some(&id)) else {
            let error = "the payment of the order is not shown yet".to_owned();
            return CallOutcome::Unknown { error, key_spent: false };
        };
        match self.chargebacks_of(&payment.id, detail.as_deref()).await {
            Ok(chargebacks) => {
                events.extend(chargebacks.into_iter().map(|chargeback| {
                    of_chargeback(ChargebackOfPayment { payment: id.clone(), ..chargeback })
                }));
                CallOutcome::Object(events)
            }
            Err(outcome) => outcome,
        }
    }
}

/// A list that leaves out refunds leads to a fetch, and it shows no chargebacks. A payment of an order leads to
/// its order.
fn events_of_listed(payment: ProviderPayment) -> Vec<VerifiedEvent> {
    if payment.order().is_some() {
        return vec![webhook::fetch_of_state(&payment)];
    }
    let is_incomplete = payment.lacks_refunds() || payment.is_charged_back();
    let fetch = is_incomplete.then(|| webhook::fetch_of_state(&payment));
    let mut events = events_of_payment(payment);
    events.extend(fetch);
    events
}

fn events_of_payment(mut payment: ProviderPayment) -> Vec<VerifiedEvent> {
    let refunds = payment.refunds.take().unwrap_or_default();
    let refunds: Vec<VerifiedEvent> = refunds.into_iter().map(|refund| of_refund(&payment, refund)).collect();
    let id = payment.id.as_str().to_owned();
    let mut events = vec![webhook::state("payment", &id, &EventBody::Payment(payment))];
    events.extend(refunds);
    events
}

fn of_chargeback(chargeback: ChargebackOfPayment) -> VerifiedEvent {
    let id = chargeback.chargeback.id.as_str().to_owned();
    webhook::state("chargeback", &id, &EventBody::Chargeback(chargeback))
}

fn of_refund(payment: &ProviderPayment, refund: ProviderRefund) -> VerifiedEvent {
    let id = refund.id.as_str().to_owned();
    webhook::state("refund", &id, &EventBody::Refund(RefundOfPayment::new(payment, refund)))
}
