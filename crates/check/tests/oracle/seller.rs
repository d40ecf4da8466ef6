//! A tenant that sells, and the provider's books of its payments.

use std::collections::BTreeMap;

use check::{Books, Charge, Refund};
use domain::cancellation_policy::CancelledBy;
use domain::commands::{
    CancelBooking, ClaimPartitions, CustomerDetails, JobLease, MarkPublished, MarkSent, MethodUse,
    ObservedBy, PartitionLease, PaymentTarget, PostTransfer, Published, RecheckDelays, RecordDecline,
    RecordEvent, RefundOutcome, Reserve, Settle, SettleRefund, StartCapture, StartPayment, StartRefund,
};
use domain::consumers::Consumers;
use domain::idempotency::Fingerprint;
use domain::lifecycle::State as _;
use domain::limits::{ANOTHER_KEY_AFTER, PARTITIONS};
use domain::pricing::BasketItem;
use domain::provider::{Observation, ProviderStatus, RefundObservation, RefundStatus, Source};
use domain::rows::{Capture, Failure, FailureCause, Mode};
use domain::time::Span;
use domain::working_set::Claim;
use domain::{
    AccountId, AttemptId, BookingId, ClientId, Currency, EventId, JobId, KeyId, Money, PaymentId, ProductId,
    RefundId, Reply, TenantId, Timestamp, WorkerId,
};
use store::Store;
use testkit::catalogue::{ANY_AMOUNT, any_provider, resource};
use testkit::{StoredCatalogue, new_id, provision, submit};

const EUR: Currency = Currency::EUR;
pub const PRICE_MINOR: i64 = StoredCatalogue::PRICE_MINOR;
const RECHECK: RecheckDelays = RecheckDelays { first: Span::seconds(1), longest: Span::seconds(1) };
const DEADLINE: Span = Span::seconds(3_600);

#[derive(Clone)]
pub struct Seller {
    pub tenant: TenantId,
    client: ClientId,
    pub account: String,
    catalogue: StoredCatalogue,
}

/// A payment under way: its job runs under our lease.
pub struct SentPayment {
    pub payment: PaymentId,
    pub object: String,
    booking: Option<BookingId>,
    amount_minor: i64,
}

fn mark_sent(attempt: AttemptId, payment: PaymentId, object: Option<String>) -> MarkSent {
    MarkSent { attempt, token: 1, payment, object, api: None, another_key_after: ANOTHER_KEY_AFTER }
}

impl Seller {
    pub async fn open(store: &Store, account: &str) -> Seller {
        let (tenant, client) = (new_id(), new_id());
        submit(store, provision(tenant, client, account, &[])).await;
        let catalogue = StoredCatalogue::create(store, tenant, client).await;
        let boat = resource(store, tenant, client, 100).await;
        catalogue.share(store, tenant, client, boat).await;
        Seller { tenant, client, account: account.to_owned(), catalogue }
    }

    pub fn product(&self) -> ProductId {
        self.catalogue.product
    }

    pub fn claim(&self) -> Claim {
        let text = new_id::<uuid::Uuid>().to_string();
        Claim {
            key: KeyId::of(self.tenant, self.client, &text),
            tenant: self.tenant,
            client: self.client,
            fingerprint: Fingerprint::of("POST", "/", text.as_bytes()),
            request_id: text.clone(),
            text,
        }
    }

    pub async fn reserve(&self, store: &Store) -> BookingId {
        let claim = self.claim();
        let email = format!("{}@example.com", claim.text);
        let reserve = Reserve {
            claim,
            items: vec![BasketItem { slot: self.catalogue.slot, unit: self.catalogue.unit, quantity: 1 }],
            expected_total: None,
            customer: CustomerDetails { name: "Ana".to_owned(), email, phone: None },
            hold_seconds: None,
            metadata: BTreeMap::new(),
            providers: any_provider(),
            client_is_limited: false,
            last_try: true,
        };
        let Reply::Booking(booking) = submit(store, reserve).await else { panic!("no booking") };
        assert_eq!(booking.items[0].item.product, self.catalogue.product);
        booking.booking.id
    }

