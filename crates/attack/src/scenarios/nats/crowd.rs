//! Clients that work meanwhile: some pay, and some hold seats and cancel the holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::json;
use tokio::task::JoinSet;

use crate::methods::card;
use crate::operation_request::ExpectedEffect;
use crate::{Error, OperationRequest, RetryingClient, ScenarioContext, Target};

/// The pause of a payer between two charges: payers are always present, and leave time for the
/// rest.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 20..=150;
const HOLD_SECONDS: u32 = 3_600;
const POLL_EVERY: Duration = Duration::from_millis(50);

/// What one client does once, under this name.
type Does = for<'a> fn(&'a mut Member, String) -> BoxFuture<'a, Result<(), Error>>;

struct Member {
    caller: RetryingClient,
    target: Target,
    /// The client's own slot.
    slot: usize,
    random: StdRng,
}

/// Clients that repeat the same work until they are stopped.
pub struct Crowd {
    enough: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    members: JoinSet<Result<(), Error>>,
}

impl Crowd {
    /// Charges without a booking: one message each.
    pub fn paying(context: &ScenarioContext, target: &Target, clients: usize) -> Crowd {
        Crowd::begin(context, target, clients, "paid", |member, name| Box::pin(pay(member, name)))
    }

    /// Holds that are cancelled: two messages of one subject each.
    pub fn holding(context: &ScenarioContext, target: &Target, clients: usize) -> Crowd {
        Crowd::begin(context, target, clients, "held", |member, name| Box::pin(hold(member, name)))
    }

    fn begin(context: &ScenarioContext, target: &Target, clients: usize, name: &str, does: Does) -> Crowd {
        let (enough, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut members = JoinSet::new();
        for number in 0..clients {
            let caller = context.caller(target, number);
            let random = context.random(&format!("{name} {number}"));
            let mut member = Member { caller, target: target.clone(), slot: number, random };
            let (context, name, enough, done) =
                (context.clone(), name.to_owned(), enough.clone(), done.clone());
            members.spawn(async move {
                for time in 0.. {
                    if enough.load(Ordering::Relaxed) {
                        break;
                    }
                    does(&mut member, context.operation(format!("{name}-{number}-{time}"))).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        Crowd { enough, done, members }
    }

    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Fails if a client has ended before it was stopped.
    pub fn check_running(&mut self) -> Result<(), Error> {
        match self.members.try_join_next() {
            Some(ended) => Ok(ended.map_err(std::io::Error::other)??),
            None => Ok(()),
        }
    }

    pub async fn until_done(&mut self, at_least: usize) -> Result<(), Error> {
        while self.done() < at_least {
            self.check_running()?;
            tokio::time::sleep(POLL_EVERY).await;
        }
        Ok(())
    }

    /// Waits until they have done this much.
    pub async fn end(mut self, at_least: usize) -> Result<(), Error> {
        self.until_done(at_least).await?;
        self.enough.store(true, Ordering::Relaxed);
        while let Some(ended) = self.members.join_next().await {
            ended.map_err(std::io::Error::other)??;
        }
        Ok(())
    }
}

async fn pay(member: &mut Member, operation: String) -> Result<(), Error> {
    let minor = member.random.random_range(100..=9_999);
    let request = OperationRequest::charge(&operation, minor, card(member.random.random_range(0..2)));
    member.caller.retry_until_definite(&request).await?;
    let pause = member.random.random_range(PAUSE_MS);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    Ok(())
}

async fn hold(member: &mut Member, operation: String) -> Result<(), Error> {
    let request = OperationRequest::hold(&operation, &member.target.catalogue, member.slot, HOLD_SECONDS);
    let answer = member.caller.retry_until_definite(&request).await?;
    let Some(booking) = answer.id().filter(|_| answer.is_success()) else {
        return Err(Error::Unexpected { operation, outcome: answer.summary() });
    };
    let operation = format!("{operation}-let-go");
    let path = format!("/v1/bookings/{booking}/cancel");
    let answer = member
        .caller
        .retry_until_definite(&OperationRequest::new(&operation, &path, &json!({}), ExpectedEffect::Nothing))
        .await?;
    if answer.is_success() { Ok(()) } else { Err(Error::Unexpected { operation, outcome: answer.summary() }) }
}
