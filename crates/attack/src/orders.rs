//! What customers want: charges of every kind, carried out to their end whatever befalls the server.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use super::backlog_wait::Patience;
use super::operation_request::{DECLINED, PAYS, PRICE_MINOR};
use super::{Deployment, Error, OperationRequest, PendingWork, RetryingClient, ScenarioContext, Target};

/// For a webhook that was lost to be made up for, while no other is.
const EVIDENCE_WITHIN: Duration = Duration::from_mins(1);
/// What is seen broken already need not be made up for.
const EVIDENCE_WITHIN_IF_BROKEN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const HOLD_SECONDS: u32 = 3_600;
/// Clients pause for so long before an order that nobody planned: some are always under way, and few in all.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 200..=1_000;

/// One thing to be paid, and what comes after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What begins the names of its operations.
    pub name: String,
    /// Seats are held first, and the payment is theirs.
    pub books: bool,
    /// Authorised first, and then so much of it captured.
    pub captures_minor: Option<i64>,
    /// Partial refunds after the money was taken.
    pub refunds_minor: Vec<i64>,
    pub declined: bool,
    /// The provider turns down any card now and then.
    pub may_be_declined: bool,
}

/// What became of an order.
#[derive(Clone, Debug)]
pub struct OrderOutcome {
    pub order: Order,
    pub booking: Option<String>,
    pub declined: bool,
    /// What was asked for on its way, in order.
    pub asks: Vec<OperationRequest>,
}

/// Every kind among them, in an order that is drawn.
pub fn orders(context: &ScenarioContext, count: usize, random: &mut StdRng) -> Vec<Order> {
    let order = |number: usize| order(context.operation(number), number);
    let mut orders: Vec<Order> = (0..count).map(order).collect();
    orders.shuffle(random);
    orders
}

/// An order of the kind that this number stands for.
fn order(name: String, number: usize) -> Order {
    Order {
        name,
        books: number.is_multiple_of(2),
        captures_minor: (number % 10 < 2).then_some(if number % 20 < 10 { 1_700 } else { PRICE_MINOR }),
        refunds_minor: match number % 10 {
            3 => vec![300, 200],
            4 => vec![500],
            _ => vec![],
        },
        declined: number % 20 == 19,
        may_be_declined: false,
    }
}

