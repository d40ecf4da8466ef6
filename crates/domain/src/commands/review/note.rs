//! Note: what a person found out about a case, also after it was closed.

use alloc::boxed::Box;

use super::{DecidedReview, about};
use crate::commands::draft::Draft;
use crate::ids::TenantId;
use crate::reply::Reply;
use crate::rows::{Facts, Needs};
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct NoteReview(pub DecidedReview);

impl Command for NoteReview {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.0.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.0.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.review(self.0.review);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let review = self.0.own(facts)?.clone();
        // Nothing can fail from here on.

        let origin = self.0.origin();
        let mut draft = Draft::new(context, &origin);
        draft.audit(about(&review), "review_noted", None, None);
        Ok(draft.reply(Reply::Review(Box::new(review))))
    }
}
