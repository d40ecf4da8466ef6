//! The relay and its consumers: what was told is put in the log, and into the ledger.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::commands::draft::{Draft, Origin};
use crate::ids::{InboxId, LedgerAccountId, LogId, MessageId, PostingId, TenantId};
use crate::ledger;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, LedgerAccount, Log, Message, Needs, Posting, Receipt, Transfer};
use crate::working_set::{Command, Context, Decision};

/// Gives relayed messages their places in their tenant's log, in the order given. Every consumer
/// has received them before.
#[derive(Clone, Debug)]
pub struct Relay {
    pub tenant: TenantId,
    /// At most [`crate::limits::RELAYED_PER_COMMAND_MAX`], each subject's in the order of its `seq`.
    pub messages: Vec<MessageId>,
}

impl Command for Relay {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for message in &self.messages {
            rows.message(*message);
        }
        rows.log(LogId::of(self.tenant));
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
        let id = LogId::of(self.tenant);
        let mut position = facts.logs.get(id).map_or(0, |log| log.position);
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let waiting = self.messages.iter().filter_map(|id| facts.outbox.get(*id));
        let mut relayed = 0;
        for message in waiting.filter(|message| message.position.is_none() && message.tenant == self.tenant) {
            position += 1;
            relayed += 1;
            draft.put(Message { position: Some(position), relayed_at: Some(context.now), ..message.clone() });
        }
        if relayed > 0 {
            draft.put(Log { id, tenant: self.tenant, position });
        }
        Ok(draft.reply(Reply::Swept(relayed)))
    }
}

/// The ledger's consumer: posts what a message moved, and its receipt, in one transaction.
#[derive(Clone, Debug)]
pub struct PostTransfer {
    pub message: Message,
    pub entry: ledger::Entry,
}

/// The ledger's name as a consumer.
pub const LEDGER: &str = "ledger";

impl PostTransfer {
    /// `None` for a message that moves no money.
    pub fn of(message: &Message) -> Option<PostTransfer> {
        ledger::entry(message).map(|entry| PostTransfer { message: message.clone(), entry })
    }

    fn receipt(&self) -> InboxId {
        InboxId::of(LEDGER, self.message.id)
    }

    fn account(&self, name: &str) -> LedgerAccountId {
        LedgerAccountId::of(self.message.tenant, name, self.entry.currency)
    }
}

impl Command for PostTransfer {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.receipt(self.receipt());
        rows.transfer(self.entry.id(self.message.tenant));
        for leg in &self.entry.legs {
            rows.ledger_account(self.account(&leg.account));
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
        if facts.inbox.get(self.receipt()).is_some() {
            return Err(Refusal::NothingToDo);
        }
        let tenant = self.message.tenant;
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        draft.put(Receipt {
            id: self.receipt(),
            tenant,
            consumer: String::from(LEDGER),
            message: self.message.id,
            received_at: context.now,
        });
        let transfer = self.entry.id(tenant);
        if facts.transfers.get(transfer).is_some() {
            // The movement was posted from another message.
            return Ok(draft.done());
        }
        draft.put(Transfer {
            id: transfer,
            tenant,
            kind: self.message.kind.clone(),
            movement: self.entry.movement.clone(),
            message: self.message.id,
            posted_at: context.now,
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
        Ok(draft.done())
    }
}
