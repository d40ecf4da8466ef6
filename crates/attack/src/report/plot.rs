//! The drawings of the page.

use std::collections::{BTreeMap, BTreeSet};

use super::ScenarioReport;
use super::drawing::{Bounds, Drawing, Field, WIDTH};
use super::text::{grouped, plain, span};
use crate::operation_request::ReplyKind;
use crate::timeline::{Lag, RecordedFault, RecordedRetry};

const BINS: usize = 30;
/// Dots that are drawn for one attempt number.
const DOTS_MAX: usize = 250;
/// Retries from this attempt on share a column.
const ATTEMPTS: u32 = 8;
/// The height of a row of the timeline of faults.
const ROW: f64 = 22.0;
/// The left edge of bars whose rows have a label.
const LEFT: f64 = 104.0;
/// The line is broken where the outbox was not read for longer than this: the database was away.
const GAP_MS: u64 = 1_500;

/// Operations beside their effects, by scenario: two bars of different lengths show a fault.
pub(super) fn pairs(outcomes: &[&ScenarioReport]) -> Drawing {
    const ROW: f64 = 34.0;
    let rows: Vec<_> = outcomes.iter().filter(|outcome| outcome.operations > 0).collect();
    let most = |outcome: &&&ScenarioReport| outcome.operations.max(outcome.effects + outcome.duplicates);
    let x_max = rows.iter().map(most).max().unwrap_or(0).max(1) as f64;
    let field = Field { left: LEFT, top: 6.0, width: WIDTH - LEFT - 96.0, height: 0.0, x_max, y_max: 1.0 };
    let width = |count: u64| (field.x(count as f64) - LEFT).max(1.0);
    let mut drawing = Drawing::new(rows.len() as f64 * ROW + 12.0, "effects against operations, by scenario");
    for (at, outcome) in rows.iter().enumerate() {
        let ScenarioReport { name, operations, effects, duplicates, .. } = ***outcome;
        let y = field.top + at as f64 * ROW;
        drawing.text("label", (LEFT - 8.0, y + 17.0), "end", name);
        let mut bar = |class, y, count| {
            let bounds = Bounds { x: LEFT, y, width: width(count), height: 11.0 };
            drawing.bar(class, bounds, grouped(count));
        };
        bar("operations", y, operations);
        let right = effects == operations && duplicates == 0;
        bar(if right { "effects" } else { "wrong" }, y + 13.0, effects + duplicates);
        let more = if duplicates > 0 { format!(", {duplicates} duplicates") } else { String::new() };
        let text = format!("{} / {}{more}", grouped(operations), grouped(effects));
        let x = LEFT + width(most(outcome)) + 8.0;
        drawing.text("value", (x, y + 17.0), "start", text);
    }
    drawing
}

/// The kinds of replies as shares of one bar, by scenario.
pub(super) fn replies(outcomes: &[&ScenarioReport]) -> Drawing {
    const ROW: f64 = 26.0;
    let width = WIDTH - LEFT - 56.0;
    let mut drawing = Drawing::new(outcomes.len() as f64 * ROW + 8.0, "replies, by scenario");
    for (at, outcome) in outcomes.iter().enumerate() {
        let y = 4.0 + at as f64 * ROW;
        let total = outcome.requests();
        drawing.text("label", (LEFT - 8.0, y + 14.0), "end", outcome.name);
        let mut x = LEFT;
        for class in ReplyKind::ALL.map(ReplyKind::name) {
            let Some(count) = outcome.replies.get(class).filter(|count| **count > 0) else { continue };
            let share = width * *count as f64 / total.max(1) as f64;
            let title = format!("{}: {}", plain(class), grouped(count));
            drawing.bar(class, Bounds { x, y, width: share, height: 18.0 }, title);
            if share > 34.0 {
                drawing.text("inside", (x + share / 2.0, y + 14.0), "middle", grouped(count));
            }
            x += share;
        }
        drawing.text("value", (LEFT + width + 8.0, y + 14.0), "start", grouped(total));
    }
    drawing
}