    pub async fn cancel(&self, store: &Store, booking: BookingId) {
        let cancel = CancelBooking {
            claim: self.claim(),
            booking,
            mode: Mode::Test,
            items: Vec::new(),
            by: CancelledBy::Customer,
            expected_refund: None,
            payments: Vec::new(),
            amounts: ANY_AMOUNT,
            deadline: Span::seconds(60),
        };
        submit(store, cancel).await;
    }

    pub fn lease() -> JobLease {
        JobLease { worker: new_id::<WorkerId>(), span: Span::seconds(60) }
    }

    /// Begins a payment and sends it, as a worker does.
    pub async fn send(&self, store: &Store, booking: Option<BookingId>, capture: Capture) -> SentPayment {
        let target = match booking {
            Some(booking) => PaymentTarget::Booking { booking, amount: None },
            None => PaymentTarget::Amount { amount: Money::new(PRICE_MINOR, EUR), reference: None },
        };
        let start = StartPayment {
            claim: self.claim(),
            target,
            account: AccountId::of("stripe", &self.account),
            payment_method: "pm_card_visa".to_owned(),
            brand: None,
            alternatives: vec![],
            instalments: 1,
            payer: None,
            pay_within: None,
            method_currency: None,
            method_use: MethodUse::default(),
            capture,
            return_url: None,
            metadata: BTreeMap::new(),
            amounts: ANY_AMOUNT,
            deadline: DEADLINE,
            lease: Some(Seller::lease()),
        };
        let Reply::Started(started) = submit(store, start).await else { panic!("not started") };
        let payment = started.payment.id;
        let object = format!("pi_{payment}");
        submit(store, mark_sent(payment.into(), payment, Some(object.clone()))).await;
        SentPayment { payment, object, booking, amount_minor: started.payment.amount_minor }
    }

    /// The provider's answer, and then its webhook.
    pub async fn settle(
        &self,
        store: &Store,
        charging: &SentPayment,
        status: &ProviderStatus,
        failure: Option<Failure>,
    ) {
        let attempt = AttemptId::from(charging.payment);
        let (job, token) = (JobId::from(attempt), 1);
        if let Some(failure) = failure {
            submit(store, RecordDecline { job, token, payment: charging.payment, failure }).await;
        }
        self.observe(store, charging, attempt, ObservedBy::Job { job, token }, Source::Answer, status).await;
        let event = self.event(store).await;
        self.observe(store, charging, attempt, ObservedBy::Event(event), Source::Webhook, status).await;
    }

    async fn event(&self, store: &Store) -> EventId {
        let event = RecordEvent {
            tenant: self.tenant,
            account: AccountId::of("stripe", &self.account),
            name: format!("evt_{}", new_id::<uuid::Uuid>()),
            kind: "payment_intent.succeeded".to_owned(),
            body: b"{}".to_vec(),
        };
        let event_id = event.id();
        submit(store, event).await;
        event_id
    }

    async fn observe(
        &self,
        store: &Store,
        charging: &SentPayment,
        attempt: AttemptId,
        by: ObservedBy,
        source: Source,
        status: &ProviderStatus,
    ) {
        let settle = Settle {
            by,
            payment: charging.payment,
            attempt,
            observation: Observation {
                object: charging.object.clone(),
                status: status.clone(),
                amount_minor: charging.amount_minor,
                currency: EUR,
                capture_before: None,
                saved_method: None,
                incoming: Vec::new(),
            },
            source,
            refused: None,
            recheck: RECHECK,
            deadline: DEADLINE,
        };
        submit(store, settle).await;
    }

