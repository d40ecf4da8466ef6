//! Redis fails, while duplicates arrive.
//!
//! | fault | what Redis knows then | how long |
//! |---|---|---|
//! | keys lost | half of it, at random | a moment |
//! | flushed | nothing | a moment |
//! | killed, and started again | nothing | until some more charges are done without it |
//! | stopped (SIGSTOP), and continued | everything; writes meanwhile come late | the same |
//! | restored from an old snapshot | markers of operations that finished long ago, and none that finished after it | a moment |
//!
//! Several clients send each operation at the same moment, over all servers, and go on with further
//! operations until the last fault has passed. Work that is done twice shows in the provider's
//! books; an answer that differs from an earlier one shows in the journal.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};
use test_servers::redis::Private;
use tokio::task::JoinSet;

use crate::methods::card;
use crate::orders::moment;
use crate::{
    Deployment, Error, ExpectedEffect, Need, OperationRequest, Part, PendingWork, ReplyKind, RequestResult,
    RetryingClient, Scenario, ScenarioContext, Target, Tuning, at_once, judge,
};

pub const SCENARIO: Scenario = Scenario {
    number: 8,
    name: "redis",
    promise: "Redis may lose keys, be flushed, killed, stopped or restored from an old snapshot while duplicates arrive: the database still recognizes each duplicate.",
    needs: &[Need::Deployment, Need::Redis],
    always: &[
        "one_of_the_duplicates_is_worked_on",
        "a_changed_body_is_refused",
        "work_goes_on_without_redis",
        "redis_is_used_again",
    ],
    sometimes: &[
        "keys_lost",
        "flushed",
        "killed",
        "held_still",
        "put_back_to_an_old_snapshot",
        "shielded_by_redis",
        "answered_by_redis",
        "done_without_redis",
    ],
    run: |context| Box::pin(run(context)),
};

/// The clients of each operation, and the operations at the same time.
const DUPLICATES: usize = 4;
const LANES: usize = 6;
const OPERATIONS_MIN: usize = 60;
/// Operations for each fault.
const OPERATIONS_A_TROUBLE: usize = 25;
/// Further operations that finish before Redis comes back.
const BESIDE: usize = 8;
/// Far longer than they take.
const BESIDE_WITHIN: Duration = Duration::from_mins(1);
const USED_AGAIN_WITHIN: Duration = Duration::from_mins(1);
const POLL_EVERY: Duration = Duration::from_millis(100);
/// Operations that are sent once more after Redis was flushed.
const FROM_THE_DATABASE_MAX: usize = 50;
/// Short, so that a marker that its owner could not remove blocks nobody for long.
const LEASE_MS: u64 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    KeysLost,
    Flushed,
    Killed,
    HeldStill,
    OldSnapshot,
}

impl Trouble {
    const ALL: [Trouble; 5] =
        [Trouble::KeysLost, Trouble::Flushed, Trouble::Killed, Trouble::HeldStill, Trouble::OldSnapshot];

    fn reached(self) -> &'static str {
        match self {
            Trouble::KeysLost => "keys_lost",
            Trouble::Flushed => "flushed",
            Trouble::Killed => "killed",
            Trouble::HeldStill => "held_still",
            Trouble::OldSnapshot => "put_back_to_an_old_snapshot",
        }
    }
}

/// A fault comes when this many operations are finished, and a moment later.
#[derive(Clone, Debug)]
struct Planned {
    after: usize,
    moment: Duration,
    trouble: Trouble,
}

/// A request, and a changed request under the same key, if there is one.
#[derive(Clone, Debug)]
struct PlannedRequest {
    request: OperationRequest,
    changed: Option<OperationRequest>,
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = context.operations().max(OPERATIONS_MIN);
    let plan = plan(count, &mut context.random("troubles"));
    let mut deployment = context.deploy(&Tuning::default().with("redis", "lease_ms", LEASE_MS)).await?;
    let planned_requests =
        planned_requests(&context, &deployment.target, count, &mut context.random("operations"));
    // Slow enough that the duplicates meet the first in flight.
    deployment.set_faults(json!({ "seed": context.draw("provider") >> 12, "delay_ms": [5, 80] })).await?;
    let work = PendingWork::until_enough();
    let sending = send_all(&context, &deployment.target, planned_requests, &work);
    // The first error ends both.
    let (planned_requests, ()) =
        tokio::try_join!(sending, apply_incidents(&context, &deployment, &plan, &work))?;
    deployment.all_alive()?;

    let mut caller = context.caller(&deployment.target, 0);
    used_again(&context, &deployment, &mut caller, &planned_requests[0].request).await?;
    context.progress.counts("repeating every request", planned_requests.len());
    for planned_request in &planned_requests {
        caller.retry_until_definite(&planned_request.request).await?;
        context.progress.advance();
    }
    // Also from the database, to compare both answers to the byte.
    apply(&context, &deployment, Trouble::Flushed).await?;
    for planned_request in planned_requests.iter().take(FROM_THE_DATABASE_MAX) {
        caller.retry_until_definite(&planned_request.request).await?;
    }
    seen(&context, &deployment).await?;
    judge(&context, &deployment).await?;
    Ok(())
}

