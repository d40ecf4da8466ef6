//! Spoils payloads in the database before their messages are received.
//!
//! | relay | when | why then |
//! |---|---|---|
//! | a process of its own | it is dead; messages from after its death | nobody can have published them |
//! | part of the only process | it is stopped, and then killed | the messages that it had read die with it |

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use domain::ledger::POSTED;
use rand::RngExt as _;
use rand::rngs::StdRng;
use uuid::Uuid;

use crate::database_rows::{DatabaseRows, quoted};
use crate::scenarios::relay::relays;
use crate::{Deployment, Error, Need, Part, ScenarioContext};

/// The most messages to spoil.
const SPOILED_MAX: usize = 3;
/// A payload that no consumer can read.
const SPOILED: [&str; 5] = ["{\"amount\":", "no JSON at all", "{}", "[]", "{\"movement\":7}"];
/// The time for the first unreceived message.
const HUNT_WITHIN: Duration = Duration::from_mins(1);
/// The time for more of them after the first.
const MORE_WITHIN: Duration = Duration::from_secs(1);
const POLL_EVERY: Duration = Duration::from_millis(1);

/// A message whose payload was spoiled.
#[derive(Debug)]
pub struct Poison {
    pub message: Uuid,
    pub subject: Uuid,
    /// The payload before.
    pub payload: String,
    pub spoiled: &'static str,
}

/// Kills the relays, and spoils some unreceived messages. On return the relays run again.
pub async fn spoil(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    rows: &DatabaseRows,
    random: &mut StdRng,
) -> Result<Vec<Poison>, Error> {
    let begun = Instant::now();
    let mut poison = loop {
        let found = if deployment.names(Part::Relay).is_empty() {
            if context.has(Need::Nats) {
                let why = "what NATS holds already cannot be spoiled: relays of their own are needed";
                return Err(Error::Refused(why.to_owned()));
            }
            unreceived_after_a_kill(deployment, rows).await?
        } else {
            made_since_it_died(deployment, rows).await?
        };
        if !found.is_empty() {
            break found;
        }
        if begun.elapsed() > HUNT_WITHIN {
            return Err(Error::Restless("no message was found that nobody had received".to_owned()));
        }
        start_again(deployment).await?;
    };
    for poison in &mut poison {
        poison.spoiled = SPOILED[random.random_range(0..SPOILED.len())];
        let (payload, id) = (quoted(poison.spoiled), rows.id(poison.message));
        rows.execute(&format!("update outbox set payload = {payload} where id = {id}")).await?;
        context.timeline.fault("payload spoiled", "outbox", poison.message.to_string());
        context.findings.reached("spoiled_before_anybody_received_it");
    }
    start_again(deployment).await?;
    Ok(poison)
}

async fn start_again(deployment: &mut Deployment) -> Result<(), Error> {
    for relay in relays(deployment) {
        deployment.start_again(&relay).await?;
    }
    Ok(())
}

/// The relays are dead on return.
async fn made_since_it_died(deployment: &mut Deployment, rows: &DatabaseRows) -> Result<Vec<Poison>, Error> {
    for relay in relays(deployment) {
        deployment.kill(&relay).await?;
    }
    // They may have published every message that they could see.
    let seen = rows.select_ids("select id from outbox where position is null").await?;
    let seen: BTreeSet<Uuid> = seen.into_iter().collect();
    let begun = Instant::now();
    loop {
        let found = one_a_subject(unreceived(rows).await?, |message| !seen.contains(&message));
        let enough = found.len() == SPOILED_MAX || (!found.is_empty() && begun.elapsed() > MORE_WITHIN);
        if enough || begun.elapsed() > HUNT_WITHIN {
            return Ok(found);
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// The relays are dead on return.
async fn unreceived_after_a_kill(
    deployment: &mut Deployment,
    rows: &DatabaseRows,
) -> Result<Vec<Poison>, Error> {
    let relays = relays(deployment);
    let begun = Instant::now();
    let found = loop {
        for relay in &relays {
            deployment.freeze(relay).await?;
        }
        let found = unreceived(rows).await?;
        if !found.is_empty() || begun.elapsed() > HUNT_WITHIN {
            break found;
        }
        for relay in &relays {
            deployment.thaw(relay).await?;
        }
        tokio::time::sleep(POLL_EVERY).await;
    };
    for relay in &relays {
        deployment.kill(relay).await?;
    }
    // Messages that were on their way when the relays died may have arrived.
    let still: BTreeSet<Uuid> = unreceived(rows).await?.into_iter().map(|poison| poison.message).collect();
    Ok(one_a_subject(found, |message| still.contains(&message)))
}

fn one_a_subject(found: Vec<Poison>, wanted: impl Fn(Uuid) -> bool) -> Vec<Poison> {
    let mut subjects = BTreeSet::new();
    let found = found.into_iter().filter(|poison| wanted(poison.message) && subjects.insert(poison.subject));
    found.take(SPOILED_MAX).collect()
}

/// The youngest first.
async fn unreceived(rows: &DatabaseRows) -> Result<Vec<Poison>, Error> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_of_a_subject_is_spoiled_and_no_other_than_is_wanted() {
        let found = |messages: &[(u128, u128)]| -> Vec<Poison> {
            let poison = |(message, subject): &(u128, u128)| Poison {
                message: Uuid::from_u128(*message),
                subject: Uuid::from_u128(*subject),
                payload: String::new(),
                spoiled: "",
            };
            messages.iter().map(poison).collect()
        };
        let check = |messages: &[(u128, u128)], expected: &[u128]| {
            let chosen = one_a_subject(found(messages), |message| message != Uuid::from_u128(9));
            let chosen: Vec<u128> = chosen.iter().map(|poison| poison.message.as_u128()).collect();
            assert_eq!(chosen, expected, "{messages:?}");
        };
        check(&[], &[]);
        check(&[(9, 1)], &[]);
        check(&[(1, 1), (2, 1), (3, 2)], &[1, 3]);
        check(&[(9, 1), (2, 1)], &[2]);
        check(&[(1, 1), (2, 2), (3, 3), (4, 4)], &[1, 2, 3]);
    }
}
