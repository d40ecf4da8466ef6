//! Close a tenant's ledger up to the end of a day. It is never opened again.

use alloc::boxed::Box;
use alloc::string::String;

use super::about_tenant;
use crate::commands::draft::{Draft, Origin};
use crate::ids::{LedgerClosingId, TenantId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Facts, LedgerClosing, Needs};
use crate::time::Timestamp;
use crate::working_set::{Claim, Command, Context, DecisionResult};

/// Closes every day that ends until `ends_at`. What is closed already stays as it is.
///
/// A posting locks the closing as well, and the time is read after the locks are granted: what was in flight
/// before this command is committed, and what comes after it is dated later.
#[derive(Clone, Debug)]
pub struct CloseLedger {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub origin: Origin,
    /// The first instant that stays open.
    pub ends_at: Timestamp,
    /// The day's name, for the audit.
    pub day: String,
}

impl Command for CloseLedger {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.ledger_closing(LedgerClosingId::of(self.tenant));
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        if context.now < self.ends_at {
            return Err(Refusal::LedgerDayIsNotOver { ends_at: self.ends_at });
        }
        // Nothing can fail from here on.

        let closing = facts.ledger_closings.get(LedgerClosingId::of(self.tenant)).cloned();
        let mut closing = closing.unwrap_or_else(|| LedgerClosing::none(self.tenant, context.now));
        let mut draft = Draft::new(context, &self.origin);
        if closing.closed_before < Some(self.ends_at) {
            closing.closed_before = Some(self.ends_at);
            closing.closed_at = Some(context.now);
            draft.audit_because(
                about_tenant(self.tenant),
                "ledger_closed",
                None,
                None,
                Some(self.day.clone()),
            );
            draft.put(closing.clone());
        }
        Ok(draft.reply(Reply::LedgerClosing(Box::new(closing))))
    }
}