/// Each kind equally often, spread at random over most of the planned work.
fn plan(count: usize, random: &mut StdRng) -> Vec<Planned> {
    let troubles = (count / OPERATIONS_A_TROUBLE).max(Trouble::ALL.len());
    let mut kinds: Vec<Trouble> = Trouble::ALL.into_iter().cycle().take(troubles).collect();
    kinds.shuffle(random);
    let mut afters: Vec<usize> = kinds.iter().map(|_| random.random_range(0..count * 8 / 10)).collect();
    afters.sort_unstable();
    let planned = |(trouble, after)| Planned { after, moment: moment(random), trouble };
    kinds.into_iter().zip(afters).map(planned).collect()
}

fn planned_requests(
    context: &ScenarioContext,
    target: &Target,
    count: usize,
    random: &mut StdRng,
) -> Vec<PlannedRequest> {
    (0..count).map(|number| planned_request(&context.operation(number), target, number, random)).collect()
}

/// The number chooses the kind of request.
fn planned_request(operation: &str, target: &Target, number: usize, random: &mut StdRng) -> PlannedRequest {
    if number % 4 == 3 {
        return PlannedRequest {
            request: OperationRequest::hold(operation, &target.catalogue, 0, 3_600),
            changed: None,
        };
    }
    let request = OperationRequest::charge(operation, random.random_range(100..=9_999), card(number));
    let changed = number.is_multiple_of(4).then(|| {
        let mut body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        body["metadata"]["changed"] = json!("1");
        request.with_body(body.to_string(), ExpectedEffect::Nothing)
    });
    PlannedRequest { request, changed }
}

/// Several lanes carry out the requests, and further requests for as long as the work needs more.
/// Returns all of them.
async fn send_all(
    context: &ScenarioContext,
    target: &Target,
    planned_requests: Vec<PlannedRequest>,
    work: &PendingWork,
) -> Result<Vec<PlannedRequest>, Error> {
    context.progress.counts("operations, each sent several times at once", planned_requests.len());
    let waiting = Arc::new(Mutex::new(VecDeque::from(planned_requests)));
    let further = Arc::new(AtomicUsize::new(0));
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let mut callers: Vec<RetryingClient> =
            (0..DUPLICATES).map(|number| context.caller(target, lane * DUPLICATES + number)).collect();
        let (context, target, work) = (context.clone(), target.clone(), work.clone());
        let (waiting, further) = (waiting.clone(), further.clone());
        let mut random = context.random(&format!("further operations {lane}"));
        lanes.spawn(async move {
            let mut sent = Vec::new();
            loop {
                let planned = waiting.lock().pop_front();
                let planned_request = match planned {
                    Some(planned_request) => planned_request,
                    None if work.needs_more() => {
                        let number = further.fetch_add(1, Ordering::Relaxed);
                        let operation = context.operation(format!("further-{number}"));
                        planned_request(&operation, &target, number, &mut random)
                    }
                    None => return Ok::<_, Error>(sent),
                };
                let under_way = work.begins();
                duplicates(&context, &mut callers, &planned_request).await?;
                drop(under_way);
                sent.push(planned_request);
                context.progress.advance();
            }
        });
    }
    let mut sent = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        sent.extend(lane.map_err(std::io::Error::other)??);
    }
    Ok(sent)
}

async fn duplicates(
    context: &ScenarioContext,
    callers: &mut [RetryingClient],
    planned_request: &PlannedRequest,
) -> Result<(), Error> {
    let PlannedRequest { request, changed } = planned_request;
    let results = at_once(callers, &vec![request.clone(); callers.len()]).await?;
    let count =
        |wanted: &[ReplyKind]| results.iter().filter(|result| wanted.contains(&result.reply_kind())).count();
    // A 202 comes from the request that was worked on too, before its end. Its answer may also be
    // the one that was lost.
    let worked_on = count(&[ReplyKind::New, ReplyKind::Accepted]);
    let one = worked_on == 1 || (worked_on == 0 && count(&[ReplyKind::Lost, ReplyKind::Unavailable]) > 0);
    let others = count(&[ReplyKind::InFlight, ReplyKind::Replay, ReplyKind::Lost, ReplyKind::Unavailable]);
    let fine = one && worked_on + others == results.len();
    context.findings.always("one_of_the_duplicates_is_worked_on", fine, || {
        let results: Vec<String> = results.iter().map(RequestResult::summary).collect();
        format!("{}: {}", request.operation, results.join("; "))
    });
    for caller in callers.iter_mut() {
        caller.retry_until_definite(request).await?;
    }
    if let Some(changed) = changed {
        let result = callers[0].send_once(changed).await?;
        // The answer was lost.
        let refused =
            matches!(result.reply_kind(), ReplyKind::Mismatch | ReplyKind::Lost | ReplyKind::Unavailable);
        context.findings.always("a_changed_body_is_refused", refused, || {
            format!("{}: {}", changed.operation, result.summary())
        });
    }
    Ok(())
}

