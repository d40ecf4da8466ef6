//! The text of a reply: stored under the idempotency key and sent, byte for byte the same.

use domain::lifecycle::{State as _, payment, refund};
use domain::reply::{BookingReply, CheckInReply, OfferedSlot};
use domain::rows;
use domain::{Refusal, Reply};
use serde::Serialize;

use crate::problem::Problem;
use crate::views::{
    ApiKey, Beneficiary, Blackout, BlackoutDetail, Booking, CheckIn, DeadLetter, Difference, Dispute,
    LedgerClosing, Page, Payment, Payout, Product, Reconciliation, Refund, Resource, ReviewCase,
    ScannedTicket, Schedule, ScheduleDetail, Settings, Slot,
};

/// A reply as it is stored and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub status: u16,
    pub body: String,
    /// The path of the resource that was or is being created.
    pub location: Option<String>,
}

/// Replies to the program's own commands have no body.
pub fn render_reply(reply: &Reply) -> Rendered {
    match reply {
        Reply::Product(made) => {
            let (product, units) = made.as_ref();
            let location = Some(format!("/v1/products/{}", product.id));
            rendered(status_at(product.version), &Product::of(product, units), location)
        }
        Reply::Slots(added) => {
            let view = |offered: &OfferedSlot| {
                Slot::of(&offered.slot, offered.vacancies, offered.availability, &added.time_zone)
            };
            let slots = added.slots.iter().map(view).collect();
            rendered(201, &Page::whole(slots), None)
        }
        Reply::Booking(reply) => with_booking(201, reply),
        Reply::BookingChanged(reply) => with_booking(200, reply),
        Reply::Resource(resource) => {
            let location = Some(format!("/v1/resources/{}", resource.id));
            rendered(status_at(resource.version), &Resource::of(resource), location)
        }
        Reply::Schedule(reply) => {
            let location = Some(format!("/v1/schedules/{}", reply.schedule.id));
            match &reply.kept {
                Some(kept) => rendered(200, &ScheduleDetail::of_reply(reply, kept), location),
                None => rendered(201, &Schedule::of(&reply.schedule, &reply.time_zone), location),
            }
        }
        Reply::Blackout(reply) => match &reply.kept {
            Some(kept) => {
                let list = format!("/v1/products/{}/blackouts", reply.blackout.product);
                rendered(201, &BlackoutDetail::of(reply, kept), Some(list))
            }
            None => rendered(200, &Blackout::of(&reply.blackout), None),
        },
        Reply::CheckIn(reply) => with_check_in(reply),
        Reply::Payment(payment) => with_payment(made_status(payment), payment),
        Reply::PaymentChanged(payment) => with_payment(changed_status(payment), payment),
        Reply::Refund(refund) => with_refund(refund_status(refund), refund),
        Reply::Dispute(dispute) => {
            rendered(202, &Dispute::of(dispute), Some(format!("/v1/disputes/{}", dispute.id)))
        }
        Reply::Beneficiary(one) => {
            rendered(201, &Beneficiary::of(one), Some(format!("/v1/beneficiaries/{}", one.id)))
        }
        Reply::BeneficiaryChanged(one) => rendered(200, &Beneficiary::of(one), None),
        Reply::Payout(payout) => rendered(200, &Payout::of(payout), None),
        Reply::PayoutReversal(payout) => {
            rendered(202, &Payout::of(payout), Some(format!("/v1/payouts/{}", payout.id)))
        }
        Reply::Tenant(tenant) => rendered(200, &Settings::of(tenant), None),
        Reply::LedgerClosing(closing) => rendered(200, &LedgerClosing::of(closing), None),
        Reply::ApiKey(made) => rendered(200, &ApiKey::of(&made.0, &made.1), None),
        Reply::Review(review) => rendered(200, &ReviewCase::of(review), None),
        Reply::DeadLetter(letter) => rendered(200, &DeadLetter::of(letter), None),
        Reply::Reconciliation(run) => {
            let location = Some(format!("/v1/ops/reconciliations/{}", run.id));
            rendered(202, &Reconciliation::of(run), location)
        }
        Reply::Difference(difference) => rendered(200, &Difference::of(difference), None),
        Reply::Started(started) => match &started.refund {
            Some(refund) => with_refund(202, refund),
            None => with_payment(202, &started.payment),
        },
        Reply::Done
        | Reply::Claimed(_)
        | Reply::Proceed(_)
        | Reply::Send(_)
        | Reply::Feed(_)
        | Reply::Swept(_)
        | Reply::Partitions { .. }
        | Reply::Marked { .. }
        | Reply::Settled { .. }
        | Reply::Delivery(_) => Rendered { status: 204, body: String::new(), location: None },
    }
}

/// What has changed since its creation is the reply to a change.
fn status_at(version: i64) -> u16 {
    if version > 1 { 200 } else { 201 }
}

pub fn render_refusal(refusal: &Refusal, request_id: &str) -> Rendered {
    let mut rendered = render_problem(&Problem::of(refusal, request_id));
    if let Refusal::PaymentDeclined { payment, .. } = refusal {
        rendered.location = Some(format!("/v1/payments/{payment}"));
    }
    rendered
}

pub fn render_problem(problem: &Problem) -> Rendered {
    rendered(problem.status, problem, None)
}

fn with_check_in(reply: &CheckInReply) -> Rendered {
    let check_in = CheckIn::of(&reply.check_in);
    match reply.already_checked_in {
        Some(already_checked_in) => rendered(200, &ScannedTicket { already_checked_in, check_in }, None),
        None => rendered(200, &check_in, None),
    }
}

fn with_payment(status: u16, payment: &rows::Payment) -> Rendered {
    rendered(status, &Payment::of(payment), Some(format!("/v1/payments/{}", payment.id)))
}

fn with_refund(status: u16, refund: &rows::Refund) -> Rendered {
    rendered(status, &Refund::of(refund), Some(format!("/v1/refunds/{}", refund.id)))
}

fn rendered(status: u16, body: &impl Serialize, location: Option<String>) -> Rendered {
    let body = serde_json::to_string(body).expect("views contain only what JSON can represent");
    Rendered { status, body, location }
}

fn with_booking(status: u16, reply: &BookingReply) -> Rendered {
    rendered(status, &Booking::of(reply), Some(format!("/v1/bookings/{}", reply.booking.id)))
}

/// 201 for a payment that exists or waits for the customer; 202 while the outcome is unknown.
fn made_status(payment: &rows::Payment) -> u16 {
    use payment::State;
    match *payment.state {
        // The outcome of a written-off payment is unknown.
        State::Created | State::WrittenOff => 202,
        State::Pending if payment.next_action.is_none() => 202,
        State::Pending | State::Authorized | State::Captured => 201,
        State::Failed | State::Cancelled | State::Lapsed => 201,
    }
}

/// 202 while the operation is in progress; 200 when it has finished.
fn changed_status(payment: &rows::Payment) -> u16 {
    let under_way = payment.active.is_some() || (payment.void_requested && !payment.state.is_final());
    if under_way { 202 } else { 200 }
}

fn refund_status(refund: &rows::Refund) -> u16 {
    use refund::State;
    match *refund.state {
        State::Created | State::Unknown | State::Review => 202,
        State::Pending | State::Succeeded | State::WrittenOff | State::Failed => 201,
    }
}

#[cfg(test)]
pub mod samples;
#[cfg(test)]
mod tests;
