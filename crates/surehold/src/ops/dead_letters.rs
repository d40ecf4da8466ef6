//! `surehold ops dead-letters`: shows work that was given up, and decides on it.

use std::fmt::Write as _;
use std::process::ExitCode;

use client::requests::{LetterDecision, ListQuery};
use client::views::DeadLetter;
use client::{Client, Operation};
use serde::Serialize;
use uuid::Uuid;

use super::{Server, print, table};
use crate::Failed;

/// Rows per page, unless the command says otherwise.
const LIMIT: u16 = 50;
const LIMIT_MAX: i64 = 200;
/// Characters of a reason in a list; `show` prints all of it.
const REASON_MAX: usize = 80;

#[derive(clap::Subcommand)]
pub enum Action {
    /// List those that need a decision, oldest first
    List {
        #[command(flatten)]
        server: Server,
        #[arg(long, default_value_t = LIMIT, value_parser = clap::value_parser!(u16).range(1..=LIMIT_MAX))]
        limit: u16,
        /// The cursor from the page before
        #[arg(long, conflicts_with = "all")]
        cursor: Option<String>,
        /// Read all pages
        #[arg(long)]
        all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one with its payload and its history, also after a decision
    Show {
        #[command(flatten)]
        server: Server,
        id: Uuid,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try the work again after its cause was corrected; always safe
    Retry(DecisionArguments),
    /// Give up the work permanently: nothing more is tried
    Discard(DecisionArguments),
}

#[derive(clap::Args)]
pub struct DecisionArguments {
    #[command(flatten)]
    server: Server,
    #[arg(required = true)]
    ids: Vec<Uuid>,
    /// Who decides; it is recorded in the audit
    #[arg(long)]
    who: String,
    /// The reason; it is recorded in the audit
    #[arg(long)]
    why: String,
}

pub async fn run(action: Action) -> crate::Exit {
    match action {
        Action::List { server, limit, cursor, all, json } => {
            let query = ListQuery { limit: Some(limit.into()), cursor };
            list(&server.client()?, query, all, json).await?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Show { server, id, json } => {
            let letter = whole(&server.client()?, id).await?;
            print(&if json { pretty(&letter)? } else { shown(&letter)? });
            Ok(ExitCode::SUCCESS)
        }
        Action::Retry(decision) => decide(&decision, Client::retry_dead_letter).await,
        Action::Discard(decision) => decide(&decision, Client::discard_dead_letter).await,
    }
}

async fn list(client: &Client, mut query: ListQuery, all: bool, json: bool) -> Result<(), Failed> {
    let mut letters = Vec::new();
    let next = loop {
        let page = client.list_dead_letters(&query).await?;
        letters.extend(page.data);
        match page.next_cursor {
            Some(next) if all => query.cursor = Some(next),
            next => break next,
        }
    };
    if json {
        print(&pretty(&letters)?);
    } else {
        print(&listed(&letters));
    }
    if let Some(next) = next {
        eprintln!("more exist: use --cursor {next}, or --all");
    }
    Ok(())
}

/// The letter with all of its history.
async fn whole(client: &Client, id: Uuid) -> Result<DeadLetter, Failed> {
    let mut letter = client.get_dead_letter(id).await?;
    if letter.history_next_cursor.is_some() {
        let query = ListQuery { limit: None, cursor: letter.history_next_cursor.take() };
        let rest = client.all_dead_letter_history(id, &query).collect().await?;
        letter.history.get_or_insert_default().extend(rest);
    }
    Ok(letter)
}

/// Each one separately: a refusal does not affect the decisions on the others.
async fn decide(
    decision: &DecisionArguments,
    call: impl Fn(&Client, Uuid, &LetterDecision) -> Operation<DeadLetter>,
) -> crate::Exit {
    let client = decision.server.client()?;
    let request = LetterDecision { who: decision.who.clone(), why: decision.why.clone() };
    let mut refused = 0;
    for &id in &decision.ids {
        // With a key of its own: the same decision later sees the letter's new state.
        match call(&client, id, &request).send().await {
            Ok(reply) => print(&format!("{id} is {}\n", reply.value.state)),
            Err(error) => {
                eprintln!("{id}: {error}");
                refused += 1;
            }
        }
    }
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn pretty(value: &impl Serialize) -> Result<String, Failed> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn listed(letters: &[DeadLetter]) -> String {
    if letters.is_empty() {
        return "no dead letters\n".to_owned();
    }
    let row = |letter: &DeadLetter| {
        [
            letter.id.to_string(),
            letter.kind.clone(),
            letter.moved_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            letter.attempts.to_string(),
            short(&letter.reason),
        ]
    };
    let rows: Vec<_> = letters.iter().map(row).collect();
    table(["ID", "KIND", "GIVEN UP", "ATTEMPTS", "REASON"], &rows)
}

/// One line of at most this many characters.
fn short(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    if line == reason && line.chars().count() <= REASON_MAX {
        return line.to_owned();
    }
    line.chars().take(REASON_MAX - 1).chain(['…']).collect()
}

fn shown(letter: &DeadLetter) -> Result<String, Failed> {
    let DeadLetter { id, kind, state, reason, attempts, payload, created_at, moved_at, history, .. } = letter;
    let mut text = format!(
        "{kind} {id}\nstate     {state}, since {moved_at}\nmade      {created_at}\nattempts  {attempts}\n\
         reason    {reason}\n\n{payload}",
        payload = pretty(payload)?
    );
    for entry in history.iter().flatten() {
        let (from, to) = (entry.from_state.as_deref(), entry.to_state.as_deref());
        write!(
            text,
            "\n{}  {}  {} -> {}  by {}",
            entry.at,
            entry.action,
            from.unwrap_or("-"),
            to.unwrap_or("-"),
            entry.person.as_deref().unwrap_or(&entry.actor),
        )
        .expect("a String takes it");
        if let Some(why) = &entry.why {
            write!(text, ": {why}").expect("a String takes it");
        }
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_short_line() {
        let long = "é".repeat(REASON_MAX);
        for (reason, expected) in [
            ("", ""),
            ("it broke", "it broke"),
            ("it broke\nhere", "it broke…"),
            (long.as_str(), long.as_str()),
            (&format!("{long}é"), &format!("{}…", "é".repeat(REASON_MAX - 1))),
        ] {
            assert_eq!(short(reason), expected);
        }
    }
}
