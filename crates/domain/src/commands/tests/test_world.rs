//! A tenant with a product, a slot and an account, and one method for each step of a test.

mod cancellations;
mod payouts;
mod refunds;

use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;
use uuid::Uuid;

use super::payments::CAPTURED;
use super::test_store::{CommandResult, TestStore};
use crate::commands::{
    AddSlots, ClaimJobs, CreateProduct, CustomerDetails, ExpireHolds, JobLease, LapsedHold, MarkSent,
    MethodUse, NewSlot, NewUnit, ObservedBy, PaymentTarget, Provision, RecordEvent, RefundOutcome, Reserve,
    Settle, SettleRefund, StartCapture, StartPayment, StartRefund, StartVoid,
};
use crate::commands::{RecheckDelays, RecordDecline};
use crate::idempotency::Fingerprint;
use crate::jobs::JobKinds;
use crate::lifecycle::{booking, job};
use crate::limits::{AMOUNT_MINOR_MAX, ANOTHER_KEY_AFTER, OPERATION_DEADLINE_SECONDS};
use crate::pricing::BasketItem;
use crate::provider::{
    AmountRule, AmountRules, Observation, ProviderStatus, RefundObservation, RefundStatus, Source,
    TenantProviders,
};
use crate::reply::Reply;
use crate::rows::{
    Account, Actor, Booking, Capture, Client, Failure, Job, Key, Mode, Payment, Refund, Settings, Slot,
    Tenant,
};
use crate::time::{Span, Timestamp};
use crate::working_set::{Claim, Json};
use crate::{
    AccountId, AttemptId, BookingId, ClientId, Currency, EventId, JobId, KeyId, Money, PaymentId, ProductId,
    RefundId, SlotId, TenantId, UnitId, WorkerId,
};

pub const TENANT: TenantId = TenantId(Uuid::from_u128(1));
pub const CLIENT: ClientId = ClientId(Uuid::from_u128(2));
/// A client with a limit on held seats.
pub const LIMITED: ClientId = ClientId(Uuid::from_u128(3));
pub const STRANGER: TenantId = TenantId(Uuid::from_u128(4));
pub const WORKER: WorkerId = WorkerId(Uuid::from_u128(5));
pub const PRICE: i64 = 1_000;
pub const LEASE: JobLease = JobLease { worker: WORKER, span: Span::seconds(30) };
pub const RECHECK: RecheckDelays = RecheckDelays { first: Span::seconds(30), longest: Span::seconds(3_600) };
pub const DEADLINE: Span = Span::seconds(OPERATION_DEADLINE_SECONDS);

pub struct TestWorld {
    pub store: TestStore,
    pub product: ProductId,
    /// One seat, for [`PRICE`].
    pub seat: UnitId,
    /// One seat, for nothing.
    pub child: UnitId,
    pub slot: SlotId,
    events: u32,
    keys: u32,
}

impl std::ops::Deref for TestWorld {
    type Target = TestStore;
    fn deref(&self) -> &TestStore {
        &self.store
    }
}
impl std::ops::DerefMut for TestWorld {
    fn deref_mut(&mut self) -> &mut TestStore {
        &mut self.store
    }
}

pub fn account() -> AccountId {
    AccountId::of("stripe", "main")
}

/// A provider that moves any amount.
pub const ANY_AMOUNT: AmountRules =
    AmountRules(|_, _| Some(AmountRule { min_minor: 1, max_minor: AMOUNT_MINOR_MAX, step_minor: 1 }));

pub fn any_provider() -> TenantProviders {
    TenantProviders { names: vec!["stripe".into()], amounts: ANY_AMOUNT }
}

pub fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

pub fn provision(id: TenantId, account: AccountId) -> Provision {
    let client = |id, held_seats_max| Client {
        id,
        tenant: TENANT,
        name: "website".into(),
        held_seats: 0,
        held_seats_max,
        created_at: Timestamp(0),
    };
    Provision {
        tenant: Tenant {
            id,
            name: "tours".into(),
            settings: Json(Settings::default()),
            version: 1,
            created_at: Timestamp(0),
            slug: alloc::string::ToString::to_string(&id),
            archived_at: None,
        },
        accounts: vec![Account {
            id: account,
            tenant: id,
            provider: "stripe".into(),
            name: "main".into(),
            mode: Mode::Test,
            has_payment_unknown_here: false,
            created_at: Timestamp(0),
        }],
        clients: vec![client(CLIENT, None), client(LIMITED, Some(3))],
        api_keys: vec![],
    }
}

