//! Assign a review case to a person.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use super::{DecidedReview, about};
use crate::commands::draft::Draft;
use crate::ids::TenantId;
use crate::reply::Reply;
use crate::rows::{Facts, Needs, Review};
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct AssignReview {
    pub decided: DecidedReview,
    /// `None`: nobody has it any more.
    pub assignee: Option<String>,
}

impl Command for AssignReview {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.decided.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.decided.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.review(self.decided.review);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let review = self.decided.open(facts)?;
        // Nothing can fail from here on.

        let origin = self.decided.origin();
        let mut draft = Draft::new(context, &origin);
        let to = self.assignee.as_deref().unwrap_or("nobody");
        let why = format!("to {to}: {}", self.decided.why);
        draft.audit_because(about(review), "review_assigned", None, None, Some(why));
        let review = Review { assignee: self.assignee.clone(), ..review.clone() };
        draft.put(review.clone());
        Ok(draft.reply(Reply::Review(Box::new(review))))
    }
}
