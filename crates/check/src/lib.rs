//! `surehold check`: does every promise hold, in this database and in the provider's books?
//!
//! | asked of | what | where |
//! |---|---|---|
//! | the committed rows | each invariant, a statement a check | [`store::Queries::check`] |
//! | the audit | every move that was ever made, against the lifecycles' tables | [`moves`] |
//! | the provider's books | what it says moved, against what we say | [`compare`] |
//!
//! It reads and changes nothing. What is still under way is not called broken, and what could not be
//! compared because of that is said. The books are read before the rows, so beside a program at work the
//! comparison of the two may complain of what happened in between; everything else may run beside it.

mod books;
mod compare;
mod moves;
mod verdict;

use store::{Location, Store};

pub use books::{Books, Charge, RecordedCall, Refund, Release, money};
pub use verdict::{Verdict, Verdicts};

/// The promises, in the order they are told.
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
    #[error("the provider's books at {place} cannot be read: {cause}")]
    Books { place: String, cause: String },
}

/// Asks every invariant. Without books, what only the provider can show is not asked, and that is said.
pub async fn run(location: &Location, books: Option<Books>) -> Result<Verdicts, Error> {
    let queries = Store::open_read_only(location).await?;
    let mut verdicts = Verdicts::new();
    for finding in queries.check().await? {
        verdicts.looked(finding.invariant, finding.counted);
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
