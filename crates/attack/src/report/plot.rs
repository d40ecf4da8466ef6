//! Drawings, as SVG that stands in the page: no script, no font, no colour of their own. Colours are the
//! page's classes, so that they fit the light and the dark.

use std::collections::BTreeMap;

use super::markup::{Escaped, Markup, grouped, plain, span};
use crate::timeline::{Lag, RecordedFault, RecordedRetry};

/// The width of a drawing, in its own units; the page scales it.
const WIDTH: f64 = 520.0;
const BINS: usize = 30;
/// Dots of one attempt's number that are drawn.
const DOTS_MAX: usize = 250;
/// A lane of the timeline.
const LANE: f64 = 22.0;

/// A field with axes: where a value is drawn.
struct Field {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    x_max: f64,
    y_max: f64,
}

impl Field {
    fn x(&self, value: f64) -> f64 {
        self.left + (value / self.x_max).clamp(0.0, 1.0) * self.width
    }

    fn y(&self, value: f64) -> f64 {
        self.top + self.height - (value / self.y_max).clamp(0.0, 1.0) * self.height
    }

    fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Lines across at round values, with what they stand for.
    fn y_axis(&self, out: &mut Markup, words: &str) {
        for tick in ticks(self.y_max, 4) {
            let (y, right) = (self.y(tick), self.left + self.width);
            out.put(format_args!(
                "<line class=grid x1={:.1} y1={y:.1} x2={right:.1} y2={y:.1} />",
                self.left
            ));
            let (x, y, tick) = (self.left - 6.0, y + 3.5, grouped(tick as u64));
            out.put(format_args!("<text class=tick x={x:.1} y={y:.1} text-anchor=end>{tick}</text>"));
        }
        let y = self.top - 8.0;
        out.put(format_args!("<text class=axis x=4 y={y:.1}>{}</text>", Escaped(words)));
    }

    /// Milliseconds.
    fn time_axis(&self, out: &mut Markup, words: &str) {
        let y = self.bottom();
        let right = self.left + self.width;
        out.put(format_args!("<line class=base x1={:.1} y1={y:.1} x2={right:.1} y2={y:.1} />", self.left));
        for tick in ticks(self.x_max, 8) {
            let (x, y) = (self.x(tick), y + 14.0);
            let tick =
                if self.x_max < 3_000.0 { format!("{tick} ms") } else { format!("{} s", tick / 1_000.0) };
            out.put(format_args!("<text class=tick x={x:.1} y={y:.1} text-anchor=middle>{tick}</text>"));
        }
        let y = y + 30.0;
        out.put(format_args!(
            "<text class=axis x={right:.1} y={y:.1} text-anchor=end>{}</text>",
            Escaped(words)
        ));
    }
}

/// Round values from nought to the most, about so many.
fn ticks(max: f64, about: usize) -> Vec<f64> {
    let rough = (max / about as f64).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= rough);
    let step = step.unwrap_or(power * 10.0);
    (0..=about * 2).map(|count| count as f64 * step).take_while(|tick| *tick <= max * 1.000_1).collect()
}

fn begin(out: &mut Markup, height: f64, words: &str) {
    let words = Escaped(words);
    out.put(format_args!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=img aria-label=\"{words}\"><title>{words}</title>"
    ));
}

/// One row of [`pairs`].
pub(super) struct Pair<'a> {
    pub name: &'a str,
    pub operations: u64,
    pub effects: u64,
    pub duplicates: u64,
}

