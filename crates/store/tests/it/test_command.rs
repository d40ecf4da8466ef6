//! Small commands over the domain's rows.

use parking_lot::Mutex;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Poll;

use domain::idempotency::Fingerprint;
use domain::lifecycle::{CurrentState, booking, booking_item};
use domain::reply::{BookingReply, ItemReply};
use domain::rows::{
    Booking, BookingItem, Facts, InboundEvent, Message, Needs, Product, Settings, Slot, Subject, Tenant,
};
use domain::working_set::{Claim, Command, Context, Decision, DecisionResult};
use domain::{
    AccountId, BookingId, BookingItemId, ClientId, Currency, CustomerId, EventId, KeyId, MessageId,
    ProductId, Refusal, Reply, SlotId, TenantId, Timestamp, UnitId,
};
use store::{CommandResult, Store, Unavailable};
use testkit::new_id;

type NeedsOf = Box<dyn Fn(&mut Needs<'_>) -> Option<()> + Send + Sync>;
type Decide = Box<dyn Fn(&Facts, &Context<'_>) -> DecisionResult + Send + Sync>;

/// A command made of two closures.
pub struct TestCommand {
    pub tenant: Option<TenantId>,
    pub claim: Option<Claim>,
    pub needs: NeedsOf,
    pub decide: Decide,
}

impl fmt::Debug for TestCommand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TestCommand").field("claim", &self.claim).finish_non_exhaustive()
    }
}

impl TestCommand {
    pub fn new(
        needs: impl Fn(&mut Needs<'_>) -> Option<()> + Send + Sync + 'static,
        decide: impl Fn(&Facts, &Context<'_>) -> DecisionResult + Send + Sync + 'static,
    ) -> TestCommand {
        TestCommand { tenant: None, claim: None, needs: Box::new(needs), decide: Box::new(decide) }
    }

    pub fn claiming(mut self, claim: &Claim) -> TestCommand {
        self.claim = Some(claim.clone());
        self
    }

    pub async fn on(self, store: &Store) -> Result<CommandResult, Unavailable> {
        store.submit(Box::new(self)).await
    }
}

impl Command for TestCommand {
    fn tenant(&self) -> Option<TenantId> {
        self.tenant
    }
    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }
    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        (self.needs)(rows)
    }
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        (self.decide)(facts, context)
    }
}

/// Inserts new rows.
pub fn insert(put: impl Fn(&mut Decision) + Send + Sync + 'static) -> TestCommand {
    TestCommand::new(
        |_| Some(()),
        move |_, _| {
            let mut outcome = Decision::default();
            put(&mut outcome);
            Ok(outcome)
        },
    )
}

static NEXT_START: AtomicI64 = AtomicI64::new(5);

/// A tenant with a product for slots.
#[derive(Clone, Copy)]
pub struct Seller {
    pub tenant: TenantId,
    pub product: ProductId,
    pub client: ClientId,
}

impl Seller {
    pub async fn open(store: &Store) -> Seller {
        let seller = Seller { tenant: new_id(), product: new_id(), client: new_id() };
        let (tenant, product) = (seller.tenant_row(), seller.product_row());
        let act = insert(move |outcome| {
            outcome.put(tenant.clone());
            outcome.put(product.clone());
        });
        act.on(store).await.unwrap();
        seller
    }

    pub fn tenant_row(self) -> Tenant {
        Tenant {
            id: self.tenant,
            name: "Ferry".into(),
            settings: domain::working_set::Json(Settings::default()),
            version: 1,
            created_at: Timestamp(1),
            slug: self.tenant.to_string(),
            archived_at: None,
        }
    }

    pub fn product_row(self) -> Product {
        Product {
            id: self.product,
            tenant: self.tenant,
            name: "Crossing".into(),
            description: String::new(),
            time_zone: "Europe/Lisbon".into(),
            currency: Currency::EUR,
            active: true,
            split: None,
            metadata: domain::working_set::Json::default(),
            version: 1,
            created_at: Timestamp(1),
            updated_at: Timestamp(1),
            cancellation_policy: None,
            duration_minutes: None,
            resources: None,
            taxes: Default::default(),
        }
    }