/// The delays before retries. If clients came back at the same moment, there would be a single bar.
pub(super) fn histogram(retries: &[RecordedRetry]) -> Drawing {
    let most = most_delays(retries.iter().map(|retry| retry.delay_ms)).max(BINS as u64);
    let width = most.div_ceil(BINS as u64);
    // In each bin the delays that were drawn, and those of a Retry-After.
    let mut bins = [[0_u64; 2]; BINS];
    for retry in retries {
        let bin = usize::try_from(retry.delay_ms / width).unwrap_or(BINS).min(BINS - 1);
        bins[bin][usize::from(retry.kept_to_retry_after())] += 1;
    }
    let highest = bins.iter().map(|bin| bin.iter().sum()).max().unwrap_or(1_u64);
    let field = delay_field((width * BINS as u64) as f64, highest.max(4) as f64);
    let mut drawing = Drawing::new(212.0, "delays before retries");
    field.y_axis(&mut drawing, "retries");
    for (at, bin) in bins.iter().enumerate() {
        let (from, to) = (at as u64 * width, (at as u64 + 1) * width);
        let to = if at + 1 == BINS { "the longest".to_owned() } else { span(to) };
        let mut below = 0;
        for (class, count) in ["drawn", "retry_after"].into_iter().zip(bin).filter(|(_, count)| **count > 0) {
            let (y, base) = (field.y((below + count) as f64), field.y(below as f64));
            let (x, width) = (field.x(from as f64) + 0.5, field.width / BINS as f64 - 1.0);
            let title = format!("{} to {to}: {count} {}", span(from), plain(class));
            drawing.bar(class, Bounds { x, y, width, height: base - y }, title);
            below += count;
        }
    }
    field.time_axis(&mut drawing, "delay before the retry");
    drawing
}

/// Each delay by the number of its attempt: full jitter fills each column from the bottom up.
pub(super) fn by_attempt(retries: &[RecordedRetry]) -> Drawing {
    let mut columns: BTreeMap<u32, Vec<&RecordedRetry>> = BTreeMap::new();
    for retry in retries {
        columns.entry(retry.attempt.clamp(2, ATTEMPTS)).or_default().push(retry);
    }
    let most = most_delays(retries.iter().map(|retry| retry.delay_ms)).max(10);
    let field = delay_field(1.0, most as f64);
    let mut drawing = Drawing::new(212.0, "delays by the number of the attempt");
    field.y_axis(&mut drawing, "ms");
    field.base_line(&mut drawing);
    let width = field.width / f64::from(ATTEMPTS - 1);
    for (attempt, retries) in &columns {
        let middle = field.left + width * (f64::from(attempt - 2) + 0.5);
        let step = retries.len().div_ceil(DOTS_MAX).max(1);
        for (at, retry) in retries.iter().step_by(step).enumerate() {
            // The golden ratio spreads the dots over the column, so that equal delays do not hide each other.
            let aside = (at as f64 * 0.618_034).fract() - 0.5;
            let class = if retry.kept_to_retry_after() { "retry_after" } else { "drawn" };
            drawing.dot(class, middle + aside * width * 0.7, field.y(retry.delay_ms as f64));
        }
        let last = if *attempt == ATTEMPTS { " and on" } else { "" };
        let text = format!("attempt {attempt}{last}");
        drawing.text("tick", (middle, field.bottom() + 14.0), "middle", text);
        drawing.text("tick", (middle, field.bottom() + 28.0), "middle", grouped(retries.len()));
    }
    drawing
}

fn delay_field(x_max: f64, y_max: f64) -> Field {
    Field { left: 44.0, top: 24.0, width: WIDTH - 56.0, height: 150.0, x_max, y_max }
}

/// The delay that only one in a hundred exceeds: a single long delay must not make all others invisible.
fn most_delays(delays: impl Iterator<Item = u64>) -> u64 {
    let mut delays: Vec<u64> = delays.collect();
    delays.sort_unstable();
    delays.get(delays.len() * 99 / 100).copied().unwrap_or(1)
}