/// Operations beside the effects they had: two bars of one length, or something is wrong.
pub(super) fn pairs(rows: &[Pair<'_>]) -> String {
    const ROW: f64 = 34.0;
    const LEFT: f64 = 104.0;
    let most = rows.iter().map(|row| row.operations.max(row.effects + row.duplicates)).max().unwrap_or(0);
    let field = Field {
        left: LEFT,
        top: 6.0,
        width: WIDTH - LEFT - 96.0,
        height: 0.0,
        x_max: most.max(1) as f64,
        y_max: 1.0,
    };
    let mut out = Markup::default();
    begin(&mut out, rows.len() as f64 * ROW + 12.0, "effects against operations, by scenario");
    for (at, row) in rows.iter().enumerate() {
        let y = field.top + at as f64 * ROW;
        let Pair { name, operations, effects, duplicates } = *row;
        let (x, middle) = (LEFT - 8.0, y + 17.0);
        out.put(format_args!(
            "<text class=label x={x:.1} y={middle:.1} text-anchor=end>{}</text>",
            Escaped(name)
        ));
        let wide = |count: u64| (field.x(count as f64) - LEFT).max(1.0);
        out.put(format_args!(
            "<rect class=operations x={LEFT} y={y:.1} width={:.1} height=11 rx=2 />",
            wide(operations)
        ));
        let class = if effects == operations && duplicates == 0 { "effects" } else { "wrong" };
        let y = y + 13.0;
        out.put(format_args!(
            "<rect class={class} x={LEFT} y={y:.1} width={:.1} height=11 rx=2 />",
            wide(effects + duplicates)
        ));
        let x = LEFT + wide(operations.max(effects + duplicates)) + 8.0;
        let words = format!("{} / {}", grouped(operations), grouped(effects));
        let more = if duplicates > 0 { format!(", {duplicates} twice") } else { String::new() };
        out.put(format_args!("<text class=value x={x:.1} y={middle:.1}>{words}{more}</text>"));
    }
    out.put(format_args!("</svg>"));
    out.0
}

/// Shares of a whole, a bar a row; `classes` in the order they stand.
pub(super) fn shares(rows: &[(&str, Vec<u64>)], classes: &[&str]) -> String {
    const ROW: f64 = 26.0;
    const LEFT: f64 = 104.0;
    let width = WIDTH - LEFT - 56.0;
    let mut out = Markup::default();
    begin(&mut out, rows.len() as f64 * ROW + 8.0, "what clients heard, by scenario");
    for (at, (name, counts)) in rows.iter().enumerate() {
        let y = 4.0 + at as f64 * ROW;
        let total: u64 = counts.iter().sum();
        let (x, middle) = (LEFT - 8.0, y + 14.0);
        out.put(format_args!(
            "<text class=label x={x:.1} y={middle:.1} text-anchor=end>{}</text>",
            Escaped(name)
        ));
        let mut x = LEFT;
        for (class, count) in classes.iter().zip(counts).filter(|(_, count)| **count > 0) {
            let share = width * *count as f64 / total.max(1) as f64;
            let words = format!("{}: {}", plain(class), grouped(*count));
            out.put(format_args!("<rect class={class} x={x:.1} y={y:.1} width={share:.2} height=18><title>{words}</title></rect>"));
            if share > 34.0 {
                let (x, count) = (x + share / 2.0, grouped(*count));
                out.put(format_args!(
                    "<text class=inside x={x:.1} y={middle:.1} text-anchor=middle>{count}</text>"
                ));
            }
            x += share;
        }
        let (x, total) = (LEFT + width + 8.0, grouped(total));
        out.put(format_args!("<text class=value x={x:.1} y={middle:.1}>{total}</text>"));
    }
    out.put(format_args!("</svg>"));
    out.0
}

/// How long the pauses before retries were: a crowd that came back as one would be a single bar.
pub(super) fn histogram(retries: &[RecordedRetry]) -> String {
    let mut delays: Vec<u64> = retries.iter().map(|retry| retry.delay_ms).collect();
    delays.sort_unstable();
    // One very long pause must not press all others into the first bar.
    let most = delays.get(delays.len() * 99 / 100).copied().unwrap_or(1).max(BINS as u64);
    let width = most.div_ceil(BINS as u64);
    // By those that were drawn, and those that the server asked for.
    let mut bins = [[0_u64; 2]; BINS];
    for retry in retries {
        let bin = usize::try_from(retry.delay_ms / width).unwrap_or(BINS).min(BINS - 1);
        bins[bin][usize::from(retry.was_asked_for())] += 1;
    }
    let highest = bins.iter().map(|bin| bin.iter().sum()).max().unwrap_or(1_u64);
    let field = Field {
        left: 44.0,
        top: 24.0,
        width: WIDTH - 56.0,
        height: 150.0,
        x_max: (width * BINS as u64) as f64,
        y_max: highest.max(4) as f64,
    };
    let mut out = Markup::default();
    begin(&mut out, 212.0, "how long the pauses before retries were");
    field.y_axis(&mut out, "retries");
    for (at, bin) in bins.iter().enumerate() {
        let (from, to) = (at as u64 * width, (at as u64 + 1) * width);
        let to = if at + 1 == BINS { "the longest".to_owned() } else { span(to) };
        let (x, wide) = (field.x(from as f64) + 0.5, field.width / BINS as f64 - 1.0);
        let mut below = 0;
        for (class, count) in ["drawn", "asked"].into_iter().zip(bin).filter(|(_, count)| **count > 0) {
            let (y, base) = (field.y((below + count) as f64), field.y(below as f64));
            let (words, high) = (format!("{} to {to}: {count} {class}", span(from)), base - y);
            out.put(format_args!(
                "<rect class={class} x={x:.1} y={y:.1} width={wide:.1} height={high:.1}><title>{words}</title></rect>"
            ));
            below += count;
        }
    }
    field.time_axis(&mut out, "pause before the retry");
    out.put(format_args!("</svg>"));
    out.0
}

/// Each pause by the number of its attempt: full jitter fills each column from the bottom up.
pub(super) fn spread(retries: &[RecordedRetry]) -> String {
    const ATTEMPTS: u32 = 8;
    let mut columns: BTreeMap<u32, Vec<(u64, bool)>> = BTreeMap::new();
    for retry in retries {
        columns
            .entry(retry.attempt.clamp(2, ATTEMPTS))
            .or_default()
            .push((retry.delay_ms, retry.was_asked_for()));
    }
    let mut all: Vec<u64> = columns.values().flatten().map(|(delay, _)| *delay).collect();
    all.sort_unstable();
    let most = all.get(all.len() * 99 / 100).copied().unwrap_or(1).max(10);
    let field =
        Field { left: 44.0, top: 24.0, width: WIDTH - 56.0, height: 150.0, x_max: 1.0, y_max: most as f64 };
    let mut out = Markup::default();
    begin(&mut out, 212.0, "pauses by the number of the attempt");
    field.y_axis(&mut out, "ms");
    let (y, right) = (field.bottom(), field.left + field.width);
    out.put(format_args!("<line class=base x1={:.1} y1={y:.1} x2={right:.1} y2={y:.1} />", field.left));
    let wide = field.width / f64::from(ATTEMPTS - 1);
    for (attempt, delays) in &columns {
        let middle = field.left + wide * (f64::from(attempt - 2) + 0.5);
        let step = delays.len().div_ceil(DOTS_MAX).max(1);
        for (at, (delay, asked)) in delays.iter().step_by(step).enumerate() {
            // Side by side, by the golden ratio, so that dots of one height do not hide each other.
            let aside = (at as f64 * 0.618_034).fract() - 0.5;
            let (x, y) = (middle + aside * wide * 0.7, field.y(*delay as f64));
            let class = if *asked { "asked" } else { "drawn" };
            out.put(format_args!("<circle class=\"dot {class}\" cx={x:.1} cy={y:.1} r=1.8 />"));
        }
        let last = if *attempt == ATTEMPTS { " and on" } else { "" };
        let (words, y) = (format!("attempt {attempt}{last}"), field.bottom() + 14.0);
        out.put(format_args!("<text class=tick x={middle:.1} y={y:.1} text-anchor=middle>{words}</text>"));
        let (words, y) = (grouped(delays.len() as u64), field.bottom() + 28.0);
        out.put(format_args!("<text class=tick x={middle:.1} y={y:.1} text-anchor=middle>{words}</text>"));
    }
    out.put(format_args!("</svg>"));
    out.0
}

/// Messages that wait in the outbox, and how old the oldest is, over time; what lasted is shaded.
pub(super) fn lag(lag: &[Lag], faults: &[RecordedFault], took_ms: u64) -> String {
    let pending = lag.iter().map(|lag| lag.pending).max().unwrap_or(0);
    let oldest = lag.iter().map(|lag| lag.oldest_ms).max().unwrap_or(0);
    let (left, width, x_max) = (44.0, WIDTH - 56.0, took_ms.max(1) as f64);
    let upper = Field { left, top: 24.0, width, height: 110.0, x_max, y_max: pending.max(4) as f64 };
    let lower = Field { left, top: 168.0, width, height: 60.0, x_max, y_max: oldest.max(1_000) as f64 };
    let mut out = Markup::default();
    begin(&mut out, 266.0, "messages that wait in the outbox, over time");
    for fault in faults.iter().filter(|fault| fault.until_ms.is_some()) {
        let x = upper.x(fault.at_ms as f64);
        let wide = (upper.x(fault.until_ms.unwrap_or(fault.at_ms) as f64) - x).max(1.0);
        let (words, high) =
            (Escaped(format!("{} of {}", fault.what, fault.whom)), lower.bottom() - upper.top);
        let top = upper.top;
        out.put(format_args!("<rect class=shade x={x:.1} y={top:.1} width={wide:.1} height={high:.1}><title>{words}</title></rect>"));
    }
    upper.y_axis(&mut out, "messages that wait");
    lower.y_axis(&mut out, "age of the oldest, ms");
    area(&mut out, &upper, lag, "pending", |lag| lag.pending);
    area(&mut out, &lower, lag, "oldest", |lag| lag.oldest_ms);
    lower.time_axis(&mut out, "since the scenario began");
    out.put(format_args!("</svg>"));
    out.0
}

/// Where nobody looked for longer than this, the line is broken: the database was away.
const GAP_MS: u64 = 1_500;

fn area(out: &mut Markup, field: &Field, lag: &[Lag], class: &str, value: fn(&Lag) -> u64) {
    for run in lag.chunk_by(|one, next| next.at_ms - one.at_ms < GAP_MS) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let point = |lag: &Lag| format!("{:.1},{:.1}", field.x(lag.at_ms as f64), field.y(value(lag) as f64));
        let line: Vec<String> = run.iter().map(point).collect();
        let (from, to, bottom) = (field.x(first.at_ms as f64), field.x(last.at_ms as f64), field.bottom());
        let line = line.join(" ");
        out.put(format_args!(
            "<polygon class=\"area {class}\" points=\"{from:.1},{bottom:.1} {line} {to:.1},{bottom:.1}\" />"
        ));
        out.put(format_args!("<polyline class=\"line {class}\" points=\"{line}\" />"));
    }
}

