//! Judges a scenario by the clients' journal and by the provider's own books.
//!
//! | invariant | what is compared |
//! |---|---|
//! | `a_process_starts_whatever_befell_it` | nothing: each start is a check; on PostgreSQL, which may be starting too, the start is repeated for a while ([`super::deployment`]) |
//! | `every_operation_is_definite` | each key in the journal has a definite answer, and no work is under way any more |
//! | `what_can_be_done_is_done` | each charge of a card that pays was captured in the end, and seats were granted if there were enough |
//! | `no_step_of_an_order_is_refused` | a later request finds what was granted: a hold can be paid, a payment refunded ([`super::orders`]) |
//! | `one_answer_a_key` | every definite answer to a key is the same, to the byte |
//! | `effects_equal_operations` | each accepted operation moved money in the provider's books exactly once, and to the minor unit; each operation that was not accepted never did |
//! | `nothing_moved_unasked` | no money moved for an operation that is not in the journal |
//! | `figures_equal_books` | `/metrics` counts as many operations and effects as the books show |
//! | those of `surehold check` | [`check`], if the database is ours |
//!
//! If the deployment is not ours and its provider's books are unknown, its payments and its ledger
//! are read over the API instead, and the report says so.

mod api;
mod effects;
mod figures;
mod operation_history;

use super::nats_observer::NatsObserver;
use super::operation_request::mark;
use super::{Deployment, Error, Need, ScenarioContext};
use check::Books;
pub use effects::Effects;
pub use operation_history::{OperationHistory, RecordedOperation};

/// Adds to the findings whether each operation was done exactly once.
pub async fn judge(context: &ScenarioContext, deployment: &Deployment) -> Result<Effects, Error> {
    context.progress.show("judging");
    context.journal.flush().await?;
    let history = OperationHistory::read(&context.journal_path)?;
    history.judge(&context.findings);
    irreparable_of(context, deployment, &history).await?;
    if deployment.location().is_some() {
        let rest = deployment.rest().await?;
        context.findings.oracle(&rest.verdicts);
        context.findings.always("every_operation_is_definite", rest.reached, || {
            format!("it does not come to rest:\n{}", rest.verdicts)
        });
        if !rest.reached && context.has(Need::Nats) {
            context.findings.note(NatsObserver::beside(context, deployment).await?.state().await?);
        }
    }
    let effects = match deployment.books().await? {
        Some(books) => {
            let books = only_ours(books, context, deployment);
            let effects = effects::judge(&context.findings, &history, &books);
            if deployment.location().is_some() {
                let mut ours = books.clone();
                ours.charges.retain(|charge| !deployment.lost.contains(&charge.id));
                figures::judge(context, deployment, &ours).await?;
            }
            effects
        }
        None => api::judge(context, deployment, &history).await?,
    };
    context.findings.figure("operations", effects.operations as f64);
    context.findings.figure("effects", effects.applied as f64);
    context.findings.figure("duplicates", effects.duplicates as f64);
    Ok(effects)
}

/// Looks for damage that no further work can repair, so that nobody waits for it.
pub async fn irreparable(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    context.journal.flush().await?;
    irreparable_of(context, deployment, &OperationHistory::read(&context.journal_path)?).await
}

async fn irreparable_of(
    context: &ScenarioContext,
    deployment: &Deployment,
    history: &OperationHistory,
) -> Result<(), Error> {
    if let Some(books) = deployment.books().await? {
        effects::irreparable(&context.findings, history, &only_ours(books, context, deployment));
    }
    Ok(())
}

/// In books that others write into as well: the entries that have the name of one of our
/// operations.
fn only_ours(mut books: Books, context: &ScenarioContext, deployment: &Deployment) -> Books {
    if deployment.location().is_some() {
        return books;
    }
    let prefix = context.prefix();
    books.charges.retain(|charge| mark(charge).is_some_and(|mark| mark.starts_with(&prefix)));
    let kept = |object: &str| books.charges.iter().any(|charge| charge.id == object);
    let refunds = books.refunds.iter().filter(|refund| kept(&refund.payment_intent)).cloned().collect();
    books.refunds = refunds;
    books
}
