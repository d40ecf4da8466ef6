//! Resources: what several slots share is never taken twice at the same time.

use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use proptest::collection::vec as some;
use proptest::prelude::ProptestConfig;

use super::test_store::{CommandResult, TestStore};
use super::test_world::{CLIENT, TENANT, TestWorld};
use crate::commands::{ChangeResource, CreateResource, Reserve, SetProductResources};
use crate::lifecycle::booking;
use crate::limits::HOLD_SECONDS;
use crate::pricing::BasketItem;
use crate::reply::Reply;
use crate::resources::{ResourceClosure, ResourceNeed, ResourceUse};
use crate::rows::{Actor, Booking, LateMoney, Product, Resource, ResourceDay, Slot, Tenant};
use crate::time::{DAY, Span};
use crate::working_set::{Command, Json};
use crate::{BookingId, Ids as _, Refusal, ResourceId, SlotId, Timestamp};

const HOUR: Span = Span::seconds(60 * 60);

impl TestStore {
    /// The days list what the slots with seats need, and at no moment is that more than there is.
    pub fn resources_add_up(&self, command: &dyn Command) {
        let mut expected: BTreeMap<ResourceId, Vec<ResourceUse>> = BTreeMap::new();
        for slot in self.all::<Slot>() {
            let seats = slot.held + slot.sold;
            for allocation in slot.allocations.iter().flat_map(|fixed| &fixed.0).filter(|_| seats > 0) {
                let amount = allocation.per_slot + allocation.per_seat * seats;
                let (from, to) = (allocation.from, allocation.to);
                expected.entry(allocation.resource).or_default().push(ResourceUse {
                    slot: slot.id,
                    from,
                    to,
                    amount,
                });
            }
        }
        let days: Vec<ResourceDay> = self.all();
        for resource in self.all::<Resource>() {
            let mut uses = expected.remove(&resource.id).unwrap_or_default();
            uses.sort_by_key(|used| used.slot);
            let own = || days.iter().filter(|day| day.resource == resource.id);
            assert_eq!(resource.days, own().count() as i64, "days of a resource after {command:?}");
            for day in own() {
                let here =
                    |used: &&ResourceUse| used.from.0 < (day.day + 1) * DAY.0 && day.day * DAY.0 < used.to.0;
                let mut listed = day.uses.0.clone();
                listed.sort_by_key(|used| used.slot);
                let due: Vec<ResourceUse> = uses.iter().filter(here).cloned().collect();
                assert_eq!(listed, due, "uses of a day after {command:?}");
            }
            let listed: usize = own().map(|day| day.uses.0.len()).sum();
            assert!(listed >= uses.len(), "a use is on no day after {command:?}");
            let coming = uses.iter().filter(|used| used.to > self.now);
            for at in coming.map(|used| used.from) {
                let used: i64 =
                    uses.iter().filter(|used| used.from <= at && at < used.to).map(|used| used.amount).sum();
                assert!(used <= resource.capacity, "a resource is overbooked after {command:?}");
            }
        }
    }
}

impl TestWorld {
    fn resource(&mut self, capacity: i64) -> ResourceId {
        let made = self.run(&CreateResource {
            claim: None,
            tenant: TENANT,
            by: Actor::Client(CLIENT),
            name: "boat".into(),
            capacity,
            closures: vec![],
            metadata: BTreeMap::new(),
        });
        let Reply::Resource(resource) = made.reply() else { panic!("a resource was made") };
        resource.id
    }

    fn need(&mut self, needs: Vec<ResourceNeed>, duration_minutes: i64) -> CommandResult {
        let product: Product = self.get(self.product);
        let all_units = vec![self.seat, self.child];
        self.run(&SetProductResources {
            claim: None,
            tenant: TENANT,
            by: Actor::Client(CLIENT),
            product: product.id,
            duration_minutes: Some(duration_minutes),
            needs,
            version: product.version,
            all_units,
        })
    }

    /// Each seat of each slot needs one of it.
    pub fn share_a_resource(&mut self, capacity: i64) -> ResourceId {
        let resource = self.resource(capacity);
        self.need(vec![per_seat(resource)], 60).reply();
        resource
    }