/// Applies the plan while operations finish, and then ends the work.
async fn apply_incidents(
    context: &ScenarioContext,
    deployment: &Deployment,
    plan: &[Planned],
    work: &PendingWork,
) -> Result<(), Error> {
    for planned in plan {
        work.until_finished(planned.after).await;
        tokio::time::sleep(planned.moment).await;
        if work.is_under_way() {
            context.findings.reached(planned.trouble.reached());
        }
        match planned.trouble {
            Trouble::KeysLost | Trouble::Flushed => apply(context, deployment, planned.trouble).await?,
            Trouble::Killed => {
                let lasting = context.timeline.begin("killed", "redis");
                deployment.redis(Private::kill).await?;
                goes_on(context, work, "killed").await;
                deployment.redis(Private::restart).await?;
                context.timeline.end(lasting);
            }
            Trouble::HeldStill => {
                let lasting = context.timeline.begin("stall", "redis");
                deployment.redis(Private::pause).await?;
                goes_on(context, work, "held still").await;
                deployment.redis(Private::resume).await?;
                context.timeline.end(lasting);
            }
            Trouble::OldSnapshot => {
                let snapshot = deployment.redis(Private::save).await?;
                goes_on(context, work, "about to be put back").await;
                context.timeline.fault("put back to an old snapshot", "redis", "");
                deployment.redis(move |redis| redis.restore(&snapshot)).await?;
            }
        }
    }
    work.is_enough();
    Ok(())
}

/// The faults that last no time.
async fn apply(context: &ScenarioContext, deployment: &Deployment, trouble: Trouble) -> Result<(), Error> {
    let command: &[&str] = match trouble {
        Trouble::KeysLost => {
            let lose = "for _ = 1, redis.call('DBSIZE') / 2 do \
                        redis.call('DEL', redis.call('RANDOMKEY')) end";
            &["EVAL", lose, "0"]
        }
        _ => &["FLUSHALL"],
    };
    context.timeline.fault(trouble.reached(), "redis", "");
    let command: Vec<String> = command.iter().map(ToString::to_string).collect();
    let run = move |redis: &Private| redis.command(&command.iter().map(String::as_str).collect::<Vec<_>>());
    deployment.redis(run).await.map(drop)
}

/// Waits until some more operations are finished without Redis.
async fn goes_on(context: &ScenarioContext, work: &PendingWork, redis: &str) {
    let from = work.finished();
    let goal = from + BESIDE;
    let reached = tokio::time::timeout(BESIDE_WITHIN, work.until_finished(goal)).await.is_ok();
    context.findings.always("work_goes_on_without_redis", reached, || {
        format!("redis is {redis}: {from} operations were finished then, and not {goal} in {BESIDE_WITHIN:?}")
    });
}

/// When Redis is back, replays come from it.
async fn used_again(
    context: &ScenarioContext,
    deployment: &Deployment,
    caller: &mut RetryingClient,
    request: &OperationRequest,
) -> Result<(), Error> {
    let (begun, before) = (Instant::now(), cache_lookups(deployment, "hit").await?);
    let used = loop {
        caller.retry_until_definite(request).await?;
        if cache_lookups(deployment, "hit").await? > before {
            break true;
        }
        if begun.elapsed() > USED_AGAIN_WITHIN {
            break false;
        }
        tokio::time::sleep(POLL_EVERY).await;
    };
    let missing = || format!("no replay came from it in {USED_AGAIN_WITHIN:?}");
    context.findings.always("redis_is_used_again", used, missing);
    Ok(())
}

/// The results of the cache's lookups, over all servers.
async fn cache_lookups(deployment: &Deployment, outcome: &str) -> Result<u64, Error> {
    let mut total = 0.0;
    for server in deployment.names(Part::Server) {
        let scrape = deployment.scrape(&server).await?;
        total += scrape.sum("surehold_hot_path_total", &[("outcome", outcome)]).unwrap_or(0.0);
    }
    Ok(total as u64)
}

async fn seen(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    for (outcome, state) in [
        ("shielded", "shielded_by_redis"),
        ("hit", "answered_by_redis"),
        ("unavailable", "done_without_redis"),
    ] {
        let count = cache_lookups(deployment, outcome).await?;
        context.findings.reached_times(state, count);
        context.findings.figure(format!("redis {outcome}"), count as f64);
    }
    context.findings.figure("redis miss", cache_lookups(deployment, "miss").await? as f64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn every_trouble_comes_within_the_planned_operations() {
        let of = |seed| plan(100, &mut StdRng::seed_from_u64(seed));
        assert_eq!(format!("{:?}", of(7)), format!("{:?}", of(7)));
        assert_ne!(format!("{:?}", of(7)), format!("{:?}", of(8)));
        for count in [60, 1_000] {
            let plan = plan(count, &mut StdRng::seed_from_u64(7));
            assert!(plan.is_sorted_by_key(|planned| planned.after));
            assert!(plan.iter().all(|planned| planned.after < count));
            let there = |trouble: &Trouble| plan.iter().any(|planned| planned.trouble == *trouble);
            assert!(Trouble::ALL.iter().all(there));
        }
    }
}
