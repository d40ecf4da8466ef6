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

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use peers::redis::Private;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::attack::ask::PAYS;
use crate::attack::orders::moment;
use crate::attack::{
    Arena, Ask, Caller, Deployment, Error, Heard, Need, Part, Said, Scenario, Shop, Tuning, Wants, Work,
    at_once, judge,
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
    run: |arena| Box::pin(run(arena)),
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
struct Wish {
    ask: Ask,
    changed: Option<Ask>,
}

async fn run(arena: Arena) -> Result<(), Error> {
    let count = arena.operations().max(OPERATIONS_MIN);
    let plan = plan(count, &mut arena.random("troubles"));
    let mut town = arena.deploy(&Tuning::default().with("redis", "lease_ms", LEASE_MS)).await?;
    let wishes = wishes(&arena, &town.shop, count, &mut arena.random("operations"));
    // Long enough for the duplicates to meet the first in flight.
    town.set_faults(json!({ "seed": arena.draw("provider") >> 12, "delay_ms": [5, 80] })).await?;
    let work = Work::until_enough();
    let asked = ask_all(&arena, &town.shop, wishes, &work);
    // Whoever gives up first tells why.
    let (wishes, ()) = tokio::try_join!(asked, suffer(&arena, &town, &plan, &work))?;
    town.all_alive()?;

    let mut caller = arena.caller(&town.shop, 0)?;
    used_again(&arena, &town, &mut caller, &wishes[0].ask).await?;
    arena.progress.counts("saying everything once more", wishes.len());
    for wish in &wishes {
        caller.insist(&wish.ask).await?;
        arena.progress.advance();
    }
    // And from the database, to hold the two against each other to the byte.
    befall(&arena, &town, Trouble::Flushed).await?;
    for wish in wishes.iter().take(FROM_THE_DATABASE_MAX) {
        caller.insist(&wish.ask).await?;
    }
    seen(&arena, &town).await?;
    judge(&arena, &town).await?;
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

fn wishes(arena: &Arena, shop: &Shop, count: usize, random: &mut StdRng) -> Vec<Wish> {
    (0..count).map(|number| wish(&arena.operation(number), shop, number, random)).collect()
}

/// Of the kind that this number has.
fn wish(operation: &str, shop: &Shop, number: usize, random: &mut StdRng) -> Wish {
    if number % 4 == 3 {
        return Wish { ask: Ask::hold(operation, &shop.catalogue, 0, 3_600), changed: None };
    }
    let ask = Ask::charge(operation, random.random_range(100..=9_999), PAYS);
    let changed = number.is_multiple_of(4).then(|| {
        let mut body: Value = serde_json::from_str(&ask.body).unwrap_or_default();
        body["metadata"]["changed"] = json!("1");
        ask.with_body(body.to_string(), Wants::Nothing)
    });
    Wish { ask, changed }
}

/// Several lanes work through the wishes, and through more of them for as long as the work needs it. All that
/// were asked for.
async fn ask_all(arena: &Arena, shop: &Shop, wishes: Vec<Wish>, work: &Work) -> Result<Vec<Wish>, Error> {
    arena.progress.counts("operations, each asked for several times at once", wishes.len());
    let waiting = Arc::new(Mutex::new(VecDeque::from(wishes)));
    let further = Arc::new(AtomicUsize::new(0));
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let mut callers: Vec<Caller> = (0..DUPLICATES)
            .map(|number| arena.caller(shop, lane * DUPLICATES + number))
            .collect::<Result<_, _>>()?;
        let (arena, shop, work) = (arena.clone(), shop.clone(), work.clone());
        let (waiting, further) = (waiting.clone(), further.clone());
        let mut random = arena.random(&format!("further operations {lane}"));
        lanes.spawn(async move {
            let mut asked = Vec::new();
            loop {
                let planned = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let wish = match planned {
                    Some(wish) => wish,
                    None if work.needs_more() => {
                        let number = further.fetch_add(1, Ordering::Relaxed);
                        let operation = arena.operation(format!("further-{number}"));
                        wish(&operation, &shop, number, &mut random)
                    }
                    None => return Ok::<_, Error>(asked),
                };
                let under_way = work.begins();
                duplicates(&arena, &mut callers, &wish).await?;
                drop(under_way);
                asked.push(wish);
                arena.progress.advance();
            }
        });
    }
    let mut asked = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        asked.extend(lane.map_err(std::io::Error::other)??);
    }
    Ok(asked)
}

