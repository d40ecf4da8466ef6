//! Messages that no consumer can take: to the dead letters after so many attempts, while the rest flows; then
//! put right, sent round again by a person, and applied once.
//!
//! | step | what |
//! |---|---|
//! | spoil | whoever relays is killed; the payloads of messages that were not published are spoiled in the database |
//! | restart | attempts are counted, with pauses between them; the others flow |
//! | dead | a letter for each, with the reason, the payload as it is, and its history |
//! | put right | the payload is as it was, and two operators at once run `surehold ops dead-letters retry` |
//! | again | the same command once more: nothing is applied twice, and each retry says who and why |
//!
//! What was published once may be on its way with the payload that it had. So where others than the relay go
//! on at work, only messages are spoiled that were made after the relay had died.

mod spoiling;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::ledger::POSTED;
use serde_json::Value;
use uuid::Uuid;

use super::relay::{ATTEMPT_TIMEOUT_MS, LEASE_MS, Load};
use crate::database_rows::{DatabaseRows, quoted};
use crate::{Deployment, Error, Need, Part, RetryingClient, Scenario, ScenarioContext, Tuning, judge};
use spoiling::{Poison, spoil};
use testkit::program;

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
        "a_retry_says_who_and_why",
    ],
    sometimes: &[
        "spoiled_before_anybody_received_it",
        "went_to_the_dead_letters",
        "sent_round_again",
        "sent_round_twice",
    ],
    run: |context| Box::pin(run(context)),
};

const ATTEMPTS_MAX: u64 = 4;
const DEAD_WITHIN: Duration = Duration::from_mins(2);
const APPLIED_WITHIN: Duration = Duration::from_mins(1);
/// With the broker that is built in a message is tried each time that it is published. One that was published
/// so often and is not dead will never be.
const PUBLISHED_MAX: u64 = 3 * ATTEMPTS_MAX;
/// As an operator would put it.
const WHO: &str = "Ana";
const WHY: &str = "its payload is put right";
const WAIT_EVERY: Duration = Duration::from_millis(50);
/// Quick to try again, and soon to give up.
fn tuning() -> Tuning {
    Tuning::default()
        .with("relay", "lease_ms", LEASE_MS)
        .with("consumers", "attempt_timeout_ms", ATTEMPT_TIMEOUT_MS)
        .with("consumers", "attempts_max", ATTEMPTS_MAX)
        .with("consumers", "backoff_base_ms", 50)
        .with("consumers", "backoff_cap_ms", 300)
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let mut random = context.random("spoiling");
    let mut deployment = context.deploy(&tuning()).await?;
    let location = deployment.location().ok_or_else(|| Error::NotOurs("the database".to_owned()))?.clone();
    let rows = DatabaseRows::of(&location).await?;
    let load = Load::begin(&context, &deployment.shop)?;

    context.progress.says("spoiling what nobody has received");
    let poison = spoil(&context, &mut deployment, &rows, &mut random).await?;
    let charged = load.charged();
    context.progress.says("waiting for the dead letters");
    let letters = dead(&context, &deployment, &rows, &poison).await?;
    others_flow(&context, &rows, &poison).await?;
    let since = load.charged() - charged;
    context
        .findings
        .always("the_rest_flows", since > 0, || "nothing was charged beside the poison".to_owned());
    load.end(context.operations()).await?;

    context.progress.says("putting it right");
    put_right(&context, &mut deployment, &rows, &poison).await?;
    for letter in letters.values() {
        let (one, other) =
            tokio::join!(retry(&context, &deployment, letter), retry(&context, &deployment, letter));
        let refused = one?.err().zip(other?.err());
        context.findings.always("sent_round_again_it_is_applied", refused.is_none(), || {
            format!("{letter} cannot be retried: {refused:?}")
        });
        context.findings.reached("sent_round_again");
    }
    are_applied(&context, &rows, &poison).await?;
    for letter in letters.values() {
        // To be refused, as what is received takes no retry, is as good.
        let _accepted = retry(&context, &deployment, letter).await?;
        context.findings.reached("sent_round_twice");
        audited(&context, &deployment, letter).await?;
    }
    deployment.all_alive()?;
    judge(&context, &deployment).await?;
    for poison in &poison {
        let posted = posted(&rows, poison.message).await?;
        context
            .findings
            .always("applied_once", posted == 1, || format!("{poison:?} is posted {posted} times"));
    }
    Ok(())
}

