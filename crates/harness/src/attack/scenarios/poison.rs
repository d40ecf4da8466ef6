//! Messages that no consumer can take: to the dead letters after so many attempts, while the rest flows; then
//! put right, sent round again by a person, and applied once.
//!
//! | step | what |
//! |---|---|
//! | spoil | whoever relays is killed while messages wait that nobody has received; their payloads are spoiled in the database |
//! | restart | attempts are counted, with pauses between them; the others flow |
//! | dead | a letter for each, with the reason, the payload as it is, and its history |
//! | put right | the payload is as it was, and `surehold ops dead-letters retry` sends the letter round again |
//! | again | the same command once more: nothing is applied twice |

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use domain::ledger::POSTED;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::Value;
use uuid::Uuid;

use super::relay::{LEASE_MS, Load, relays};
use crate::attack::rows::{Rows, quoted};
use crate::attack::{Arena, Caller, Deployment, Error, Need, Part, Scenario, Tuning, judge};

pub const SCENARIO: Scenario = Scenario {
    number: 12,
    name: "poison",
    promise: "A message that cannot be handled goes to the dead letters after so many attempts, while the rest flows; put right and sent round again it is applied once.",
    needs: &[Need::Deployment],
    always: &[
        "dead_after_so_many_attempts",
        "a_letter_tells_all_of_it",
        "the_rest_flows",
        "sent_round_again_it_is_applied",
        "applied_once",
    ],
    sometimes: &[
        "spoiled_before_anybody_received_it",
        "went_to_the_dead_letters",
        "sent_round_again",
        "sent_round_twice",
    ],
    run: |arena| Box::pin(run(arena)),
};

const ATTEMPTS_MAX: u64 = 4;
/// Spoiled at most.
const SPOILED_MAX: usize = 3;
/// For a message that nobody has received to be there while whoever relays stands still.
const HUNT_WITHIN: Duration = Duration::from_secs(60);
const DEAD_WITHIN: Duration = Duration::from_mins(2);
const APPLIED_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(1);
const WAIT_EVERY: Duration = Duration::from_millis(50);
/// What no consumer can read.
const SPOILED: [&str; 5] = ["{\"amount\":", "no JSON at all", "{}", "[]", "{\"movement\":7}"];

/// A message whose payload was spoiled.
#[derive(Debug)]
struct Poison {
    message: Uuid,
    subject: Uuid,
    /// As it was.
    payload: String,
    spoiled: &'static str,
}

/// Quick to try again, and soon to give up.
fn tuning() -> Tuning {
    Tuning::default()
        .with("relay", "lease_ms", LEASE_MS)
        .with("consumers", "attempts_max", ATTEMPTS_MAX)
        .with("consumers", "backoff_base_ms", 50)
        .with("consumers", "backoff_cap_ms", 300)
}

async fn run(arena: Arena) -> Result<(), Error> {
    let mut random = arena.random("spoiling");
    let mut town = arena.deploy(&tuning()).await?;
    let location = town.location().ok_or_else(|| Error::NotOurs("the database".to_owned()))?.clone();
    let rows = Rows::of(&location).await?;
    let load = Load::begin(&arena, &town.shop)?;

    arena.progress.says("spoiling what nobody has received");
    let poison = spoil(&arena, &mut town, &rows, &mut random).await?;
    let charged = load.charged();
    arena.progress.says("waiting for the dead letters");
    let letters = dead(&arena, &town, &poison).await?;
    others_flow(&arena, &rows, &poison).await?;
    let since = load.charged() - charged;
    arena.findings.always("the_rest_flows", since > 0, || "nothing was charged beside the poison".to_owned());
    load.end(arena.operations()).await?;

    arena.progress.says("putting it right");
    put_right(&arena, &mut town, &rows, &poison).await?;
    for letter in letters.values() {
        retry(&arena, &town, letter, "sent_round_again").await?;
    }
    are_applied(&arena, &rows, &poison).await?;
    for letter in letters.values() {
        retry(&arena, &town, letter, "sent_round_twice").await?;
    }
    town.all_alive()?;
    judge(&arena, &town).await?;
    for poison in &poison {
        let posted = posted(&rows, poison.message).await?;
        arena.findings.always("applied_once", posted == 1, || format!("{poison:?} is posted {posted} times"));
    }
    Ok(())
}

