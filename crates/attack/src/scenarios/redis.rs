//! Redis in trouble, in the middle of duplicates.
//!
//! | trouble | what Redis knows then | how long |
//! |---|---|---|
//! | keys lost | half of it, at random | a moment |
//! | flushed | nothing | a moment |
//! | killed, and started again | nothing | until some more charges are done without it |
//! | held still (SIGSTOP), and woken | everything, and what it was told meanwhile comes late | the same |
//! | put back to an old snapshot | markers of what is finished long since, and not what was finished after it | a moment |
//!
//! Each operation is asked for by several callers at the same moment, over all servers, and there are more of
//! them for as long as anything befalls. What is worked on twice shows in the provider's books; what is
//! answered otherwise than before, in the journal.

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

use crate::operation_request::PAYS;
use crate::orders::moment;
use crate::{
    Deployment, Error, ExpectedEffect, Need, OperationRequest, Part, PendingWork, ReplyKind, RequestResult,
    RetryingClient, Scenario, ScenarioContext, Target, Tuning, at_once, judge,
};

pub const SCENARIO: Scenario = Scenario {
    number: 8,
    name: "redis",
    promise: "Redis may lose keys, be flushed, killed, held still or put back to an old snapshot in the middle of duplicates: the database goes on telling them from what is new.",
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

/// Callers for each operation, and so many operations at the same time.
const DUPLICATES: usize = 4;
const LANES: usize = 6;
const OPERATIONS_MIN: usize = 60;
/// Operations for one trouble.
const OPERATIONS_A_TROUBLE: usize = 25;
/// So many more are finished before Redis is let back.
const BESIDE: usize = 8;
/// Far longer than they take.
const BESIDE_WITHIN: Duration = Duration::from_mins(1);
const USED_AGAIN_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Operations that are said once more from an empty Redis.
const FROM_THE_DATABASE_MAX: usize = 50;
/// Short, so that a marker whose owner could not give it back keeps nobody for long.
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

/// A trouble comes once so many operations are finished, and a moment later.
#[derive(Clone, Debug)]
struct Planned {
    after: usize,
    moment: Duration,
    trouble: Trouble,
}

/// What is asked for, and under the same key afterwards, if anything.
#[derive(Clone, Debug)]
struct PlannedRequest {
    ask: OperationRequest,
    changed: Option<OperationRequest>,
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = context.operations().max(OPERATIONS_MIN);
    let plan = plan(count, &mut context.random("troubles"));
    let mut deployment = context.deploy(&Tuning::default().with("redis", "lease_ms", LEASE_MS)).await?;
    let wishes = wishes(&context, &deployment.shop, count, &mut context.random("operations"));
    // Long enough for the duplicates to meet the first in flight.
    deployment.set_faults(json!({ "seed": context.draw("provider") >> 12, "delay_ms": [5, 80] })).await?;
    let work = PendingWork::until_enough();
    let asked = ask_all(&context, &deployment.shop, wishes, &work);
    // Whoever gives up first tells why.
    let (wishes, ()) = tokio::try_join!(asked, apply_incidents(&context, &deployment, &plan, &work))?;
    deployment.all_alive()?;

    let mut caller = context.caller(&deployment.shop, 0)?;
    used_again(&context, &deployment, &mut caller, &wishes[0].ask).await?;
    context.progress.counts("saying everything once more", wishes.len());
    for wish in &wishes {
        caller.retry_until_definite(&wish.ask).await?;
        context.progress.advance();
    }
    // And from the database, to hold the two against each other to the byte.
    befall(&context, &deployment, Trouble::Flushed).await?;
    for wish in wishes.iter().take(FROM_THE_DATABASE_MAX) {
        caller.retry_until_definite(&wish.ask).await?;
    }
    seen(&context, &deployment).await?;
    judge(&context, &deployment).await?;
    Ok(())
}

/// Each kind as often as the others, spread at random over most of the work that is planned.
fn plan(count: usize, random: &mut StdRng) -> Vec<Planned> {
    let troubles = (count / OPERATIONS_A_TROUBLE).max(Trouble::ALL.len());
    let mut kinds: Vec<Trouble> = Trouble::ALL.into_iter().cycle().take(troubles).collect();
    kinds.shuffle(random);
    let mut afters: Vec<usize> = kinds.iter().map(|_| random.random_range(0..count * 8 / 10)).collect();
    afters.sort_unstable();
    let planned = |(trouble, after)| Planned { after, moment: moment(random), trouble };
    kinds.into_iter().zip(afters).map(planned).collect()
}

fn wishes(
    context: &ScenarioContext,
    shop: &Target,
    count: usize,
    random: &mut StdRng,
) -> Vec<PlannedRequest> {
    (0..count).map(|number| wish(&context.operation(number), shop, number, random)).collect()
}

/// A request of the kind that this number stands for.
fn wish(operation: &str, shop: &Target, number: usize, random: &mut StdRng) -> PlannedRequest {
    if number % 4 == 3 {
        return PlannedRequest {
            ask: OperationRequest::hold(operation, &shop.catalogue, 0, 3_600),
            changed: None,
        };
    }
    let ask = OperationRequest::charge(operation, random.random_range(100..=9_999), PAYS);
    let changed = number.is_multiple_of(4).then(|| {
        let mut body: Value = serde_json::from_str(&ask.body).unwrap_or_default();
        body["metadata"]["changed"] = json!("1");
        ask.with_body(body.to_string(), ExpectedEffect::Nothing)
    });
    PlannedRequest { ask, changed }
}

/// Several lanes work through the wishes, and through more of them for as long as the work needs it. All that
/// were asked for.
async fn ask_all(
    context: &ScenarioContext,
    shop: &Target,
    wishes: Vec<PlannedRequest>,
    work: &PendingWork,
) -> Result<Vec<PlannedRequest>, Error> {
    context.progress.counts("operations, each asked for several times at once", wishes.len());
    let waiting = Arc::new(Mutex::new(VecDeque::from(wishes)));
    let further = Arc::new(AtomicUsize::new(0));
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let mut callers: Vec<RetryingClient> = (0..DUPLICATES)
            .map(|number| context.caller(shop, lane * DUPLICATES + number))
            .collect::<Result<_, _>>()?;
        let (context, shop, work) = (context.clone(), shop.clone(), work.clone());
        let (waiting, further) = (waiting.clone(), further.clone());
        let mut random = context.random(&format!("further operations {lane}"));
        lanes.spawn(async move {
            let mut asked = Vec::new();
            loop {
                let planned = waiting.lock().pop_front();
                let wish = match planned {
                    Some(wish) => wish,
                    None if work.needs_more() => {
                        let number = further.fetch_add(1, Ordering::Relaxed);
                        let operation = context.operation(format!("further-{number}"));
                        wish(&operation, &shop, number, &mut random)
                    }
                    None => return Ok::<_, Error>(asked),
                };
                let under_way = work.begins();
                duplicates(&context, &mut callers, &wish).await?;
                drop(under_way);
                asked.push(wish);
                context.progress.advance();
            }
        });
    }
    let mut asked = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        asked.extend(lane.map_err(std::io::Error::other)??);
    }
    Ok(asked)
}

