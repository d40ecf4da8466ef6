//! The orders of customers: charges of every kind, with all their steps.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde_json::Value;

use super::backlog_wait::Patience;
use super::methods::PaymentMethod;
use super::operation_request::PRICE_MINOR;
use super::{Deployment, Error, OperationRequest, PendingWork, RetryingClient, ScenarioContext, Target};

/// The longest wait for evidence without progress: a lost webhook is made up for by a fetch.
const EVIDENCE_WITHIN: Duration = Duration::from_mins(1);
/// The wait for evidence if an invariant is broken already.
const EVIDENCE_WITHIN_IF_BROKEN: Duration = Duration::from_secs(3);
const POLL_EVERY: Duration = Duration::from_millis(100);
const HOLD_SECONDS: u32 = 3_600;
/// Slots of the product that all orders are for.
pub const SLOTS: usize = 2;
/// The pause of a client before each further order, so that few orders are under way at the same
/// time.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 200..=1_000;

/// One payment, and the steps after it.
#[derive(Clone, Debug)]
pub struct Order {
    /// The names of its operations begin with it.
    pub name: String,
    pub method: &'static PaymentMethod,
    /// The seats that are held first, each of a slot of its own, and paid for. Zero: a charge without a booking.
    pub seats: usize,
    /// Authorises first, and then captures this amount.
    pub captures_minor: Option<i64>,
    /// Partial refunds after the capture.
    pub refunds_minor: Vec<i64>,
    pub declined: bool,
    /// The provider declines any card now and then.
    pub may_be_declined: bool,
}

/// The result of an order.
#[derive(Clone, Debug)]
pub struct OrderOutcome {
    pub order: Order,
    pub booking: Option<String>,
    pub declined: bool,
    /// The requests that were sent, in order.
    pub requests: Vec<OperationRequest>,
}

/// Orders of every kind, in random order.
pub fn orders(context: &ScenarioContext, count: usize, random: &mut StdRng) -> Vec<Order> {
    let order = |number: usize| order(context.operation(number), number, context.method(number));
    let mut orders: Vec<Order> = (0..count).map(order).collect();
    orders.shuffle(random);
    orders
}

/// An order; the number chooses its kind.
fn order(name: String, number: usize, method: &'static PaymentMethod) -> Order {
    let captures_minor = (number % 10 < 2).then_some(if number % 20 < 10 { 1_700 } else { PRICE_MINOR });
    Order {
        name,
        method,
        seats: seats(number),
        captures_minor: captures_minor.filter(|_| method.authorizes),
        refunds_minor: match number % 10 {
            3 => vec![300, 200],
            4 => vec![500],
            _ => vec![],
        },
        declined: number % 20 == 19 && method.can_be_declined(),
        may_be_declined: false,
    }
}

/// Every other order books, and every other of those a basket of two slots.
fn seats(number: usize) -> usize {
    match number % 4 {
        0 => SLOTS,
        2 => 1,
        _ => 0,
    }
}

/// `clients` clients carry out the orders, and further orders for as long as the work needs more.
pub async fn serve(
    context: &ScenarioContext,
    target: &Target,
    clients: usize,
    orders: Vec<Order>,
    work: &PendingWork,
) -> Result<Vec<OrderOutcome>, Error> {
    context.progress.counts("orders", orders.len());
    let queue = Arc::new(Queue {
        may_be_declined: orders.iter().any(|order| order.may_be_declined),
        planned: Mutex::new(VecDeque::from(orders)),
        further: AtomicUsize::new(0),
        work: work.clone(),
    });
    let mut serving = tokio::task::JoinSet::new();
    for number in 0..clients {
        let mut caller = context.caller(target, number);
        let (context, target) = (context.clone(), target.clone());
        let mut random = context.random(&format!("further orders {number}"));
        let queue = queue.clone();
        serving.spawn(async move {
            let mut outcomes = Vec::new();
            while let Some(order) = queue.next(&context, &mut random).await {
                let _under_way = queue.work.begins();
                outcomes.push(carry_out(&context, &mut caller, &target, order).await?);
                context.progress.advance();
            }
            Ok::<_, Error>(outcomes)
        });
    }
    let mut outcomes = Vec::new();
    while let Some(served) = serving.join_next().await {
        outcomes.extend(served.map_err(std::io::Error::other)??);
    }
    Ok(outcomes)
}

/// The orders that are still to be carried out.
struct Queue {
    planned: Mutex<VecDeque<Order>>,
    may_be_declined: bool,
    /// The number of further orders so far.
    further: AtomicUsize,
    work: PendingWork,
}

impl Queue {
    async fn next(&self, context: &ScenarioContext, random: &mut StdRng) -> Option<Order> {
        let planned = self.planned.lock().pop_front();
        if planned.is_some() || !self.work.needs_more() {
            return planned;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(PAUSE_MS))).await;
        if !self.work.needs_more() {
            return None;
        }
        let number = self.further.fetch_add(1, Ordering::Relaxed);
        let method = context.method(number);
        let order = order(context.operation(format!("further-{number}")), number, method);
        Some(Order { may_be_declined: self.may_be_declined, ..order })
    }
}

/// Carries out an order, with a definite reply to each request. Each step depends on what was
/// granted before, so no step may be refused. An order with a refused step ends there.
pub async fn carry_out(
    context: &ScenarioContext,
    caller: &mut RetryingClient,
    target: &Target,
    order: Order,
) -> Result<OrderOutcome, Error> {
    let mut requests = Vec::new();
    let taken = steps(caller, target, &order, &mut requests).await;
    let granted = !matches!(taken, Err(Error::Unexpected { .. }));
    context.findings.always("no_step_of_an_order_is_refused", granted, || {
        taken.as_ref().err().map_or_else(String::new, Error::to_string)
    });
    let (booking, declined) = if granted { taken? } else { (None, false) };
    Ok(OrderOutcome { order, booking, declined, requests })
}