pub fn create_product_command(currency: Currency, units: Vec<NewUnit>) -> CreateProduct {
    CreateProduct {
        claim: None,
        tenant: TENANT,
        by: Actor::Client(CLIENT),
        name: "tour".into(),
        description: String::new(),
        time_zone: "Europe/Lisbon".into(),
        currency,
        units,
        taxes: vec![],
        metadata: BTreeMap::new(),
        providers: any_provider(),
    }
}

impl TestWorld {
    pub fn new(capacity: i64) -> TestWorld {
        let mut store = TestStore::new();
        store.run(&provision(TENANT, account()));
        let unit = |name: &str, price_minor| NewUnit { name: name.into(), price_minor, seats: 1 };
        let units = vec![unit("seat", PRICE), unit("child", 0)];
        let made = store.run(&create_product_command(Currency::EUR, units));
        let Reply::Product(made) = made.reply() else { panic!("a product was made") };
        let mut world = TestWorld {
            store,
            product: made.0.id,
            seat: made.1[0].id,
            child: made.1[1].id,
            slot: SlotId(Uuid::nil()),
            events: 0,
            keys: 0,
        };
        world.slot = world.add_slot(capacity);
        world
    }

    pub fn add_slot(&mut self, capacity: i64) -> SlotId {
        // A product has one departure at one time.
        let others = self.all::<Slot>().len() as i64;
        let starts_at = self.now.plus(Span::seconds(7 * 24 * 60 * 60)).plus(Span(others));
        let added = self.store.run(&AddSlots {
            claim: None,
            tenant: TENANT,
            by: Actor::Client(CLIENT),
            product: self.product,
            slots: vec![NewSlot { starts_at, capacity }],
            all_units: vec![self.seat, self.child],
        });
        let Reply::Slots(added) = added.reply() else { panic!("a slot was added") };
        added.slots[0].slot.id
    }

    /// A claim with a new key.
    pub fn claim(&mut self) -> Claim {
        self.keys += 1;
        claim(&format!("key-{}", self.keys))
    }

    /// A quantity of one unit for the slot.
    pub fn basket(&self, unit: UnitId, quantity: i64) -> Vec<BasketItem> {
        vec![BasketItem { slot: self.slot, unit, quantity }]
    }

    pub fn reserve_command(&mut self, quantity: i64) -> Reserve {
        Reserve {
            claim: self.claim(),
            items: self.basket(self.seat, quantity),
            expected_total: None,
            customer: CustomerDetails { name: "Ana".into(), email: "ana@example.com".into(), phone: None },
            hold_seconds: None,
            metadata: BTreeMap::new(),
            providers: any_provider(),
            client_is_limited: false,
            last_try: true,
        }
    }

    pub fn reserve(&mut self, quantity: i64) -> BookingId {
        let command = self.reserve_command(quantity);
        let Reply::Booking(reply) = self.run(&command).reply() else { panic!("a booking was made") };
        reply.booking.id
    }

    pub fn pay_command(&mut self, booking: BookingId) -> StartPayment {
        StartPayment {
            claim: self.claim(),
            target: PaymentTarget::Booking { booking, amount: None },
            account: account(),
            payment_method: "pm_card".into(),
            brand: None,
            alternatives: vec![],
            instalments: 1,
            payer: None,
            pay_within: None,
            method_currency: None,
            method_use: MethodUse::default(),
            capture: Capture::Automatic,
            return_url: None,
            metadata: BTreeMap::new(),
            amounts: ANY_AMOUNT,
            deadline: DEADLINE,
            lease: Some(LEASE),
        }
    }

    pub fn start(&mut self, command: &StartPayment) -> PaymentId {
        let Reply::Started(started) = self.run(command).reply() else { panic!("a payment was started") };
        started.payment.id
    }

    pub fn pay(&mut self, booking: BookingId) -> PaymentId {
        let command = self.pay_command(booking);
        self.start(&command)
    }

