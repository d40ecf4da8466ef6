//! Tickets at the entrance: each is used once, whenever and in whichever order its scans arrive.

use std::string::String;
use std::vec::Vec;
use uuid::Uuid;

use super::cancellations::{half, sold};
use super::test_store::CommandResult;
use super::test_world::{PRICE, STRANGER, TestWorld};
use crate::commands::{
    CancelBooking, CancelledItem, CheckInTicket, CompleteBooking, Scan, TicketRef, UndoCheckIn,
};
use crate::lifecycle::booking;
use crate::reply::{CheckInReply, Reply};
use crate::rows::{Audit, Booking, BookingItem, Capture, CheckIn, Message};
use crate::time::{Span, Timestamp};
use crate::working_set::Claim;
use crate::{BookingId, CheckInId, Refusal, SlotId};

impl TestWorld {
    /// The ticket with this number of the booking's first item, shown now.
    pub(super) fn scan_command(&mut self, booking: BookingId, number: i64) -> CheckInTicket {
        let item = self.items_of(booking)[0].id;
        let ticket = TicketRef { booking, item, number };
        CheckInTicket {
            claim: self.claim(),
            scan: Scan { ticket, at: None, who: Some("Gate 1".into()), slot: None },
        }
    }

    fn scan_at(&mut self, booking: BookingId, number: i64, at: Timestamp, who: &str) -> CheckInTicket {
        let command = self.scan_command(booking, number);
        CheckInTicket { scan: Scan { at: Some(at), who: Some(who.into()), ..command.scan }, ..command }
    }

    fn scanned(&mut self, command: &CheckInTicket) -> (bool, CheckIn) {
        let Reply::CheckIn(reply) = self.run(command).reply() else { panic!("a ticket was scanned") };
        let CheckInReply { check_in, already_checked_in } = *reply;
        assert_eq!(self.get::<CheckIn>(check_in.id), check_in);
        (already_checked_in.expect("a scan says it"), check_in)
    }

    pub(super) fn undo_command(&mut self, check_in: CheckInId) -> UndoCheckIn {
        UndoCheckIn { claim: self.claim(), check_in, who: "Ana".into(), why: "the wrong party".into() }
    }

    fn undo(&mut self, check_in: CheckInId) -> CheckIn {
        let command = self.undo_command(check_in);
        let Reply::CheckIn(reply) = self.run(&command).reply() else { panic!("a check-in was undone") };
        reply.check_in
    }

    fn checked_in(&self, booking: BookingId) -> Vec<i64> {
        self.items_of(booking).iter().map(|item| item.checked_in).collect()
    }

    fn actions(&self, action: &str) -> usize {
        self.all::<Audit>().iter().filter(|row| row.action == action).count()
    }

    fn messages_of(&self, kind: &str) -> usize {
        self.all::<Message>().iter().filter(|message| message.kind == kind).count()
    }
}

fn seats_sold() -> (TestWorld, BookingId) {
    let (world, booking, _) = sold(half(), Capture::Automatic);
    (world, booking)
}

#[test]
fn a_ticket_is_used_once() {
    let (mut world, booking) = seats_sold();
    let first = world.scan_command(booking, 1);
    let (already, check_in) = world.scanned(&first);
    assert!(!already);
    let expected = (1, world.now, world.now, Some("Gate 1"));
    let seen = (check_in.number, check_in.scanned_at, check_in.recorded_at, check_in.who.as_deref());
    assert_eq!(seen, expected);
    assert!(matches!(world.run(&first), CommandResult::Replay { .. }));

    world.wait(Span::seconds(60));
    let again = world.scan_command(booking, 1);
    assert_eq!(world.scanned(&again), (true, check_in), "the reply shows the first");
    assert_eq!(world.checked_in(booking), [1]);
    let other = world.scan_command(booking, 2);
    assert!(!world.scanned(&other).0);
    assert_eq!(world.checked_in(booking), [2]);
    assert_eq!((world.actions("ticket_checked_in"), world.messages_of("booking.checked_in")), (2, 2));
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
}

#[test]
fn scans_may_arrive_in_any_order() {
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let (mut world, booking) = seats_sold();
        let opened = world.now;
        world.wait(Span::seconds(600));
        let mut counted = 0;
        for device in order {
            let at = opened.plus(Span::seconds(device));
            let command = world.scan_at(booking, 1, at, &std::format!("Gate {device}"));
            counted += usize::from(!world.scanned(&command).0);
        }
        let [check_in] = &world.all::<CheckIn>()[..] else { panic!("one ticket") };
        let kept = (check_in.scanned_at, check_in.who.as_deref());
        assert_eq!(kept, (opened.plus(Span::seconds(1)), Some("Gate 1")), "{order:?}");
        assert_eq!((counted, world.messages_of("booking.checked_in")), (1, 1), "{order:?}");
    }
}

#[test]
fn a_clock_that_is_ahead_counts_as_now() {
    let (mut world, booking) = seats_sold();
    let ahead = world.now.plus(Span::seconds(86_400));
    let command = world.scan_at(booking, 1, ahead, "Gate 1");
    let (_, check_in) = world.scanned(&command);
    assert_eq!(check_in.scanned_at, world.now);
}