    pub async fn capture(&self, store: &Store, charging: &SentPayment, minor: i64) {
        let start = StartCapture {
            claim: self.claim(),
            payment: charging.payment,
            mode: Mode::Test,
            amount: Some(Money::new(minor, EUR)),
            amounts: ANY_AMOUNT,
            deadline: DEADLINE,
            lease: Some(Seller::lease()),
        };
        let Reply::Started(started) = submit(store, start).await else { panic!("not started") };
        let (job, attempt) = (started.job.id, started.attempt.id);
        submit(store, mark_sent(attempt, charging.payment, None)).await;
        let status = ProviderStatus::Captured { amount_minor: minor };
        let by_job = ObservedBy::Job { job, token: 1 };
        self.observe(store, charging, attempt, by_job, Source::Answer, &status).await;
        let event = self.event(store).await;
        self.observe(store, charging, attempt, ObservedBy::Event(event), Source::Webhook, &status).await;
    }

    pub async fn refund(&self, store: &Store, charging: &SentPayment, minor: i64) -> Refund {
        let start = StartRefund {
            claim: self.claim(),
            payment: charging.payment,
            mode: Mode::Test,
            amount: Some(Money::new(minor, EUR)),
            reason: None,
            metadata: BTreeMap::new(),
            amounts: ANY_AMOUNT,
            deadline: DEADLINE,
            lease: Some(Seller::lease()),
        };
        let Reply::Started(started) = submit(store, start).await else { panic!("not started") };
        let refund = started.refund.expect("a refund was started").id;
        let job = started.job.id;
        submit(store, mark_sent(started.attempt.id, charging.payment, None)).await;
        let object = format!("re_{refund}");
        let seen = RefundObservation {
            object: object.clone(),
            status: RefundStatus::Succeeded,
            amount_minor: minor,
            currency: EUR,
            incoming: None,
        };
        let by = ObservedBy::Job { job, token: 1 };
        let outcome = RefundOutcome::Seen(seen);
        let payment = charging.payment;
        submit(
            store,
            SettleRefund { by, refund, payment, outcome, mark: None, may_be_ours: false, recheck: RECHECK },
        )
        .await;
        Refund {
            provider: "stripe".to_owned(),
            account: self.account.clone(),
            id: object,
            payment_intent: charging.object.clone(),
            idempotency_key: Some(format!("surehold-{refund}-refund")),
            amount_minor: minor,
            currency: "eur".to_owned(),
            status: "succeeded".to_owned(),
            metadata: BTreeMap::from([("refund".to_owned(), refund.to_string())]),
        }
    }

    /// A person makes another refund at the provider, and copies the metadata of this one.
    pub async fn copy_refund(&self, store: &Store, charging: &SentPayment, refund: &Refund) -> Refund {
        let copy = Refund { id: format!("{}_copy", refund.id), idempotency_key: None, ..refund.clone() };
        let outside = RefundId::at_provider(AccountId::of("stripe", &self.account), &copy.id);
        let seen = RefundObservation {
            object: copy.id.clone(),
            status: RefundStatus::Succeeded,
            amount_minor: copy.amount_minor,
            currency: EUR,
            incoming: None,
        };
        let settle = SettleRefund {
            by: ObservedBy::Event(self.event(store).await),
            refund: outside,
            payment: charging.payment,
            outcome: RefundOutcome::Seen(seen),
            mark: refund.refund().and_then(|ours| ours.parse().map(RefundId).ok()),
            may_be_ours: false,
            recheck: RECHECK,
        };
        submit(store, settle).await;
        copy
    }

    /// The provider's own entry, with its sums.
    pub fn charge(&self, charging: &SentPayment, status: &str, captured: i64, refunded: i64) -> Charge {
        let mut metadata = BTreeMap::from([
            ("operation".to_owned(), charging.payment.to_string()),
            ("tenant".to_owned(), self.tenant.to_string()),
        ]);
        metadata.extend(charging.booking.map(|booking| ("booking".to_owned(), booking.to_string())));
        Charge {
            provider: "stripe".to_owned(),
            account: self.account.clone(),
            id: charging.object.clone(),
            amount_minor: charging.amount_minor,
            currency: "eur".to_owned(),
            authorized_minor: if captured > 0 { charging.amount_minor } else { 0 },
            captured_minor: captured,
            refunded_minor: refunded,
            disputed_minor: 0,
            fee_minor: 0,
            status: status.to_owned(),
            metadata,
        }
    }
}

