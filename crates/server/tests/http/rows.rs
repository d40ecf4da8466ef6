//! Rows for tests, inserted without the commands that would create them.

use std::fmt;
use testkit::ONE;

use domain::lifecycle::{CurrentState, State};
use domain::resources::ResourceUse;
use domain::rows::{
    Audit, Beneficiary, Changes, Difference, DifferenceKind, Dispute, DisputeEvidence, EvidenceTexts, Facts,
    InboundEvent, LedgerAccount, Message, Mode, Movement, MovementKind, Needs, Payout, PayoutMethod, Posting,
    Put, Reconciliation, ReconciliationStage, Refund, Resource, ResourceDay, Review, Subject, Transfer,
};
use domain::time::DAY;
use domain::working_set::{Column as _, Command, Context, Decision, DecisionResult, Json, Value};
use domain::{
    AccountId, BookingId, Currency, DifferenceId, DisputeId, LedgerAccountId, MessageId, MovementId,
    PaymentId, PayoutId, ResourceDayId, TenantId, Timestamp, TransferId,
};
use uuid::Uuid;

use crate::test_server::TestServer;

/// Inserts rows without reading any.
pub struct Insert(Box<dyn Fn(&mut Changes) + Send + Sync>);

impl Insert {
    pub fn of<R>(rows: Vec<R>) -> Insert
    where
        R: Clone + Send + Sync + 'static,
        Changes: Put<R>,
    {
        Insert(Box::new(move |changes| rows.iter().cloned().for_each(|row| changes.put(row))))
    }

    pub async fn into(self, server: &TestServer) {
        server.store.submit(Box::new(self)).await.unwrap();
    }
}

impl fmt::Debug for Insert {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Insert")
    }
}

impl Command for Insert {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, _: &mut Needs<'_>) -> Option<()> {
        Some(())
    }

    fn decide(&self, _: &Facts, _: &Context<'_>) -> DecisionResult {
        let mut outcome = Decision::default();
        (self.0)(&mut outcome.changes);
        Ok(outcome)
    }
}

/// One instant for all of them, so that only their ids differ.
pub const AT: Timestamp = Timestamp(1_767_225_600_000_000);

pub fn id<T: From<Uuid>>() -> T {
    T::from(Uuid::from_u128(rand::random()))
}

/// A state that is otherwise reached only by a series of moves.
fn stage<S: State>(name: &'static str) -> CurrentState<S> {
    CurrentState::read(Value::Text(name.into())).unwrap()
}

pub fn audit(subject: Uuid, action: &str) -> Audit {
    Audit {
        id: id(),
        tenant: ONE.id(),
        at: AT,
        actor: "timer".to_owned(),
        client: None,
        subject_kind: Subject::Booking,
        subject,
        action: action.to_owned(),
        from_state: None,
        to_state: None,
        request_id: None,
        person: None,
        why: None,
    }
}

pub fn review(number: usize) -> Review {
    Review {
        id: id(),
        tenant: ONE.id(),
        subject_kind: Subject::Event,
        subject: id(),
        attempt: None,
        reason: "why".to_owned(),
        detail: number.to_string(),
        state: CurrentState::start(),
        opened_at: AT,
        resolved_at: None,
        resolution: None,
        assignee: None,
    }
}

pub fn reconciliation(number: usize) -> Reconciliation {
    Reconciliation {
        id: id(),
        tenant: ONE.id(),
        account: ONE.account(),
        begins_at: AT,
        ends_at: Timestamp(AT.0 + 1),
        requested_by: Some(number.to_string()),
        state: stage("finished"),
        pages: 1,
        stage: ReconciliationStage::Clear,
        cursor: None,
        provider_objects: 0,
        own_objects: 0,
        repaired: 0,
        found: 0,
        settled: 0,
        error: None,
        created_at: AT,
        updated_at: AT,
        finished_at: Some(AT),
    }
}

pub fn difference(number: usize) -> Difference {
    let (kind, object) = (DifferenceKind::ForeignObject, format!("pi_{number}"));
    Difference {
        id: DifferenceId::of(ONE.account(), kind.name(), &object),
        tenant: ONE.id(),
        account: ONE.account(),
        kind,
        object,
        payment: None,
        payout: None,
        provider_minor: Some(5),
        provider_currency: Some(Currency::EUR),
        own_minor: None,
        own_currency: None,
        ledger_minor: None,
        detail: "it carries no reference of ours".to_owned(),
        state: CurrentState::start(),
        assignee: None,
        first_run: id(),
        last_run: id(),
        object_at: AT,
        found_at: AT,
        seen_at: AT,
        closed_at: None,
        closed_by: None,
        closed_because: None,
    }
}

pub fn dead_event(number: usize) -> InboundEvent {
    InboundEvent {
        id: id(),
        tenant: ONE.id(),
        account: AccountId::of("stripe", "acct"),
        name: format!("evt_{number}"),
        kind: "payment_intent.succeeded".to_owned(),
        body: b"{}".to_vec(),
        state: stage("dead"),
        attempts: 1,
        outcome: Some("nothing can be made of it".to_owned()),
        received_at: AT,
        processed_at: Some(AT),
    }
}