    fn book(&mut self, slot: SlotId, quantity: i64) -> CommandResult {
        let items = vec![BasketItem { slot, unit: self.seat, quantity }];
        let command = Reserve { items, ..self.reserve_command(1) };
        self.run(&command)
    }

    /// A slot of the product that starts so much later than the world's.
    fn later(&mut self, by: Span) -> SlotId {
        let mut slot: Slot = self.get(self.slot);
        (slot.id, slot.starts_at) = (SlotId(self.ids.next()), slot.starts_at.plus(by));
        (slot.held, slot.sold, slot.allocations) = (0, 0, None);
        self.set(&slot);
        slot.id
    }

    fn change(&self, resource: ResourceId) -> ChangeResource {
        ChangeResource {
            claim: None,
            tenant: TENANT,
            by: Actor::Client(CLIENT),
            resource,
            name: None,
            capacity: None,
            closures: None,
            active: None,
            metadata: None,
            version: None,
            days: self.get::<Resource>(resource).days,
            days_ahead: self.all::<ResourceDay>().iter().map(|day| day.id).collect(),
        }
    }

    fn starts(&self) -> Timestamp {
        self.get::<Slot>(self.slot).starts_at
    }
}

fn per_slot(resource: ResourceId) -> ResourceNeed {
    ResourceNeed { resource, per_slot: 1, per_seat: 0, before_minutes: 0, after_minutes: 0 }
}

fn per_seat(resource: ResourceId) -> ResourceNeed {
    ResourceNeed { resource, per_slot: 0, per_seat: 1, before_minutes: 0, after_minutes: 0 }
}

fn is_taken(outcome: CommandResult) -> Option<i64> {
    match outcome {
        CommandResult::Refused(Refusal::ResourceIsTaken { left, .. }) => Some(left),
        CommandResult::Fresh(_) => None,
        other => panic!("{other:?}"),
    }
}

fn booked(outcome: CommandResult) -> BookingId {
    let Reply::Booking(reply) = outcome.reply() else { panic!("a booking was made") };
    reply.booking.id
}

#[test]
fn one_guide_leads_one_slot_at_a_time() {
    let mut world = TestWorld::new(4);
    let guide = world.resource(1);
    let needed = ResourceNeed { before_minutes: 30, after_minutes: 15, ..per_slot(guide) };
    world.need(vec![needed], 60).reply();
    // The guide is taken from half an hour before the start until a quarter past the end.
    let table = [(0, true), (104, true), (105, false), (-104, true), (-105, false)];
    let slots: Vec<(SlotId, bool)> =
        table.iter().map(|(minutes, taken)| (world.later(Span::seconds(60 * minutes)), *taken)).collect();
    let first = booked(world.book(world.slot, 1));
    booked(world.book(world.slot, 1));
    for (slot, taken) in &slots {
        assert_eq!(is_taken(world.book(*slot, 1)), taken.then_some(0));
    }
    // With the second booking the slot still needs its guide.
    let cancel = world.cancel_command(first);
    world.run(&cancel).reply();
    assert_eq!(is_taken(world.book(slots[0].0, 1)), Some(0));
    world.wait(Span::seconds(HOLD_SECONDS));
    world.expire();
    assert_eq!(is_taken(world.book(slots[0].0, 1)), None);
}

#[test]
fn seats_of_several_slots_share_one_boat() {
    let mut world = TestWorld::new(4);
    let boat = world.share_a_resource(5);
    let other = world.later(Span::seconds(60));
    let night = world.later(HOUR);
    booked(world.book(world.slot, 3));
    assert_eq!(is_taken(world.book(other, 3)), Some(2));
    booked(world.book(other, 2));
    assert_eq!(is_taken(world.book(world.slot, 1)), Some(0));
    assert_eq!(is_taken(world.book(night, 4)), Some(3), "the other slot lasts a minute longer");
    let uses =
        |world: &TestWorld| world.all::<ResourceDay>().iter().map(|day| day.uses.0.len()).sum::<usize>();
    assert!(uses(&world) >= 2);
    world.wait(Span::seconds(HOLD_SECONDS));
    world.expire();
    assert_eq!(uses(&world), 0);
    assert_eq!(world.get::<Resource>(boat).days, world.all::<ResourceDay>().len() as i64);
}

