//! A store for tests: raw rows, and one command at a time, run as the executor runs it.
//!
//! It refuses mistakes that a real store shows only under load: a row requested out of the order of
//! locks, a row put twice, a changed row that was never loaded, a `fixed` column that changed.

use std::boxed::Box;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;
use uuid::Uuid;

use crate::idempotency::{KeyProgress, KnownKey, known_key};
use crate::reply::Reply;
use crate::rows::{Changes, Facts, Key, Needs, Put, TableName};
use crate::side_effects::SideEffects;
use crate::time::{Span, Timestamp};
use crate::working_set::{
    Claim, ColumnUpdate, Command, Context, Decision, LateReply, ReplyTiming, Role, Row, TableWrite, Value,
};
use crate::{Ids, Refusal};

pub type RawRow = Vec<Value<'static>>;
pub type Rows = BTreeMap<&'static str, BTreeMap<Uuid, RawRow>>;

/// Ids that ascend, and are the same in every run.
pub struct Counter(Cell<u128>);

impl Ids for Counter {
    fn next(&self) -> Uuid {
        self.0.set(self.0.get() + 1);
        Uuid::from_u128(self.0.get())
    }
}

pub struct TestStore {
    pub rows: Rows,
    pub now: Timestamp,
    pub ids: Counter,
    /// Rows that the last command inserted into the audit.
    pub audited: Vec<Uuid>,
    /// The side effects of the last command.
    pub side_effects: SideEffects,
}

/// The result of a command, as the executor has it.
#[derive(Debug)]
pub enum CommandResult {
    Fresh(Box<Reply>),
    Refused(Refusal),
    Replay { status: i64, body: String },
    InFlight,
    Expired,
    Mismatch,
}

impl CommandResult {
    pub fn refusal(self) -> Refusal {
        if let CommandResult::Refused(refusal) = self { refusal } else { panic!("not refused: {self:?}") }
    }
    pub fn reply(self) -> Reply {
        if let CommandResult::Fresh(reply) = self { *reply } else { panic!("not fresh: {self:?}") }
    }
}

