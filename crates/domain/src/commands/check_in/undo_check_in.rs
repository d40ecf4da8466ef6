//! Undo a check-in: the wrong ticket was scanned, or nobody went in.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use super::{count, named};
use crate::commands::booking::about;
use crate::commands::draft::{Draft, Origin};
use crate::ids::{CheckInId, TenantId};
use crate::refusal::Refusal;
use crate::reply::{CheckInReply, Reply};
use crate::rows::{CheckIn, Facts, Needs};
use crate::working_set::{Claim, Command, Context, DecisionResult};

/// Undone twice is undone once, by the first.
#[derive(Clone, Debug)]
pub struct UndoCheckIn {
    pub claim: Claim,
    pub check_in: CheckInId,
    /// The name of the person.
    pub who: String,
    pub why: String,
}

impl Command for UndoCheckIn {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let check_in = rows.check_in(self.check_in)?;
        rows.booking_items(check_in.booking);
        rows.booking(check_in.booking);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let own = |row: &&CheckIn| row.tenant == self.claim.tenant;
        let was = facts.check_ins.get(self.check_in).filter(own).ok_or(Refusal::CheckInNotFound)?;
        let booking = facts.bookings.get(was.booking).ok_or(Refusal::CheckInNotFound)?;
        let item = facts.booking_items.owned_by(was.booking).find(|item| item.id == was.item);
        let item = item.ok_or(Refusal::CheckInNotFound)?;
        // Nothing can fail from here on.

        let origin = Origin { person: Some(self.who.clone()), ..Origin::claimed(&self.claim) };
        let mut draft = Draft::new(context, &origin);
        let mut check_in = was.clone();
        if was.is_in_force() {
            check_in.undone_at = Some(context.now);
            check_in.undone_by = Some(self.who.clone());
            check_in.undone_why = Some(self.why.clone());
            let why = Some(format!("{}: {}", named(item, was), self.why));
            draft.audit_because(about(booking), "check_in_undone", None, None, why);
            count(&mut draft, booking, item, was, (-1, "booking.check_in_undone"));
            draft.put(check_in.clone());
        }
        Ok(draft.reply(Reply::CheckIn(Box::new(CheckInReply { check_in, already_checked_in: None }))))
    }
}
