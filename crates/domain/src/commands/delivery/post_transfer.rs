//! Post a transfer: the ledger's consumer writes the transfer of a message, and its receipt, in one
//! transaction.

use alloc::collections::BTreeMap;

use super::DeliveryKey;
use crate::commands::draft::{Draft, Origin};
use crate::consumers::LEDGER;
use crate::ids::{LedgerAccountId, PostingId, TenantId};
use crate::ledger;
use crate::reply::{DeliveryStatus, Reply};
use crate::rows::{Actor, Facts, LedgerAccount, Message, Needs, Posting, Transfer};
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
        draft.put(Transfer {
            id: transfer,
            tenant,
            kind: self.message.kind.clone(),
            movement: self.entry.movement.clone(),
            message: self.message.id,
            posted_at: context.now,
            subject: self.message.subject,
        });
        let mut accounts: BTreeMap<LedgerAccountId, LedgerAccount> = BTreeMap::new();
        for leg in &self.entry.legs {
            let id = self.account(&leg.account);
            let account = accounts.entry(id).or_insert_with(|| {
                facts.ledger_accounts.get(id).cloned().unwrap_or_else(|| LedgerAccount {
                    id,
                    tenant,
                    name: leg.account.clone(),
                    currency: self.entry.currency,
                    balance_minor: 0,
                    created_at: context.now,
                })
            });
            account.balance_minor += leg.amount_minor;
            let id: PostingId = draft.id();
            draft.put(Posting {
                id,
                tenant,
                transfer,
                account: account.id,
                amount_minor: leg.amount_minor,
                currency: self.entry.currency,
            });
        }
        for account in accounts.into_values() {
            draft.put(account);
        }
        Ok(draft.reply(Reply::Delivery(DeliveryStatus::Received)))
    }
}