#[test]
fn a_use_over_midnight_counts_once() {
    let mut world = TestWorld::new(4);
    world.share_a_resource(3);
    let half_an_hour_before = world.starts().day_end().minus(Span(HOUR.0 / 2));
    let night = world.later(half_an_hour_before.since(world.starts()));
    let other = world.later(Span(half_an_hour_before.since(world.starts()).0 + 1));
    booked(world.book(night, 1));
    assert_eq!(world.all::<ResourceDay>().len(), 2);
    assert_eq!(is_taken(world.book(other, 3)), Some(2));
    booked(world.book(other, 2));
}

#[test]
fn a_basket_adds_up_what_its_slots_need_at_the_same_time() {
    let mut world = TestWorld::new(4);
    world.share_a_resource(5);
    let other = world.later(Span::seconds(60));
    let item = |slot, quantity, unit| BasketItem { slot, unit, quantity };
    let seat = world.seat;
    for (wanted, fits) in [([3, 3], false), ([3, 2], true)] {
        let items = vec![item(world.slot, wanted[0], seat), item(other, wanted[1], seat)];
        let command = Reserve { items, ..world.reserve_command(1) };
        assert_eq!(is_taken(world.run(&command)).is_none(), fits);
        assert_eq!(world.get::<Slot>(world.slot).held, if fits { 3 } else { 0 });
    }
}

#[test]
fn a_slot_keeps_what_it_needs_while_a_seat_is_taken() {
    let mut world = TestWorld::new(4);
    let boat = world.share_a_resource(5);
    booked(world.book(world.slot, 2));
    let other_boat = world.resource(1);
    world.need(vec![per_slot(other_boat)], 600).reply();
    booked(world.book(world.slot, 1));
    let used = |world: &TestWorld, resource| -> i64 {
        let days = world.all::<ResourceDay>().into_iter().filter(|day| day.resource == resource);
        days.flat_map(|day| day.uses.0).map(|used| used.amount).max().unwrap_or(0)
    };
    assert_eq!((used(&world, boat), used(&world, other_boat)), (3, 0));
    world.wait(Span::seconds(HOLD_SECONDS));
    world.expire();
    booked(world.book(world.slot, 1));
    assert_eq!((used(&world, boat), used(&world, other_boat)), (0, 1));
}

#[test]
fn late_money_takes_seats_again_only_with_the_resource() {
    for rival in [false, true] {
        let mut world = TestWorld::new(4);
        let mut tenant: Tenant = world.get(TENANT);
        tenant.settings.0.late_money = LateMoney::Reseat;
        world.set(&tenant);
        world.share_a_resource(3);
        let other = world.later(Span::seconds(60));
        let (late, payment) = world.sent(crate::rows::Capture::Automatic);
        world.wait(Span::seconds(2 * HOLD_SECONDS + 60));
        world.expire();
        assert!(world.get::<Booking>(late).state.is(booking::State::Expired));
        if rival {
            booked(world.book(other, 2));
        }
        world.webhook(payment, super::payments::CAPTURED);
        let expected = if rival { booking::State::Expired } else { booking::State::Confirmed };
        assert!(world.get::<Booking>(late).state.is(expected), "rival {rival}");
    }
}