/// So many clients work through the orders, and through more of them for as long as the work needs it.
pub async fn serve(
    context: &ScenarioContext,
    shop: &Target,
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
        let mut caller = context.caller(shop, number)?;
        let (context, shop) = (context.clone(), shop.clone());
        let mut random = context.random(&format!("further orders {number}"));
        let queue = queue.clone();
        serving.spawn(async move {
            let mut outcomes = Vec::new();
            while let Some(order) = queue.next(&context, &mut random).await {
                let _under_way = queue.work.begins();
                outcomes.push(carry_out(&context, &mut caller, &shop, order).await?);
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

/// What is still to be ordered.
struct Queue {
    planned: Mutex<VecDeque<Order>>,
    may_be_declined: bool,
    /// Orders that nobody planned, so far.
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
        let order = order(context.operation(format!("further-{number}")), number);
        Some(Order { may_be_declined: self.may_be_declined, ..order })
    }
}

/// To its end: every answer on the way is definite. Each step follows from what was granted before, so none
/// is refused; an order of which one is goes no further.
pub async fn carry_out(
    context: &ScenarioContext,
    caller: &mut RetryingClient,
    shop: &Target,
    order: Order,
) -> Result<OrderOutcome, Error> {
    let mut asks = Vec::new();
    let taken = steps(caller, shop, &order, &mut asks).await;
    let granted = !matches!(taken, Err(Error::Unexpected { .. }));
    context.findings.always("no_step_of_an_order_is_refused", granted, || {
        taken.as_ref().err().map_or_else(String::new, Error::to_string)
    });
    let (booking, declined) = if granted { taken? } else { (None, false) };
    Ok(OrderOutcome { order, booking, declined, asks })
}

/// The booking, and whether it was declined.
async fn steps(
    caller: &mut RetryingClient,
    shop: &Target,
    order: &Order,
    asks: &mut Vec<OperationRequest>,
) -> Result<(Option<String>, bool), Error> {
    let name = &order.name;
    let mut booking = None;
    if order.books {
        let ask = OperationRequest::hold(&format!("{name}-hold"), &shop.catalogue, 0, HOLD_SECONDS);
        booking = Some(done(caller, &ask, asks).await?);
    }
    let operation = format!("{name}-pay");
    let method = if order.declined { DECLINED } else { PAYS };
    let ask = match (&booking, order.captures_minor) {
        (Some(booking), None) => OperationRequest::pay(&operation, booking, PRICE_MINOR, method),
        (Some(booking), Some(_)) => OperationRequest::reserve_money(&operation, booking, PRICE_MINOR),
        (None, Some(_)) => OperationRequest::authorize(&operation, PRICE_MINOR),
        (None, None) => OperationRequest::charge(&operation, PRICE_MINOR, method),
    };
    let ask = if order.declined || order.may_be_declined { ask.that_may_be_refused() } else { ask };
    let answer = caller.retry_until_definite(&ask).await?;
    asks.push(ask);
    // Whether it may be is for the judge to say.
    if answer.status == 402 {
        return Ok((booking, true));
    }
    let Some(payment) = answer.id().filter(|_| answer.is_success() && !order.declined) else {
        return Err(Error::Unexpected { operation, told: answer.words() });
    };
    if let Some(minor) = order.captures_minor {
        let ask = OperationRequest::capture(&format!("{name}-capture"), &payment, &operation, minor);
        done(caller, &ask, asks).await?;
    }
    for (at, minor) in order.refunds_minor.iter().enumerate() {
        let ask = OperationRequest::refund(&format!("{name}-refund-{at}"), &payment, &operation, *minor);
        done(caller, &ask, asks).await?;
    }
    Ok((booking, false))
}

/// The id of what was made.
async fn done(
    caller: &mut RetryingClient,
    ask: &OperationRequest,
    asks: &mut Vec<OperationRequest>,
) -> Result<String, Error> {
    let answer = caller.retry_until_definite(ask).await?;
    asks.push(ask.clone());
    match answer.id().filter(|_| answer.is_success()) {
        Some(id) => Ok(id),
        None => Err(Error::Unexpected { operation: ask.operation.clone(), told: answer.words() }),
    }
}

/// Says each request of the orders once more, as clients with a long memory do. The journal tells whether
/// the answers are the same.
pub async fn repeat(
    context: &ScenarioContext,
    shop: &Target,
    outcomes: &[OrderOutcome],
) -> Result<(), Error> {
    let asks: Vec<&OperationRequest> = outcomes.iter().flat_map(|outcome| &outcome.asks).collect();
    context.progress.counts("repeating every request", asks.len());
    let mut caller = context.caller(shop, 0)?;
    for ask in asks {
        caller.retry_until_definite(ask).await?;
        context.progress.advance();
    }
    Ok(())
}

/// A booking follows what was seen at the provider: `paid_bookings_are_confirmed`, and no other is.
pub async fn judge_bookings(
    context: &ScenarioContext,
    deployment: &Deployment,
    outcomes: &[OrderOutcome],
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.shop, 0)?;
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
            tokio::time::sleep(LOOK_EVERY).await;
        };
        context.findings.always("paid_bookings_are_confirmed", seen["state"] == expected, || {
            format!("{}: its booking is {}, not {expected}", outcome.order.name, seen["state"])
        });
    }
    Ok(())
}

/// A moment, long enough to fall anywhere within a charge.
pub fn moment(random: &mut StdRng) -> Duration {
    const MOMENT_MAX_MS: u64 = 200;
    Duration::from_millis(random.random_range(0..MOMENT_MAX_MS))
}
