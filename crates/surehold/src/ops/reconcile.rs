//! `surehold ops reconcile`: compares the provider's books with ours, waits for the run, and shows what it
//! found; `surehold ops differences` lists and accepts what is open.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use client::requests::{DifferencesQuery, LetterDecision, NewReconciliation};
use client::views::{Difference, Reconciliation};
use client::{Client, Money};
use serde_json::json;
use uuid::Uuid;

use super::{Server, print, table};
use crate::{Failed, failed};

/// Between two looks at the run.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    server: Server,
    /// The provider whose account is compared
    #[arg(long = "account", value_name = "PROVIDER", default_value = "stripe")]
    account: String,
    /// Objects made at this time or later (RFC 3339); by default a day before `--to`
    #[arg(long)]
    from: Option<jiff::Timestamp>,
    /// Objects made before this time (RFC 3339); by default now
    #[arg(long)]
    to: Option<jiff::Timestamp>,
    /// Who starts it; it is recorded in the audit
    #[arg(long)]
    who: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write the result as a page, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
pub enum Differences {
    /// List differences, latest first
    List {
        #[command(flatten)]
        server: Server,
        /// `open`, `settled` or `accepted`
        #[arg(long, default_value = "open")]
        state: String,
        #[arg(long)]
        kind: Option<String>,
        /// Only those of this payment
        #[arg(long)]
        payment: Option<Uuid>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Accept differences as they are
    Accept {
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
    },
}

/// Succeeds only if the run has finished and no difference is open.
pub async fn run(arguments: Arguments) -> crate::Exit {
    let client = arguments.server.client()?;
    let request = NewReconciliation {
        provider: arguments.account,
        from: arguments.from,
        to: arguments.to,
        who: arguments.who,
    };
    let started = client.start_reconciliation(&request).send().await?.value;
    let run = finished(&client, started).await?;
    let query = DifferencesQuery { state: Some("open".to_owned()), ..DifferencesQuery::default() };
    let differences: Vec<Difference> = client.all_differences(&query).collect().await?;
    let own = |difference: &Difference| difference.account_id == run.account_id;
    let differences: Vec<Difference> = differences.into_iter().filter(own).collect();
    if let Some(file) = arguments.html {
        std::fs::write(&file, page(&run, &differences))
            .map_err(|error| failed(format!("{} cannot be written: {error}", file.display())))?;
    }
    if arguments.json {
        let report = json!({ "reconciliation": run, "differences": differences });
        print(&(serde_json::to_string_pretty(&report)? + "\n"));
    } else {
        print(&summary(&run));
        print(&listed(&differences));
    }
    let clean = run.state == "finished" && differences.is_empty();
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn finished(client: &Client, mut run: Reconciliation) -> Result<Reconciliation, Failed> {
    let mut pages = run.pages;
    while run.state == "running" {
        tokio::time::sleep(LOOK_EVERY).await;
        run = client.get_reconciliation(run.id).await?;
        if run.pages != pages {
            pages = run.pages;
            eprintln!("{}: {} pages, {} objects", run.stage, run.pages, run.provider_objects);
        }
    }
    Ok(run)
}

pub async fn differences(action: Differences) -> crate::Exit {
    match action {
        Differences::List { server, state, kind, payment, json } => {
            let query = DifferencesQuery {
                state: Some(state),
                kind,
                payment_id: payment,
                ..DifferencesQuery::default()
            };
            let rows: Vec<Difference> = server.client()?.all_differences(&query).collect().await?;
            print(&if json { serde_json::to_string_pretty(&rows)? + "\n" } else { listed(&rows) });
            Ok(ExitCode::SUCCESS)
        }
        Differences::Accept { server, ids, who, why } => {
            let (client, decision) = (server.client()?, LetterDecision { who, why });
            let mut refused = 0;
            for id in ids {
                match client.accept_difference(id, &decision).send().await {
                    Ok(reply) => print(&format!("{id} is {}\n", reply.value.state)),
                    Err(error) => {
                        eprintln!("{id}: {error}");
                        refused += 1;
                    }
                }
            }
            Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

fn summary(run: &Reconciliation) -> String {
    let Reconciliation { id, state, from, to, provider_objects, found, repaired, settled, .. } = run;
    let mut text = format!(
        "{id} has {state}: {from} to {to}\n{provider_objects} objects at the provider; {found} new differences, \
         {repaired} repaired, {settled} settled\n"
    );
    if let Some(error) = &run.error {
        writeln!(text, "{error}").expect("a String takes it");
    }
    text
}

fn amount(money: Option<Money>) -> String {
    money.map_or_else(|| "-".to_owned(), domain_text)
}

/// As the API writes it.
fn domain_text(money: Money) -> String {
    format!("{} {}", money.minor, money.currency)
}

fn cells(difference: &Difference) -> [String; 7] {
    [
        difference.id.to_string(),
        difference.kind.clone(),
        difference.object.clone(),
        amount(difference.at_provider),
        amount(difference.here),
        amount(difference.in_ledger),
        difference.detail.clone(),
    ]
}

const HEAD: [&str; 7] = ["ID", "KIND", "OBJECT", "AT PROVIDER", "HERE", "LEDGER", "DETAIL"];

fn listed(differences: &[Difference]) -> String {
    if differences.is_empty() {
        return "no differences\n".to_owned();
    }
    table(HEAD, &differences.iter().map(cells).collect::<Vec<_>>())
}

fn page(run: &Reconciliation, differences: &[Difference]) -> String {
    let row = |cell: &str, cells: &[String]| {
        let cells = cells.iter().map(|text| format!("<{cell}>{}</{cell}>", escaped(text)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let head = row("th", &HEAD.map(str::to_owned));
    let rows: String = differences.iter().map(|difference| row("td", &cells(difference))).collect();
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Reconciliation</title>\n\
         <style>body{{font-family:sans-serif}}td,th{{text-align:left;padding:.2rem .6rem}}</style>\n\
         <h1>Reconciliation</h1><pre>{}</pre>\n<table>\n{head}{rows}</table></html>\n",
        escaped(&summary(run))
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_no_markup_of_the_provider() {
        assert_eq!(escaped("<b>&\"</b>"), "&lt;b&gt;&amp;&quot;&lt;/b&gt;");
    }
}
