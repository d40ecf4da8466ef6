//! End a blackout.

use alloc::boxed::Box;

use super::ProductSchedules;
use crate::TenantId;
use crate::commands::draft::{About, Draft, Origin};
use crate::ids::BlackoutId;
use crate::refusal::Refusal;
use crate::reply::{BlackoutReply, Reply};
use crate::rows::{Blackout, Facts, Needs, Subject};
use crate::working_set::{Command, Context, DecisionResult};

/// Ends a blackout for good. One that has ended stays as it is. The slots follow later, by
/// [`super::MakeSlots`].
#[derive(Clone, Debug)]
pub struct EndBlackout {
    pub origin: Origin,
    pub of: ProductSchedules,
    pub blackout: BlackoutId,
}

impl Command for EndBlackout {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.of.tenant)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        self.of.need(rows);
        rows.blackout(self.blackout);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let blackout = facts
            .blackouts
            .get(self.blackout)
            .filter(|blackout| (blackout.tenant, blackout.product) == (self.of.tenant, self.of.product))
            .ok_or(Refusal::BlackoutNotFound)?;
        let product = self.of.find(facts)?;
        // Nothing can fail from here on.

        let mut draft = Draft::new(context, &self.origin);
        let mut blackout = blackout.clone();
        if blackout.ended_at.is_none() {
            blackout = Blackout { ended_at: Some(context.now), ..blackout };
            self.of.revise(facts, product, &mut draft);
            let about = About { tenant: product.tenant, kind: Subject::Product, id: product.id.0 };
            draft.audit(about, "blackout_ended", None, None);
            draft.put(blackout.clone());
        }
        let reply = BlackoutReply { blackout, time_zone: product.time_zone.clone(), kept: None };
        Ok(draft.reply(Reply::Blackout(Box::new(reply))))
    }
}