/// What was done to whom, when: a lane for each, a mark for what was over at once, a bar for what lasted.
pub(super) fn faults(faults: &[RecordedFault], took_ms: u64) -> String {
    const LEFT: f64 = 104.0;
    let mut lanes: Vec<&str> = Vec::new();
    for fault in faults {
        if !lanes.contains(&fault.whom.as_str()) {
            lanes.push(&fault.whom);
        }
    }
    lanes.sort_unstable();
    let height = lanes.len() as f64 * LANE;
    let field = Field {
        left: LEFT,
        top: 6.0,
        width: WIDTH - LEFT - 16.0,
        height,
        x_max: took_ms.max(1) as f64,
        y_max: 1.0,
    };
    let mut out = Markup::default();
    begin(&mut out, height + 46.0, "faults over time");
    for (at, lane) in lanes.iter().enumerate() {
        let y = field.top + (at as f64 + 0.5) * LANE;
        let (x, right, below) = (LEFT - 8.0, field.left + field.width, y + 3.5);
        out.put(format_args!("<line class=grid x1={LEFT} y1={y:.1} x2={right:.1} y2={y:.1} />"));
        out.put(format_args!(
            "<text class=label x={x:.1} y={below:.1} text-anchor=end>{}</text>",
            Escaped(lane)
        ));
    }
    for fault in faults {
        let lane = lanes.iter().position(|lane| *lane == fault.whom).unwrap_or(0);
        let y = field.top + lane as f64 * LANE + 4.0;
        let x = field.x(fault.at_ms as f64);
        let more = if fault.words.is_empty() { String::new() } else { format!(": {}", fault.words) };
        let lasted = fault.until_ms.map(|until| format!(", for {}", span(until.saturating_sub(fault.at_ms))));
        let words = format!("{} {}{more}{}", span(fault.at_ms), fault.what, lasted.unwrap_or_default());
        let (words, class) = (Escaped(words), kind(&fault.what));
        let wide = fault.until_ms.map_or(3.0, |until| (field.x(until as f64) - x).max(3.0));
        out.put(format_args!("<rect class=\"fault {class}\" x={x:.1} y={y:.1} width={wide:.1} height=14 rx=1><title>{words}</title></rect>"));
    }
    field.time_axis(&mut out, "since the scenario began");
    out.put(format_args!("</svg>"));
    out.0
}

/// The colour of a fault, by what it does.
pub(super) fn kind(what: &str) -> &'static str {
    match what {
        "kill -9" => "kill",
        "start" => "start",
        "stall" | "pause" => "stall",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_end_with_the_most() {
        let check =
            |max: f64, about: usize, expected: &[f64]| assert_eq!(ticks(max, about), expected, "{max}");
        check(100.0, 4, &[0.0, 50.0, 100.0]);
        check(7.0, 4, &[0.0, 2.0, 4.0, 6.0]);
        check(18_000.0, 4, &[0.0, 5_000.0, 10_000.0, 15_000.0]);
    }

    #[test]
    fn nothing_to_draw_is_no_accident() {
        for drawn in [
            pairs(&[]),
            shares(&[("x", vec![0, 0])], &["a", "b"]),
            histogram(&[]),
            spread(&[]),
            lag(&[], &[], 0),
            faults(&[], 0),
        ] {
            assert!(drawn.starts_with("<svg") && drawn.ends_with("</svg>"), "{drawn}");
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }
}