#[test]
fn a_resource_never_has_less_than_is_in_use() {
    let mut world = TestWorld::new(4);
    let boat = world.share_a_resource(5);
    booked(world.book(world.slot, 3));
    let starts = world.starts();
    let closed = |from: Timestamp, to: Timestamp, capacity| {
        Some(vec![ResourceClosure { from, to, capacity, reason: "dock".into() }])
    };
    let change = world.change(boat);
    let last = starts.plus(Span(HOUR.0 - 1));
    for (refused, changed) in [
        (true, ChangeResource { capacity: Some(2), ..change.clone() }),
        (true, ChangeResource { closures: closed(last, starts.plus(DAY), 2), ..change.clone() }),
        (
            true,
            ChangeResource { closures: closed(starts.minus(DAY), starts.plus(Span(1)), 2), ..change.clone() },
        ),
        (false, ChangeResource { closures: closed(last, starts.plus(DAY), 3), ..change.clone() }),
        (
            false,
            ChangeResource { closures: closed(starts.plus(HOUR), starts.plus(DAY), 0), ..change.clone() },
        ),
        (false, ChangeResource { capacity: Some(3), closures: Some(vec![]), ..change.clone() }),
        (false, ChangeResource { name: Some("ship".into()), ..change.clone() }),
    ] {
        match world.run(&changed) {
            CommandResult::Refused(refusal) => {
                assert!(refused, "{changed:?}");
                assert_eq!(refusal, Refusal::ResourceIsInUse { slot: world.slot.0 });
            }
            outcome => {
                assert!(!refused, "{changed:?}");
                outcome.reply();
            }
        }
    }
    assert_eq!(is_taken(world.book(world.slot, 1)), Some(0), "three of three are taken");
    // What is over does not count.
    let mut past = TestWorld::new(4);
    let boat_of_the_past = past.share_a_resource(5);
    booked(past.book(past.slot, 3));
    past.wait(Span(8 * DAY.0));
    let smaller = ChangeResource { capacity: Some(1), ..past.change(boat_of_the_past) };
    past.run(&smaller).reply();
    // A day that the query has not seen may have uses.
    let unseen = ChangeResource { days: change.days - 1, ..change.clone() };
    assert_eq!(world.refused(&unseen), Refusal::ChangedMeanwhile);
    let outdated = ChangeResource { version: Some(1), ..change };
    assert_eq!(world.refused(&outdated), Refusal::ChangedMeanwhile);
}

#[test]
fn a_closed_or_inactive_resource_takes_nothing_more() {
    let mut world = TestWorld::new(4);
    let boat = world.share_a_resource(5);
    let inactive = ChangeResource { active: Some(false), ..world.change(boat) };
    world.run(&inactive).reply();
    assert_eq!(is_taken(world.book(world.slot, 1)), Some(0));
    let starts = world.starts();
    let dock = ResourceClosure {
        from: starts.plus(Span(1)),
        to: starts.plus(HOUR),
        capacity: 1,
        reason: "dock".into(),
    };
    let closed = ChangeResource { active: Some(true), closures: Some(vec![dock]), ..world.change(boat) };
    world.run(&closed).reply();
    assert_eq!(is_taken(world.book(world.slot, 2)), Some(1));
    booked(world.book(world.slot, 1));
}

#[test]
fn a_foreign_resource_is_not_found() {
    let mut world = TestWorld::new(4);
    let boat = world.resource(1);
    let mut foreign: Resource = world.get(boat);
    foreign.tenant = super::test_world::STRANGER;
    world.set(&foreign);
    let CommandResult::Refused(refusal) = world.need(vec![per_slot(boat)], 60) else {
        panic!("it is foreign")
    };
    assert_eq!(refusal, Refusal::ResourceNotFound { resource: boat.0 });
}

proptest::proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// What is left at the fullest moment, against a look at each minute.
    #[test]
    fn what_is_free_is_what_is_free_at_each_moment(
        uses in some((0i64..60, 1i64..30, 1i64..4), 0..8),
        closures in some((0i64..60, 1i64..30, 0i64..6), 0..3),
        (from, length) in (0i64..60, 1i64..30),
    ) {
        let mut world = TestWorld::new(4);
        let boat = world.resource(9);
        let mut resource: Resource = world.get(boat);
        let at = |minute: i64| Timestamp(minute * 60_000_000);
        let closure = |(from, length, capacity): &(i64, i64, i64)| ResourceClosure {
            from: at(*from), to: at(from + length), capacity: *capacity, reason: "dock".into(),
        };
        resource.closures = Json(closures.iter().map(closure).collect());
        let used = |(from, length, amount): &(i64, i64, i64)| ResourceUse {
            slot: SlotId(world.ids.next()), from: at(*from), to: at(from + length), amount: *amount,
        };
        let listed: Vec<ResourceUse> = uses.iter().map(used).collect();
        let free = resource.free_between(at(from), at(from + length), &listed.iter().collect::<Vec<_>>());
        let left = |minute: i64| {
            let holds = |&&(from, length, _): &&(i64, i64, i64)| from <= minute && minute < from + length;
            let capacity = closures.iter().filter(holds).map(|closure| closure.2).fold(9, i64::min);
            capacity - uses.iter().filter(holds).map(|used| used.2).sum::<i64>()
        };
        proptest::prop_assert_eq!(free, (from..from + length).map(left).min().unwrap());
    }
}
