//! `surehold check`: does every promise hold, in this database and in the provider's books?
//!
//! | source | what is checked | where |
//! |---|---|---|
//! | the committed rows | each invariant, one statement per check | [`store::Queries::check`] |
//! | the audit | every move that was ever made, against the lifecycles' tables | [`moves`] |
//! | the provider's books | the money that moved, against our rows | [`compare`] |
//!
//! It only reads. Work under way does not count as broken, and the report has a note of what could
//! not be compared because of it. The books are read before the rows, so beside a running program
//! the comparison of the two may report movements of the time in between. All other checks can run
//! at any time.

mod books;
mod compare;
mod moves;
mod payouts;
mod verdict;

use store::{Location, Store};

pub use books::{BookedTransfer, Books, Charge, RecordedCall, Refund, money};
pub use verdict::{Verdict, Verdicts};

/// The promises, in the order of the report.
pub const INVARIANTS: [&str; 11] = [
    "charged_once",
    "nothing_lost",
    "never_overpaid",
    "paid_by_evidence",
    "never_oversold",
    "only_forward",
    "released_once",
    "refund_matches_quote",
    "books_balance",
    "event_applied_once",
    "tenant_walls",
];

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the provider's books at {location} cannot be read: {cause}")]
    Books { location: String, cause: String },
}

/// Checks every invariant. Without books the checks that need the provider are left out, and the
/// report has a note.
pub async fn run(location: &Location, books: Option<Books>) -> Result<Verdicts, Error> {
    let queries = Store::open_read_only(location).await?;
    let mut verdicts = Verdicts::new();
    for finding in queries.check().await? {
        verdicts.checked(finding.invariant, finding.counted);
        for broken in finding.broken {
            verdicts.offends(finding.invariant, format!("{broken} (broken: {})", finding.promise));
        }
    }
    moves::check(&mut verdicts, &queries.moves().await?);
    match books {
        Some(books) => compare::check(&mut verdicts, &queries, &books).await?,
        None => verdicts.notes("charged_once", "no provider's books were given: only ours were looked at"),
    }
    Ok(verdicts)
}