/// The booking, and whether the payment was declined.
async fn steps(
    caller: &mut RetryingClient,
    target: &Target,
    order: &Order,
    requests: &mut Vec<OperationRequest>,
) -> Result<(Option<String>, bool), Error> {
    let Order { name, method, .. } = order;
    let mut booking = None;
    let mut price_minor = PRICE_MINOR;
    if order.seats > 0 {
        let catalogue = target.catalogue_for(method);
        let seats = order.seats.min(catalogue.slots.len());
        price_minor = PRICE_MINOR * seats as i64;
        let request = OperationRequest::hold_basket(&format!("{name}-hold"), catalogue, seats, HOLD_SECONDS);
        booking = Some(done(caller, &request, requests).await?);
    }
    let operation = format!("{name}-pay");
    let request = match (&booking, order.captures_minor) {
        (Some(booking), None) => OperationRequest::pay(&operation, booking, price_minor, method),
        (Some(booking), Some(_)) => OperationRequest::reserve_money(&operation, booking, price_minor, method),
        (None, Some(_)) => OperationRequest::authorize(&operation, PRICE_MINOR, method),
        (None, None) => OperationRequest::charge(&operation, PRICE_MINOR, method),
    };
    let request = if order.may_be_declined { request.that_may_be_refused() } else { request };
    let request = if order.declined { request.that_is_declined(method) } else { request };
    let answer = caller.retry_until_definite(&request).await?;
    requests.push(request);
    // The judge decides whether this payment may be declined.
    if answer.status == 402 {
        return Ok((booking, true));
    }
    let Some(payment) = answer.id().filter(|_| answer.is_success() && !order.declined) else {
        return Err(Error::Unexpected { operation, outcome: answer.summary() });
    };
    if method.waits_for_customer() {
        method.customer_pays(target, &answer).await?;
        let is_paid = |seen: &Value| seen["state"] == "captured";
        caller.until(&format!("/v1/payments/{payment}"), EVIDENCE_WITHIN, is_paid).await?;
    }
    if let Some(minor) = order.captures_minor {
        let amount = method.money(minor);
        let request = OperationRequest::capture(&format!("{name}-capture"), &payment, &operation, &amount);
        done(caller, &request, requests).await?;
    }
    for (at, minor) in order.refunds_minor.iter().enumerate() {
        let amount = method.money(*minor);
        let request = OperationRequest::refund(&format!("{name}-refund-{at}"), &payment, &operation, &amount);
        done(caller, &request, requests).await?;
    }
    Ok((booking, false))
}

/// The id of the created resource.
async fn done(
    caller: &mut RetryingClient,
    request: &OperationRequest,
    requests: &mut Vec<OperationRequest>,
) -> Result<String, Error> {
    let answer = caller.retry_until_definite(request).await?;
    requests.push(request.clone());
    match answer.id().filter(|_| answer.is_success()) {
        Some(id) => Ok(id),
        None => Err(Error::Unexpected { operation: request.operation.clone(), outcome: answer.summary() }),
    }
}

/// Sends each request of the orders once more, as clients with a long memory do. The journal shows
/// whether the replies are the same.
pub async fn repeat(
    context: &ScenarioContext,
    target: &Target,
    outcomes: &[OrderOutcome],
) -> Result<(), Error> {
    let requests: Vec<&OperationRequest> = outcomes.iter().flat_map(|outcome| &outcome.requests).collect();
    context.progress.counts("repeating every request", requests.len());
    let mut caller = context.caller(target, 0);
    for request in requests {
        caller.retry_until_definite(request).await?;
        context.progress.advance();
    }
    Ok(())
}

/// Checks `paid_bookings_are_confirmed`: a paid booking is confirmed, and no other booking is.
pub async fn judge_bookings(
    context: &ScenarioContext,
    deployment: &Deployment,
    outcomes: &[OrderOutcome],
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    let broken = context.findings.any_broken();
    let begun = Instant::now();
    let mut patience = Patience::of(EVIDENCE_WITHIN);
    for (at, outcome) in outcomes.iter().enumerate() {
        let Some(booking) = &outcome.booking else { continue };
        let expected = if outcome.declined { "held" } else { "confirmed" };
        let path = format!("/v1/bookings/{booking}");
        let seen = loop {
            let seen = caller.get(&path, None).await?;
            let unsettled = seen["state"] == "held" && !seen["open_payment_id"].is_null();
            let left = (outcomes.len() - at) as f64;
            let waits =
                if broken { begun.elapsed() <= EVIDENCE_WITHIN_IF_BROKEN } else { patience.lasts(left) };
            if !unsettled || !waits {
                break seen;
            }
            tokio::time::sleep(POLL_EVERY).await;
        };
        context.findings.always("paid_bookings_are_confirmed", seen["state"] == expected, || {
            format!("{}: its booking is {}, not {expected}", outcome.order.name, seen["state"])
        });
    }
    Ok(())
}

/// A random pause that can end anywhere within a charge.
pub fn moment(random: &mut StdRng) -> Duration {
    const MOMENT_MAX_MS: u64 = 200;
    Duration::from_millis(random.random_range(0..MOMENT_MAX_MS))
}