#[test]
fn what_was_undone_stays_undone_for_earlier_scans() {
    let (mut world, booking) = seats_sold();
    let before = world.now;
    let command = world.scan_command(booking, 1);
    let (_, check_in) = world.scanned(&command);
    world.wait(Span::seconds(60));
    let undone_at = world.now;
    let undone = world.undo(check_in.id);
    let seen = (undone.undone_at, undone.undone_by.as_deref(), undone.undone_why.as_deref());
    assert_eq!(seen, (Some(undone_at), Some("Ana"), Some("the wrong party")));
    assert_eq!(world.checked_in(booking), [0]);
    world.wait(Span::seconds(60));
    assert_eq!(world.undo(check_in.id), undone, "undone twice is undone once");
    assert_eq!((world.actions("check_in_undone"), world.messages_of("booking.check_in_undone")), (1, 1));

    for at in [before, undone_at] {
        let late = world.scan_at(booking, 1, at, "Gate 2");
        assert_eq!(world.refused(&late), Refusal::CheckInWasUndone { at: undone_at });
    }
    let later = world.scan_command(booking, 1);
    let (already, again) = world.scanned(&later);
    assert_eq!((already, again.undone_at, world.checked_in(booking)), (false, None, Vec::from([1])));
}

#[test]
fn a_ticket_that_is_not_valid_is_refused() {
    let (mut world, booking) = seats_sold();
    let held = world.reserve_command(1);
    let stranger = CheckInTicket {
        claim: Claim { tenant: STRANGER, ..world.claim() },
        ..world.scan_command(booking, 1)
    };
    assert_eq!(world.refused(&stranger), Refusal::BookingNotFound);
    for number in [0, -1, 5] {
        let command = world.scan_command(booking, number);
        assert_eq!(world.refused(&command), Refusal::TicketIsCancelled, "{number}");
    }
    let mut command = world.scan_command(booking, 1);
    command.scan.ticket.item = Uuid::from_u128(77).into();
    assert_eq!(world.refused(&command), Refusal::ItemNotFound { item: Uuid::from_u128(77) });
    let mut command = world.scan_command(booking, 1);
    command.scan.slot = Some(SlotId(Uuid::from_u128(78)));
    let slot = world.slot.0;
    assert_eq!(world.refused(&command), Refusal::TicketIsForAnotherSlot { slot });
    let mut command = world.scan_command(booking, 1);
    command.scan.slot = Some(world.slot);
    assert!(!world.scanned(&command).0);

    let CommandResult::Refused(_) = world.run(&held) else { panic!("all seats are sold") };
    let mut other = TestWorld::new(4);
    let held = other.reserve(1);
    let command = other.scan_command(held, 1);
    assert_eq!(other.refused(&command), Refusal::BookingIsNotConfirmed { state: "held" });
    let mut undo = world.undo_command(world.all::<CheckIn>()[0].id);
    undo.claim.tenant = STRANGER;
    assert_eq!(world.refused(&undo), Refusal::CheckInNotFound);
}

#[test]
fn some_tickets_are_not_cancelled_beside_those_that_are_checked_in() {
    let (mut world, booking) = seats_sold();
    let command = world.scan_command(booking, 4);
    let (_, check_in) = world.scanned(&command);
    let item: BookingItem = world.items_of(booking)[0].clone();
    let one = Vec::from([CancelledItem { item: item.id, quantity: Some(1) }]);
    let part = CancelBooking { items: one.clone(), ..world.cancel_for(booking, PRICE / 2) };
    assert_eq!(world.refused(&part), Refusal::TicketsAreCheckedIn { item: item.id.0, checked_in: 1 });
    world.undo(check_in.id);
    let part = CancelBooking { items: one, ..world.cancel_for(booking, PRICE / 2) };
    world.run(&part).reply();
    let last = world.scan_command(booking, 4);
    let is_cancelled = |world: &mut TestWorld| world.refused(&last) == Refusal::TicketIsCancelled;
    assert!(is_cancelled(&mut world));
}

#[test]
fn a_cancelled_booking_has_no_tickets_and_a_completed_one_still_has() {
    let (mut world, booking) = seats_sold();
    let command = world.scan_command(booking, 1);
    world.scanned(&command);
    let cancel = world.cancel_for(booking, 2 * PRICE);
    world.run(&cancel).reply();
    let command = world.scan_command(booking, 2);
    assert_eq!(world.refused(&command), Refusal::TicketIsCancelled);

    let (mut world, booking) = seats_sold();
    let scanned_at = world.now;
    world.wait(Span::seconds(60));
    let complete = CompleteBooking { claim: world.claim(), booking, attended: true };
    world.run(&complete).reply();
    let late = world.scan_at(booking, 1, scanned_at, "Gate 1");
    assert!(!world.scanned(&late).0, "the device was offline");
    let row: Booking = world.get(booking);
    assert_eq!(*row.state, booking::State::Completed);
    let person: Vec<Option<String>> = world.all::<Audit>().into_iter().map(|row| row.person).collect();
    assert!(person.iter().all(Option::is_none), "nobody decided by hand");
}