    /// A payment of a booking of its own, sent to the provider.
    pub fn sent(&mut self, capture: Capture) -> (BookingId, PaymentId) {
        let booking = self.reserve(2);
        let command = StartPayment { capture, ..self.pay_command(booking) };
        let payment = self.start(&command);
        assert!(self.mark_sent(payment));
        (booking, payment)
    }

    /// The same, captured, as a webhook showed.
    pub fn paid(&mut self) -> (BookingId, PaymentId) {
        let (booking, payment) = self.sent(Capture::Automatic);
        self.webhook(payment, CAPTURED);
        (booking, payment)
    }

    /// The token of the running job. A job that does not run is claimed when it is due.
    pub fn token(&mut self, job: impl Into<Uuid>) -> i64 {
        let id = JobId(job.into());
        let row: Job = self.get(id);
        match *row.state {
            job::State::Running => row.token,
            job::State::Ready => {
                self.now = self.now.max(row.due_at);
                self.run(&ClaimJobs {
                    jobs: vec![id],
                    kinds: JobKinds::default(),
                    lease: LEASE,
                    alone: false,
                });
                row.token + 1
            }
            state => panic!("the job is {state:?}"),
        }
    }

    pub fn mark_sent(&mut self, payment: PaymentId) -> bool {
        let command = self.mark_sent_command(payment, payment, Some(object(payment)));
        matches!(self.run(&command).reply(), Reply::Send(Some(_)))
    }

    /// By the worker that holds the attempt's job now.
    pub fn mark_sent_command(
        &mut self,
        attempt: impl Into<Uuid>,
        payment: PaymentId,
        object: Option<String>,
    ) -> MarkSent {
        let attempt = attempt.into();
        let (attempt, token) = (AttemptId(attempt), self.token(attempt));
        MarkSent { attempt, token, payment, object, api: None, another_key_after: ANOTHER_KEY_AFTER }
    }

    pub fn seen(&self, payment: PaymentId, status: ProviderStatus) -> Observation {
        let row: Payment = self.get(payment);
        Observation {
            object: object(payment),
            status,
            amount_minor: row.amount_minor,
            currency: row.currency,
            capture_before: None,
            saved_method: None,
            incoming: Vec::new(),
        }
    }

    /// The observation of an attempt's worker, as a command under its token.
    pub fn settle_command(
        &mut self,
        attempt: AttemptId,
        payment: PaymentId,
        status: ProviderStatus,
        source: Source,
    ) -> Settle {
        let token = self.token(attempt);
        Settle {
            by: ObservedBy::Job { job: JobId::from(attempt), token },
            payment,
            attempt,
            observation: self.seen(payment, status),
            source,
            refused: None,
            recheck: RECHECK,
            deadline: DEADLINE,
        }
    }

    pub fn answer(&mut self, payment: PaymentId, status: ProviderStatus) {
        let command = self.settle_command(payment.into(), payment, status, Source::Answer);
        self.run(&command).reply();
    }

    pub fn fetched(&mut self, payment: PaymentId, status: ProviderStatus) {
        let command = self.settle_command(payment.into(), payment, status, Source::Fetched);
        self.run(&command).reply();
    }

    pub fn record(&mut self) -> EventId {
        self.events += 1;
        let record = RecordEvent {
            tenant: TENANT,
            account: account(),
            name: format!("evt_{}", self.events),
            kind: "payment_intent".into(),
            body: vec![],
        };
        self.run(&record).reply();
        record.id()
    }

    pub fn event_command(&mut self, payment: PaymentId, observation: Observation) -> Settle {
        Settle {
            by: ObservedBy::Event(self.record()),
            payment,
            attempt: payment.into(),
            observation,
            source: Source::Webhook,
            refused: None,
            recheck: RECHECK,
            deadline: DEADLINE,
        }
    }

    pub fn webhook(&mut self, payment: PaymentId, status: ProviderStatus) {
        let seen = self.seen(payment, status);
        let command = self.event_command(payment, seen);
        self.run(&command).reply();
    }

    pub fn void_command(&mut self, payment: PaymentId) -> StartVoid {
        StartVoid { claim: self.claim(), payment, mode: Mode::Test, deadline: DEADLINE, lease: Some(LEASE) }
    }

