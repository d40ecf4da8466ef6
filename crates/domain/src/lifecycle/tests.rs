use super::*;
use expect_test::{Expect, expect};

/// Every state with every event: each refusal is checked, not only each move.
fn check<S: State>(expected: &Expect) {
    let mut product = String::new();
    for state in S::ALL {
        for event in S::EVENTS {
            let to = CurrentState(*state).step(*event).map_or("-", |step| step.to().name());
            writeln!(product, "{} + {} = {to}", state.name(), S::event_name(*event)).unwrap();
        }
        let reachable = *state == S::INITIAL || S::TABLE.iter().any(|row| row.to == *state);
        assert!(reachable, "no way leads to {}", state.name());
        assert_eq!(S::from_name(state.name()), Some(*state));
    }
    expected.assert_eq(&product);
}

#[test]
fn every_pair_of_a_booking() {
    check::<booking::State>(&expect![[r#"
        held + payment_secured = confirmed
        held + hold_timed_out = expired
        held + customer_cancelled = cancelled
        held + service_delivered = -
        held + customer_absent = -
        held + security_released = -
        expired + payment_secured = confirmed
        expired + hold_timed_out = -
        expired + customer_cancelled = -
        expired + service_delivered = -
        expired + customer_absent = -
        expired + security_released = -
        confirmed + payment_secured = -
        confirmed + hold_timed_out = -
        confirmed + customer_cancelled = cancelled
        confirmed + service_delivered = completed
        confirmed + customer_absent = no_show
        confirmed + security_released = cancelled
        completed + payment_secured = -
        completed + hold_timed_out = -
        completed + customer_cancelled = -
        completed + service_delivered = -
        completed + customer_absent = -
        completed + security_released = -
        no_show + payment_secured = -
        no_show + hold_timed_out = -
        no_show + customer_cancelled = -
        no_show + service_delivered = -
        no_show + customer_absent = -
        no_show + security_released = -
        cancelled + payment_secured = -
        cancelled + hold_timed_out = -
        cancelled + customer_cancelled = -
        cancelled + service_delivered = -
        cancelled + customer_absent = -
        cancelled + security_released = -
    "#]]);
}

#[test]
fn every_pair_of_an_item_of_a_booking() {
    check::<booking_item::State>(&expect![[r#"
        held + sell = sold
        held + release = released
        held + retake = -
        held + return = -
        released + sell = -
        released + release = -
        released + retake = sold
        released + return = -
        sold + sell = -
        sold + release = -
        sold + retake = -
        sold + return = returned
        returned + sell = -
        returned + release = -
        returned + retake = -
        returned + return = -
    "#]]);
}

#[test]
fn every_pair_of_a_payment() {
    check::<payment::State>(&expect![[r#"
        created + sent = pending
        created + authorized = -
        created + captured = -
        created + declined = failed
        created + voided = cancelled
        created + authorization_lapsed = -
        created + written_off = -
        created + recorded = captured
        pending + sent = -
        pending + authorized = authorized
        pending + captured = captured
        pending + declined = failed
        pending + voided = cancelled
        pending + authorization_lapsed = -
        pending + written_off = written_off
        pending + recorded = -
        authorized + sent = -
        authorized + authorized = -
        authorized + captured = captured
        authorized + declined = -
        authorized + voided = cancelled
        authorized + authorization_lapsed = lapsed
        authorized + written_off = -
        authorized + recorded = -
        captured + sent = -
        captured + authorized = -
        captured + captured = -
        captured + declined = -
        captured + voided = -
        captured + authorization_lapsed = -
        captured + written_off = -
        captured + recorded = -
        failed + sent = -
        failed + authorized = -
        failed + captured = -
        failed + declined = -
        failed + voided = -
        failed + authorization_lapsed = -
        failed + written_off = -
        failed + recorded = -
        cancelled + sent = -
        cancelled + authorized = -
        cancelled + captured = -
        cancelled + declined = -
        cancelled + voided = -
        cancelled + authorization_lapsed = -
        cancelled + written_off = -
        cancelled + recorded = -
        lapsed + sent = -
        lapsed + authorized = -
        lapsed + captured = -
        lapsed + declined = -
        lapsed + voided = -
        lapsed + authorization_lapsed = -
        lapsed + written_off = -
        lapsed + recorded = -
        written_off + sent = -
        written_off + authorized = -
        written_off + captured = -
        written_off + declined = -
        written_off + voided = -
        written_off + authorization_lapsed = -
        written_off + written_off = -
        written_off + recorded = -
    "#]]);
}

#[test]
fn every_pair_of_an_attempt() {
    check::<attempt::State>(&expect![[r#"
        created + send = sent
        created + succeed = succeeded
        created + decline = declined
        created + lose_sight = -
        created + give_up = -
        created + write_off = -
        sent + send = -
        sent + succeed = succeeded
        sent + decline = declined
        sent + lose_sight = unknown
        sent + give_up = -
        sent + write_off = -
        unknown + send = -
        unknown + succeed = succeeded
        unknown + decline = declined
        unknown + lose_sight = -
        unknown + give_up = review
        unknown + write_off = -
        review + send = -
        review + succeed = succeeded
        review + decline = declined
        review + lose_sight = -
        review + give_up = -
        review + write_off = written_off
        succeeded + send = -
        succeeded + succeed = -
        succeeded + decline = -
        succeeded + lose_sight = -
        succeeded + give_up = -
        succeeded + write_off = -
        declined + send = -
        declined + succeed = -
        declined + decline = -
        declined + lose_sight = -
        declined + give_up = -
        declined + write_off = -
        written_off + send = -
        written_off + succeed = -
        written_off + decline = -
        written_off + lose_sight = -
        written_off + give_up = -
        written_off + write_off = -
    "#]]);
}

#[test]
fn every_pair_of_a_refund() {
    check::<refund::State>(&expect![[r#"
        created + accepted = pending
        created + lost_sight = unknown
        created + succeeded = succeeded
        created + failed = failed
        created + gave_up = -
        created + written_off = -
        pending + accepted = -
        pending + lost_sight = -
        pending + succeeded = succeeded
        pending + failed = failed
        pending + gave_up = -
        pending + written_off = -
        unknown + accepted = pending
        unknown + lost_sight = -
        unknown + succeeded = succeeded
        unknown + failed = failed
        unknown + gave_up = review
        unknown + written_off = -
        review + accepted = -
        review + lost_sight = -
        review + succeeded = succeeded
        review + failed = failed
        review + gave_up = -
        review + written_off = written_off
        succeeded + accepted = -
        succeeded + lost_sight = -
        succeeded + succeeded = -
        succeeded + failed = failed
        succeeded + gave_up = -
        succeeded + written_off = -
        written_off + accepted = -
        written_off + lost_sight = -
        written_off + succeeded = succeeded
        written_off + failed = failed
        written_off + gave_up = -
        written_off + written_off = -
        failed + accepted = -
        failed + lost_sight = -
        failed + succeeded = -
        failed + failed = -
        failed + gave_up = -
        failed + written_off = -
    "#]]);
}

#[test]
fn every_pair_of_a_job() {
    check::<job::State>(&expect![[r#"
        ready + claim = running
        ready + take_over = -
        ready + reschedule = ready
        ready + finish = done
        ready + give_up = -
        ready + revive = -
        running + claim = -
        running + take_over = running
        running + reschedule = ready
        running + finish = done
        running + give_up = dead
        running + revive = -
        done + claim = -
        done + take_over = -
        done + reschedule = -
        done + finish = -
        done + give_up = -
        done + revive = -
        dead + claim = -
        dead + take_over = -
        dead + reschedule = -
        dead + finish = done
        dead + give_up = -
        dead + revive = ready
    "#]]);
}

#[test]
fn every_pair_of_a_delivery() {
    check::<delivery::State>(&expect![[r#"
        waiting + begin = waiting
        waiting + fail = waiting
        waiting + receive = received
        waiting + give_up = dead
        waiting + retry = -
        waiting + discard = -
        received + begin = -
        received + fail = -
        received + receive = -
        received + give_up = -
        received + retry = -
        received + discard = -
        dead + begin = -
        dead + fail = -
        dead + receive = -
        dead + give_up = -
        dead + retry = waiting
        dead + discard = discarded
        discarded + begin = -
        discarded + fail = -
        discarded + receive = -
        discarded + give_up = -
        discarded + retry = -
        discarded + discard = -
    "#]]);
}

#[test]
fn every_pair_of_an_inbound_event() {
    check::<inbound_event::State>(&expect![[r#"
        received + process = processed
        received + ignore = ignored
        received + give_up = dead
        received + retry = -
        dead + process = processed
        dead + ignore = ignored
        dead + give_up = -
        dead + retry = received
        processed + process = -
        processed + ignore = -
        processed + give_up = -
        processed + retry = -
        ignored + process = -
        ignored + ignore = -
        ignored + give_up = -
        ignored + retry = -
    "#]]);
}

#[test]
fn every_pair_of_a_review_case() {
    check::<review::State>(&expect![[r#"
        open + resolve = resolved
        resolved + resolve = -
    "#]]);
}

#[test]
fn every_pair_of_a_dispute() {
    check::<dispute::State>(&expect![[r#"
        inquiry + open = opened
        inquiry + close = closed
        inquiry + win = -
        inquiry + lose = -
        opened + open = -
        opened + close = closed
        opened + win = won
        opened + lose = lost
        closed + open = -
        closed + close = -
        closed + win = -
        closed + lose = -
        won + open = -
        won + close = -
        won + win = -
        won + lose = -
        lost + open = -
        lost + close = -
        lost + win = -
        lost + lose = -
    "#]]);
}

#[test]
fn every_pair_of_a_reconciliation() {
    check::<reconciliation::State>(&expect![[r#"
        running + finish = finished
        running + fail = failed
        finished + finish = -
        finished + fail = -
        failed + finish = -
        failed + fail = -
    "#]]);
}

#[test]
fn every_pair_of_the_evidence_of_a_dispute() {
    check::<dispute_evidence::State>(&expect![[r#"
        created + send = sent
        created + lose_sight = -
        created + submit = submitted
        created + refuse = refused
        created + write_off = written_off
        sent + send = -
        sent + lose_sight = unknown
        sent + submit = submitted
        sent + refuse = refused
        sent + write_off = written_off
        unknown + send = -
        unknown + lose_sight = -
        unknown + submit = submitted
        unknown + refuse = refused
        unknown + write_off = written_off
        submitted + send = -
        submitted + lose_sight = -
        submitted + submit = -
        submitted + refuse = -
        submitted + write_off = -
        refused + send = -
        refused + lose_sight = -
        refused + submit = -
        refused + refuse = -
        refused + write_off = -
        written_off + send = -
        written_off + lose_sight = -
        written_off + submit = -
        written_off + refuse = -
        written_off + write_off = -
    "#]]);
}

#[test]
fn every_pair_of_a_difference() {
    check::<difference::State>(&expect![[r#"
        open + vanish = settled
        open + accept = accepted
        open + return = -
        settled + vanish = -
        settled + accept = -
        settled + return = open
        accepted + vanish = settled
        accepted + accept = -
        accepted + return = open
    "#]]);
}

#[test]
fn every_pair_of_a_release() {
    check::<release::State>(&expect![[r#"
        pending + complete = due
        pending + release = -
        pending + find_nothing = -
        pending + give_up = -
        due + complete = -
        due + release = released
        due + find_nothing = void
        due + give_up = review
        review + complete = -
        review + release = -
        review + find_nothing = -
        review + give_up = -
        released + complete = -
        released + release = -
        released + find_nothing = -
        released + give_up = -
        void + complete = -
        void + release = -
        void + find_nothing = -
        void + give_up = -
    "#]]);
}

#[test]
fn every_pair_of_a_payout() {
    check::<payout::State>(&expect![[r#"
        scheduled + send = sent
        scheduled + pay = paid
        scheduled + fail = -
        scheduled + lose_sight = -
        scheduled + give_up = -
        scheduled + return = -
        sent + send = -
        sent + pay = paid
        sent + fail = failed
        sent + lose_sight = unknown
        sent + give_up = -
        sent + return = -
        unknown + send = -
        unknown + pay = paid
        unknown + fail = failed
        unknown + lose_sight = -
        unknown + give_up = review
        unknown + return = -
        review + send = -
        review + pay = paid
        review + fail = failed
        review + lose_sight = -
        review + give_up = -
        review + return = -
        failed + send = -
        failed + pay = paid
        failed + fail = -
        failed + lose_sight = -
        failed + give_up = -
        failed + return = -
        paid + send = -
        paid + pay = -
        paid + fail = -
        paid + lose_sight = -
        paid + give_up = -
        paid + return = returned
        returned + send = -
        returned + pay = -
        returned + fail = -
        returned + lose_sight = -
        returned + give_up = -
        returned + return = -
    "#]]);
}
