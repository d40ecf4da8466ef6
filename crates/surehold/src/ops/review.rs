//! `surehold ops review`: the cases that only a person can settle.

use std::fmt::Write as _;
use std::process::ExitCode;

use client::requests::{LetterDecision, ReviewAction, ReviewAssignment, ReviewCasesQuery};
use client::views::{ReviewCase, ReviewCaseDetail};
use client::{Currency, Money};
use serde::Serialize;
use uuid::Uuid;

use super::{Server, print, table};
use crate::{Failed, failed};

#[derive(clap::Subcommand)]
pub enum Action {
    /// List cases, oldest first
    List {
        #[command(flatten)]
        server: Server,
        /// `open` or `resolved`
        #[arg(long, default_value = "open")]
        state: String,
        #[arg(long)]
        reason: Option<String>,
        /// Only those that this person takes care of
        #[arg(long)]
        assignee: Option<String>,
        /// Only those that were opened before this time (RFC 3339)
        #[arg(long)]
        opened_before: Option<jiff::Timestamp>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one case with everything that is known of it
    Show {
        #[command(flatten)]
        server: Server,
        id: Uuid,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a case to a person
    Assign {
        #[command(flatten)]
        server: Server,
        id: Uuid,
        /// Without it nobody has the case any more
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        decision: ReviewDecision,
    },
    /// Add a note; the reason is the note
    Note {
        #[command(flatten)]
        server: Server,
        id: Uuid,
        #[command(flatten)]
        decision: ReviewDecision,
    },
    /// Fetch what the provider says, settle it, and close the case if both sides agree
    LookUp {
        #[command(flatten)]
        server: Server,
        id: Uuid,
        #[command(flatten)]
        decision: ReviewDecision,
    },
    /// Refund the case's payment, all of it or a part, and close the case
    Refund {
        #[command(flatten)]
        server: Server,
        id: Uuid,
        /// In minor units, with its currency: `1250 EUR`
        #[arg(long, num_args = 2, value_names = ["MINOR", "CURRENCY"])]
        amount: Option<Vec<String>>,
        #[command(flatten)]
        decision: ReviewDecision,
    },
    /// Release the authorisation of the case's payment, and close the case
    Release {
        #[command(flatten)]
        server: Server,
        id: Uuid,
        #[command(flatten)]
        decision: ReviewDecision,
    },
    /// Close the case; an operation without an outcome is written off
    WriteOff {
        #[command(flatten)]
        server: Server,
        id: Uuid,
        #[command(flatten)]
        decision: ReviewDecision,
    },
}

#[derive(clap::Args)]
pub struct ReviewDecision {
    /// Who decides; it is recorded in the audit
    #[arg(long)]
    who: String,
    /// The reason; it is recorded in the audit
    #[arg(long)]
    why: String,
}

pub async fn run(action: Action) -> crate::Exit {
    match action {
        Action::List { server, state, reason, assignee, opened_before, json } => {
            let state = Some(state);
            let query = ReviewCasesQuery { state, reason, assignee, opened_before, ..Default::default() };
            let cases: Vec<ReviewCase> = server.client()?.all_review_cases(&query).collect().await?;
            print(&if json { pretty(&cases)? } else { listed(&cases) });
        }
        Action::Show { server, id, json } => {
            let detail = server.client()?.get_review_case(id).await?;
            print(&if json { pretty(&detail)? } else { shown(&detail) });
        }
        Action::Assign { server, id, to, decision } => {
            let ReviewDecision { who, why } = decision;
            let request = ReviewAssignment { assignee: to, who, why };
            done(&server.client()?.assign_review_case(id, &request).send().await?.value);
        }
        Action::Note { server, id, decision } => {
            let request = LetterDecision { who: decision.who, why: decision.why };
            done(&server.client()?.note_review_case(id, &request).send().await?.value);
        }
        Action::LookUp { server, id, decision } => act(&server, id, "look_up", None, decision).await?,
        Action::Refund { server, id, amount, decision } => {
            let amount = amount.map(|words| money(&words)).transpose()?;
            act(&server, id, "refund", amount, decision).await?;
        }
        Action::Release { server, id, decision } => act(&server, id, "release", None, decision).await?,
        Action::WriteOff { server, id, decision } => act(&server, id, "write_off", None, decision).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn act(
    server: &Server,
    id: Uuid,
    action: &str,
    amount: Option<Money>,
    decision: ReviewDecision,
) -> Result<(), Failed> {
    let ReviewDecision { who, why } = decision;
    let request = ReviewAction { action: action.to_owned(), amount, who, why };
    done(&server.client()?.act_on_review_case(id, &request).send().await?.value);
    Ok(())
}

fn money(words: &[String]) -> Result<Money, Failed> {
    let parsed = match words {
        [minor, currency] => minor.parse().ok().zip(Currency::new(currency)),
        _ => None,
    };
    let (minor, currency) =
        parsed.ok_or_else(|| failed("--amount takes minor units and a currency".to_owned()))?;
    Ok(Money::new(minor, currency))
}

fn done(case: &ReviewCase) {
    print(&format!("{} is {}\n", case.id, case.state));
}

fn pretty(value: &impl Serialize) -> Result<String, Failed> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn listed(cases: &[ReviewCase]) -> String {
    if cases.is_empty() {
        return "no review cases\n".to_owned();
    }
    let row = |case: &ReviewCase| {
        [
            case.id.to_string(),
            case.opened_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            case.assignee.clone().unwrap_or_else(|| "-".to_owned()),
            case.reason.clone(),
            case.detail.clone(),
        ]
    };
    table(["ID", "OPENED", "ASSIGNEE", "REASON", "DETAIL"], &cases.iter().map(row).collect::<Vec<_>>())
}

fn shown(detail: &ReviewCaseDetail) -> String {
    let ReviewCaseDetail { case, actions, timeline, .. } = detail;
    let mut text = format!(
        "case {}\nstate     {}\nopened    {}\nassignee  {}\nreason    {}: {}\nactions   {}\n",
        case.id,
        case.state,
        case.opened_at,
        case.assignee.as_deref().unwrap_or("-"),
        case.reason,
        case.detail,
        actions.join(", ")
    );
    for entry in timeline {
        write!(text, "\n{}  {}  {}", entry.at, entry.source, entry.summary).expect("a String takes it");
        if let Some(why) = entry.data["why"].as_str() {
            write!(text, "  by {}: {why}", entry.data["by"].as_str().unwrap_or("-"))
                .expect("a String takes it");
        }
    }
    text.push('\n');
    text
}
