//! Block days of a product out.

use alloc::boxed::Box;
use alloc::string::String;

use super::{BookedSlots, ProductSchedules};
use crate::TenantId;
use crate::commands::draft::{About, Draft, Origin};
use crate::limits::BLACKOUTS_PER_PRODUCT_MAX;
use crate::refusal::Refusal;
use crate::reply::{BlackoutReply, Reply};
use crate::rows::{Actor, Blackout, Facts, Needs, Subject};
use crate::working_set::{Claim, Command, Context, DecisionResult};

/// Adds a period without starts. The slots follow later, by [`super::MakeSlots`].
#[derive(Clone, Debug)]
pub struct AddBlackout {
    pub claim: Option<Claim>,
    pub by: Actor,
    pub of: ProductSchedules,
    pub first_date: String,
    pub last_date: String,
    pub reason: String,
    /// How many are in force, counted after the product was read.
    pub in_force: usize,
    /// The schedules' slots in the period that have bookings.
    pub booked: BookedSlots,
}

impl Command for AddBlackout {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.of.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        self.booked.need(rows);
        self.of.need(rows);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let product = self.of.find(facts)?;
        if self.in_force >= BLACKOUTS_PER_PRODUCT_MAX {
            return Err(Refusal::TooManyBlackouts { limit: BLACKOUTS_PER_PRODUCT_MAX });
        }
        // Nothing can fail from here on.

        let origin = Origin::of_request(self.by, self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        let blackout = Blackout {
            id: match &self.claim {
                Some(claim) => draft.id_under(claim.key),
                None => draft.id(),
            },
            tenant: product.tenant,
            product: product.id,
            first_date: self.first_date.clone(),
            last_date: self.last_date.clone(),
            reason: self.reason.clone(),
            created_at: context.now,
            ended_at: None,
        };
        let kept = Some(self.booked.under_lock(facts, &draft));
        self.of.revise(facts, product, &mut draft);
        let about = About { tenant: product.tenant, kind: Subject::Product, id: product.id.0 };
        draft.audit(about, "blackout_added", None, None);
        draft.put(blackout.clone());
        let reply = BlackoutReply { blackout, time_zone: product.time_zone.clone(), kept };
        Ok(draft.reply(Reply::Blackout(Box::new(reply))))
    }
}
