//! The speed, the order and the completeness of a drain, by the stream's own record.

use std::collections::{BTreeMap, HashMap};

use domain::Timestamp;
use domain::limits::PARTITIONS;
use domain::time::Span;
use uuid::Uuid;

use super::outbox::OutboxRow;
use crate::ScenarioContext;
use crate::findings::OFFENDERS_MAX;
use crate::nats_observer::StreamMessage;

const MICROS_PER_SECOND: i128 = 1_000_000;
/// If the second half is shorter than this, no live message could have passed the backlog.
const PASSED_WITHIN: Span = Span::seconds(3);

/// The time at which NATS came back, and the messages that waited then.
pub struct Outage {
    pub back_at: Timestamp,
    /// Messages from before this instant are backlog, whenever the relay found them.
    pub old_before: Timestamp,
    /// The limit for the backlog, in messages per second.
    pub rate: usize,
}

/// The first position of each message in the stream.
pub fn judge(context: &ScenarioContext, outage: &Outage, rows: &[OutboxRow], kept: &[StreamMessage]) {
    let mut first: HashMap<Uuid, &StreamMessage> = HashMap::new();
    for kept in kept {
        first.entry(kept.message).or_insert(kept);
    }
    missing(context, rows, &first);
    order(context, kept.iter().filter(|kept| first[&kept.message].sequence == kept.sequence));

    let of = |row: &OutboxRow| first.get(&row.message).filter(|kept| kept.at >= outage.back_at).copied();
    let old = rows.iter().filter(|row| row.created_at < outage.old_before);
    let mut backlog: Vec<&StreamMessage> = old.filter_map(of).collect();
    backlog.sort_unstable_by_key(|kept| kept.sequence);
    let (Some(begun), Some(ended)) = (backlog.first(), backlog.last()) else { return };
    speed(context, outage, &backlog);

    let half = backlog[backlog.len() / 2].at;
    if ended.at.since(half) < PASSED_WITHIN {
        return;
    }
    let young =
        rows.iter().filter(|row| row.is_payment && row.created_at > begun.at && row.created_at < half);
    let live: Vec<(&OutboxRow, Option<&StreamMessage>)> = young.map(|row| (row, of(row))).collect();
    passing(context, &live, ended);
}

/// Every message must be there.
fn missing(context: &ScenarioContext, rows: &[OutboxRow], first: &HashMap<Uuid, &StreamMessage>) {
    for row in rows {
        context.findings.always("everything_reaches_the_stream", first.contains_key(&row.message), || {
            format!("message {} is not in the stream", row.message)
        });
    }
    context.findings.figure("messages in the stream", first.len() as f64);
}

fn order<'a>(context: &ScenarioContext, kept: impl Iterator<Item = &'a StreamMessage>) {
    let mut subjects: BTreeMap<Uuid, i64> = BTreeMap::new();
    for kept in kept {
        let before = subjects.insert(kept.subject, kept.seq).unwrap_or(0);
        context.findings.always("a_subject_keeps_its_order", before < kept.seq, || {
            format!("of {} the message {} came after {before}", kept.subject, kept.seq)
        });
    }
}

/// An upper limit: a slow machine is only slower.
fn speed(context: &ScenarioContext, outage: &Outage, backlog: &[&StreamMessage]) {
    let times: Vec<Timestamp> = backlog.iter().map(|kept| kept.at).collect();
    let (burst, allowed) = (burst(&times, outage.rate), saved_up_max(outage.rate));
    context.findings.always("backlog_keeps_its_rate", burst <= allowed, || {
        format!(
            "{} messages of the backlog, {} a second: {burst} more than that came within some stretch of \
             time, and no more than {allowed} can have been saved up",
            times.len(),
            outage.rate
        )
    });
    let took = times[times.len() - 1].since(times[0]).as_millis();
    context.findings.figure("backlog", times.len() as f64);
    context.findings.figure("backlog, a second at most", outage.rate as f64);
    context.findings.figure("backlog drained in ms", took as f64);
    context.findings.figure("backlog, most above its rate", burst as f64);
}

/// A partition saves up permits for one second and one message. Its relay may use them in one pass,
/// and as many again in the next pass, saved up during the first.
fn saved_up_max(rate: usize) -> i64 {
    2 * (i64::try_from(rate).unwrap_or(i64::MAX / 4) + PARTITIONS)
}

/// By how many messages the busiest period exceeds the rate, without any saved permits. The times
/// are in order.
fn burst(times: &[Timestamp], rate: usize) -> i64 {
    let mut lowest = i128::MAX;
    let mut most = 0;
    for (count, at) in times.iter().enumerate() {
        // How far the count is ahead of the rate, in millionths of a message.
        let ahead = count as i128 * MICROS_PER_SECOND - i128::from(at.0) * rate as i128;
        lowest = lowest.min(ahead);
        most = most.max(ahead + MICROS_PER_SECOND - lowest);
    }
    i64::try_from(most / MICROS_PER_SECOND).unwrap_or(i64::MAX)
}

/// A payment during a drain must not wait for the end of the backlog. On a slow machine some live
/// messages are old before the relay finds them, and count as backlog: half of them are enough to
/// show that there is more than one queue.
fn passing(context: &ScenarioContext, live: &[(&OutboxRow, Option<&StreamMessage>)], ended: &StreamMessage) {
    if live.is_empty() {
        return;
    }
    context.findings.reached("customers_paid_while_it_drained");
    let passed = |kept: Option<&StreamMessage>| kept.is_some_and(|kept| kept.sequence < ended.sequence);
    let stuck: Vec<&OutboxRow> =
        live.iter().filter(|(_, kept)| !passed(*kept)).map(|(row, _)| *row).collect();
    context.findings.always("live_messages_pass_the_backlog", stuck.len() * 2 <= live.len(), || {
        let some: Vec<Uuid> = stuck.iter().take(OFFENDERS_MAX).map(|row| row.message).collect();
        format!("{} of {} came after the whole backlog, such as {some:?}", stuck.len(), live.len())
    });
    let waited =
        live.iter().filter_map(|(row, kept)| Some(kept.as_ref()?.at.since(row.created_at).as_millis()));
    context.findings.figure("live messages in the drain", live.len() as f64);
    context.findings.figure("live messages behind the backlog", stuck.len() as f64);
    context.findings.figure("live message, longest wait in ms", waited.max().unwrap_or(0) as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_what_no_rate_allows() {
        let check = |millis: &[i64], rate: usize, expected: i64| {
            let times: Vec<Timestamp> = millis.iter().map(|millis| Timestamp(millis * 1_000)).collect();
            assert_eq!(burst(&times, rate), expected, "{millis:?} at {rate}");
        };
        check(&[], 10, 0);
        check(&[77], 10, 1);
        check(&[0, 100, 200, 300], 10, 1);
        check(&[0, 0, 0, 0], 10, 4);
        // Slower than the rate, and then the saved permits at once.
        check(&[0, 900, 1_800, 1_800, 1_800, 1_900, 2_000], 10, 3);
        // Twice the rate for a second.
        check(&(0..20).map(|step| step * 50).collect::<Vec<_>>(), 10, 10);
        // The duration does not matter.
        check(&(0..2_000).map(|step| step * 100).collect::<Vec<_>>(), 10, 1);
    }
}
