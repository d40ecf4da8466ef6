//! Who is busy meanwhile: some pay, and some hold seats and let them go again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::json;
use tokio::task::JoinSet;

use crate::operation_request::{ExpectedEffect, PAYS};
use crate::{Error, OperationRequest, RetryingClient, ScenarioContext, Target};

/// Payers pause for so long between two charges: they are there all the while, and leave the machine room.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 20..=150;
const HOLD_SECONDS: u32 = 3_600;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What one of them does once, under this name.
type Does = for<'a> fn(&'a mut Member, String) -> BoxFuture<'a, Result<(), Error>>;

struct Member {
    caller: RetryingClient,
    shop: Target,
    /// Each goes to a slot of its own.
    slot: usize,
    random: StdRng,
}

/// Clients who do the same over and over, until it is enough.
pub struct Crowd {
    enough: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    members: JoinSet<Result<(), Error>>,
}

impl Crowd {
    /// Charges without a booking: one message each.
    pub fn paying(context: &ScenarioContext, shop: &Target, clients: usize) -> Result<Crowd, Error> {
        Crowd::begin(context, shop, clients, "paid", |member, name| Box::pin(pay(member, name)))
    }

    /// Seats that are held and given back: two messages of one subject each.
    pub fn holding(context: &ScenarioContext, shop: &Target, clients: usize) -> Result<Crowd, Error> {
        Crowd::begin(context, shop, clients, "held", |member, name| Box::pin(hold(member, name)))
    }

    fn begin(
        context: &ScenarioContext,
        shop: &Target,
        clients: usize,
        name: &str,
        does: Does,
    ) -> Result<Crowd, Error> {
        let (enough, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut members = JoinSet::new();
        for number in 0..clients {
            let caller = context.caller(shop, number)?;
            let random = context.random(&format!("{name} {number}"));
            let mut member = Member { caller, shop: shop.clone(), slot: number, random };
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
        Ok(Crowd { enough, done, members })
    }

    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// One that has ended before it is told to has failed.
    pub fn look(&mut self) -> Result<(), Error> {
        match self.members.try_join_next() {
            Some(ended) => Ok(ended.map_err(std::io::Error::other)??),
            None => Ok(()),
        }
    }

    pub async fn until_done(&mut self, at_least: usize) -> Result<(), Error> {
        while self.done() < at_least {
            self.look()?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Not before they have done so much.
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
    let ask = OperationRequest::charge(&operation, member.random.random_range(100..=9_999), PAYS);
    member.caller.retry_until_definite(&ask).await?;
    let pause = member.random.random_range(PAUSE_MS);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    Ok(())
}

async fn hold(member: &mut Member, operation: String) -> Result<(), Error> {
    let ask = OperationRequest::hold(&operation, &member.shop.catalogue, member.slot, HOLD_SECONDS);
    let answer = member.caller.retry_until_definite(&ask).await?;
    let Some(booking) = answer.id().filter(|_| answer.is_success()) else {
        return Err(Error::Unexpected { operation, told: answer.words() });
    };
    let operation = format!("{operation}-let-go");
    let path = format!("/v1/bookings/{booking}/cancel");
    let answer = member
        .caller
        .retry_until_definite(&OperationRequest::new(&operation, &path, &json!({}), ExpectedEffect::Nothing))
        .await?;
    if answer.is_success() { Ok(()) } else { Err(Error::Unexpected { operation, told: answer.words() }) }
}
