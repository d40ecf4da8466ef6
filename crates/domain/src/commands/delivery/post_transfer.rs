//! Post a transfer: the ledger's consumer writes the transfer of a message, and its receipt, in one
//! transaction.
//!
//! A transfer is dated when it is posted. It locks the tenant's closing and its accounts, so it is dated
//! neither into a closed day nor before an earlier posting: what an account had at a past instant never changes.

use alloc::collections::BTreeMap;

use super::DeliveryKey;
use crate::commands::draft::{Draft, Origin};
use crate::consumers::LEDGER;
use crate::ids::{LedgerAccountId, LedgerClosingId, PostingId, TenantId};
use crate::ledger;
use crate::reply::{DeliveryStatus, Reply};
use crate::rows::{Actor, Facts, LedgerAccount, LedgerClosing, Message, Needs, Posting, Transfer};
use crate::time::Timestamp;
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct PostTransfer {
    pub message: Message,
    pub entry: ledger::LedgerEntry,
}

impl PostTransfer {
    /// `None` for a message that moves no money.
    pub fn of(message: &Message) -> Result<Option<PostTransfer>, ledger::Unreadable> {
        Ok(ledger::entry(message)?.map(|entry| PostTransfer { message: message.clone(), entry }))
    }

    fn at(&self) -> DeliveryKey {
        DeliveryKey { tenant: self.message.tenant, message: self.message.id, consumer: LEDGER }
    }

    fn account(&self, name: &str) -> LedgerAccountId {
        LedgerAccountId::of(self.message.tenant, name, self.entry.currency)
    }

    /// Now, and if the clock went back, the first instant that is open in every account.
    fn posted_at(&self, facts: &Facts, now: Timestamp) -> Timestamp {
        let closing = facts.ledger_closings.get(LedgerClosingId::of(self.message.tenant));
        let accounts = self.entry.legs.iter().map(|leg| self.account(&leg.account));
        let moved = accounts.filter_map(|id| facts.ledger_accounts.get(id)).map(|account| account.moved_at);
        moved.chain(closing.and_then(|closing| closing.closed_before)).fold(now, Timestamp::max)
    }
}

impl Command for PostTransfer {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.delivery(self.at().id());
        rows.transfer(self.entry.id(self.message.tenant));
        for leg in &self.entry.legs {
            rows.ledger_account(self.account(&leg.account));
        }
        rows.ledger_closing(LedgerClosingId::of(self.message.tenant));
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let receipt = self.at().receipt(facts, context.now)?;
        // Nothing can fail from here on.

        let tenant = self.message.tenant;
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let transfer = if fault_injection::is(fault_injection::InjectedFault::ReceiptNotKept) {
            draft.id()
        } else {
            draft.put(receipt);
            self.entry.id(tenant)
        };
        if facts.transfers.get(transfer).is_some() {
            // Another message has reported the same movement.
            return Ok(draft.reply(Reply::Delivery(DeliveryStatus::Received)));
        }
        let posted_at = self.posted_at(facts, context.now);
        if facts.ledger_closings.get(LedgerClosingId::of(tenant)).is_none() {
            draft.put(LedgerClosing::none(tenant, context.now));
        }
        draft.put(Transfer {
            id: transfer,
            tenant,
            kind: self.message.kind.clone(),
            movement: self.entry.movement.clone(),
            message: self.message.id,
            posted_at,
            subject: self.message.subject,
        });
        let mut accounts: BTreeMap<LedgerAccountId, LedgerAccount> = BTreeMap::new();
        for leg in &self.entry.legs {
            let id = self.account(&leg.account);
            let account = accounts.entry(id).or_insert_with(|| {
                let before = facts.ledger_accounts.get(id).cloned();
                if let Some(day) = before.as_ref().and_then(|account| account.day_before(posted_at)) {
                    draft.put(day);
                }
                before.unwrap_or_else(|| LedgerAccount {
                    id,
                    tenant,
                    name: leg.account.clone(),
                    currency: self.entry.currency,
                    balance_minor: 0,
                    created_at: posted_at,
                    moved_at: posted_at,
                })
            });
            account.balance_minor += leg.amount_minor;
            account.moved_at = posted_at;
            let id: PostingId = draft.id();
            draft.put(Posting {
                id,
                tenant,
                transfer,
                account: account.id,
                amount_minor: leg.amount_minor,
                currency: self.entry.currency,
                posted_at,
            });
        }
        for account in accounts.into_values() {
            draft.put(account);
        }
        Ok(draft.reply(Reply::Delivery(DeliveryStatus::Received)))
    }
}
