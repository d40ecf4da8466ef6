//! The network loses requests and answers: between good clients and the server, and between the
//! server and the provider. The SDK retries, under the same key.
//!
//! | part | what is done | why |
//! |---|---|---|
//! | weather | proxies before every server and before the provider disturb connections as networks do | any request or answer may be lost, late or doubled |
//! | spread | a gate answers each request with 503 a few times | enough pauses of the SDK to judge their distribution |
//! | Retry-After | the gate sends `Retry-After` in seconds, as a date, and far too late | the SDK comes back no sooner, and gives up if it cannot wait |
//! | repeated | every request is sent once more, by clients of another kind | the answers stay the same |

mod faults;
mod gate;
mod spread;

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{Backoff, Timeouts, budget};
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::task::JoinSet;

use crate::deployment::ACCOUNTS;
use crate::{
    Deployment, Error, OperationRequest, Scenario, ScenarioContext, SdkClient, Target, Tuning, judge,
};
use faults::Side;
use gate::{Gate, RetryInstruction, When};
use testkit::proxy::{Plan, Proxy};

pub const SCENARIO: Scenario = Scenario {
    number: 4,
    name: "network",
    promise: "Whatever the network loses, delays or repeats, on either side, each charge is applied once, and the SDK comes back with the same key, spread out, and no sooner than Retry-After.",
    needs: &[crate::Need::Deployment],
    always: &["delays_are_spread", "comes_back_no_sooner_than_told", "does_not_wait_past_its_deadline"],
    sometimes: &[
        "clients_met_cut_response",
        "clients_met_cut_request",
        "clients_met_reset",
        "clients_met_blackhole",
        "clients_met_half_open",
        "clients_met_half_close",
        "clients_met_slow",
        "clients_met_latency",
        "clients_met_refuse",
        "clients_met_duplicate",
        "provider_met_cut_response",
        "provider_met_cut_request",
        "provider_met_reset",
        "provider_met_blackhole",
        "provider_met_half_open",
        "provider_met_half_close",
        "provider_met_slow",
        "provider_met_latency",
        "provider_met_refuse",
        "provider_met_duplicate",
        "unknown_became_known",
        "told_in_seconds",
        "told_by_a_date",
    ],
    run: |context| Box::pin(run(context)),
};

const CLIENTS: usize = 32;
const CHARGES_MIN: usize = 60;
/// Attempts of the SDK on a bad network: few, so that it sometimes gives up and is called again.
const ATTEMPTS: u32 = 2;
/// How often all live connections are ended: a client with a lasting fault gets a new connection.
const RESETS: usize = 8;
/// The time for one more charge to meet a fault that has not occurred yet.
const MET_WITHIN: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_millis(50);
/// Requests whose pauses are judged, and how often each is refused.
const TURNED_AWAY: usize = 60;
const TIMES: u32 = 4;
/// Requests of each kind that get a Retry-After.
const WITH_RETRY_AFTER: usize = 8;
/// The SDK draws the pause before each retry from this range, for every retry the same, so that all
/// pauses can be judged together.
pub(super) const SPAN: Duration = Duration::from_millis(400);

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let mut random = context.random("charges");
    let count = context.operations().max(CHARGES_MIN);
    let requests: Vec<OperationRequest> =
        (0..count).map(|number| charge(&context, "weather", number, &mut random)).collect();

    let mut deployment = context.prepare().await?;
    let provider = Proxy::start(
        address(deployment.sandbox_url()?)?,
        faults::plan(Side::Provider, context.draw("provider")),
    )?;
    deployment.provider_is_at(provider.url())?;
    deployment.start(&tuning()).await?;
    let fronts = fronts(&context, &deployment)?;
    let target = Target { base_urls: fronts.iter().map(Proxy::url).collect(), ..deployment.target.clone() };

    weather(&context, &target, &requests, &fronts, &provider).await?;
    deployment.all_alive()?;
    let provider = std::slice::from_ref(&provider);
    faults::record_faults(&context, Side::Clients, &fronts);
    faults::record_faults(&context, Side::Provider, provider);
    let mut further = missed(&context, &target, Side::Clients, &fronts, &mut random).await?;
    further.extend(missed(&context, &target, Side::Provider, provider, &mut random).await?);

    let gate = Gate::open(&deployment.target.base_urls[0]).await?;
    let target = Target { base_urls: vec![gate.url()], ..deployment.target.clone() };
    further.extend(turned_away(&context, &target, &gate, &mut random).await?);
    further.extend(with_retry_after(&context, &target, &gate, &mut random).await?);
    spread::judge(&context, SPAN);

    context.progress.counts("repeating every request", requests.len() + further.len());
    let mut caller = context.caller(&deployment.target, 0);
    for request in requests.iter().chain(&further) {
        caller.retry_until_definite(request).await?;
        context.progress.advance();
    }
    judge(&context, &deployment).await?;
    Ok(())
}