    pub fn slot_row(self, capacity: i64) -> Slot {
        Slot {
            id: new_id(),
            tenant: self.tenant,
            product: self.product,
            // A product has one departure at one time.
            starts_at: Timestamp(NEXT_START.fetch_add(1, Ordering::SeqCst)),
            capacity,
            held: 0,
            sold: 0,
            closed: false,
            created_at: Timestamp(1),
            schedule: None,
            withdrawn: false,
            allocations: None,
        }
    }

    pub async fn slot(self, store: &Store, capacity: i64) -> SlotId {
        let slot = self.slot_row(capacity);
        let id = slot.id;
        insert(move |outcome| outcome.put(slot.clone())).on(store).await.unwrap();
        id
    }

    pub fn claim(self, key: &str) -> Claim {
        Claim {
            key: KeyId::of(self.tenant, self.client, key),
            tenant: self.tenant,
            client: self.client,
            text: key.into(),
            fingerprint: Fingerprint::of("POST", "/v1/bookings", b"{}"),
            request_id: format!("request-{key}"),
        }
    }

    /// Holds seats of a slot, with a message.
    pub fn reserve(self, slot: SlotId, seats: i64) -> TestCommand {
        let decide = move |facts: &Facts, context: &Context<'_>| {
            let slot = facts.slots.get(slot).ok_or(Refusal::SlotNotFound)?;
            if slot.vacancies() < seats {
                return Err(Refusal::SlotIsFull { slot: slot.id.0, vacancies: slot.vacancies() });
            }
            let slot = Slot { held: slot.held + seats, ..slot.clone() };
            let booking = self.booking_row(BookingId(context.ids.next()), seats, context.now);
            let item = self.item_row(&booking, BookingItemId(context.ids.next()), slot.id, seats);
            let mut outcome = Decision::default();
            outcome.put(slot.clone());
            outcome.put(booking.clone());
            outcome.put(item.clone());
            outcome.put(message(&booking, MessageId(context.ids.next())));
            let items = vec![ItemReply { item, slot, time_zone: "Europe/Lisbon".into() }];
            let reply = BookingReply { booking, items };
            Ok(outcome.reply(Reply::Booking(Box::new(reply))))
        };
        TestCommand {
            tenant: Some(self.tenant),
            ..TestCommand::new(move |rows| rows.slot(slot).map(drop), decide)
        }
    }

    /// Gives the seats back.
    pub fn cancel(self, booking: BookingId) -> TestCommand {
        let needs = move |rows: &mut Needs<'_>| {
            let items = rows.booking_items(booking);
            rows.booking(booking)?;
            for item in items? {
                rows.slot(item.slot);
            }
            Some(())
        };
        let decide = move |facts: &Facts, context: &Context<'_>| {
            let booking = facts.bookings.get(booking).ok_or(Refusal::BookingNotFound)?;
            let step = booking.state.step(booking::Event::CustomerCancelled).ok_or(Refusal::NothingToDo)?;
            let cancelled = Booking {
                state: step.to(),
                seq: booking.seq + 1,
                ended_at: Some(context.now),
                ..booking.clone()
            };
            let mut outcome = Decision::default();
            for item in facts.booking_items.owned_by(booking.id) {
                let slot = facts.slots.get(item.slot).ok_or(Refusal::SlotNotFound)?;
                let released =
                    item.state.step(booking_item::Event::Release).ok_or(Refusal::NothingToDo)?.to();
                outcome.put(Slot { held: slot.held - item.seats, ..slot.clone() });
                outcome.put(BookingItem { state: released, ..item.clone() });
            }
            outcome.put(message(&cancelled, MessageId(context.ids.next())));
            outcome.put(cancelled);
            Ok(outcome)
        };
        TestCommand { tenant: Some(self.tenant), ..TestCommand::new(needs, decide) }
    }

    /// An event of a provider's account.
    pub fn event_row(self, id: EventId, account: AccountId) -> InboundEvent {
        InboundEvent {
            id,
            tenant: self.tenant,
            account,
            name: id.0.to_string(),
            kind: "payment.captured".into(),
            body: Vec::new(),
            state: CurrentState::start(),
            attempts: 0,
            outcome: None,
            received_at: Timestamp(1),
            processed_at: None,
        }
    }

    pub fn item_row(self, booking: &Booking, id: BookingItemId, slot: SlotId, seats: i64) -> BookingItem {
        BookingItem {
            id,
            tenant: self.tenant,
            booking: booking.id,
            slot,
            product: self.product,
            unit: UnitId(self.product.0),
            name: "Seat".into(),
            quantity: seats,
            seats,
            price_minor: 1000,
            state: CurrentState::start(),
            booked_at: booking.created_at,
            policy: None,
            checked_in: 0,
            credited_minor: None,
            taxes: Default::default(),
        }
    }

    pub fn booking_row(self, id: BookingId, seats: i64, now: Timestamp) -> Booking {
        Booking {
            id,
            tenant: self.tenant,
            client: self.client,
            customer: CustomerId::of(self.tenant, "ana@example.com"),
            customer_name: "Ana".into(),
            customer_email: "ana@example.com".into(),
            customer_phone: None,
            state: CurrentState::start(),
            seq: 1,
            counts_for_client: false,
            total_minor: 1000 * seats,
            currency: Currency::EUR,
            open_payment: None,
            payments: 0,
            authorized_minor: 0,
            paid_minor: 0,
            refunded_minor: 0,
            settled_minor: 0,
            hold_expires_at: Timestamp(10),
            hold_expires_max: Timestamp(10),
            sweep_at: Timestamp(10),
            confirmed_at: None,
            ended_at: None,
            metadata: domain::working_set::Json::default(),
            created_at: now,
            updated_at: now,
            tax_minor: 0,
            recognized_minor: 0,
            recognized_tax_minor: 0,
        }
    }
}