async fn duplicates(arena: &Arena, callers: &mut [Caller], wish: &Wish) -> Result<(), Error> {
    let Wish { ask, changed } = wish;
    let said = at_once(callers, &vec![ask.clone(); callers.len()]).await?;
    let count = |wanted: &[Heard]| said.iter().filter(|said| wanted.contains(&said.heard())).count();
    // A 202 is an answer of the one that is worked on too, given before it was done. The one that was worked
    // on may also be the one whose answer was lost.
    let worked_on = count(&[Heard::New, Heard::Accepted]);
    let one = worked_on == 1 || (worked_on == 0 && count(&[Heard::Lost, Heard::Unavailable]) > 0);
    let others = count(&[Heard::InFlight, Heard::Replay, Heard::Lost, Heard::Unavailable]);
    let fine = one && worked_on + others == said.len();
    arena.findings.always("one_of_the_duplicates_is_worked_on", fine, || {
        let words: Vec<String> = said.iter().map(Said::words).collect();
        format!("{}: {}", ask.operation, words.join("; "))
    });
    for caller in callers.iter_mut() {
        caller.insist(ask).await?;
    }
    if let Some(changed) = changed {
        let said = callers[0].once(changed).await?;
        // Or it was not heard at all.
        let refused = matches!(said.heard(), Heard::Mismatch | Heard::Lost | Heard::Unavailable);
        arena.findings.always("a_changed_body_is_refused", refused, || {
            format!("{}: {}", changed.operation, said.words())
        });
    }
    Ok(())
}

/// Lets the plan come to pass as operations finish, and then lets them end.
async fn suffer(arena: &Arena, town: &Deployment, plan: &[Planned], work: &Work) -> Result<(), Error> {
    for planned in plan {
        work.until_finished(planned.after).await;
        tokio::time::sleep(planned.moment).await;
        if work.is_under_way() {
            arena.findings.reached(planned.trouble.reached());
        }
        match planned.trouble {
            Trouble::KeysLost | Trouble::Flushed => befall(arena, town, planned.trouble).await?,
            Trouble::Killed => {
                let lasting = arena.timeline.begin("killed", "redis");
                town.redis(Private::kill).await?;
                goes_on(arena, work, "killed").await;
                town.redis(Private::restart).await?;
                arena.timeline.end(lasting);
            }
            Trouble::HeldStill => {
                let lasting = arena.timeline.begin("stall", "redis");
                town.redis(Private::pause).await?;
                goes_on(arena, work, "held still").await;
                town.redis(Private::resume).await?;
                arena.timeline.end(lasting);
            }
            Trouble::OldSnapshot => {
                let snapshot = town.redis(Private::save).await?;
                goes_on(arena, work, "about to be put back").await;
                arena.timeline.fault("put back to an old snapshot", "redis", "");
                town.redis(move |redis| redis.restore(&snapshot)).await?;
            }
        }
    }
    work.is_enough();
    Ok(())
}

/// What takes no time.
async fn befall(arena: &Arena, town: &Deployment, trouble: Trouble) -> Result<(), Error> {
    let words: &[&str] = match trouble {
        Trouble::KeysLost => {
            let lose = "for _ = 1, redis.call('DBSIZE') / 2 do \
                        redis.call('DEL', redis.call('RANDOMKEY')) end";
            &["EVAL", lose, "0"]
        }
        _ => &["FLUSHALL"],
    };
    arena.timeline.fault(trouble.reached(), "redis", "");
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let told = move |redis: &Private| redis.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
    town.redis(told).await.map(drop)
}

/// Some more are finished, whatever Redis does.
async fn goes_on(arena: &Arena, work: &Work, redis: &str) {
    let from = work.finished();
    let goal = from + BESIDE;
    let reached = tokio::time::timeout(BESIDE_WITHIN, work.until_finished(goal)).await.is_ok();
    arena.findings.always("work_goes_on_without_redis", reached, || {
        format!("redis is {redis}: {from} operations were finished then, and not {goal} in {BESIDE_WITHIN:?}")
    });
}

/// Once it is back, replays come from it.
async fn used_again(arena: &Arena, town: &Deployment, caller: &mut Caller, ask: &Ask) -> Result<(), Error> {
    let (begun, before) = (Instant::now(), asked_of_redis(town, "hit").await?);
    let used = loop {
        caller.insist(ask).await?;
        if asked_of_redis(town, "hit").await? > before {
            break true;
        }
        if begun.elapsed() > USED_AGAIN_WITHIN {
            break false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let told = || format!("no replay came from it in {USED_AGAIN_WITHIN:?}");
    arena.findings.always("redis_is_used_again", used, told);
    Ok(())
}

/// What came of the questions, over all servers.
async fn asked_of_redis(town: &Deployment, outcome: &str) -> Result<u64, Error> {
    let mut total = 0.0;
    for server in town.names(Part::Server) {
        let scrape = town.scrape(&server).await?;
        total += scrape.sum("surehold_hot_path_total", &[("outcome", outcome)]).unwrap_or(0.0);
    }
    Ok(total as u64)
}

async fn seen(arena: &Arena, town: &Deployment) -> Result<(), Error> {
    for (outcome, state) in [
        ("shielded", "shielded_by_redis"),
        ("hit", "answered_by_redis"),
        ("unavailable", "done_without_redis"),
    ] {
        let count = asked_of_redis(town, outcome).await?;
        arena.findings.reached_times(state, count);
        arena.findings.figure(format!("redis {outcome}"), count as f64);
    }
    arena.findings.figure("redis miss", asked_of_redis(town, "miss").await? as f64);
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
