//! Messages that no consumer can take. They become dead letters after a number of attempts, while
//! all others flow. Then a person repairs and retries them, and each is applied once.
//!
//! | step | what |
//! |---|---|
//! | spoil | the relay is killed; payloads of unpublished messages are spoiled in the database |
//! | restart | attempts are counted, with pauses between them; the others flow |
//! | dead | a dead letter for each, with the reason, the spoiled payload, and its history |
//! | put right | the payload is restored, and two operators at once run `surehold ops dead-letters retry` |
//! | again | the same command once more: nothing is applied twice, and each retry records who and why |
//!
//! A message that was published may still be on its way with its good payload. So if processes
//! other than the relay go on, only messages from after the relay's death are spoiled.

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
    promise: "A message that cannot be handled becomes a dead letter after a number of attempts, while all others flow; repaired and retried, it is applied once.",
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
/// The embedded broker tries a message at each publication. A message that was published this often
/// and is not dead will never be.
const PUBLISHED_MAX: u64 = 3 * ATTEMPTS_MAX;
/// The reason that an operator gives.
const WHO: &str = "Ana";
const WHY: &str = "its payload is put right";
const WAIT_EVERY: Duration = Duration::from_millis(50);
/// Short backoff, and few attempts.
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
    let load = Load::begin(&context, &deployment.target);

    context.progress.show("spoiling what nobody has received");
    let poison = spoil(&context, &mut deployment, &rows, &mut random).await?;
    let charged = load.charged();
    context.progress.show("waiting for the dead letters");
    let letters = dead(&context, &deployment, &rows, &poison).await?;
    others_flow(&context, &rows, &poison).await?;
    let since = load.charged() - charged;
    context
        .findings
        .always("the_rest_flows", since > 0, || "nothing was charged beside the poison".to_owned());
    load.end(context.operations()).await?;

    context.progress.show("putting it right");
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
        // A refusal is as good: a received message takes no retry.
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

/// Waits until each message has its dead letter. Returns the letters' ids, by message.
async fn dead(
    context: &ScenarioContext,
    deployment: &Deployment,
    rows: &DatabaseRows,
    poison: &[Poison],
) -> Result<BTreeMap<Uuid, String>, Error> {
    let mut caller = context.caller(&deployment.target, 0);
    let begun = Instant::now();
    let letters = loop {
        // Read before the letters: a message that dies meanwhile has its letter.
        let tried = tried_too_often(context, rows, poison).await?;
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
        let letter = caller.get(&path, deployment.target.ops_key.as_deref()).await?;
        context.findings.always("dead_after_so_many_attempts", letter["attempts"] == ATTEMPTS_MAX, || {
            format!("{} was tried {} times, not {ATTEMPTS_MAX}", poison.message, letter["attempts"])
        });
        context
            .findings
            .always("a_letter_tells_all_of_it", letter_is_complete(&letter, poison), || letter.to_string());
        context.findings.reached("went_to_the_dead_letters");
        ids.insert(poison.message, id.clone());
    }
    Ok(ids)
}

/// The messages that were published so often that they should be dead.
async fn tried_too_often(
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

/// The ids of the dead letters, by message.
async fn letters(
    caller: &mut RetryingClient,
    deployment: &Deployment,
) -> Result<BTreeMap<Uuid, String>, Error> {
    let page = caller.get("/v1/ops/dead_letters?limit=200", deployment.target.ops_key.as_deref()).await?;
    let letters = page["data"].as_array().cloned().unwrap_or_default();
    let named = letters.iter().filter(|letter| letter["kind"] == "message").filter_map(|letter| {
        let message = letter["payload"]["message_id"].as_str()?.parse().ok()?;
        Some((message, letter["id"].as_str()?.to_owned()))
    });
    Ok(named.collect())
}

/// Checks the reason, the payload and the history.
fn letter_is_complete(letter: &Value, poison: &Poison) -> bool {
    let spoiled: Value = serde_json::from_str(poison.spoiled).unwrap_or_else(|_| poison.spoiled.into());
    let reason = letter["reason"].as_str().is_some_and(|reason| !reason.is_empty());
    let history = letter["history"].as_array().is_some_and(|history| !history.is_empty());
    reason && history && letter["payload"]["data"] == spoiled
}

/// All other messages are received when the spoiled ones are dead, or soon after.
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

/// On SQLite no other process may write meanwhile.
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

/// Retries as an operator does, by the program's own command. Returns the message of a refusal.
async fn retry(
    context: &ScenarioContext,
    deployment: &Deployment,
    letter: &str,
) -> Result<Result<(), String>, Error> {
    let url = deployment.target.base_urls.first().map_or("", String::as_str);
    let key = deployment.target.ops_key.as_deref().unwrap_or_default();
    let arguments =
        ["ops", "dead-letters", "retry", letter, "--url", url, "--api-key", key, "--who", WHO, "--why", WHY];
    match program::run(&context.program, &arguments).await {
        Ok(_) => Ok(Ok(())),
        Err(program::Error::Failed { message, .. }) => Ok(Err(message)),
        Err(error) => Err(error.into()),
    }
}

/// The retry is in the history of the letter.
async fn audited(context: &ScenarioContext, deployment: &Deployment, letter: &str) -> Result<(), Error> {
    let path = format!("/v1/ops/dead_letters/{letter}");
    let letter =
        context.caller(&deployment.target, 0).get(&path, deployment.target.ops_key.as_deref()).await?;
    let history = letter["history"].as_array();
    let recorded = history
        .is_some_and(|history| history.iter().any(|entry| entry["person"] == WHO && entry["why"] == WHY));
    context.findings.always("a_retry_says_who_and_why", recorded, || letter["history"].to_string());
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