fn message(booking: &Booking, id: MessageId) -> Message {
    Message {
        id,
        tenant: booking.tenant,
        subject_kind: Subject::Booking,
        subject: booking.id.0,
        seq: booking.seq,
        kind: format!("booking.{}", domain::lifecycle::State::name(&*booking.state)),
        payload: "{}".into(),
        created_at: booking.created_at,
        partition: Message::partition_of(booking.id.0),
        position: None,
        published: 0,
        published_at: None,
        received_at: None,
    }
}

/// Keeps the writer busy, so that the commands that are submitted in the meantime form one batch.
pub struct WriterPause {
    entered: Receiver<()>,
    leave: Sender<()>,
}

impl WriterPause {
    pub fn start(store: &Store) -> WriterPause {
        let (enter, entered) = channel();
        let (leave, left) = channel();
        let left = Mutex::new(left);
        let act = TestCommand::new(
            |_| Some(()),
            move |_, _| {
                enter.send(()).unwrap();
                // Ends when the gate is opened or dropped.
                let _opened = left.lock().recv();
                Ok(Decision::default())
            },
        );
        let store = store.clone();
        tokio::spawn(async move { act.on(&store).await });
        WriterPause { entered, leave }
    }

    /// Submits all commands while the writer waits at the gate, then opens it. One tenant's
    /// commands are decided in this order.
    pub async fn together(
        self,
        store: &Store,
        acts: Vec<TestCommand>,
    ) -> Vec<Result<CommandResult, Unavailable>> {
        let entered = self.entered;
        tokio::task::block_in_place(|| entered.recv().unwrap());
        let mut submitted: Vec<_> = acts.into_iter().map(|act| Box::pin(act.on(store))).collect();
        let mut answers: Vec<_> = submitted.iter().map(|_| None).collect();
        let mut leave = Some(self.leave);
        poll_fn(|context| {
            for (act, answer) in submitted.iter_mut().zip(&mut answers) {
                if answer.is_none()
                    && let Poll::Ready(ready) = act.as_mut().poll(context)
                {
                    *answer = Some(ready);
                }
            }
            // The first poll puts a command into the queue.
            if let Some(leave) = leave.take() {
                leave.send(()).unwrap();
            }
            if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        answers.into_iter().map(|answer| answer.expect("all are ready")).collect()
    }
}
