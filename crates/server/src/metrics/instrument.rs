//! Counters, gauges and histograms over a row of the catalogue.
//!
//! A series is one combination of label values. As all sets of values are closed, the series of a metric
//! have places in a list that is made once: to record is to find a place and to add to an atomic.

use std::marker::PhantomData;
use std::sync::OnceLock;
use std::time::Duration;

use ::metrics::{Key, KeyName, Label, Level, Metadata, Recorder, SharedString};

use super::labels::{LabelSet, Labels};

/// Counters with at most so many series start at zero, all of them: what grows from nothing to one is no
/// growth to Prometheus, and the first dead letter would alarm nobody.
const ZEROED_MAX: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

impl MetricKind {
    pub fn name(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        }
    }
}

/// Base units alone, as Prometheus wants them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    /// A number of things, or of times.
    Count,
    Seconds,
    Bytes,
    /// From 0 to 1.
    Ratio,
}

impl MetricUnit {
    /// What the name ends with, apart from `_total`.
    pub fn suffix(self) -> &'static str {
        match self {
            MetricUnit::Count => "",
            MetricUnit::Seconds => "_seconds",
            MetricUnit::Bytes => "_bytes",
            MetricUnit::Ratio => "_ratio",
        }
    }
}

/// Where a figure comes from, and so how those of several processes go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricSource {
    /// What this process has done or has now: add the processes up.
    Process,
    /// Committed rows, the same in every process: take the maximum.
    Rows,
}

/// A row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: MetricKind,
    pub unit: MetricUnit,
    pub source: MetricSource,
    /// As it was written, in lines.
    pub help_lines: &'static [&'static str],
    pub labels: &'static [LabelSet],
    /// How many combinations of labels can be.
    pub series: fn() -> usize,
    /// The labels' values of one of them.
    pub values_of: fn(usize) -> Vec<&'static str>,
}

impl Metric {
    /// Sentences, in one line.
    pub fn help(&self) -> String {
        let lines: Vec<&str> = self.help_lines.iter().map(|line| line.trim()).collect();
        let help = lines.join(" ");
        match self.source {
            MetricSource::Process => help,
            MetricSource::Rows => {
                format!("{help} Counted from committed rows, the same in every process: take max, not sum.")
            }
        }
    }

    fn key(&self, place: usize) -> Key {
        let values = (self.values_of)(place);
        let pairs = self.labels.iter().zip(values);
        let labels: Vec<Label> =
            pairs.map(|(label, value)| Label::from_static_parts(label.name, value)).collect();
        Key::from_parts(self.name, labels)
    }
}

/// The handles of a metric's series, each made when it is first recorded.
struct Series<H>(OnceLock<Box<[OnceLock<H>]>>);

impl<H> Series<H> {
    const fn new() -> Series<H> {
        Series(OnceLock::new())
    }

    fn at(&self, metric: &Metric, place: usize, make: impl FnOnce(&Key, &Metadata<'_>) -> H) -> &H {
        let series = self.0.get_or_init(|| (0..(metric.series)()).map(|_| OnceLock::new()).collect());
        series[place].get_or_init(|| {
            make(&metric.key(place), &Metadata::new("server", Level::INFO, Some(module_path!())))
        })
    }
}

/// What [`install`](super::install) and the tests ask of each row.
pub trait Instrument: Sync {
    fn metric(&self) -> &Metric;
    /// Whether something was recorded.
    fn is_used(&self) -> bool;
    /// Describes the metric to the recorder, and lets what is counted start from zero.
    fn begin(&self);
}

macro_rules! instrument {
    ($(#[$doc:meta])* $name:ident, $register:ident, $describe:ident, $zeroed:literal) => {
        $(#[$doc])*
        pub struct $name<L> {
            metric: Metric,
            series: Series<::metrics::$name>,
            labels: PhantomData<fn(L)>,
        }

        impl<L: Labels> $name<L> {
            pub const fn new(
                name: &'static str,
                unit: MetricUnit,
                source: MetricSource,
                help_lines: &'static [&'static str],
            ) -> $name<L> {
                let metric = Metric {
                    name,
                    kind: MetricKind::$name,
                    unit,
                    source,
                    help_lines,
                    labels: L::SETS,
                    series: L::series,
                    values_of: L::values_of,
                };
                $name { metric, series: Series::new(), labels: PhantomData }
            }

            fn at(&self, place: usize) -> &::metrics::$name {
                self.series.at(&self.metric, place, |key, metadata| {
                    ::metrics::with_recorder(|recorder| recorder.$register(key, metadata))
                })
            }
        }

        impl<L: Labels> Instrument for $name<L> {
            fn metric(&self) -> &Metric {
                &self.metric
            }

            fn is_used(&self) -> bool {
                self.series.0.get().is_some()
            }

            fn begin(&self) {
                let describe = |recorder: &dyn Recorder| {
                    let help = SharedString::from(self.metric.help());
                    recorder.$describe(KeyName::from_const_str(self.metric.name), None, help);
                };
                ::metrics::with_recorder(describe);
                let series = (self.metric.series)();
                if $zeroed && series <= ZEROED_MAX {
                    for place in 0..series {
                        let _made = self.at(place);
                    }
                }
            }
        }
    };
}

instrument! {
    /// Grows, and begins anew with the process.
    Counter, register_counter, describe_counter, true
}

instrument! {
    /// As it is now. It is not there before it was set: a zero that nobody counted is a lie.
    Gauge, register_gauge, describe_gauge, false
}

instrument! {
    /// How long something took, by buckets.
    Histogram, register_histogram, describe_histogram, false
}

impl<L: Labels> Counter<L> {
    pub fn increment(&self, labels: L) {
        self.add(labels, 1);
    }

    pub fn add(&self, labels: L, count: u64) {
        self.at(labels.place()).increment(count);
    }

    /// For what is counted elsewhere in this process.
    pub fn absolute(&self, labels: L, total: u64) {
        self.at(labels.place()).absolute(total);
    }
}

impl<L: Labels> Gauge<L> {
    pub fn set(&self, labels: L, value: f64) {
        self.at(labels.place()).set(value);
    }

    /// Sets every series: those that are not among the counted have none. Words that are no label's are
    /// those of a newer version, and are left out.
    pub fn set_all<'w>(&self, counted: impl Iterator<Item = (&'w [String], i64)>) {
        let counted: Vec<_> = counted.collect();
        for place in 0..L::series() {
            let values = L::values_of(place);
            let counts = counted.iter().filter(|(words, _)| *words == values).map(|(_, count)| *count);
            self.at(place).set(counts.sum::<i64>() as f64);
        }
    }
}

impl<L: Labels> Histogram<L> {
    pub fn record(&self, labels: L, took: Duration) {
        self.at(labels.place()).record(took.as_secs_f64());
    }
}
