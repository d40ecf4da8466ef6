//! The network eats requests and answers: between good clients and the server, and between the server and
//! the provider. The SDK retries, under the same key.
//!
//! | part | what is done | why |
//! |---|---|---|
//! | weather | proxies before every server and before the provider do to connections what networks do | any request or answer may be lost, come late, or come twice |
//! | spread | a gate answers each request with 503 a few times | the pauses of the SDK, enough of them to judge their distribution |
//! | told when | the gate says `Retry-After`, in seconds, by a date, and far too late | the SDK comes back no sooner, and not at all where it cannot wait |
//! | repeated | every request is said once more, by clients of another kind | the answers stand |

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
use crate::operation_request::PAYS;
use crate::{
    Deployment, Error, OperationRequest, Scenario, ScenarioContext, SdkClient, Target, Tuning, judge,
};
use faults::Side;
use gate::{Gate, RetryInstruction, When};
use testkit::proxy::{Plan, Proxy};

pub const SCENARIO: Scenario = Scenario {
    number: 4,
    name: "network",
    promise: "Whatever the network loses, delays or repeats, on either side, each charge is applied once, and the SDK comes back with the same key, spread out, and no sooner than it was told.",
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
/// Attempts of the SDK on a bad network: few, so that it gives up now and then and is asked again.
const ATTEMPTS: u32 = 2;
/// All live connections are ended so many times on the way: who got a lasting fault draws anew.
const RESETS: usize = 8;
/// For one more charge to meet a fault that nobody has met.
const MET_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Requests whose pauses are judged, and how often each is turned away.
const TURNED_AWAY: usize = 60;
const TIMES: u32 = 4;
/// Requests that are told when to come back, of each kind.
const TOLD: usize = 8;
/// The pause of the SDK before each retry is drawn from this span, whichever retry it is: so that all of
/// them can be judged together.
pub(super) const SPAN: Duration = Duration::from_millis(400);

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let mut random = context.random("charges");
    let count = context.operations().max(CHARGES_MIN);
    let asks: Vec<OperationRequest> =
        (0..count).map(|number| charge(&context, "weather", number, &mut random)).collect();

    let mut deployment = context.prepare().await?;
    let provider = Proxy::start(
        address(deployment.sandbox_url()?)?,
        faults::plan(Side::Provider, context.draw("provider")),
    )?;
    deployment.provider_is_at(provider.url())?;
    deployment.start(&tuning()).await?;
    let fronts = fronts(&context, &deployment)?;
    let shop = Target { base_urls: fronts.iter().map(Proxy::url).collect(), ..deployment.shop.clone() };

    weather(&context, &shop, &asks, &fronts, &provider).await?;
    deployment.all_alive()?;
    let provider = std::slice::from_ref(&provider);
    faults::record_faults(&context, Side::Clients, &fronts);
    faults::record_faults(&context, Side::Provider, provider);
    let mut further = missed(&context, &shop, Side::Clients, &fronts, &mut random).await?;
    further.extend(missed(&context, &shop, Side::Provider, provider, &mut random).await?);

    let gate = Gate::open(&deployment.shop.base_urls[0]).await?;
    let shop = Target { base_urls: vec![gate.url()], ..deployment.shop.clone() };
    further.extend(turned_away(&context, &shop, &gate, &mut random).await?);
    further.extend(told_when(&context, &shop, &gate, &mut random).await?);
    spread::judge(&context, SPAN);

    context.progress.counts("saying everything once more", asks.len() + further.len());
    let mut caller = context.caller(&deployment.shop, 0)?;
    for ask in asks.iter().chain(&further) {
        caller.retry_until_definite(ask).await?;
        context.progress.advance();
    }
    judge(&context, &deployment).await?;
    Ok(())
}

fn charge(context: &ScenarioContext, part: &str, number: usize, random: &mut StdRng) -> OperationRequest {
    let operation = context.operation(format!("{part}-{number}"));
    OperationRequest::charge(&operation, random.random_range(100..=9_999), PAYS)
}

/// A server that waits for a lost answer of its provider for seconds, not for half a minute.
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
    deployment.shop.base_urls.iter().enumerate().map(front).collect()
}

/// A client of the SDK that gives up soon, so that it does it often.
fn impatient(
    context: &ScenarioContext,
    shop: &Target,
    part: &str,
    number: usize,
) -> Result<SdkClient, Error> {
    let timeouts = Timeouts { attempt: Duration::from_millis(1_500), operation: Duration::from_secs(15) };
    sdk(context, shop, part, number, (ATTEMPTS, timeouts))
}

/// One that comes back only because it was turned away: on a machine with much to do an answer may be slow, and
/// whoever gives one up is not told when to come back.
fn patient(context: &ScenarioContext, shop: &Target, part: &str, number: usize) -> Result<SdkClient, Error> {
    let timeouts = Timeouts { attempt: Duration::from_secs(10), operation: Duration::from_mins(1) };
    sdk(context, shop, part, number, (TIMES + 1, timeouts))
}