async fn duplicates(
    context: &ScenarioContext,
    callers: &mut [RetryingClient],
    wish: &PlannedRequest,
) -> Result<(), Error> {
    let PlannedRequest { ask, changed } = wish;
    let said = at_once(callers, &vec![ask.clone(); callers.len()]).await?;
    let count = |wanted: &[ReplyKind]| said.iter().filter(|said| wanted.contains(&said.reply_kind())).count();
    // A 202 is an answer of the one that is worked on too, given before it was done. The one that was worked
    // on may also be the one whose answer was lost.
    let worked_on = count(&[ReplyKind::New, ReplyKind::Accepted]);
    let one = worked_on == 1 || (worked_on == 0 && count(&[ReplyKind::Lost, ReplyKind::Unavailable]) > 0);
    let others = count(&[ReplyKind::InFlight, ReplyKind::Replay, ReplyKind::Lost, ReplyKind::Unavailable]);
    let fine = one && worked_on + others == said.len();
    context.findings.always("one_of_the_duplicates_is_worked_on", fine, || {
        let words: Vec<String> = said.iter().map(RequestResult::words).collect();
        format!("{}: {}", ask.operation, words.join("; "))
    });
    for caller in callers.iter_mut() {
        caller.retry_until_definite(ask).await?;
    }
    if let Some(changed) = changed {
        let said = callers[0].send_once(changed).await?;
        // Or it was not heard at all.
        let refused =
            matches!(said.reply_kind(), ReplyKind::Mismatch | ReplyKind::Lost | ReplyKind::Unavailable);
        context.findings.always("a_changed_body_is_refused", refused, || {
            format!("{}: {}", changed.operation, said.words())
        });
    }
    Ok(())
}

/// Lets the plan come to pass as operations finish, and then lets them end.
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
            Trouble::KeysLost | Trouble::Flushed => befall(context, deployment, planned.trouble).await?,
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

/// What takes no time.
async fn befall(context: &ScenarioContext, deployment: &Deployment, trouble: Trouble) -> Result<(), Error> {
    let words: &[&str] = match trouble {
        Trouble::KeysLost => {
            let lose = "for _ = 1, redis.call('DBSIZE') / 2 do \
                        redis.call('DEL', redis.call('RANDOMKEY')) end";
            &["EVAL", lose, "0"]
        }
        _ => &["FLUSHALL"],
    };
    context.timeline.fault(trouble.reached(), "redis", "");
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let told = move |redis: &Private| redis.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
    deployment.redis(told).await.map(drop)
}

/// Some more are finished, whatever Redis does.
async fn goes_on(context: &ScenarioContext, work: &PendingWork, redis: &str) {
    let from = work.finished();
    let goal = from + BESIDE;
    let reached = tokio::time::timeout(BESIDE_WITHIN, work.until_finished(goal)).await.is_ok();
    context.findings.always("work_goes_on_without_redis", reached, || {
        format!("redis is {redis}: {from} operations were finished then, and not {goal} in {BESIDE_WITHIN:?}")
    });
}

/// Once it is back, replays come from it.
async fn used_again(
    context: &ScenarioContext,
    deployment: &Deployment,
    caller: &mut RetryingClient,
    ask: &OperationRequest,
) -> Result<(), Error> {
    let (begun, before) = (Instant::now(), asked_of_redis(deployment, "hit").await?);
    let used = loop {
        caller.retry_until_definite(ask).await?;
        if asked_of_redis(deployment, "hit").await? > before {
            break true;
        }
        if begun.elapsed() > USED_AGAIN_WITHIN {
            break false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let told = || format!("no replay came from it in {USED_AGAIN_WITHIN:?}");
    context.findings.always("redis_is_used_again", used, told);
    Ok(())
}

/// What came of the questions, over all servers.
async fn asked_of_redis(deployment: &Deployment, outcome: &str) -> Result<u64, Error> {
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
        let count = asked_of_redis(deployment, outcome).await?;
        context.findings.reached_times(state, count);
        context.findings.figure(format!("redis {outcome}"), count as f64);
    }
    context.findings.figure("redis miss", asked_of_redis(deployment, "miss").await? as f64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn every_trouble_comes_and_waits_for_no_operation_that_never_comes() {
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
