//! Review cases: a person takes a case, writes down what they find, has it looked up at the provider, and
//! closes it ([`ResolveReview`](super::ResolveReview)).
//!
//! | command | the case | its audit |
//! |---|---|---|
//! | [`AssignReview`] | gets an assignee, or none | `review_assigned` |
//! | [`NoteReview`] | stays | `review_noted` |
//! | [`LookUpReview`] | stays; a job fetches its object and settles what it shows | `review_looked_up` |
//! | [`CloseLookedUp`] | is closed, if the provider and our books agree | `review_resolved` |

mod assign;
mod look_up;
mod note;

pub use assign::AssignReview;
pub use look_up::{CloseLookedUp, LookUpReview};
pub use note::NoteReview;

use alloc::string::String;

use crate::commands::draft::{About, Origin};
use crate::ids::{ClientId, ReviewId, TenantId};
use crate::lifecycle::review;
use crate::refusal::Refusal;
use crate::rows::{Actor, Facts, Review};
use crate::working_set::Claim;

/// What a person does with a case.
#[derive(Clone, Debug)]
pub struct DecidedReview {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    /// The client whose API key the person uses.
    pub client: ClientId,
    pub request_id: String,
    pub review: ReviewId,
    /// The person's name as the request has it.
    pub person: String,
    pub why: String,
}

impl DecidedReview {
    fn origin(&self) -> Origin {
        Origin {
            actor: Actor::Client(self.client),
            request_id: Some(self.request_id.clone()),
            person: Some(self.person.clone()),
            why: Some(self.why.clone()),
        }
    }

    fn own<'f>(&self, facts: &'f Facts) -> Result<&'f Review, Refusal> {
        let own = facts.reviews.get(self.review).filter(|review| review.tenant == self.tenant);
        own.ok_or(Refusal::ReviewNotFound)
    }

    fn open<'f>(&self, facts: &'f Facts) -> Result<&'f Review, Refusal> {
        let review = self.own(facts)?;
        review.state.require(review::Event::Resolve).map(|_| review)
    }
}

/// The audit of a case is that of its subject.
fn about(review: &Review) -> About {
    About { tenant: review.tenant, kind: review.subject_kind, id: review.subject }
}
