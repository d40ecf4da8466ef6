//! The books: the contents of the journal, in memory.
//!
//! [`Books::apply`] is the only way to change them, for a line that was just written and for a line
//! that is replayed at the start. So a restart finds the same state.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    account::Account,
    charge::Charge,
    customer::StripeCustomer,
    dispute::Dispute,
    event,
    ids::IdGenerator,
    intent::Intent,
    journal::LineSpan,
    line::{JournalRecord, ReceivedCall, Settled},
    mercado_pago::{StoredPayment, StoredPreference},
    payment_method::PaymentMethod,
    pix::StoredCob,
    refund::Refund,
    snapshot::Snapshot,
    transfer::StripeTransfer,
};

/// What is owed to one endpoint: the delivery of one event.
#[derive(Clone, Debug)]
pub struct DueDelivery {
    pub account: Arc<str>,
    pub endpoint: Arc<str>,
    pub event: event::StoredEvent,
}

impl DueDelivery {
    pub fn settled(&self) -> Settled {
        let (account, endpoint) = (self.account.to_string(), self.endpoint.to_string());
        Settled { account, endpoint, event: self.event.number }
    }
}

/// Where the first reply to an idempotency key is stored.
pub struct StoredKey {
    pub fingerprint: String,
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    pub place: LineSpan,
}

/// One account and everything in it. The maps are in order of age, because ids grow.
pub struct AccountBooks {
    pub account: Account,
    pub intents: BTreeMap<String, Intent>,
    pub charges: BTreeMap<String, Charge>,
    pub refunds: BTreeMap<String, Refund>,
    pub disputes: BTreeMap<String, Dispute>,
    pub transfers: BTreeMap<String, StripeTransfer>,
    pub payment_methods: BTreeMap<String, PaymentMethod>,
    /// Deleted ones too.
    pub customers: BTreeMap<String, StripeCustomer>,
    /// Mercado Pago's payments, with their refunds.
    pub payments: BTreeMap<String, StoredPayment>,
    /// Its pages to pay on.
    pub preferences: BTreeMap<String, StoredPreference>,
    /// The charges of a bank, with their Pix and returns.
    pub cobs: BTreeMap<String, StoredCob>,
    /// When objects change by themselves, in Unix milliseconds, by id.
    settles_at_ms: HashMap<String, i64>,
    pub events: Vec<event::StoredEvent>,
    pub keys: HashMap<String, StoredKey>,
}

pub struct Books {
    pub mint: IdGenerator,
    pub accounts: BTreeMap<Arc<str>, AccountBooks>,
    pub calls: Vec<(Option<Arc<str>>, ReceivedCall)>,
    /// The objects that will still change by themselves, by time.
    pub settlements: BTreeSet<(i64, Arc<str>, String)>,
    secrets: HashMap<String, Arc<str>>,
}

impl Books {
    pub fn empty() -> Self {
        Self {
            mint: IdGenerator { salt: String::new(), next: 1 },
            accounts: BTreeMap::new(),
            calls: Vec::new(),
            settlements: BTreeSet::new(),
            secrets: HashMap::new(),
        }
    }

    pub fn account_of(&self, secret_key: &str) -> Option<&Arc<str>> {
        self.secrets.get(secret_key)
    }

    /// The account of an intent or a dispute: ids are unique over all accounts.
    pub fn account_with(&self, object: &str) -> Option<&Arc<str>> {
        let has =
            |held: &AccountBooks| held.intents.contains_key(object) || held.disputes.contains_key(object);
        self.accounts.iter().find(|(_, held)| has(held)).map(|(id, _)| id)
    }

    /// The account of a payment of Mercado Pago.
    pub fn account_with_payment(&self, payment: &str) -> Option<&Arc<str>> {
        self.accounts.iter().find(|(_, held)| held.payments.contains_key(payment)).map(|(id, _)| id)
    }

    /// The account of a page of Mercado Pago.
    pub fn account_with_preference(&self, id: &str) -> Option<&Arc<str>> {
        self.accounts.iter().find(|(_, held)| held.preferences.contains_key(id)).map(|(id, _)| id)
    }

    /// The account of a bank's charge.
    pub fn account_with_cob(&self, txid: &str) -> Option<&Arc<str>> {
        self.accounts.iter().find(|(_, held)| held.cobs.contains_key(txid)).map(|(id, _)| id)
    }

