//! Ids: UUIDv7 for new rows, a hash for rows with a natural key.
//!
//! A natural key (tenant + client + idempotency key; provider + account + event id) is hashed into
//! the row's id, so every table has a key of the same type, and a duplicate is the same row. What a
//! client makes under an idempotency key, and what goes to a provider, has such an id: a database that was
//! restored to an earlier moment makes the same row again, under the same reference at the provider.

use alloc::borrow::Cow;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::working_set::{Column, Kind, Value};

/// The source of new ids. They must be unique and, for locality, ascend with time (UUIDv7).
pub trait Ids {
    fn next(&self) -> Uuid;
}

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl Column for $name {
            const KIND: Kind = Kind::Id;
            fn write(&self) -> Value<'_> { Value::Id(self.0) }
            fn read(value: Value<'static>) -> Option<Self> { value.id().map($name) }
        }
        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid { id.0 }
        }
        impl From<Uuid> for $name {
            fn from(id: Uuid) -> $name { $name(id) }
        }
        impl core::fmt::Display for $name {
            fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result { self.0.fmt(out) }
        }
    )+};
}

id! {
    TenantId, ClientId, ApiKeyId, ProductId, UnitId, CustomerId, BookingId, BookingItemId,
    /// A departure; hashed from the product and its start.
    SlotId,
    /// By which slots are made ahead.
    ScheduleId,
    /// A period without departures.
    BlackoutId,
    /// An account at a provider; hashed from provider and account name.
    AccountId,
    /// An idempotency key; hashed from tenant, client and the key itself.
    KeyId,
    PaymentId,
    /// One call that moves money. The charge of a payment has the payment's id, and the attempt of
    /// a refund has the refund's, so each finds the other without a query.
    AttemptId,
    RefundId,
    /// The job of an attempt has the attempt's id.
    JobId,
    /// A provider's event; hashed from provider, account and the provider's id of the event.
    EventId,
    AuditId, MessageId,
    /// A dispute; hashed from the account and the provider's id of the dispute.
    DisputeId,
    /// One submission of evidence for a dispute.
    DisputeEvidenceId,
    /// One message at one consumer; hashed from both.
    InboxId,
    LedgerAccountId, TransferId, PostingId,
    /// How far a tenant's ledger is closed; hashed from the tenant.
    LedgerClosingId,
    /// The balance of a ledger account at the end of a day; hashed from both.
    DayBalanceId,
    /// A boat, a guide, a room.
    ResourceId,
    /// A day of a resource; hashed from both.
    ResourceDayId,
    /// The use of a ticket; hashed from its item and its number.
    CheckInId,
    /// A cancellation policy; hashed from its rules.
    CancellationPolicyId,
    /// Somebody who gets a share of bookings.
    BeneficiaryId,
    /// A customer at one account of a provider; hashed from both.
    ProviderCustomerId,
    /// The release of a booking's funds; it has the booking's id.
    ReleaseId,
    /// A payout; hashed from its booking and its beneficiary.
    PayoutId,
    /// A review case. The id of a case of an attempt or a dispute is hashed from that, so there is only one.
    ReviewId,
    /// A movement of money; hashed from its payment, its kind and the provider's id of the movement.
    MovementId,
    /// The end of a tenant's event log; hashed from the tenant.
    LogId,
    /// A partition of the outbox; hashed from its number.
    PartitionId,
    /// The consumers of a kind of message; hashed from the kind.
    SubscriptionId,
    /// A running process that claims jobs; random at each start.
    WorkerId,
    /// One run that compares an account's books at the provider with ours. Its job has the same id.
    ReconciliationId,
    /// A difference that such a run found; hashed from the account, the kind and the object.
    DifferenceId,
    /// What a run has compared already; hashed from the run and the row.
    ReconciliationMarkId,
}

impl From<PaymentId> for AttemptId {
    fn from(payment: PaymentId) -> AttemptId {
        AttemptId(payment.0)
    }
}
impl From<RefundId> for AttemptId {
    fn from(refund: RefundId) -> AttemptId {
        AttemptId(refund.0)
    }
}
/// An attempt has exactly one job.
impl From<AttemptId> for JobId {
    fn from(attempt: AttemptId) -> JobId {
        JobId(attempt.0)
    }
}

