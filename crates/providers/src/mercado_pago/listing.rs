//! The payments of an account by the time of their creation and of their last change, by the search
//! <https://www.mercadopago.com.br/developers/en/reference/payments/_payments_search/get>. There is no list of
//! refunds: a payment shows its own, and a refund changes the payment.
//!
//! The search shows no more than [`TOTAL_MAX`] payments of one range, so a range with more is halved. A cursor
//! is the order, the begin and end of the present range in microseconds, and an offset:
//! `date_created/1700000000000000/1700086400000000/30`.

use domain::Timestamp;
use domain::provider::{CallOutcome, PaymentAtProvider, RefundAtProvider};
use domain::time::Span;
use serde::Deserialize;

use super::{objects::ProviderPayment, outcome, payment_body::to_time, payments::Payments};
use crate::{ListedPage, exchange::segment};

/// Mercado Pago's own default, see [`super::events`].
const PAGE: u64 = 30;
/// The search refuses a page beyond this many payments.
const TOTAL_MAX: u64 = 10_000;
/// A payment that changes while the pages of the last change are read leaves the range, and the later ones
/// move up. So each page begins within the previous one.
const PAGE_OVERLAP: u64 = 5;
/// The shortest range: the search knows milliseconds.
const RANGE_MIN: Span = Span::millis(2);
const SUBJECT: &str = "listing";

#[derive(Deserialize)]
struct FoundRange {
    results: Vec<ProviderPayment>,
    paging: Paging,
}

#[derive(Deserialize)]
struct Paging {
    total: u64,
}

/// The time by which payments are searched and ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByTime {
    Created,
    Changed,
}

impl ByTime {
    fn name(self) -> &'static str {
        match self {
            ByTime::Created => "date_created",
            ByTime::Changed => "date_last_updated",
        }
    }

    /// How far the next page reaches back into the one before.
    fn overlap(self) -> u64 {
        match self {
            // A payment never changes the time of its creation.
            ByTime::Created => 0,
            ByTime::Changed => PAGE_OVERLAP,
        }
    }
}

/// Where a reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RangeCursor {
    by: ByTime,
    begin: Timestamp,
    /// Not included.
    end: Timestamp,
    offset: u64,
}

impl RangeCursor {
    fn read(text: &str) -> Option<RangeCursor> {
        let mut parts = text.split('/');
        let by = match parts.next()? {
            "date_created" => ByTime::Created,
            "date_last_updated" => ByTime::Changed,
            _ => return None,
        };
        let (begin, end) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let offset = parts.next()?.parse().ok()?;
        Some(RangeCursor { by, begin: Timestamp(begin), end: Timestamp(end), offset })
    }

    fn write(self) -> String {
        format!("{}/{}/{}/{}", self.by.name(), self.begin.0, self.end.0, self.offset)
    }

    /// What follows a page of this many payments, of `total` in the range.
    fn next(self, shown: u64, total: u64, from: Timestamp, before: Timestamp) -> Option<RangeCursor> {
        let read = self.offset.saturating_add(shown);
        if shown > 0 && read < total {
            let step = shown.saturating_sub(self.by.overlap()).max(1);
            return Some(RangeCursor { offset: self.offset.saturating_add(step), ..self });
        }
        if self.end < before {
            return Some(RangeCursor { begin: self.end, end: before, offset: 0, ..self });
        }
        let changed = RangeCursor { by: ByTime::Changed, begin: from, end: before, offset: 0 };
        (self.by == ByTime::Created).then_some(changed)
    }

    /// The first half of the range. `None` if it cannot be divided.
    fn halved(self) -> Option<RangeCursor> {
        let span = self.end.since(self.begin);
        // Whole milliseconds, because the search knows no less.
        let half = Span::millis(span.as_millis() / 2);
        (span >= RANGE_MIN).then(|| RangeCursor { end: self.begin.plus(half), offset: 0, ..self })
    }
}

