//! The laws of taxes: what each booking says after every command, and what the ledger says once it is caught up.

use std::collections::BTreeMap;
use uuid::Uuid;

use super::test_store::TestStore;
use crate::BookingId;
use crate::lifecycle::booking;
use crate::rows::{Booking, BookingItem, LedgerAccount, Posting, Refund, Transfer};
use crate::tax;
use crate::working_set::Command;

impl TestStore {
    pub fn taxes_agree(&self, bookings: &[Booking], command: &dyn Command) {
        for booking in bookings {
            let (_, tax_minor) = self.cost_and_tax(booking.id);
            assert_eq!(booking.tax_minor, tax_minor, "a tax is not its items' after {command:?}");
            assert!((0..=booking.total_minor).contains(&tax_minor), "more tax than price: {command:?}");
            if matches!(*booking.state, booking::State::Completed | booking::State::NoShow) {
                let kept = booking.paid_minor - booking.refunded_minor;
                assert_eq!(booking.recognized_minor, kept, "not all is recognized after {command:?}");
            }
        }
    }

    /// What the items of the booking cost now, and the taxes in it.
    fn cost_and_tax(&self, booking: BookingId) -> (i64, i64) {
        let items = self.all::<BookingItem>().into_iter().filter(|item| item.booking == booking);
        items.fold((0, 0), |(cost, tax), item| {
            let costs = item.penalty_minor().unwrap_or(item.cost_minor());
            (cost + costs, tax + item.tax_minor())
        })
    }

    /// Over its whole life a booking has posted as much tax as the rule says of the money that was recognized and kept.
    pub fn taxes_are_posted(&self) {
        let names: BTreeMap<Uuid, alloc::string::String> =
            self.all::<LedgerAccount>().into_iter().map(|account| (account.id.0, account.name)).collect();
        let refunds: BTreeMap<Uuid, BookingId> =
            self.all::<Refund>().into_iter().filter_map(|row| Some((row.id.0, row.booking?))).collect();
        let mut booking_of: BTreeMap<Uuid, BookingId> = BTreeMap::new();
        for transfer in self.all::<Transfer>() {
            if transfer.kind == "booking.recognized" {
                booking_of.insert(transfer.id.0, BookingId(transfer.subject));
            } else if let Some(booking) = refunds.get(&transfer.subject) {
                booking_of.insert(transfer.id.0, *booking);
            }
        }
        let mut posted: BTreeMap<BookingId, (i64, i64)> = BTreeMap::new();
        for posting in self.all::<Posting>() {
            let Some(booking) = booking_of.get(&posting.transfer.0) else { continue };
            let (recognized, taxes) = posted.entry(*booking).or_default();
            match names[&posting.account.0].as_str() {
                "revenue" | "refunds" => *recognized -= posting.amount_minor,
                "taxes_payable" => {
                    *recognized -= posting.amount_minor;
                    *taxes -= posting.amount_minor;
                }
                _ => {}
            }
        }
        for booking in self.all::<Booking>() {
            let (recognized, taxes) = posted.get(&booking.id).copied().unwrap_or_default();
            let (cost, tax) = self.cost_and_tax(booking.id);
            assert_eq!(recognized, booking.recognized_minor, "{booking:?}");
            assert_eq!(taxes, tax::of_kept(recognized, cost, tax), "of {recognized}: {booking:?}");
        }
    }
}