fn charge(context: &ScenarioContext, part: &str, number: usize, random: &mut StdRng) -> OperationRequest {
    let operation = context.operation(format!("{part}-{number}"));
    OperationRequest::charge(&operation, random.random_range(100..=9_999), context.card(number))
}

/// A server that waits seconds, not half a minute, for a lost answer of its provider.
fn tuning() -> Tuning {
    Tuning::default().with(ACCOUNTS, "connect_timeout_ms", 500).with(ACCOUNTS, "call_timeout_ms", 1_500)
}

fn address(url: &str) -> Result<SocketAddr, Error> {
    let address = url.trim_start_matches("http://").parse();
    address.map_err(|_| Error::Refused(format!("{url} is not an address of ours")))
}

fn fronts(context: &ScenarioContext, deployment: &Deployment) -> Result<Vec<Proxy>, Error> {
    let front = |(number, url): (usize, &String)| {
        let plan = faults::plan(Side::Clients, context.draw(&format!("front {number}")));
        Ok(Proxy::start(address(url)?, plan)?)
    };
    deployment.target.base_urls.iter().enumerate().map(front).collect()
}

/// An SDK client that gives up soon, and therefore often.
fn impatient(
    context: &ScenarioContext,
    target: &Target,
    part: &str,
    number: usize,
) -> Result<SdkClient, Error> {
    let timeouts = Timeouts { attempt: Duration::from_millis(1_500), operation: Duration::from_secs(15) };
    sdk(context, target, part, number, (ATTEMPTS, timeouts))
}

/// An SDK client that comes back only after a refusal. On a slow machine an answer may be late, and
/// a client that gives up on it gets no Retry-After.
fn patient(
    context: &ScenarioContext,
    target: &Target,
    part: &str,
    number: usize,
) -> Result<SdkClient, Error> {
    let timeouts = Timeouts { attempt: Duration::from_secs(10), operation: Duration::from_mins(1) };
    sdk(context, target, part, number, (TIMES + 1, timeouts))
}

/// It may retry without limit: the scenarios with a server that is down test its budget and its
/// breaker, not this one.
fn sdk(
    context: &ScenarioContext,
    target: &Target,
    part: &str,
    number: usize,
    (attempts, timeouts): (u32, Timeouts),
) -> Result<SdkClient, Error> {
    // Each client draws its own pauses. Two clients with the same pauses would count as one.
    let seed = context.draw(&format!("sdk {part} {number}"));
    SdkClient::new(context, target, number, |builder| {
        builder
            .seed(seed)
            .timeouts(timeouts)
            .wait(Duration::from_secs(1))
            .attempts_max(attempts)
            .backoff(Backoff { base: SPAN, cap: SPAN })
            .budget(budget::Settings { ratio: 1.0, floor_per_second: 1_000.0, ..budget::Settings::default() })
            .breaker(None)
    })
}

/// Clients work through the charges while their connections have random faults.
async fn weather(
    context: &ScenarioContext,
    target: &Target,
    requests: &[OperationRequest],
    fronts: &[Proxy],
    provider: &Proxy,
) -> Result<(), Error> {
    context.progress.counts("charges through a bad network", requests.len());
    let waiting = Arc::new(Mutex::new(VecDeque::from(requests.to_vec())));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let sdk = impatient(context, target, "weather", number)?;
        let (context, waiting) = (context.clone(), waiting.clone());
        clients.spawn(async move {
            loop {
                let next = waiting.lock().pop_front();
                let Some(request) = next else { return Ok::<_, Error>(()) };
                let first = sdk.charge(&request).await?;
                if !matches!(&first, Ok(answer) if answer.reply_kind().is_definite()) {
                    sdk.retry_until_definite(&request).await?;
                    context.findings.reached("unknown_became_known");
                }
                context.progress.advance();
            }
        });
    }
    let left = || waiting.lock().len();
    let step = requests.len().div_ceil(RESETS + 1);
    let mut next = requests.len().saturating_sub(step);
    let mut polls = tokio::time::interval(POLL_EVERY);
    loop {
        tokio::select! {
            client = clients.join_next() => match client {
                Some(client) => client.map_err(std::io::Error::other)??,
                None => return Ok(()),
            },
            _ = polls.tick() => if left() < next {
                next = next.saturating_sub(step);
                fronts.iter().for_each(Proxy::reset_all);
                provider.reset_all();
            },
        }
    }
}

