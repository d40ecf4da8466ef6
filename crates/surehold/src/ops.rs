//! `surehold ops`: an operator's manual actions, over the API, with a key that has the scope `ops`.
//!
//! Every action is a command of the server: it is decided under the row's lock, and audited with
//! the person and the reason. Nothing here reads a database.

mod dead_letters;
mod reconcile;
mod review;

use std::fmt::Write as _;
use std::io::Write as _;

use clap::Subcommand;
use client::Client;

use crate::Failed;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Work that was given up: jobs, events of providers, and messages at a consumer
    #[command(subcommand)]
    DeadLetters(dead_letters::Action),
    /// Cases that only a person can settle
    #[command(subcommand)]
    Review(review::Action),
    /// Compare a provider's books with ours, and show what differs
    Reconcile(reconcile::Arguments),
    /// Differences between the provider's books and ours
    #[command(subcommand)]
    Differences(reconcile::Differences),
}

/// The server and the caller's key.
#[derive(clap::Args)]
struct Server {
    #[arg(long, env = "SUREHOLD_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A key with the scope `ops`
    #[arg(long, env = "SUREHOLD_OPS_KEY", hide_env_values = true)]
    api_key: String,
}

impl Server {
    fn client(&self) -> Result<Client, Failed> {
        let report = |retry: &client::Retry<'_>| {
            eprintln!("retrying in {} ms: {}", retry.delay.as_millis(), retry.failure);
        };
        Ok(Client::builder(&self.url, &self.api_key).observer(report).build()?)
    }
}

pub async fn run(arguments: Arguments) -> crate::Exit {
    match arguments.action {
        Action::DeadLetters(action) => dead_letters::run(action).await,
        Action::Review(action) => review::run(action).await,
        Action::Reconcile(arguments) => reconcile::run(arguments).await,
        Action::Differences(action) => reconcile::differences(action).await,
    }
}

/// Columns as wide as their widest cell; the last column has no fixed width.
pub fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in std::iter::once(head.map(str::to_owned)).chain(rows.iter().cloned()) {
        for (cell, width) in row.iter().zip(&widths) {
            write!(text, "{cell:<width$}  ").expect("a String takes it");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// A reader that has closed the pipe (`| head`) is no failure.
pub fn print(text: &str) {
    let _gone = std::io::stdout().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let text = table(["ID", "WHY"], &[row("ação", "x"), row("b", "")]);
        assert_eq!(text, "ID    WHY\nação  x\nb\n");
    }
}