/// Brings every message to the ledger and into the log.
pub async fn relay(store: &Store) {
    let lease = JobLease { worker: new_id(), span: Span::seconds(60) };
    let wanted = (0..PARTITIONS).collect();
    let Reply::Partitions { claimed, .. } =
        submit(store, ClaimPartitions { wanted, lease, alone: true }).await
    else {
        panic!("partitions are claimed")
    };
    let holds: Vec<PartitionLease> =
        claimed.iter().map(|one| PartitionLease { number: one.number, token: one.token }).collect();
    let partitions: Vec<i64> = (0..PARTITIONS).collect();
    let messages = store.live_messages(&partitions, Timestamp(i64::MIN), 1_000).await.unwrap();
    assert!(messages.len() < 1_000, "more messages than one page");
    let mut published = Vec::new();
    for message in &messages {
        if let Some(post) = PostTransfer::of(message).unwrap() {
            submit(store, post).await;
        }
        published.push(Published { tenant: message.tenant, message: message.id, number: 1, received: true });
    }
    let release = (0..PARTITIONS).collect();
    submit(store, MarkPublished { holds, published, release, consumers: Consumers::default() }).await;
}

/// The rows and the books after an ordinary day.
pub struct Day {
    pub ours: Seller,
    pub theirs: Seller,
    pub books: Books,
}

/// Two tenants with payments captured, refunded in part, captured in part and declined, and with
/// holds kept and cancelled, and a booking whose money is shared.
pub async fn ordinary_day(store: &Store) -> Day {
    let (ours, theirs) = (Seller::open(store, "acct_ours").await, Seller::open(store, "acct_theirs").await);
    let mut books = Books::default();
    let whole = ProviderStatus::Captured { amount_minor: PRICE_MINOR };

    ours.reserve(store).await;
    let given_up = ours.reserve(store).await;
    ours.cancel(store, given_up).await;

    let booking = ours.reserve(store).await;
    let paid = ours.send(store, Some(booking), Capture::Automatic).await;
    ours.settle(store, &paid, &whole, None).await;
    books.charges.push(ours.charge(&paid, "succeeded", PRICE_MINOR, 0));

    let charge = ours.send(store, None, Capture::Automatic).await;
    ours.settle(store, &charge, &whole, None).await;
    books.refunds.push(ours.refund(store, &charge, 300).await);
    books.refunds.push(ours.refund(store, &charge, 200).await);
    books.charges.push(ours.charge(&charge, "succeeded", PRICE_MINOR, 500));

    let booking = ours.reserve(store).await;
    let manual = ours.send(store, Some(booking), Capture::Manual).await;
    ours.settle(store, &manual, &ProviderStatus::Authorized { amount_minor: PRICE_MINOR }, None).await;
    ours.capture(store, &manual, 2_000).await;
    books.charges.push(ours.charge(&manual, "succeeded", 2_000, 0));

    let declined = ours.send(store, None, Capture::Automatic).await;
    let failure =
        Failure { code: "card_declined".to_owned(), retryable: true, cause: FailureCause::Declined };
    ours.settle(store, &declined, &ProviderStatus::Cancelled, Some(failure)).await;
    books.charges.push(ours.charge(&declined, "canceled", 0, 0));

    let foreign = theirs.send(store, None, Capture::Automatic).await;
    theirs.settle(store, &foreign, &whole, None).await;
    books.charges.push(theirs.charge(&foreign, "succeeded", PRICE_MINOR, 0));

    let (charge, transfer) = crate::payee::share_a_booking(store, &ours).await;
    books.charges.push(charge);
    books.transfers.push(transfer);

    relay(store).await;
    for (payment, state) in [(&paid, "captured"), (&manual, "captured"), (&declined, "failed")] {
        let found = store.payment(ours.tenant, payment.payment).await.unwrap().unwrap();
        assert_eq!(found.state.name(), state);
    }
    Day { ours, theirs, books }
}