/// A connection may have a fault and never carry a byte. For each fault that has not occurred by
/// chance, one more charge meets it on purpose. The network is good again afterwards.
async fn missed(
    context: &ScenarioContext,
    target: &Target,
    side: Side,
    proxies: &[Proxy],
    random: &mut StdRng,
) -> Result<Vec<OperationRequest>, Error> {
    proxies.iter().for_each(Proxy::heal);
    let mut requests = Vec::new();
    for (fault, state) in faults::missed(context, side) {
        let request = charge(context, state, 0, random);
        let plan = |plan: Plan| proxies.iter().for_each(|proxy| proxy.plan(plan.clone()));
        plan(Plan::Always(fault));
        proxies.iter().for_each(Proxy::reset_all);
        let sdk = impatient(context, target, state, 0)?;
        let asking = tokio::spawn({
            let request = request.clone();
            async move { sdk.retry_until_definite(&request).await }
        });
        let begun = Instant::now();
        while !faults::has_struck(proxies, fault) && begun.elapsed() < MET_WITHIN {
            tokio::time::sleep(POLL_EVERY).await;
        }
        context.findings.reached_times(state, u64::from(faults::has_struck(proxies, fault)));
        plan(Plan::pass());
        proxies.iter().for_each(Proxy::reset_all);
        asking.await.map_err(std::io::Error::other)??;
        requests.push(request);
    }
    Ok(requests)
}

/// Each request is refused often enough to judge its pauses, and then passes.
async fn turned_away(
    context: &ScenarioContext,
    target: &Target,
    gate: &Gate,
    random: &mut StdRng,
) -> Result<Vec<OperationRequest>, Error> {
    let requests: Vec<OperationRequest> =
        (0..TURNED_AWAY).map(|number| charge(context, "spread", number, random)).collect();
    for request in &requests {
        gate.turns_away(&request.key, vec![RetryInstruction::busy(None); TIMES as usize]);
    }
    through_the_gate(context, target, gate, "spread", &requests).await?;
    Ok(requests)
}

/// Each request gets one Retry-After.
async fn with_retry_after(
    context: &ScenarioContext,
    target: &Target,
    gate: &Gate,
    random: &mut StdRng,
) -> Result<Vec<OperationRequest>, Error> {
    let mut refused_with = |kind: &str, instruction: RetryInstruction| {
        let requests: Vec<OperationRequest> =
            (0..WITH_RETRY_AFTER).map(|number| charge(context, kind, number, random)).collect();
        for request in &requests {
            gate.turns_away(&request.key, vec![instruction]);
        }
        requests
    };
    let mut requests = refused_with("seconds", RetryInstruction::limited(Some(When::Seconds(1))));
    requests.extend(refused_with("date", RetryInstruction::busy(Some(When::Date { seconds: 2 }))));
    through_the_gate(context, target, gate, "Retry-After", &requests).await?;

    // An hour is more than the time of an operation, so waiting is useless.
    let late = refused_with("never", RetryInstruction::busy(Some(When::Seconds(3_600))));
    let sdk = patient(context, target, "never", 0)?;
    for request in &late {
        let outcome = sdk.charge(request).await?;
        let arrivals = gate.arrivals(&request.key).len();
        context.findings.always("does_not_wait_past_its_deadline", outcome.is_err() && arrivals == 1, || {
            format!(
                "{}: refused for an hour, it was sent {arrivals} times, with the result {outcome:?}",
                request.operation
            )
        });
        sdk.retry_until_definite(request).await?;
    }
    requests.extend(late);
    Ok(requests)
}

/// Sends all requests at once, each by a client of its own, and compares the clients with the
/// gate's record.
async fn through_the_gate(
    context: &ScenarioContext,
    target: &Target,
    gate: &Gate,
    part: &str,
    requests: &[OperationRequest],
) -> Result<(), Error> {
    context.progress.counts("refused by a gate", requests.len());
    let mut clients = JoinSet::new();
    for (number, request) in requests.iter().cloned().enumerate() {
        let sdk = patient(context, target, part, number)?;
        let context = context.clone();
        clients.spawn(async move {
            let answer = sdk.retry_until_definite(&request).await;
            context.progress.advance();
            answer
        });
    }
    while let Some(client) = clients.join_next().await {
        client.map_err(std::io::Error::other)??;
    }
    gate.judge(context, requests);
    Ok(())
}