impl Payments {
    pub async fn listed(
        &self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&str>,
    ) -> CallOutcome<ListedPage> {
        // Whole milliseconds, so that two ranges meet.
        let whole = |at: Timestamp| Timestamp(at.0.div_euclid(1_000) * 1_000);
        let (from, before) = (whole(from), whole(before));
        let first = RangeCursor { by: ByTime::Created, begin: from, end: before, offset: 0 };
        let Some(cursor) = page.map_or(Some(first), RangeCursor::read) else {
            return unknown("the page is none of ours");
        };
        let found = match self.search(cursor).await {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        let total = found.paging.total;
        if total > TOTAL_MAX && cursor.offset == 0 {
            return match cursor.halved() {
                Some(half) => {
                    CallOutcome::Object(ListedPage { next: Some(half.write()), ..ListedPage::default() })
                }
                None => unknown("more payments in one moment than the search shows"),
            };
        }
        let next = cursor.next(found.results.len() as u64, total, from, before);
        let mut listed = ListedPage { next: next.map(RangeCursor::write), ..ListedPage::default() };
        for payment in found.results {
            if let Err(outcome) = self.add(&mut listed, payment, from).await {
                return outcome;
            }
        }
        CallOutcome::Object(listed)
    }

    async fn search(&self, cursor: RangeCursor) -> Result<FoundRange, CallOutcome<ListedPage>> {
        // The end of a range is included there.
        let times = (to_time(cursor.begin), to_time(cursor.end.minus(Span::millis(1))));
        let (Some(begin), Some(end)) = times else { return Err(unknown("the time is not representable")) };
        let (by, offset) = (cursor.by.name(), cursor.offset);
        let path = format!(
            "/v1/payments/search?range={by}&begin_date={}&end_date={}\
             &sort={by}&criteria=asc&limit={PAGE}&offset={offset}",
            segment(&begin),
            segment(&end)
        );
        outcome::search(self.client.get(&path, SUBJECT).await)
    }

    /// A payment with its refunds. A list may leave refunds out; then they are fetched. A payment of an order has
    /// the id of its order here, by which we know it, and so have its refunds.
    async fn add(
        &self,
        listed: &mut ListedPage,
        mut payment: ProviderPayment,
        from: Timestamp,
    ) -> Result<(), CallOutcome<ListedPage>> {
        let object = payment.order().unwrap_or(&payment.id).as_str().to_owned();
        if let Ok(currency) = payment.currency() {
            listed.fees.extend(payment.fee(&object, currency, from));
        }
        if let Some(order) = payment.order().cloned() {
            (payment.id, payment.refunds) = (order, None);
        }
        let refunds = if payment.lacks_refunds() {
            self.list_refunds(payment.id.as_str()).await?
        } else {
            payment.refunds.take().unwrap_or_default()
        };
        let observation = payment.observe().map_err(|reason| unknown(&reason))?;
        let (object, currency) = (observation.object.clone(), observation.currency);
        let created_at = payment.created_at().unwrap_or(from);
        let refunded_minor = payment.refunded_minor(currency);
        for refund in refunds {
            let observation = refund.observe(currency).map_err(|reason| unknown(&reason))?;
            listed.refunds.push(RefundAtProvider {
                reference: None,
                payment_object: object.clone(),
                observation,
                created_at: refund.created_at().unwrap_or(created_at),
            });
        }
        let reference = payment.payment();
        listed.payments.push(PaymentAtProvider { reference, observation, refunded_minor, created_at });
        Ok(())
    }
}

fn unknown(reason: &str) -> CallOutcome<ListedPage> {
    CallOutcome::Unknown { error: format!("the search cannot be read: {reason}"), key_spent: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(by: ByTime, begin: i64, end: i64, offset: u64) -> RangeCursor {
        let at = |millis: i64| Timestamp(0).plus(Span::millis(millis));
        RangeCursor { by, begin: at(begin), end: at(end), offset }
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let written = cursor(ByTime::Changed, 5, 90_000, 30);
        assert_eq!(RangeCursor::read(&written.write()), Some(written));
        for refused in ["", "date_created", "date_created/1/2", "date_paid/1/2/3", "date_created/a/2/3"] {
            assert_eq!(RangeCursor::read(refused), None, "{refused}");
        }
    }

    /// Reads a range with one payment each millisecond, as the search answers it, and returns the times.
    fn read_all(payments: &[i64], before: i64, total_max: u64) -> Vec<i64> {
        let at = |millis: i64| Timestamp(0).plus(Span::millis(millis));
        let mut next = Some(cursor(ByTime::Created, 0, before, 0));
        let mut read = Vec::new();
        while let Some(place) = next.filter(|place| place.by == ByTime::Created) {
            let within: Vec<i64> = payments
                .iter()
                .copied()
                .filter(|time| at(*time) >= place.begin && at(*time) < place.end)
                .collect();
            if within.len() as u64 > total_max && place.offset == 0 {
                next = place.halved();
                continue;
            }
            let page: Vec<i64> = within.iter().copied().skip(place.offset as usize).take(3).collect();
            next = place.next(page.len() as u64, within.len() as u64, at(0), at(before));
            read.extend(page);
        }
        read
    }

    #[test]
    fn a_range_with_more_payments_than_the_search_shows_is_halved_and_read_completely() {
        let crowded: Vec<i64> = (0..100).map(|at| if at < 40 { at } else { at * 17 }).collect();
        for (payments, total_max) in
            [(crowded.as_slice(), 1_000), (&crowded, 10), (&crowded, 3), (&[], 3), (&[5], 3)]
        {
            assert_eq!(read_all(payments, 2_000, total_max), payments, "at most {total_max}");
        }
    }

    #[test]
    fn the_changed_payments_follow_the_new_ones_and_their_pages_overlap() {
        let created = cursor(ByTime::Created, 0, 100, 0);
        let changed = cursor(ByTime::Changed, 0, 100, 0);
        let (from, before) = (created.begin, created.end);
        assert_eq!(created.next(3, 3, from, before), Some(changed));
        assert_eq!(changed.next(30, 60, from, before), Some(RangeCursor { offset: 25, ..changed }));
        assert_eq!(changed.next(3, 3, from, before), None);
    }

    #[test]
    fn one_moment_is_not_divided() {
        assert_eq!(cursor(ByTime::Created, 7, 8, 0).halved(), None);
        assert!(cursor(ByTime::Created, 7, 9, 0).halved().is_some());
    }
}
