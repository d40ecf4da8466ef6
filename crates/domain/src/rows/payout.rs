//! Who gets a share of a booking's money, its release, and the payouts.

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::ids::{AccountId, BeneficiaryId, BookingId, PayoutId, ReleaseId, TenantId};
use crate::lifecycle::{CurrentState, payout, release};
use crate::limits::OPERATION_DEADLINE_SECONDS;
use crate::money::{Currency, Money};
use crate::rows::{Failure, Mode};
use crate::split::SplitRule;
use crate::time::{Span, Timestamp};
use crate::working_set::Json;

/// How a beneficiary is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayoutMethod {
    /// By a transfer to the beneficiary's account at the provider.
    Transfer,
    /// By a person, who records it.
    Manual,
}

impl PayoutMethod {
    pub fn name(&self) -> &'static str {
        match self {
            PayoutMethod::Transfer => "transfer",
            PayoutMethod::Manual => "manual",
        }
    }
    pub fn from_name(name: &str) -> Option<PayoutMethod> {
        [PayoutMethod::Transfer, PayoutMethod::Manual].into_iter().find(|method| method.name() == name)
    }
}
crate::named_column!(PayoutMethod);

crate::row! {
    /// Somebody who gets a share: an operator, a performer, a landlord.
    Beneficiary in "beneficiaries" as read {
        key id: BeneficiaryId,
        fixed tenant: TenantId,
        /// Money of one mode is never paid out to a beneficiary of the other.
        fixed mode: Mode,
        moves name: String,
        moves method: PayoutMethod,
        /// For a transfer: the tenant's account that pays.
        moves account: Option<AccountId>,
        /// For a transfer: the provider's name of that account.
        moves provider: Option<String>,
        /// For a transfer: the beneficiary's own account at the provider.
        moves destination: Option<String>,
        moves metadata: Json<BTreeMap<String, String>>,
        fixed created_at: Timestamp,
        /// Counts its changes, so that of two concurrent changes the second decides over the result of the first.
        guard version: i64,
        /// Since when it gets no new split rules, and a person pays what is still released for it.
        moves deactivated_at: Option<Timestamp>,
        moves updated_at: Timestamp,
    }
}

crate::row! {
    /// The funds of one booking whose product has a split rule. It has the booking's id, so there is only one.
    FundsRelease in "releases" as lock {
        key id: ReleaseId,
        fixed tenant: TenantId,
        fixed booking: BookingId,
        /// The rule of the product when the booking was made.
        fixed split: Json<SplitRule>,
        guard state: CurrentState<release::State>,
        /// When the funds became due.
        moves due_at: Option<Timestamp>,
        /// When the timer checks the conditions next.
        moves sweep_at: Option<Timestamp>,
        /// The amount that was divided, and the platform's part of it.
        moves released_minor: i64,
        moves platform_minor: i64,
        fixed currency: Currency,
        moves released_at: Option<Timestamp>,
        fixed created_at: Timestamp,
    }
}

crate::row! {
    /// The share of one beneficiary in one booking. Its id is hashed from both, so there is only one. It is
    /// its own attempt: its job has its id, and the provider's idempotency keys are made from the id.
    Payout in "payouts" as lock, side_effects crate::side_effects::of_payout {
        key id: PayoutId,
        fixed tenant: TenantId,
        fixed booking: BookingId,
        fixed beneficiary: BeneficiaryId,
        fixed mode: Mode,
        fixed amount_minor: i64,
        fixed currency: Currency,
        /// A failed transfer that a person pays by other means becomes manual.
        moves method: PayoutMethod,
        fixed account: Option<AccountId>,
        fixed provider: Option<String>,
        fixed destination: Option<String>,
        guard state: CurrentState<payout::State>,
        guard seq: i64,
        /// The number of the provider's idempotency key, from 0.
        moves key_number: i64,
        /// When the provider replied with an error of its own under the key before this one.
        moves key_spent_at: Option<Timestamp>,
        /// When it was first sent under its present key.
        moves sent_at: Option<Timestamp>,
        /// Since when its outcome is unknown.
        moves unknown_since: Option<Timestamp>,
        /// The provider's id of the transfer.
        moves provider_ref: Option<String>,
        /// For a payout that a person recorded: what it can be found by, such as a bank's reference.
        moves reference: Option<String>,
        /// What came back.
        moves returned_minor: i64,
        moves failure: Option<Json<Failure>>,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
        /// The number of the last reversal that was asked for here, from 1; 0: none was. A reversal has the
        /// fields of the payout's own call (the number of its key, when it was sent), which has ended before.
        moves reversal: i64,
        /// The amount of the reversal under way; 0: none is.
        moves reversing_minor: i64,
    }
}

impl Payout {
    pub fn is_being_reversed(&self) -> bool {
        self.reversing_minor > 0
    }

    /// Whether the outcome of the reversal under way has been unknown for so long that a person has it.
    pub fn reversal_is_with_a_person(&self, now: Timestamp) -> bool {
        let deadline = Span::seconds(OPERATION_DEADLINE_SECONDS);
        self.is_being_reversed() && self.unknown_since.is_some_and(|since| now >= since.plus(deadline))
    }

    pub fn amount(&self) -> Money {
        Money::new(self.amount_minor, self.currency)
    }
}