    /// Applies a line and returns the deliveries that it causes.
    pub fn apply(&mut self, place: LineSpan, line: &JournalRecord) -> Vec<DueDelivery> {
        self.mint.next = self.mint.next.max(line.next);
        if let Some(salt) = &line.salt {
            self.mint.salt.clone_from(salt);
        }
        if let Some(account) = &line.configured {
            self.configure(account);
        }
        let id =
            line.account.as_ref().and_then(|id| self.accounts.get_key_value(&**id)).map(|(id, _)| id.clone());
        if let Some(call) = &line.call {
            self.calls.push((id.clone(), call.clone()));
        }
        for settled in &line.settled {
            self.accounts
                .get_mut(&*settled.account)
                .into_iter()
                .for_each(|held| held.delivered(settled.event));
        }
        let Some(id) = id else { return Vec::new() };
        let held = self.accounts.get_mut(&id).expect("found by this key");
        for snapshot in &line.snapshots {
            let object = snapshot.id();
            if let Some(at_ms) = held.settles_at_ms.remove(object) {
                self.settlements.remove(&(at_ms, id.clone(), object.to_owned()));
            }
            if let Some(at_ms) = snapshot.settles_at_ms() {
                held.settles_at_ms.insert(object.to_owned(), at_ms);
                self.settlements.insert((at_ms, id.clone(), object.to_owned()));
            }
            held.put(snapshot);
        }
        if let (Some(kept), Some(key)) = (&line.kept, line.call.as_ref().and_then(|call| call.key.clone())) {
            held.keys.insert(key, StoredKey { fingerprint: kept.fingerprint.clone(), at: line.at, place });
        }
        line.events.iter().flat_map(|noted| held.note(&id, *noted, line.at / 1000, place)).collect()
    }

    fn configure(&mut self, account: &Account) {
        let id: Arc<str> = account.id.as_str().into();
        if let Some(held) = self.accounts.get_mut(&id) {
            self.secrets.remove(&held.account.secret_key);
            held.account = account.clone();
        } else {
            self.accounts.insert(id.clone(), AccountBooks::new(account.clone()));
        }
        self.secrets.insert(account.secret_key.clone(), id);
    }
}

impl AccountBooks {
    fn new(account: Account) -> Self {
        Self {
            account,
            intents: BTreeMap::new(),
            charges: BTreeMap::new(),
            refunds: BTreeMap::new(),
            disputes: BTreeMap::new(),
            transfers: BTreeMap::new(),
            payment_methods: BTreeMap::new(),
            customers: BTreeMap::new(),
            payments: BTreeMap::new(),
            preferences: BTreeMap::new(),
            cobs: BTreeMap::new(),
            settles_at_ms: HashMap::new(),
            events: Vec::new(),
            keys: HashMap::new(),
        }
    }

    fn put(&mut self, snapshot: &Snapshot) {
        match snapshot {
            Snapshot::Intent(intent) => drop(self.intents.insert(intent.id.clone(), (**intent).clone())),
            Snapshot::Charge(charge) => drop(self.charges.insert(charge.id.clone(), (**charge).clone())),
            Snapshot::Refund(refund) => drop(self.refunds.insert(refund.id.clone(), refund.clone())),
            Snapshot::Dispute(dispute) => drop(self.disputes.insert(dispute.id.clone(), dispute.clone())),
            Snapshot::StripeTransfer(transfer) => {
                self.transfers.insert(transfer.id.clone(), transfer.clone());
            }
            // It is part of its transfer.
            Snapshot::StripeReversal(_) => {}
            Snapshot::PaymentMethod(method) => {
                self.payment_methods.insert(method.id.clone(), method.clone());
            }
            Snapshot::StripeCustomer(customer) => {
                self.customers.insert(customer.id.clone(), customer.clone());
            }
            Snapshot::StoredPayment(payment) => {
                self.payments.insert(payment.id.clone(), (**payment).clone());
            }
            Snapshot::StoredPreference(preference) => {
                self.preferences.insert(preference.id.clone(), (**preference).clone());
            }
            Snapshot::StoredCob(cob) => drop(self.cobs.insert(cob.txid.clone(), (**cob).clone())),
            Snapshot::WebhookEndpoint(endpoint) => {
                let endpoints = &mut self.account.endpoints;
                match endpoints.iter_mut().find(|found| found.id == endpoint.id) {
                    Some(found) => *found = endpoint.clone(),
                    None => endpoints.push(endpoint.clone()),
                }
            }
        }
    }

    fn note(
        &mut self,
        account: &Arc<str>,
        noted: event::JournaledEvent,
        created: i64,
        place: LineSpan,
    ) -> Vec<DueDelivery> {
        let wanting = || self.account.endpoints.iter().filter(|endpoint| endpoint.wants(noted.kind.name()));
        let pending = u8::try_from(wanting().count()).unwrap_or(u8::MAX);
        let event = event::StoredEvent { number: noted.number, kind: noted.kind, created, place, pending };
        let owed = |endpoint: &crate::account::WebhookEndpoint| DueDelivery {
            account: account.clone(),
            endpoint: endpoint.id.as_str().into(),
            event,
        };
        let dues = wanting().map(owed).collect();
        self.events.push(event);
        dues
    }

    /// One endpoint has received an event.
    fn delivered(&mut self, number: u64) {
        if let Ok(at) = self.events.binary_search_by_key(&number, |event| event.number) {
            self.events[at].pending = self.events[at].pending.saturating_sub(1);
        }
    }

    pub fn event(&self, number: u64) -> Option<&event::StoredEvent> {
        self.events.binary_search_by_key(&number, |event| event.number).ok().map(|at| &self.events[at])
    }
}