    pub fn capture_command(&mut self, payment: PaymentId, amount_minor: Option<i64>) -> StartCapture {
        StartCapture {
            claim: self.claim(),
            payment,
            mode: Mode::Test,
            amount: amount_minor.map(eur),
            amounts: ANY_AMOUNT,
            deadline: DEADLINE,
            lease: Some(LEASE),
        }
    }

    /// The worker records the reason before it cancels the object.
    pub fn record_decline(&mut self, payment: PaymentId, failure: Failure) {
        let token = self.token(payment);
        self.run(&RecordDecline { job: JobId(payment.0), token, payment, failure }).reply();
    }

    pub fn start_void(&mut self, payment: PaymentId) -> AttemptId {
        let command = self.void_command(payment);
        let Reply::Started(started) = self.run(&command).reply() else { panic!("a void was started") };
        started.attempt.id
    }

    pub fn start_capture(&mut self, payment: PaymentId, amount_minor: Option<i64>) -> AttemptId {
        let command = self.capture_command(payment, amount_minor);
        let Reply::Started(started) = self.run(&command).reply() else { panic!("a capture was started") };
        started.attempt.id
    }

    /// Marks a capture, void or refund as sent.
    pub fn send(&mut self, attempt: impl Into<Uuid>, payment: PaymentId) {
        let command = self.mark_sent_command(attempt, payment, None);
        let reply = self.run(&command).reply();
        assert!(matches!(reply, Reply::Send(Some(_))), "{reply:?}");
    }

    /// Whether a call that moves money may be repeated.
    pub fn may_send_again(&mut self, attempt: impl Into<Uuid>, payment: PaymentId) -> Option<i64> {
        let command = self.mark_sent_command(attempt, payment, None);
        let reply = self.run(&command).reply();
        let Reply::Send(key) = reply else { panic!("not a permission to send: {reply:?}") };
        key
    }

    /// Expires lapsed holds, as the timer does.
    pub fn expire(&mut self) -> usize {
        let holds = self.lapsed();
        let Reply::Swept(expired) = self.run(&ExpireHolds { holds }).reply() else {
            panic!("a sweep counts")
        };
        expired
    }

    pub fn lapsed(&self) -> Vec<LapsedHold> {
        let held = self
            .all::<Booking>()
            .into_iter()
            .filter(|booking| booking.state.is(booking::State::Held) && booking.sweep_at <= self.now);
        held.map(|booking| LapsedHold { booking: booking.id, open_payment: booking.open_payment }).collect()
    }

    pub fn set_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut tenant: Tenant = self.get(TENANT);
        change(&mut tenant.settings.0);
        self.set(&tenant);
    }

    pub fn set_slot(&mut self, change: impl FnOnce(&mut Slot)) {
        let mut slot: Slot = self.get(self.slot);
        change(&mut slot);
        self.set(&slot);
    }

    pub fn booking_is(&self, booking: BookingId) -> booking::State {
        *self.get::<Booking>(booking).state
    }

    pub fn payment_is(&self, payment: PaymentId) -> crate::lifecycle::payment::State {
        *self.get::<Payment>(payment).state
    }

    /// The reply under the key of an attempt, or that the key is in flight.
    pub fn stored(&self, attempt: impl Into<Uuid>) -> String {
        let attempt: crate::rows::Attempt = self.get(AttemptId(attempt.into()));
        let key: Key = self.get(attempt.key.unwrap());
        key.body.unwrap_or_else(|| "in flight".into())
    }

    pub fn refused(&mut self, command: &dyn crate::working_set::Command) -> crate::Refusal {
        match self.run(command) {
            CommandResult::Refused(refusal) => refusal,
            answer => panic!("not refused but {answer:?}: {command:?}"),
        }
    }
}

pub fn claim(text: &str) -> Claim {
    Claim {
        key: KeyId::of(TENANT, CLIENT, text),
        tenant: TENANT,
        client: CLIENT,
        text: text.into(),
        fingerprint: Fingerprint::of("POST", "/", text.as_bytes()),
        request_id: "request".into(),
    }
}

/// The provider's id of the payment.
pub fn object(payment: PaymentId) -> String {
    format!("pi_{}", payment.0.as_u128())
}