impl From<BookingId> for ReleaseId {
    fn from(booking: BookingId) -> ReleaseId {
        ReleaseId(booking.0)
    }
}
/// A payout has at most one job.
impl From<PayoutId> for JobId {
    fn from(payout: PayoutId) -> JobId {
        JobId(payout.0)
    }
}

/// The id of a natural key: 16 bytes of SHA-256 over the length-prefixed parts,
/// marked as a version 8 (custom) UUID. Length prefixes keep `("ab","c")` and `("a","bc")` apart.
pub fn hashed(parts: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

impl ApiKeyId {
    /// The id of the API key whose secret has this SHA-256: its first 16 bytes.
    pub fn of_secret_hash(hash: &[u8; 32]) -> ApiKeyId {
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&hash[..16]);
        ApiKeyId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}
impl KeyId {
    pub fn of(tenant: TenantId, client: ClientId, key: &str) -> KeyId {
        KeyId(hashed(&[b"key", tenant.0.as_bytes(), client.0.as_bytes(), key.as_bytes()]))
    }
    /// The id of the booking, payment, refund, attempt or beneficiary that the operation under this key makes.
    pub fn operation(self) -> Uuid {
        hashed(&[b"operation", self.0.as_bytes()])
    }
    /// The id of what the cancellation under this key does to a payment: a refund, a capture or a void.
    pub fn cancellation(self, payment: PaymentId) -> Uuid {
        hashed(&[b"cancellation", self.0.as_bytes(), payment.0.as_bytes()])
    }
}
impl CustomerId {
    /// One customer per tenant and e-mail address. The address is compared without case.
    pub fn of(tenant: TenantId, email: &str) -> CustomerId {
        let email = email.trim().to_lowercase();
        CustomerId(hashed(&[b"customer", tenant.0.as_bytes(), email.as_bytes()]))
    }
}
impl CustomerId {
    /// The customer whom a tenant names by a reference of its own. An e-mail address names the same customer
    /// as in bookings. Any other reference is compared exactly: two that differ in case may be two people.
    pub fn of_reference(tenant: TenantId, reference: &str) -> CustomerId {
        if reference.contains('@') {
            return CustomerId::of(tenant, reference);
        }
        CustomerId(hashed(&[b"customer_reference", tenant.0.as_bytes(), reference.as_bytes()]))
    }
}
impl ProviderCustomerId {
    pub fn of(account: AccountId, customer: CustomerId) -> ProviderCustomerId {
        ProviderCustomerId(hashed(&[b"provider_customer", account.0.as_bytes(), customer.0.as_bytes()]))
    }
}
impl AccountId {
    pub fn of(provider: &str, account: &str) -> AccountId {
        AccountId(hashed(&[b"account", provider.as_bytes(), account.as_bytes()]))
    }
}
impl CancellationPolicyId {
    pub fn of(
        tenant: TenantId,
        policy: &crate::cancellation_policy::CancellationRules,
    ) -> CancellationPolicyId {
        let rules = serde_json::to_vec(policy).expect("the policy is plain data");
        CancellationPolicyId(hashed(&[b"cancellation_policy", tenant.0.as_bytes(), &rules]))
    }
}
impl CheckInId {
    /// A ticket is used once, whoever scans it how often.
    pub fn of(tenant: TenantId, item: BookingItemId, number: i64) -> CheckInId {
        let parts: [&[u8]; 4] = [b"check_in", tenant.0.as_bytes(), item.0.as_bytes(), &number.to_be_bytes()];
        CheckInId(hashed(&parts))
    }
}
impl SlotId {
    /// A product has one departure at one time.
    pub fn of(tenant: TenantId, product: ProductId, starts_at: crate::Timestamp) -> SlotId {
        let at = starts_at.0.to_be_bytes();
        SlotId(hashed(&[b"slot", tenant.0.as_bytes(), product.0.as_bytes(), &at]))
    }
}
impl PaymentId {
    /// The payment at the next account, after a decline.
    pub fn continuing(payment: PaymentId) -> PaymentId {
        PaymentId(hashed(&[b"continuing", payment.0.as_bytes()]))
    }
}
impl RefundId {
    /// The refund that nobody requested, after this many refunds of the payment.
    pub fn unasked(payment: PaymentId, refunds: i64) -> RefundId {
        RefundId(hashed(&[b"unasked_refund", payment.0.as_bytes(), &refunds.to_be_bytes()]))
    }
    /// The id of a refund that somebody made at the provider.
    pub fn at_provider(account: AccountId, object: &str) -> RefundId {
        RefundId(hashed(&[b"refund", account.0.as_bytes(), object.as_bytes()]))
    }
}
/// A run has exactly one job.
impl From<ReconciliationId> for JobId {
    fn from(run: ReconciliationId) -> JobId {
        JobId(run.0)
    }
}
impl DifferenceId {
    /// `object` is the provider's id, or ours if the provider has none.
    pub fn of(account: AccountId, kind: &str, object: &str) -> DifferenceId {
        DifferenceId(hashed(&[b"difference", account.0.as_bytes(), kind.as_bytes(), object.as_bytes()]))
    }
}
impl ReconciliationMarkId {
    pub fn of(run: ReconciliationId, subject: Uuid) -> ReconciliationMarkId {
        ReconciliationMarkId(hashed(&[b"mark", run.0.as_bytes(), subject.as_bytes()]))
    }
}
impl DisputeId {
    /// `object` is the provider's id of the dispute.
    pub fn of(account: AccountId, object: &str) -> DisputeId {
        DisputeId(hashed(&[b"dispute", account.0.as_bytes(), object.as_bytes()]))
    }
}
impl MovementId {
    pub fn of(payment: PaymentId, kind: &str, object: &str) -> MovementId {
        MovementId(hashed(&[b"movement", payment.0.as_bytes(), kind.as_bytes(), object.as_bytes()]))
    }
}
impl PayoutId {
    pub fn of(booking: BookingId, beneficiary: BeneficiaryId) -> PayoutId {
        PayoutId(hashed(&[b"payout", booking.0.as_bytes(), beneficiary.0.as_bytes()]))
    }
}
impl JobId {
    /// The job of a payout's reversal with this number.
    pub fn of_reversal(payout: PayoutId, number: i64) -> JobId {
        JobId(hashed(&[b"payout_reversal", payout.0.as_bytes(), &number.to_be_bytes()]))
    }
}
impl ReviewId {
    pub fn of_payout(payout: PayoutId) -> ReviewId {
        ReviewId(hashed(&[b"review", b"payout", payout.0.as_bytes()]))
    }
    /// The case of a payout's reversal, by the id of its job: a payout and each of its reversals have a case
    /// each, so that the end of one closes no other, and a closed one keeps no other from being opened.
    pub fn of_reversal(reversal: JobId) -> ReviewId {
        ReviewId(hashed(&[b"review", b"payout_reversal", reversal.0.as_bytes()]))
    }
    /// The case of a release that waits for too long.
    pub fn of_release(release: ReleaseId) -> ReviewId {
        ReviewId(hashed(&[b"review", b"release", release.0.as_bytes()]))
    }
    pub fn of_attempt(attempt: AttemptId) -> ReviewId {
        ReviewId(hashed(&[b"review", b"attempt", attempt.0.as_bytes()]))
    }
    /// The case of a refund that was made at the provider and is more than our books have.
    pub fn of_refund(refund: RefundId) -> ReviewId {
        ReviewId(hashed(&[b"review", b"refund", refund.0.as_bytes()]))
    }
    /// The case of a dispute while the bank only asks. `dispute` is the provider's id of the dispute.
    pub fn of_inquiry(account: AccountId, dispute: &str) -> ReviewId {
        ReviewId(hashed(&[b"review", b"inquiry", account.0.as_bytes(), dispute.as_bytes()]))
    }
    /// `dispute` is the provider's id of the dispute.
    pub fn of_dispute(account: AccountId, dispute: &str) -> ReviewId {
        ReviewId(hashed(&[b"review", b"dispute", account.0.as_bytes(), dispute.as_bytes()]))
    }
}
impl EventId {
    pub fn of(account: AccountId, event: &str) -> EventId {
        EventId(hashed(&[b"event", account.0.as_bytes(), event.as_bytes()]))
    }
}
impl InboxId {
    pub fn of(consumer: &str, message: MessageId) -> InboxId {
        InboxId(hashed(&[b"inbox", consumer.as_bytes(), message.0.as_bytes()]))
    }
}
impl LedgerAccountId {
    pub fn of(tenant: TenantId, name: &str, currency: crate::Currency) -> LedgerAccountId {
        LedgerAccountId(hashed(&[
            b"ledger",
            tenant.0.as_bytes(),
            name.as_bytes(),
            currency.code().as_bytes(),
        ]))
    }
}
impl TransferId {
    /// A movement has one transfer, also if its message is delivered several times.
    pub fn of(tenant: TenantId, movement: &str) -> TransferId {
        TransferId(hashed(&[b"transfer", tenant.0.as_bytes(), movement.as_bytes()]))
    }
}
impl LedgerClosingId {
    pub fn of(tenant: TenantId) -> LedgerClosingId {
        LedgerClosingId(hashed(&[b"ledger_closing", tenant.0.as_bytes()]))
    }
}
impl DayBalanceId {
    pub fn of(account: LedgerAccountId, ends_at: crate::Timestamp) -> DayBalanceId {
        DayBalanceId(hashed(&[b"day_balance", account.0.as_bytes(), &ends_at.0.to_be_bytes()]))
    }
}
impl ResourceDayId {
    /// The number of the day counts from the first of 1970, in UTC.
    pub fn of(resource: ResourceId, day: i64) -> ResourceDayId {
        ResourceDayId(hashed(&[b"resource_day", resource.0.as_bytes(), &day.to_be_bytes()]))
    }
}
impl LogId {
    pub fn of(tenant: TenantId) -> LogId {
        LogId(hashed(&[b"log", tenant.0.as_bytes()]))
    }
}

/// A bound below every UUIDv7 that is made from this instant on, and above those made before: a
/// search for old rows need not read new ones.
pub fn first_of(at: crate::Timestamp) -> Uuid {
    let millis = u128::try_from(at.0 / 1_000).unwrap_or(0);
    Uuid::from_u128(millis << 80)
}

impl SubscriptionId {
    pub fn of(kind: &str) -> SubscriptionId {
        SubscriptionId(hashed(&[b"subscription", kind.as_bytes()]))
    }
}

impl PartitionId {
    pub fn of(number: i64) -> PartitionId {
        PartitionId(hashed(&[b"partition", &number.to_be_bytes()]))
    }
}

impl Column for Uuid {
    const KIND: Kind = Kind::Id;
    fn write(&self) -> Value<'_> {
        Value::Id(*self)
    }
    fn read(value: Value<'static>) -> Option<Self> {
        value.id()
    }
}