/// Messages that wait in the outbox, and the age of the oldest, over time. Faults that lasted are shaded.
pub(super) fn lag(outcome: &ScenarioReport) -> Drawing {
    let ScenarioReport { lag, faults, took_ms, .. } = outcome;
    let pending = outcome.pending_max();
    let oldest = lag.iter().map(|lag| lag.oldest_ms).max().unwrap_or(0);
    let (left, width, x_max) = (44.0, WIDTH - 56.0, (*took_ms).max(1) as f64);
    let upper = Field { left, top: 24.0, width, height: 110.0, x_max, y_max: pending.max(4) as f64 };
    let lower = Field { left, top: 168.0, width, height: 60.0, x_max, y_max: oldest.max(1_000) as f64 };
    let mut drawing = Drawing::new(266.0, "messages that wait in the outbox, over time");
    for fault in faults {
        let Some(until_ms) = fault.until_ms else { continue };
        let x = upper.x(fault.at_ms as f64);
        let width = (upper.x(until_ms as f64) - x).max(1.0);
        let bounds = Bounds { x, y: upper.top, width, height: lower.bottom() - upper.top };
        drawing.bar("shade", bounds, format!("{} of {}", fault.what, fault.whom));
    }
    upper.y_axis(&mut drawing, "messages that wait");
    lower.y_axis(&mut drawing, "age of the oldest, ms");
    for run in lag.chunk_by(|one, next| next.at_ms - one.at_ms < GAP_MS) {
        let points = |field: &Field, value: fn(&Lag) -> u64| -> Vec<(f64, f64)> {
            run.iter().map(|lag| (field.x(lag.at_ms as f64), field.y(value(lag) as f64))).collect()
        };
        drawing.area("pending", &points(&upper, |lag| lag.pending), upper.bottom());
        drawing.area("oldest", &points(&lower, |lag| lag.oldest_ms), lower.bottom());
    }
    lower.time_axis(&mut drawing, "since the scenario began");
    drawing
}

/// A row for each part that a fault was injected into; the width of a bar is the time that the fault lasted.
pub(super) fn faults(outcome: &ScenarioReport) -> Drawing {
    let ScenarioReport { faults, took_ms, .. } = outcome;
    let rows: BTreeSet<&str> = faults.iter().map(|fault| fault.whom.as_str()).collect();
    let (height, x_max) = (rows.len() as f64 * ROW, (*took_ms).max(1) as f64);
    let field = Field { left: LEFT, top: 6.0, width: WIDTH - LEFT - 16.0, height, x_max, y_max: 1.0 };
    let mut drawing = Drawing::new(height + 46.0, "faults over time");
    for (at, row) in rows.iter().enumerate() {
        let y = field.top + (at as f64 + 0.5) * ROW;
        drawing.line("grid", LEFT, field.right(), y);
        drawing.text("label", (LEFT - 8.0, y + 3.5), "end", *row);
    }
    for fault in faults {
        let row = rows.iter().position(|row| *row == fault.whom).unwrap_or(0);
        let (x, y) = (field.x(fault.at_ms as f64), field.top + row as f64 * ROW + 4.0);
        let width = fault.until_ms.map_or(3.0, |until| (field.x(until as f64) - x).max(3.0));
        drawing.bar(fault_class(&fault.what), Bounds { x, y, width, height: 14.0 }, fault_title(fault));
    }
    field.time_axis(&mut drawing, "since the scenario began");
    drawing
}

fn fault_title(fault: &RecordedFault) -> String {
    let RecordedFault { at_ms, until_ms, what, details, .. } = fault;
    let details = if details.is_empty() { String::new() } else { format!(": {details}") };
    let lasted = until_ms.map(|until| format!(", for {}", span(until.saturating_sub(*at_ms))));
    format!("{} {what}{details}{}", span(*at_ms), lasted.unwrap_or_default())
}

fn fault_class(what: &str) -> &'static str {
    match what {
        "kill -9" => "fault kill",
        "start" => "fault start",
        "stall" | "pause" => "fault stall",
        _ => "fault other",
    }
}