/// Waits until each has its dead letter. The letters' ids, by message.
async fn dead(
    context: &ScenarioContext,
    deployment: &Deployment,
    rows: &DatabaseRows,
    poison: &[Poison],
) -> Result<BTreeMap<Uuid, String>, Error> {
    let mut caller = context.caller(&deployment.shop, 0)?;
    let begun = Instant::now();
    let letters = loop {
        // Before the letters are looked at: one that dies meanwhile has its letter.
        let tried = tried_for_ever(context, rows, poison).await?;
        let letters = letters(&mut caller, deployment).await?;
        let all = poison.iter().all(|poison| letters.contains_key(&poison.message));
        let for_ever = tried.iter().any(|message| !letters.contains_key(message));
        if all || for_ever || begun.elapsed() > DEAD_WITHIN {
            break letters;
        }
        tokio::time::sleep(WAIT_EVERY).await;
    };
    let mut ids = BTreeMap::new();
    for poison in poison {
        let Some(id) = letters.get(&poison.message) else {
            context.findings.always("dead_after_so_many_attempts", false, || {
                format!("{poison:?} has no dead letter after {:?}", begun.elapsed())
            });
            continue;
        };
        let path = format!("/v1/ops/dead_letters/{id}");
        let letter = caller.get(&path, deployment.shop.ops_key.as_deref()).await?;
        context.findings.always("dead_after_so_many_attempts", letter["attempts"] == ATTEMPTS_MAX, || {
            format!("{} was tried {} times, not {ATTEMPTS_MAX}", poison.message, letter["attempts"])
        });
        context
            .findings
            .always("a_letter_tells_all_of_it", tells_all(&letter, poison), || letter.to_string());
        context.findings.reached("went_to_the_dead_letters");
        ids.insert(poison.message, id.clone());
    }
    Ok(ids)
}

/// Those that were published so often that they should be dead.
async fn tried_for_ever(
    context: &ScenarioContext,
    rows: &DatabaseRows,
    poison: &[Poison],
) -> Result<Vec<Uuid>, Error> {
    if context.has(Need::Nats) {
        return Ok(Vec::new());
    }
    let among = rows.ids(poison.iter().map(|poison| poison.message));
    rows.select_ids(&format!("select id from outbox where published > {PUBLISHED_MAX} and id in {among}"))
        .await
}

/// The ids of the letters of messages, by message.
async fn letters(
    caller: &mut RetryingClient,
    deployment: &Deployment,
) -> Result<BTreeMap<Uuid, String>, Error> {
    let page = caller.get("/v1/ops/dead_letters?limit=200", deployment.shop.ops_key.as_deref()).await?;
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
async fn others_flow(context: &ScenarioContext, rows: &DatabaseRows, poison: &[Poison]) -> Result<(), Error> {
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
            context.findings.always("the_rest_flows", waiting.is_empty(), || {
                format!("{} messages wait behind the poison: {waiting:?}", waiting.len())
            });
            return Ok(());
        }
        tokio::time::sleep(WAIT_EVERY).await;
    }
}

/// On SQLite nobody may be at work meanwhile.
async fn put_right(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    rows: &DatabaseRows,
    poison: &[Poison],
) -> Result<(), Error> {
    let alone = deployment.names(Part::Worker).is_empty();
    let servers = if alone { deployment.names(Part::Server) } else { Vec::new() };
    for server in &servers {
        deployment.stop(server, "TERM").await?;
    }
    for Poison { message, payload, .. } in poison {
        let (payload, id) = (quoted(payload), rows.id(*message));
        rows.execute(&format!("update outbox set payload = {payload} where id = {id}")).await?;
        context.timeline.fault("payload put right", "outbox", message.to_string());
    }
    for server in &servers {
        deployment.start_again(server).await?;
    }
    Ok(())
}

/// As an operator does it, by the program's own command. The words with which it was refused, if it was.
async fn retry(
    context: &ScenarioContext,
    deployment: &Deployment,
    letter: &str,
) -> Result<Result<(), String>, Error> {
    let url = deployment.shop.base_urls.first().map_or("", String::as_str);
    let key = deployment.shop.ops_key.as_deref().unwrap_or_default();
    let arguments =
        ["ops", "dead-letters", "retry", letter, "--url", url, "--api-key", key, "--who", WHO, "--why", WHY];
    match program::run(&context.program, &arguments).await {
        Ok(_) => Ok(Ok(())),
        Err(program::Error::Failed { message, .. }) => Ok(Err(message)),
        Err(error) => Err(error.into()),
    }
}

/// What a person did stands in the history of the letter.
async fn audited(context: &ScenarioContext, deployment: &Deployment, letter: &str) -> Result<(), Error> {
    let path = format!("/v1/ops/dead_letters/{letter}");
    let letter = context.caller(&deployment.shop, 0)?.get(&path, deployment.shop.ops_key.as_deref()).await?;
    let history = letter["history"].as_array();
    let told = history
        .is_some_and(|history| history.iter().any(|entry| entry["person"] == WHO && entry["why"] == WHY));
    context.findings.always("a_retry_says_who_and_why", told, || letter["history"].to_string());
    Ok(())
}

async fn are_applied(context: &ScenarioContext, rows: &DatabaseRows, poison: &[Poison]) -> Result<(), Error> {
    let begun = Instant::now();
    for poison in poison {
        let mut times = posted(rows, poison.message).await?;
        while times == 0 && begun.elapsed() < APPLIED_WITHIN {
            tokio::time::sleep(WAIT_EVERY).await;
            times = posted(rows, poison.message).await?;
        }
        context.findings.always("sent_round_again_it_is_applied", times > 0, || {
            format!("{poison:?} is not posted {:?} after it was sent round again", begun.elapsed())
        });
    }
    Ok(())
}

/// How often a message moved money in the ledger.
async fn posted(rows: &DatabaseRows, message: Uuid) -> Result<usize, Error> {
    let sql = format!("select id from transfers where message = {}", rows.id(message));
    Ok(rows.select_ids(&sql).await?.len())
}
