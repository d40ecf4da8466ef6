//! Each call of the port, and the kinds of its outcomes.

use domain::{
    AttemptId, CustomerId, Money, ProviderCustomerId, RefundId, Timestamp,
    provider::{CallOutcome, Observation, ProviderStatus, RefundObservation, RefundStatus},
};
use providers::{
    Capabilities, Creation, CustomerOrder, EventPage, ListedRefund, ObjectCall, PaymentOrder, Provider,
    RefundOrder, SavedMethod, SavedMethods, VerifiedEvent,
};
use uuid::Uuid;

use crate::rows::ContractRow;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Create,
    CreateCustomer,
    SavedMethods,
    SavedMethod,
    DetachMethod,
    Confirm,
    Capture,
    Cancel,
    Refund,
    Fetch,
    FetchRefund,
    RefundsOf,
    Find,
    Events,
    FetchEvents,
}

/// The part of an outcome that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    Object,
    Refused,
    /// With the seconds to wait, if the provider asked for a pause.
    NotSent(Option<i64>),
    /// The circuit is open.
    NotCalled,
    Unknown,
}

/// One outcome, whatever the call returns.
#[derive(Clone, Debug)]
pub struct Ended {
    pub kind: OutcomeKind,
    /// The status is final: money moved, or none can move.
    pub is_final: bool,
    /// Everything that it says.
    pub text: String,
}

/// Which key a call is made under.
#[derive(Clone, Copy, Debug)]
pub struct Keyed {
    pub attempt: u128,
    pub number: i64,
}

pub const FIRST: Keyed = Keyed { attempt: 1, number: 0 };
/// The provider's ids of a customer and of the payment method that is saved for it.
pub const CUSTOMER: &str = "cus_1";
pub const METHOD: &str = "pm_1";
/// A part of the order's amount.
const PART_MINOR: i64 = 500;

impl Call {
    pub const ALL: [Call; 15] = [
        Call::Create,
        Call::CreateCustomer,
        Call::SavedMethods,
        Call::SavedMethod,
        Call::DetachMethod,
        Call::Confirm,
        Call::Capture,
        Call::Cancel,
        Call::Refund,
        Call::Fetch,
        Call::FetchRefund,
        Call::RefundsOf,
        Call::Find,
        Call::Events,
        Call::FetchEvents,
    ];

    pub fn is_offered(self, row: &ContractRow, capabilities: Capabilities) -> bool {
        let methods = row.adapter.methods;
        match self {
            Call::Confirm => capabilities.creation == Creation::TwoSteps,
            call if call.is_of_customer() => capabilities.saved_methods,
            Call::Find => capabilities.creation == Creation::OneStep,
            Call::FetchEvents => row.fetches_events,
            // Pix reserves no money.
            Call::Capture => methods.cards || methods.payment_form,
            _ => true,
        }
    }

    /// It changes something at the provider.
    pub fn is_write(self) -> bool {
        matches!(
            self,
            Call::Create
                | Call::CreateCustomer
                | Call::DetachMethod
                | Call::Confirm
                | Call::Capture
                | Call::Cancel
                | Call::Refund
        )
    }

    /// It is about what a customer pays with, and shows no amount and no status of money.
    pub fn is_of_customer(self) -> bool {
        matches!(self, Call::CreateCustomer | Call::SavedMethods | Call::SavedMethod | Call::DetachMethod)
    }

    /// A refusal says nothing about the objects that it looks for.
    pub fn is_list(self) -> bool {
        matches!(self, Call::RefundsOf | Call::Find | Call::Events)
    }

