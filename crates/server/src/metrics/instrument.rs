//! Counters, gauges and histograms over a row of the catalogue.
//!
//! A series is one combination of label values. As all sets of values are closed, each series of a
//! metric has an index in a list that is made once: to record is to find an index and to add to an
//! atomic.

use std::marker::PhantomData;
use std::sync::OnceLock;
use std::time::Duration;

use ::metrics::{Key, KeyName, Label, Level, Metadata, Recorder, SharedString};

use super::labels::{LabelSet, Labels};

/// If a counter has at most this many series, all of them start at zero. Prometheus sees no growth
/// in a series that begins at one, so the first dead letter would raise no alarm.
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

/// Only base units, as Prometheus requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    Count,
    Seconds,
    Bytes,
    /// From 0 to 1.
    Ratio,
}

impl MetricUnit {
    /// The end of the name, apart from `_total`.
    pub fn suffix(self) -> &'static str {
        match self {
            MetricUnit::Count => "",
            MetricUnit::Seconds => "_seconds",
            MetricUnit::Bytes => "_bytes",
            MetricUnit::Ratio => "_ratio",
        }
    }
}

/// The source of a figure, which determines how the figures of several processes are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricSource {
    /// This process's own events or state: add the processes up.
    Process,
    /// Committed rows, the same in every process: take the maximum.
    Rows,
}

#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: MetricKind,
    pub unit: MetricUnit,
    pub source: MetricSource,
    /// The doc comment, by lines.
    pub help_lines: &'static [&'static str],
    pub labels: &'static [LabelSet],
    /// The number of possible combinations of labels.
    pub series: fn() -> usize,
    /// The labels' values of one combination.
    pub values_of: fn(usize) -> Vec<&'static str>,
}

impl Metric {
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

    fn key(&self, index: usize) -> Key {
        let values = (self.values_of)(index);
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

    fn at(&self, metric: &Metric, index: usize, make: impl FnOnce(&Key, &Metadata<'_>) -> H) -> &H {
        let series = self.0.get_or_init(|| (0..(metric.series)()).map(|_| OnceLock::new()).collect());
        series[index].get_or_init(|| {
            make(&metric.key(index), &Metadata::new("server", Level::INFO, Some(module_path!())))
        })
    }
}

/// The parts of a row that [`install`](super::install) and the tests use.
pub trait Instrument: Sync {
    fn metric(&self) -> &Metric;
    fn is_used(&self) -> bool;
    /// Describes the metric to the recorder, and lets a counter start from zero.
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

            fn at(&self, index: usize) -> &::metrics::$name {
                self.series.at(&self.metric, index, |key, metadata| {
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
                    for index in 0..series {
                        let _made = self.at(index);
                    }
                }
            }
        }
    };
}

instrument! {
    /// Only grows, and starts again at zero with the process.
    Counter, register_counter, describe_counter, true
}

instrument! {
    /// A current value. It is absent until it is set: a zero that nobody counted would be false.
    Gauge, register_gauge, describe_gauge, false
}

instrument! {
    /// The duration of something, in buckets.
    Histogram, register_histogram, describe_histogram, false
}

impl<L: Labels> Counter<L> {
    pub fn increment(&self, labels: L) {
        self.add(labels, 1);
    }

    pub fn add(&self, labels: L, count: u64) {
        self.at(labels.series_index()).increment(count);
    }

    /// For a total that is counted elsewhere in this process.
    pub fn absolute(&self, labels: L, total: u64) {
        self.at(labels.series_index()).absolute(total);
    }
}

impl<L: Labels> Gauge<L> {
    pub fn set(&self, labels: L, value: f64) {
        self.at(labels.series_index()).set(value);
    }

    /// Sets every series; a series that was not counted becomes zero. Unknown label values come
    /// from a newer version, and are left out.
    pub fn set_all<'w>(&self, counted: impl Iterator<Item = (&'w [String], i64)>) {
        let counted: Vec<_> = counted.collect();
        for index in 0..L::series() {
            let values = L::values_of(index);
            let counts = counted.iter().filter(|(labels, _)| *labels == values).map(|(_, count)| *count);
            self.at(index).set(counts.sum::<i64>() as f64);
        }
    }
}

impl<L: Labels> Histogram<L> {
    pub fn record(&self, labels: L, took: Duration) {
        self.at(labels.series_index()).record(took.as_secs_f64());
    }
}