/// PostgreSQL's text cannot hold a NUL. None comes from a client, but a provider may send one: U+FFFD
/// stands for it, on either engine, so that both keep the same and neither fails.
impl Column for alloc::string::String {
    const KIND: Kind = Kind::Text;
    fn write(&self) -> Value<'_> {
        Value::Text(if self.contains('\0') {
            Cow::Owned(self.replace('\0', "\u{FFFD}"))
        } else {
            Cow::Borrowed(self)
        })
    }
    fn read(value: Value<'static>) -> Option<Self> {
        value.text().map(Cow::into_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hashed(&[b"ab", b"c"]), hashed(&[b"a", b"bc"]));
        assert_eq!(hashed(&[b"ab", b"c"]), hashed(&[b"ab", b"c"]));
    }

    #[test]
    fn an_api_key_is_known_by_the_first_bytes_of_its_hash() {
        let mut hash = [7u8; 32];
        let id = ApiKeyId::of_secret_hash(&hash);
        hash[31] = 8;
        assert_eq!(ApiKeyId::of_secret_hash(&hash), id, "the whole hash is compared besides");
        hash[0] = 8;
        assert_ne!(ApiKeyId::of_secret_hash(&hash), id);
    }

    #[test]
    fn what_was_made_before_an_instant_is_below_it() {
        let at = crate::Timestamp(1_767_225_600_123_456);
        let made = |millis: u64| uuid::Builder::from_unix_timestamp_millis(millis, &[255; 10]).into_uuid();
        assert!(made(1_767_225_600_122) < first_of(at) && first_of(at) < made(1_767_225_600_123));
    }

    #[test]
    fn a_customer_is_one_person_in_any_case() {
        let tenant = TenantId(Uuid::from_u128(1));
        assert_eq!(CustomerId::of(tenant, "Ana@Example.com "), CustomerId::of(tenant, "ana@example.com"));
        assert_eq!(
            CustomerId::of(tenant, "JOS\u{c9}@example.com"),
            CustomerId::of(tenant, "jos\u{e9}@example.com")
        );
        assert_ne!(
            CustomerId::of(tenant, "ana@example.com"),
            CustomerId::of(TenantId(Uuid::from_u128(2)), "ana@example.com")
        );
    }
}