pub fn event(position: i64) -> Message {
    let subject = id();
    Message {
        id: id::<MessageId>(),
        tenant: ONE.id(),
        subject_kind: Subject::Booking,
        subject,
        seq: 1,
        kind: "booking.held".to_owned(),
        payload: "{}".to_owned(),
        created_at: AT,
        partition: Message::partition_of(subject),
        position: Some(position),
        published: 1,
        published_at: Some(AT),
        received_at: Some(AT),
    }
}

pub fn ledger_account(name: &str, currency: Currency) -> LedgerAccount {
    LedgerAccount {
        id: LedgerAccountId::of(ONE.id(), name, currency),
        tenant: ONE.id(),
        name: name.to_owned(),
        currency,
        balance_minor: 0,
        created_at: AT,
        moved_at: AT,
    }
}

pub fn transfer(account: LedgerAccountId) -> (Transfer, Vec<Posting>) {
    let transfer = Transfer {
        id: id::<TransferId>(),
        tenant: ONE.id(),
        kind: "capture".to_owned(),
        movement: "movement".to_owned(),
        message: id(),
        posted_at: AT,
        subject: id(),
    };
    let leg = |amount_minor| Posting {
        id: id(),
        tenant: ONE.id(),
        transfer: transfer.id,
        account,
        amount_minor,
        currency: Currency::EUR,
        posted_at: AT,
    };
    let legs = vec![leg(5), leg(-5)];
    (transfer, legs)
}

pub fn refund(payment: PaymentId) -> Refund {
    Refund {
        id: id(),
        tenant: ONE.id(),
        payment,
        booking: None,
        amount_minor: 1,
        currency: Currency::EUR,
        external: false,
        reason: None,
        metadata: Json::default(),
        key: None,
        state: CurrentState::start(),
        seq: 0,
        provider_ref: None,
        failure: None,
        created_at: AT,
        updated_at: AT,
    }
}

pub fn dispute(payment: PaymentId, number: usize) -> Dispute {
    let (account, object) = (AccountId::of("stripe", "acct"), format!("du_{number}"));
    Dispute {
        id: DisputeId::of(account, &object),
        tenant: ONE.id(),
        payment,
        booking: None,
        account,
        object,
        currency: Currency::EUR,
        state: stage("lost"),
        seq: 0,
        amount_minor: 1,
        reason: None,
        network_reason: None,
        evidence_due_at: None,
        shown_at: None,
        evidence_submitted_at: None,
        submission: None,
        submission_failure: None,
        created_at: AT,
        closed_at: Some(AT),
        updated_at: AT,
    }
}

/// Evidence that the bank has.
pub fn evidence(dispute: DisputeId) -> DisputeEvidence {
    DisputeEvidence {
        id: id(),
        tenant: ONE.id(),
        dispute,
        texts: Json(EvidenceTexts::default()),
        state: stage("submitted"),
        key_number: 0,
        sent_at: Some(AT),
        failure: None,
        created_at: AT,
        updated_at: AT,
    }
}

pub fn movement(payment: PaymentId, number: usize) -> Movement {
    let (kind, object) = (MovementKind::Refund, format!("re_{number}"));
    Movement {
        id: MovementId::of(payment, kind.name(), &object),
        tenant: ONE.id(),
        payment,
        refund: None,
        kind,
        object,
        amount_minor: 1,
        currency: Currency::EUR,
        recorded_at: AT,
    }
}

/// A beneficiary of its own, with its payout of this booking.
pub fn payout(booking: Uuid) -> (Beneficiary, Payout) {
    let beneficiary = Beneficiary {
        id: id(),
        tenant: ONE.id(),
        mode: Mode::Test,
        name: "guide".to_owned(),
        method: PayoutMethod::Manual,
        account: None,
        provider: None,
        destination: None,
        metadata: Json::default(),
        created_at: AT,
        version: 1,
        deactivated_at: None,
        updated_at: AT,
    };
    let booking = BookingId(booking);
    let payout = Payout {
        id: PayoutId::of(booking, beneficiary.id),
        tenant: ONE.id(),
        booking,
        beneficiary: beneficiary.id,
        mode: Mode::Test,
        amount_minor: 1,
        currency: Currency::EUR,
        method: PayoutMethod::Manual,
        account: None,
        provider: None,
        destination: None,
        state: CurrentState::start(),
        seq: 0,
        key_number: 0,
        key_spent_at: None,
        sent_at: None,
        unknown_since: None,
        provider_ref: None,
        reference: None,
        returned_minor: 0,
        failure: None,
        created_at: AT,
        updated_at: AT,
        reversal: 0,
        reversing_minor: 0,
    };
    (beneficiary, payout)
}

pub fn resource() -> Resource {
    Resource {
        id: id(),
        tenant: ONE.id(),
        name: "Catamaran".to_owned(),
        capacity: 1,
        closures: Json::default(),
        active: true,
        metadata: Json::default(),
        version: 1,
        days: 0,
        created_at: AT,
        updated_at: AT,
    }
}

/// With one use.
pub fn resource_day(resource: &Resource, number: usize) -> ResourceDay {
    let day = number as i64;
    let from = Timestamp(day * DAY.0);
    let uses = vec![ResourceUse { slot: id(), from, to: from.plus(DAY), amount: 1 }];
    ResourceDay {
        id: ResourceDayId::of(resource.id, day),
        tenant: resource.tenant,
        resource: resource.id,
        day,
        uses: Json(uses),
        changes: 1,
    }
}