/// Kills whoever relays at a moment when messages wait that nobody has received, and spoils some of them.
async fn spoil(
    arena: &Arena,
    town: &mut Deployment,
    rows: &Rows,
    random: &mut StdRng,
) -> Result<Vec<Poison>, Error> {
    let relays = relays(town);
    let begun = Instant::now();
    let found = loop {
        if begun.elapsed() > HUNT_WITHIN {
            return Err(Error::Restless("no message was found that nobody had received".to_owned()));
        }
        for relay in &relays {
            town.freeze(relay).await?;
        }
        let found = unreceived(rows).await?;
        if !found.is_empty() {
            break found;
        }
        for relay in &relays {
            town.thaw(relay).await?;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    for relay in &relays {
        town.kill(relay).await?;
    }
    // What was on its way when it died may have arrived.
    let still: BTreeSet<Uuid> = unreceived(rows).await?.into_iter().map(|poison| poison.message).collect();
    let mut subjects = BTreeSet::new();
    let mut poison: Vec<Poison> = found
        .into_iter()
        .filter(|poison| still.contains(&poison.message) && subjects.insert(poison.subject))
        .take(SPOILED_MAX)
        .collect();
    for poison in &mut poison {
        poison.spoiled = SPOILED[random.random_range(0..SPOILED.len())];
        let (payload, id) = (quoted(poison.spoiled), rows.id(poison.message));
        rows.execute(&format!("update outbox set payload = {payload} where id = {id}")).await?;
        arena.timeline.fault("payload spoiled", "outbox", poison.message.to_string());
        arena.findings.reached("spoiled_before_anybody_received_it");
    }
    for relay in &relays {
        town.start_again(relay).await?;
    }
    Ok(poison)
}

async fn unreceived(rows: &Rows) -> Result<Vec<Poison>, Error> {
    let kinds: Vec<String> = POSTED.iter().map(|kind| quoted(kind)).collect();
    let sql = format!(
        "select id, subject, payload from outbox m where position is null and kind in ({}) \
         and not exists (select 1 from inbox i where i.message = m.id) order by created_at desc limit 20",
        kinds.join(", ")
    );
    let poison = |row: Vec<Option<String>>| match <[Option<String>; 3]>::try_from(row) {
        Ok([Some(message), Some(subject), Some(payload)]) => Some(Poison {
            message: message.parse().ok()?,
            subject: subject.parse().ok()?,
            payload,
            spoiled: "",
        }),
        _ => None,
    };
    Ok(rows.select(&sql).await?.into_iter().filter_map(poison).collect())
}

/// Waits until each has its dead letter. The letters' ids, by message.
async fn dead(arena: &Arena, town: &Deployment, poison: &[Poison]) -> Result<BTreeMap<Uuid, String>, Error> {
    let mut caller = arena.caller(&town.shop, 0)?;
    let begun = Instant::now();
    let letters = loop {
        let letters = letters(&mut caller, town).await?;
        let all = poison.iter().all(|poison| letters.contains_key(&poison.message));
        if all || begun.elapsed() > DEAD_WITHIN {
            break letters;
        }
        tokio::time::sleep(WAIT_EVERY).await;
    };
    let mut ids = BTreeMap::new();
    for poison in poison {
        let Some(id) = letters.get(&poison.message) else {
            arena.findings.always("dead_after_so_many_attempts", false, || {
                format!("{} has no dead letter after {:?}", poison.message, begun.elapsed())
            });
            continue;
        };
        let path = format!("/v1/ops/dead_letters/{id}");
        let letter = caller.get(&path, town.shop.ops_key.as_deref()).await?;
        arena.findings.always("dead_after_so_many_attempts", letter["attempts"] == ATTEMPTS_MAX, || {
            format!("{} was tried {} times, not {ATTEMPTS_MAX}", poison.message, letter["attempts"])
        });
        arena.findings.always("a_letter_tells_all_of_it", tells_all(&letter, poison), || letter.to_string());
        arena.findings.reached("went_to_the_dead_letters");
        ids.insert(poison.message, id.clone());
    }
    Ok(ids)
}

/// The ids of the letters of messages, by message.
async fn letters(caller: &mut Caller, town: &Deployment) -> Result<BTreeMap<Uuid, String>, Error> {
    let page = caller.get("/v1/ops/dead_letters?limit=200", town.shop.ops_key.as_deref()).await?;
    let letters = page["data"].as_array().cloned().unwrap_or_default();
    let named = letters.iter().filter(|letter| letter["kind"] == "message").filter_map(|letter| {
        let message = letter["payload"]["message_id"].as_str()?.parse().ok()?;
        Some((message, letter["id"].as_str()?.to_owned()))
    });
    Ok(named.collect())
}

/// The reason, the payload as it is, and what happened.
fn tells_all(letter: &Value, poison: &Poison) -> bool {
    let spoiled: Value = serde_json::from_str(poison.spoiled).unwrap_or_else(|_| poison.spoiled.into());
    let reason = letter["reason"].as_str().is_some_and(|reason| !reason.is_empty());
    let history = letter["history"].as_array().is_some_and(|history| !history.is_empty());
    reason && history && letter["payload"]["data"] == spoiled
}

/// Whatever else waited is received by the time the poison is dead, or soon.
async fn others_flow(arena: &Arena, rows: &Rows, poison: &[Poison]) -> Result<(), Error> {
    let before = rows.select("select max(created_at) from outbox").await?;
    let before = before.into_iter().flatten().next().flatten().unwrap_or_default();
    let kinds: Vec<String> = POSTED.iter().map(|kind| quoted(kind)).collect();
    let sql = format!(
        "select id from outbox m where kind in ({}) and created_at <= {before} and subject not in {} \
         and not exists (select 1 from inbox i where i.message = m.id and i.state = 'received')",
        kinds.join(", "),
        rows.ids(poison.iter().map(|poison| poison.subject))
    );
    let begun = Instant::now();
    loop {
        let waiting = rows.select_ids(&sql).await?;
        if waiting.is_empty() || begun.elapsed() > APPLIED_WITHIN {
            arena.findings.always("the_rest_flows", waiting.is_empty(), || {
                format!("{} messages wait behind the poison: {waiting:?}", waiting.len())
            });
            return Ok(());
        }
        tokio::time::sleep(WAIT_EVERY).await;
    }
}

/// On SQLite nobody may be at work meanwhile.
async fn put_right(
    arena: &Arena,
    town: &mut Deployment,
    rows: &Rows,
    poison: &[Poison],
) -> Result<(), Error> {
    let alone = town.names(Part::Worker).is_empty();
    let servers = if alone { town.names(Part::Server) } else { Vec::new() };
    for server in &servers {
        town.stop(server, "TERM").await?;
    }
    for Poison { message, payload, .. } in poison {
        let (payload, id) = (quoted(payload), rows.id(*message));
        rows.execute(&format!("update outbox set payload = {payload} where id = {id}")).await?;
        arena.timeline.fault("payload put right", "outbox", message.to_string());
    }
    for server in &servers {
        town.start_again(server).await?;
    }
    Ok(())
}

/// As an operator does it, by the program's own command.
async fn retry(arena: &Arena, town: &Deployment, letter: &str, state: &str) -> Result<(), Error> {
    let url = town.shop.base_urls.first().map_or("", String::as_str);
    let key = town.shop.ops_key.clone().unwrap_or_default();
    let authorization = format!("Bearer {key}");
    let idem = format!("{letter}-{state}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", idem.as_str()),
    ];
    let answer = crate::http::Client::new(url)?
        .post(&format!("/v1/ops/dead_letters/{letter}/retry"), &headers, r#"{"who":"a","why":"b"}"#)
        .await?;
    println!("{state}: {} {}", answer.status, answer.text());
    arena.findings.reached(state);
    Ok(())
}

async fn are_applied(arena: &Arena, rows: &Rows, poison: &[Poison]) -> Result<(), Error> {
    let begun = Instant::now();
    for poison in poison {
        let mut times = posted(rows, poison.message).await?;
        while times == 0 && begun.elapsed() < APPLIED_WITHIN {
            tokio::time::sleep(WAIT_EVERY).await;
            times = posted(rows, poison.message).await?;
        }
        arena.findings.always("sent_round_again_it_is_applied", times > 0, || {
            format!("{poison:?} is not posted {:?} after it was sent round again", begun.elapsed())
        });
    }
    Ok(())
}

/// How often a message moved money in the ledger.
async fn posted(rows: &Rows, message: Uuid) -> Result<usize, Error> {
    let sql = format!("select id from transfers where message = {}", rows.id(message));
    Ok(rows.select_ids(&sql).await?.len())
}
