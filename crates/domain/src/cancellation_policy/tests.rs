use super::*;
use alloc::format;
use alloc::string::ToString as _;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

fn shown(at: Timestamp) -> alloc::string::String {
    jiff::Timestamp::from_microsecond(at.0).unwrap().to_string()
}

/// The rule and the basis points at an instant, for a start at noon in Lisbon on 1 July.
fn applies(policy: &CancellationRules, now: &str) -> (Rule, i64) {
    let occasion = Occasion {
        by: CancelledBy::Customer,
        now: at(now),
        booked_at: at("2026-05-01T10:00:00Z"),
        starts_at: at("2026-07-01T11:00:00Z"),
        zone: "Europe/Lisbon",
    };
    let terms = policy.terms(occasion);
    (terms.rule, terms.refund_basis_points)
}

#[test]
fn a_tier_holds_until_the_very_instant() {
    let policy = CancellationRules { grace_minutes: 30, ..CancellationRules::preset(Preset::Moderate) };
    let check = |now, expected| assert_eq!(applies(&policy, now), expected, "{now}");
    check("2026-05-01T10:30:00Z", (Rule::Grace, 10_000));
    check("2026-05-01T10:30:00.000001Z", (Rule::Tier(0), 10_000));
    check("2026-06-26T11:00:00Z", (Rule::Tier(0), 10_000));
    check("2026-06-26T11:00:00.000001Z", (Rule::Tier(1), 5_000));
    check("2026-06-30T11:00:00Z", (Rule::Tier(1), 5_000));
    check("2026-06-30T11:00:00.000001Z", (Rule::AfterTheLastTier, 0));
    check("2026-07-02T00:00:00Z", (Rule::AfterTheLastTier, 0));
}

#[test]
fn the_grace_period_ends_with_the_start() {
    let policy = CancellationRules { grace_minutes: 60, ..CancellationRules::preset(Preset::Final) };
    let mut occasion = Occasion {
        by: CancelledBy::Customer,
        now: at("2026-07-01T11:00:00Z"),
        booked_at: at("2026-07-01T10:50:00Z"),
        starts_at: at("2026-07-01T11:00:00Z"),
        zone: "Europe/Lisbon",
    };
    assert_eq!(policy.terms(occasion).rule, Rule::Grace);
    occasion.now = at("2026-07-01T11:00:00.000001Z");
    assert_eq!(policy.terms(occasion).rule, Rule::AfterTheLastTier);
}

#[test]
fn what_is_not_the_customers_doing_does_not_depend_on_the_time() {
    let policy = CancellationRules {
        weather_basis_points: 8_000,
        too_few_participants_basis_points: 9_000,
        ..CancellationRules::preset(Preset::Final)
    };
    for now in ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"] {
        let occasion = |by| Occasion {
            by,
            now: at(now),
            booked_at: at("2026-01-01T00:00:00Z"),
            starts_at: at("2026-07-01T11:00:00Z"),
            zone: "Europe/Lisbon",
        };
        let share = |by| policy.terms(occasion(by)).refund_basis_points;
        assert_eq!(share(CancelledBy::Supplier), 10_000);
        assert_eq!(share(CancelledBy::Weather), 8_000);
        assert_eq!(share(CancelledBy::TooFewParticipants), 9_000);
    }
}

/// Days are those of the calendar at the place, hours are hours that pass.
#[test]
fn days_follow_the_clock_of_the_place() {
    let check = |zone: &str, starts_at: &str, before: Before, expected: &str| {
        let found = shown(before.instant(at(starts_at), zone));
        assert_eq!(found, expected, "{before:?} before {starts_at} in {zone}");
    };
    // Clocks go forward in Berlin on 29 March 2026: the day has 23 hours.
    check("Europe/Berlin", "2026-03-29T07:00:00Z", Before::Days(1), "2026-03-28T08:00:00Z");
    check("Europe/Berlin", "2026-03-29T07:00:00Z", Before::Hours(24), "2026-03-28T07:00:00Z");
    // They go back on 25 October: the day has 25 hours.
    check("Europe/Berlin", "2026-10-25T08:00:00Z", Before::Days(1), "2026-10-24T07:00:00Z");
    // 02:30 does not exist on 29 March: it is 03:30 then.
    check("Europe/Berlin", "2026-03-30T00:30:00Z", Before::Days(1), "2026-03-29T01:30:00Z");
    // 02:30 comes twice on 25 October: the first one.
    check("Europe/Berlin", "2026-10-26T01:30:00Z", Before::Days(1), "2026-10-25T00:30:00Z");
    // Half an hour on Lord Howe.
    check("Australia/Lord_Howe", "2026-10-03T22:00:00Z", Before::Days(1), "2026-10-02T22:30:00Z");
    // Samoa had no 30 December 2011: its start is moved past the gap of a whole day.
    check("Pacific/Apia", "2011-12-30T19:00:00Z", Before::Days(1), "2011-12-30T19:00:00Z");
    check("Nowhere/Zone", "2026-03-29T07:00:00Z", Before::Days(2), "2026-03-27T07:00:00Z");
}

#[test]
fn a_refund_is_rounded_half_up_by_the_ticket() {
    let back = |price, refund_basis_points, fee_minor| {
        Terms { fee_minor, ..Terms::whenever(Rule::Weather, refund_basis_points) }.refund_of_one(price)
    };
    assert_eq!(back(999, 5_000, 0), 500);
    assert_eq!(back(1, 5_000, 0), 1);
    assert_eq!(back(1, 4_999, 0), 0);
    assert_eq!(back(999, 10_000, 0), 999);
    assert_eq!(back(1_000, 10_000, 300), 700);
    assert_eq!(back(1_000, 2_000, 300), 0);
    assert_eq!(back(crate::limits::AMOUNT_MINOR_MAX, 10_000, 0), crate::limits::AMOUNT_MINOR_MAX);
}

proptest! {
    /// Nobody gets more back than was paid, nobody pays for cancelling, and waiting never pays.
    #[test]
    fn a_refund_lies_between_nothing_and_the_price(
        price in 0..=crate::limits::AMOUNT_MINOR_MAX,
        basis_points in 0..=BASIS_POINTS,
        fee_minor in 0..1_000_000_i64,
    ) {
        let terms = Terms { fee_minor, ..Terms::whenever(Rule::Weather, basis_points) };
        let back = terms.refund_of_one(price);
        prop_assert!((0..=price).contains(&back));
        let fewer = Terms { refund_basis_points: basis_points / 2, ..terms };
        prop_assert!(fewer.refund_of_one(price) <= back);
    }

    /// Each preset gives back less and less as the start comes nearer, and says truly until when.
    #[test]
    fn what_applies_holds_until_it_says(minutes in 0..60_000_i64, preset in 0..Preset::ALL.len()) {
        let policy = CancellationRules::preset(Preset::ALL[preset]);
        let starts_at = at("2026-03-30T07:00:00Z");
        let terms = |now| policy.terms(Occasion {
            by: CancelledBy::Customer, now, booked_at: at("2025-01-01T00:00:00Z"), starts_at, zone: "Europe/Berlin",
        });
        let now = starts_at.minus(Span::seconds(minutes * 60));
        let found = terms(now);
        let Some(until) = found.until else {
            prop_assert_eq!(terms(Timestamp(i64::MAX)), found);
            return Ok(());
        };
        prop_assert!(now <= until);
        prop_assert_eq!(terms(until), found);
        let after = terms(until.plus(Span(1)));
        prop_assert!(after.refund_basis_points < found.refund_basis_points, "{}", format!("{after:?}"));
    }
}