    pub async fn make(self, row: &ContractRow, provider: &dyn Provider, keyed: Keyed) -> Ended {
        let attempt = AttemptId(Uuid::from_u128(keyed.attempt));
        let first = (row.order)(1);
        let order = PaymentOrder { attempt, key_number: keyed.number, ..first.clone() };
        let action = ObjectCall { attempt, key_number: keyed.number, object: row.object };
        match self {
            Call::Create => ended(provider.create(&order).await),
            Call::CreateCustomer => ended(provider.create_customer(&customer(&order)).await),
            Call::SavedMethods => ended(provider.saved_methods(CUSTOMER).await),
            Call::SavedMethod => ended(provider.saved_method(METHOD).await),
            Call::DetachMethod => {
                ended(provider.detach_method(ObjectCall { object: METHOD, ..action }).await)
            }
            Call::Confirm => ended(provider.confirm(&order, row.object).await),
            Call::Capture => ended(provider.capture(action, order.amount).await),
            Call::Cancel => ended(provider.cancel(action).await),
            Call::Refund => ended(provider.refund(&refund(row, &order)).await),
            Call::Fetch => ended(provider.fetch(row.object).await),
            Call::FetchRefund => ended(provider.fetch_refund(row.object, row.refund).await),
            Call::RefundsOf => ended(provider.refunds_of(row.object).await),
            Call::Find => ended(provider.find(&order).await),
            Call::Events => ended(provider.events(Timestamp(0), Timestamp(1_000_000), None).await),
            Call::FetchEvents => ended(provider.fetch_events(row.object).await),
        }
    }
}

/// The customer with the number 1.
fn customer(order: &PaymentOrder) -> CustomerOrder {
    CustomerOrder {
        id: ProviderCustomerId(order.attempt.0),
        version: 0,
        key_number: order.key_number,
        tenant: order.tenant,
        customer: CustomerId(Uuid::from_u128(1)),
    }
}

pub fn refund(row: &ContractRow, order: &PaymentOrder) -> RefundOrder {
    RefundOrder {
        attempt: order.attempt,
        key_number: order.key_number,
        refund: RefundId(Uuid::from_u128(1)),
        payment: order.operation,
        object: row.object.to_owned(),
        amount: Money::new(PART_MINOR, order.amount.currency),
        reason: None,
        counted: Vec::new(),
    }
}

fn ended<O: Shown>(outcome: CallOutcome<O>) -> Ended {
    let (kind, is_final) = match &outcome {
        CallOutcome::Object(object) => (OutcomeKind::Object, object.is_final()),
        CallOutcome::Refused { .. } => (OutcomeKind::Refused, false),
        CallOutcome::NotSent { reached_provider: false, .. } => (OutcomeKind::NotCalled, false),
        CallOutcome::NotSent { retry_after_seconds, .. } => {
            (OutcomeKind::NotSent(*retry_after_seconds), false)
        }
        CallOutcome::Unknown { .. } => (OutcomeKind::Unknown, false),
    };
    Ended { kind, is_final, text: outcome.said() }
}

/// What an outcome says beside its object, which is not for a log.
trait Said {
    fn said(&self) -> String;
}

impl<O> Said for CallOutcome<O> {
    fn said(&self) -> String {
        match self {
            CallOutcome::Object(_) => String::new(),
            CallOutcome::Refused { code, .. } => code.clone(),
            CallOutcome::NotSent { error, .. } | CallOutcome::Unknown { error, .. } => error.clone(),
        }
    }
}

/// What a call returns.
trait Shown {
    fn is_final(&self) -> bool;
}

impl Shown for Observation {
    fn is_final(&self) -> bool {
        use ProviderStatus::{Authorized, Cancelled, Captured, Failed};
        matches!(self.status, Authorized { .. } | Captured { .. } | Failed(_) | Cancelled)
    }
}

impl Shown for RefundObservation {
    fn is_final(&self) -> bool {
        self.status != RefundStatus::Pending
    }
}

impl Shown for ListedRefund {
    fn is_final(&self) -> bool {
        self.observation.is_final()
    }
}

impl<O: Shown> Shown for Option<O> {
    fn is_final(&self) -> bool {
        self.as_ref().is_some_and(Shown::is_final)
    }
}

impl<O: Shown> Shown for Vec<O> {
    fn is_final(&self) -> bool {
        self.iter().any(Shown::is_final)
    }
}

impl Shown for SavedMethod {
    fn is_final(&self) -> bool {
        false
    }
}

impl Shown for SavedMethods {
    fn is_final(&self) -> bool {
        false
    }
}

/// The id of a customer.
impl Shown for String {
    fn is_final(&self) -> bool {
        false
    }
}

/// Events are read when they are interpreted.
impl Shown for VerifiedEvent {
    fn is_final(&self) -> bool {
        false
    }
}

impl Shown for EventPage {
    fn is_final(&self) -> bool {
        false
    }
}
