//! The judgement: from what the client wrote down before it spoke, and from the provider's own books.
//!
//! | invariant | what is compared |
//! |---|---|
//! | `a_process_starts_whatever_befell_it` | nothing: it is looked at on the way; on PostgreSQL, which may be starting too, it is tried again for a while ([`super::deployment`]) |
//! | `every_operation_is_definite` | each key in the journal has a definite answer, and nothing is under way any more |
//! | `what_can_be_done_is_done` | a charge of a card that pays, and seats of which there are enough, were granted in the end |
//! | `no_step_of_an_order_is_refused` | what was granted, a later request finds: a hold can be paid, a payment refunded ([`super::orders`]) |
//! | `one_answer_a_key` | every definite answer to a key is the same, to the byte |
//! | `effects_equal_operations` | each operation that was accepted moved money in the provider's books exactly once, and to the minor unit; each that was not, never |
//! | `nothing_moved_unasked` | no money moved for what is not in the journal |
//! | `figures_equal_books` | `/metrics` counts as many operations and effects as the books show |
//! | those of `surehold check` | [`crate::oracle`], where the database is ours |
//!
//! Of a deployment that is not ours, without its provider's books, its payments and its ledger are asked
//! over the API instead, and the report says so.

mod api;
mod effects;
mod figures;
mod told;

use super::witness::Witness;
use super::{Arena, Deployment, Error, Need};
use crate::oracle::Books;
pub use effects::Effects;
pub use told::{Operation, Told};

/// Writes into the findings whether everything was done exactly once.
pub async fn judge(arena: &Arena, town: &Deployment) -> Result<Effects, Error> {
    arena.progress.says("judging");
    arena.journal.flush().await?;
    let told = Told::read(&arena.journal_path)?;
    told.judge(&arena.findings);
    past_healing_of(arena, town, &told).await?;
    if town.location().is_some() {
        let rest = town.rest().await?;
        arena.findings.oracle(&rest.verdicts);
        arena.findings.always("every_operation_is_definite", rest.reached, || {
            format!("it does not come to rest:\n{}", rest.verdicts)
        });
        if !rest.reached && arena.has(Need::Nats) {
            arena.findings.note(Witness::beside(arena, town).await?.says().await?);
        }
    }
    let effects = match town.books().await? {
        Some(books) => {
            let books = only_ours(books, arena, town);
            let effects = effects::judge(&arena.findings, &told, &books);
            if town.location().is_some() {
                figures::judge(arena, town, &books).await?;
            }
            effects
        }
        None => api::judge(arena, town, &told).await?,
    };
    arena.findings.figure("operations", effects.operations as f64);
    arena.findings.figure("effects", effects.applied as f64);
    arena.findings.figure("duplicates", effects.duplicates as f64);
    Ok(effects)
}

/// Looks for what no rest mends, so that nobody waits for it.
pub async fn past_healing(arena: &Arena, town: &Deployment) -> Result<(), Error> {
    arena.journal.flush().await?;
    past_healing_of(arena, town, &Told::read(&arena.journal_path)?).await
}

async fn past_healing_of(arena: &Arena, town: &Deployment, told: &Told) -> Result<(), Error> {
    if let Some(books) = town.books().await? {
        effects::past_healing(&arena.findings, told, &only_ours(books, arena, town));
    }
    Ok(())
}

/// In books that others write into as well, what carries the name of one of our operations.
fn only_ours(mut books: Books, arena: &Arena, town: &Deployment) -> Books {
    if town.location().is_some() {
        return books;
    }
    let prefix = arena.prefix();
    books.charges.retain(|charge| charge.mark().is_some_and(|mark| mark.starts_with(&prefix)));
    let kept = |object: &str| books.charges.iter().any(|charge| charge.id == object);
    let refunds = books.refunds.iter().filter(|refund| kept(&refund.payment_intent)).cloned().collect();
    books.refunds = refunds;
    books
}