/// It may retry as often as it likes: its budget and its breaker are tested where a server is down, not where a
/// network is bad.
fn sdk(
    context: &ScenarioContext,
    shop: &Target,
    part: &str,
    number: usize,
    (attempts, timeouts): (u32, Timeouts),
) -> Result<SdkClient, Error> {
    // Each draws its own pauses: two that draw the same would be one to whoever judges them.
    let seed = context.draw(&format!("sdk {part} {number}"));
    SdkClient::new(context, shop, number, |builder| {
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

/// Clients work through the charges while connections suffer what they drew.
async fn weather(
    context: &ScenarioContext,
    shop: &Target,
    asks: &[OperationRequest],
    fronts: &[Proxy],
    provider: &Proxy,
) -> Result<(), Error> {
    context.progress.counts("charges through a bad network", asks.len());
    let waiting = Arc::new(Mutex::new(VecDeque::from(asks.to_vec())));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let sdk = impatient(context, shop, "weather", number)?;
        let (context, waiting) = (context.clone(), waiting.clone());
        clients.spawn(async move {
            loop {
                let next = waiting.lock().pop_front();
                let Some(ask) = next else { return Ok::<_, Error>(()) };
                let first = sdk.charge(&ask).await?;
                if !matches!(&first, Ok(answer) if answer.reply_kind().is_definite()) {
                    sdk.retry_until_definite(&ask).await?;
                    context.findings.reached("unknown_became_known");
                }
                context.progress.advance();
            }
        });
    }
    let left = || waiting.lock().len();
    let step = asks.len().div_ceil(RESETS + 1);
    let mut next = asks.len().saturating_sub(step);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            client = clients.join_next() => match client {
                Some(client) => client.map_err(std::io::Error::other)??,
                None => return Ok(()),
            },
            _ = looks.tick() => if left() < next {
                next = next.saturating_sub(step);
                fronts.iter().for_each(Proxy::reset_all);
                provider.reset_all();
            },
        }
    }
}

/// A connection may have drawn something and never carried a byte. What nobody met by chance, one more charge
/// meets on purpose; the network is good again afterwards.
async fn missed(
    context: &ScenarioContext,
    shop: &Target,
    side: Side,
    proxies: &[Proxy],
    random: &mut StdRng,
) -> Result<Vec<OperationRequest>, Error> {
    proxies.iter().for_each(Proxy::heal);
    let mut asks = Vec::new();
    for (fault, state) in faults::missed(context, side) {
        let ask = charge(context, state, 0, random);
        let plan = |plan: Plan| proxies.iter().for_each(|proxy| proxy.plan(plan.clone()));
        plan(Plan::Always(fault));
        proxies.iter().for_each(Proxy::reset_all);
        let sdk = impatient(context, shop, state, 0)?;
        let asking = tokio::spawn({
            let ask = ask.clone();
            async move { sdk.retry_until_definite(&ask).await }
        });
        let begun = Instant::now();
        while !faults::has_struck(proxies, fault) && begun.elapsed() < MET_WITHIN {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        context.findings.reached_times(state, u64::from(faults::has_struck(proxies, fault)));
        plan(Plan::pass());
        proxies.iter().for_each(Proxy::reset_all);
        asking.await.map_err(std::io::Error::other)??;
        asks.push(ask);
    }
    Ok(asks)
}

/// Each is turned away so often that its pauses can be judged, and then let through.
async fn turned_away(
    context: &ScenarioContext,
    shop: &Target,
    gate: &Gate,
    random: &mut StdRng,
) -> Result<Vec<OperationRequest>, Error> {
    let asks: Vec<OperationRequest> =
        (0..TURNED_AWAY).map(|number| charge(context, "spread", number, random)).collect();
    for ask in &asks {
        gate.turns_away(&ask.key, vec![RetryInstruction::busy(None); TIMES as usize]);
    }
    through_the_gate(context, shop, gate, "spread", &asks).await?;
    Ok(asks)
}

/// Each is told once when to come back.
async fn told_when(
    context: &ScenarioContext,
    shop: &Target,
    gate: &Gate,
    random: &mut StdRng,
) -> Result<Vec<OperationRequest>, Error> {
    let mut told = |kind: &str, told: RetryInstruction| {
        let asks: Vec<OperationRequest> =
            (0..TOLD).map(|number| charge(context, kind, number, random)).collect();
        for ask in &asks {
            gate.turns_away(&ask.key, vec![told]);
        }
        asks
    };
    let mut asks = told("seconds", RetryInstruction::limited(Some(When::Seconds(1))));
    asks.extend(told("date", RetryInstruction::busy(Some(When::Date { seconds: 2 }))));
    through_the_gate(context, shop, gate, "told when", &asks).await?;

    // An hour is more than an operation has: who waits, waits for nothing.
    let late = told("never", RetryInstruction::busy(Some(When::Seconds(3_600))));
    let sdk = patient(context, shop, "never", 0)?;
    for ask in &late {
        let heard = sdk.charge(ask).await?;
        let arrivals = gate.arrivals(&ask.key).len();
        context.findings.always("does_not_wait_past_its_deadline", heard.is_err() && arrivals == 1, || {
            format!(
                "{}: told to come back in an hour, it asked {arrivals} times and heard {heard:?}",
                ask.operation
            )
        });
        sdk.retry_until_definite(ask).await?;
    }
    asks.extend(late);
    Ok(asks)
}

/// All at once, each by a client of its own, and then held to what the gate saw.
async fn through_the_gate(
    context: &ScenarioContext,
    shop: &Target,
    gate: &Gate,
    part: &str,
    asks: &[OperationRequest],
) -> Result<(), Error> {
    context.progress.counts("turned away at a gate", asks.len());
    let mut clients = JoinSet::new();
    for (number, ask) in asks.iter().cloned().enumerate() {
        let sdk = patient(context, shop, part, number)?;
        let context = context.clone();
        clients.spawn(async move {
            let answer = sdk.retry_until_definite(&ask).await;
            context.progress.advance();
            answer
        });
    }
    while let Some(client) = clients.join_next().await {
        client.map_err(std::io::Error::other)??;
    }
    gate.judge(context, asks);
    Ok(())
}