/// Every row of the changes, with its table.
macro_rules! rows_of {
    ($changes:expr, $($table:ident)+) => {{
        let mut rows: Vec<(&'static str, RawRow)> = Vec::new();
        $( for row in &$changes.$table {
            rows.push((stringify!($table), row.values().into_iter().map(owned).collect()));
        } )+
        rows
    }};
}

impl TestStore {
    pub fn new() -> TestStore {
        TestStore {
            rows: Rows::new(),
            now: Timestamp(1_800_000_000_000_000),
            ids: Counter(Cell::new(1_000)),
            audited: Vec::new(),
            side_effects: SideEffects::default(),
        }
    }

    pub fn find<R: Row>(&self, id: impl Into<R::Id>) -> Option<R> {
        let row = self.rows.get(R::TABLE.name)?.get(&id.into().into())?;
        Some(R::read(row.clone()).unwrap())
    }

    pub fn get<R: Row>(&self, id: impl Into<R::Id>) -> R {
        self.find(id).unwrap_or_else(|| panic!("no such row in {}", R::TABLE.name))
    }

    pub fn all<R: Row>(&self) -> Vec<R> {
        let rows = self.rows.get(R::TABLE.name).into_iter().flat_map(BTreeMap::values);
        rows.map(|row| R::read(row.clone()).unwrap()).collect()
    }

    /// Writes a row without a command and without the laws.
    pub fn set<R: Row>(&mut self, row: &R) {
        let values = row.values().into_iter().map(owned).collect();
        self.rows.entry(R::TABLE.name).or_default().insert(row.id().into(), values);
    }

    /// Takes a row away, as a restore to an earlier moment does.
    pub fn forget<R: Row>(&mut self, row: &R) {
        self.rows.entry(R::TABLE.name).or_default().remove(&row.id().into());
    }

    pub fn wait(&mut self, span: Span) {
        self.now = self.now.plus(span);
    }

    /// Runs the command, and checks every law.
    pub fn run(&mut self, command: &dyn Command) -> CommandResult {
        let before = self.rows.clone();
        let answer = self.rule(command);
        if matches!(answer, CommandResult::Refused(_)) {
            let mut now = self.rows.clone();
            let mut then = before.clone();
            now.remove("keys");
            then.remove("keys");
            assert_eq!(now, then, "a refusal left something behind: {command:?}");
        }
        self.hold_every_law(&before, command);
        answer
    }

    fn rule(&mut self, command: &dyn Command) -> CommandResult {
        self.audited.clear();
        self.side_effects = SideEffects::default();
        let mut facts = self.load(command);
        if let Some(claim) = command.claim()
            && let Some(key) = facts.keys.get(claim.key)
        {
            return match known_key(key, &claim.fingerprint) {
                KnownKey::InFlight { .. } => CommandResult::InFlight,
                KnownKey::Replay { status, body } => CommandResult::Replay { status, body },
                KnownKey::Expired { .. } => CommandResult::Expired,
                KnownKey::Mismatch => CommandResult::Mismatch,
            };
        }
        let context = Context { now: self.now, ids: &self.ids };
        match command.decide(&facts, &context) {
            Ok(outcome) => {
                let (changes, reply) = take(outcome, &facts, command, self.now);
                self.write(&mut facts, changes, command);
                CommandResult::Fresh(Box::new(reply))
            }
            Err(refusal) => {
                if let Some(claim) = command.claim().filter(|_| refusal.is_stored()) {
                    let mut changes = Changes::default();
                    changes.put(finished(claimed(claim, self.now), &Err(refusal.clone()), self.now));
                    self.write(&mut facts, changes, command);
                }
                CommandResult::Refused(refusal)
            }
        }
    }

    /// Calls `needs` again before each table, children first.
    fn load(&self, command: &dyn Command) -> Facts {
        let order: Vec<TableName> = TableName::lock_order().collect();
        let mut facts = Facts::default();
        let mut open = 0;
        loop {
            let mut needs = Needs::new(&facts);
            if let Some(claim) = command.claim() {
                needs.key(claim.key);
            }
            let complete = command.needs(&mut needs).is_some();
            let mut wanted = Vec::new();
            for (at, table) in order.iter().enumerate() {
                let ids = needs.wanted(*table);
                if !ids.is_empty() {
                    assert!(at >= open, "{table:?} was passed already: {command:?}");
                    assert!(table.description().role != Role::Append, "{table:?} is never read");
                    wanted.push((at, *table, ids));
                }
            }
            if wanted.is_empty() {
                return facts;
            }
            if !complete {
                let owned =
                    |(_, table, _): &&(usize, TableName, Vec<Uuid>)| table.description().role == Role::Owned;
                wanted.truncate(1 + wanted[1..].iter().take_while(owned).count());
            }
            if let (true, Some(later)) = (complete, needs.take_later()) {
                let place = order.iter().position(|table| *table == later).unwrap();
                if wanted.iter().any(|(at, ..)| *at < place) {
                    wanted.retain(|(at, ..)| *at < place);
                }
            }
            for (at, table, ids) in wanted {
                assert_eq!(facts.loaded(table, &ids, self.stored(table, &ids)), []);
                if table == TableName::booking_items {
                    let locked = |id: &Uuid| facts.knows(TableName::bookings, *id);
                    assert!(ids.iter().all(locked), "items without their booking's lock: {command:?}");
                }
                open = at + 1;
            }
        }
    }

    /// The rows with these ids, or of these owners.
    fn stored(&self, table: TableName, ids: &[Uuid]) -> Vec<RawRow> {
        let description = table.description();
        let Some(stored) = self.rows.get(description.name) else { return Vec::new() };
        if description.role != Role::Owned {
            return ids.iter().filter_map(|id| stored.get(id)).cloned().collect();
        }
        let owner = description.loaded_by().unwrap();
        let wanted = |row: &&RawRow| matches!(&row[owner], Value::Id(id) if ids.contains(id));
        stored.values().filter(wanted).cloned().collect()
    }

    fn write(&mut self, facts: &mut Facts, changes: Changes, command: &dyn Command) {
        let expected = rows_of!(changes, tenants accounts clients api_keys products units beneficiaries keys customers slots
            bookings booking_items releases payments refunds disputes dispute_evidence movements payouts reviews attempts jobs inbound_events event_feeds logs ledger_closings ledger_accounts day_balances transfers
            postings partitions outbox inbox audit);
        let removed = changes.removed.clone();
        facts.apply(changes).unwrap_or_else(|table| panic!("one row of {table} is put twice: {command:?}"));
        self.side_effects = facts.side_effects().clone();
        for write in facts.writes() {
            self.write_table(&write, command);
        }
        for (table, id) in removed {
            assert!(facts.knows(table, id), "{table:?} {id} is removed and was not needed: {command:?}");
            assert!(!self.rows[table.description().name].contains_key(&id), "it is still there: {command:?}");
        }
        for (table, row) in expected {
            let Value::Id(id) = row[0] else { unreachable!("the key comes first") };
            assert_eq!(self.rows[table][&id], row, "a fixed column of {table} changed: {command:?}");
        }
    }

    fn write_table(&mut self, write: &TableWrite<'_>, command: &dyn Command) {
        let name = write.table.name;
        let stored = self.rows.entry(name).or_default();
        for row in &write.inserts {
            let row: RawRow = row.iter().cloned().map(owned).collect();
            let Value::Id(id) = row[0] else { unreachable!("the key comes first") };
            if name == "audit" {
                self.audited.push(id);
            }
            assert!(stored.insert(id, row).is_none(), "{name} {id} exists already: {command:?}");
        }
        let columns_of = |wanted: fn(ColumnUpdate) -> bool| {
            let columns = write.table.columns.iter().enumerate();
            columns.filter(move |(_, column)| wanted(column.part)).map(|(at, _)| at)
        };
        for update in &write.updates {
            let row = stored.get_mut(&update.id).unwrap();
            for (at, was) in columns_of(ColumnUpdate::is_guard).zip(&update.guards) {
                assert_eq!(&row[at], was, "a guard of {name} does not hold: {command:?}");
            }
            let moving = columns_of(ColumnUpdate::changes);
            for (at, is) in moving.zip(&update.values) {
                row[at] = owned(is.clone());
            }
        }
        for removal in &write.removals {
            let row = stored.remove(&removal.id).unwrap();
            for (at, was) in columns_of(ColumnUpdate::is_guard).zip(&removal.guards) {
                assert_eq!(&row[at], was, "a guard of {name} does not hold: {command:?}");
            }
        }
    }
}

/// The changes with the keys they answer, as the executor adds them.
fn take(outcome: Decision, facts: &Facts, command: &dyn Command, now: Timestamp) -> (Changes, Reply) {
    let mut changes = outcome.changes;
    for (id, answer) in outcome.answers {
        let key =
            facts.keys.get(id).unwrap_or_else(|| panic!("it did not need the key it answers: {command:?}"));
        if key.progress == KeyProgress::InFlight {
            let answer = match answer {
                LateReply::With(reply) => Ok(reply),
                LateReply::Refused(refusal) => Err(refusal),
            };
            changes.put(finished(key.clone(), &answer, now));
        }
    }
    if let Some(claim) = command.claim() {
        let key = claimed(claim, now);
        changes.put(match outcome.settles {
            ReplyTiming::Now => finished(key, &Ok(outcome.reply.clone()), now),
            ReplyTiming::Later(resource) => Key { resource: Some(resource), ..key },
        });
    }
    (changes, outcome.reply)
}

fn claimed(claim: &Claim, now: Timestamp) -> Key {
    Key {
        id: claim.key,
        tenant: claim.tenant,
        client: claim.client,
        text: claim.text.clone(),
        fingerprint: claim.fingerprint,
        progress: KeyProgress::InFlight,
        status: None,
        body: None,
        resource: None,
        location: None,
        request_id: claim.request_id.clone(),
        created_at: now,
        finished_at: None,
    }
}

/// The stored reply in short: 200 and a summary, or 400 and the code.
fn finished(key: Key, answer: &Result<Reply, Refusal>, now: Timestamp) -> Key {
    let (status, body) = match answer {
        Ok(reply) => (200, shown(reply)),
        Err(refusal) => (400, String::from(refusal.code())),
    };
    Key {
        progress: KeyProgress::Finished,
        status: Some(status),
        body: Some(body),
        finished_at: Some(now),
        ..key
    }
}

pub fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Booking(reply) | Reply::BookingChanged(reply) => format!("booking {:?}", reply.booking.state),
        Reply::Payment(payment) => format!("payment {:?}", payment.state),
        Reply::PaymentChanged(payment) => {
            format!("payment changed {:?}, under way: {}", payment.state, payment.active.is_some())
        }
        Reply::Refund(refund) => format!("refund {:?}", refund.state),
        Reply::Product(product) => format!("product {}", product.0.name),
        Reply::Difference(difference) => format!("difference {:?}", difference.state),
        Reply::DeadLetter(letter) => format!("dead letter {letter:?}"),
        Reply::Beneficiary(beneficiary) | Reply::BeneficiaryChanged(beneficiary) => {
            format!("beneficiary {}", beneficiary.name)
        }
        Reply::Payout(payout) | Reply::PayoutReversal(payout) => format!("payout {:?}", payout.state),
        Reply::Slots(added) => format!("{} slots", added.slots.len()),
        Reply::CheckIn(reply) => format!("check-in, already: {:?}", reply.already_checked_in),
        Reply::Dispute(dispute) => format!("dispute {:?}", dispute.state),
        other => panic!("not a reply to keep: {other:?}"),
    }
}

fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Null => Value::Null,
        Value::Int(int) => Value::Int(int),
        Value::Text(text) => Value::Text(text.into_owned().into()),
        Value::Bytes(bytes) => Value::Bytes(bytes.into_owned().into()),
        Value::Id(id) => Value::Id(id),
    }
}
