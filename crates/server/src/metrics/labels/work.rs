//! Which piece of work a metric is about.

use std::sync::LazyLock;

use domain::rows::Lane;

use super::sets::set;
use super::{Label as _, LabelSet, Labels, Reason};

/// A piece of work: a kind of job, a consumer's message, or the program's own work. Each belongs to
/// one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkLabel(usize);

/// A provider's event, once it is stored.
const EVENT: &str = "event";
/// The expiry of holds.
const EXPIRY: &str = "expiry";
const RELAY: &str = "relay";
/// The pruning of old rows.
const PRUNING: &str = "pruning";
/// A kind of job, or a consumer, that only a test registers.
const OTHER: &str = "other";

/// Critical work first: work that a customer's money waits for.
static WORK: LazyLock<Vec<(Lane, &'static str)>> = LazyLock::new(|| {
    let jobs = |lane| domain::jobs::ALL.into_iter().filter(move |kind| kind.lane == lane);
    let jobs = |lane| jobs(lane).map(move |kind| (lane, kind.name));
    let consumers = domain::consumers::ALL.into_iter().map(|(consumer, _)| (Lane::Ordinary, consumer));
    let critical = jobs(Lane::Critical).chain([EVENT, EXPIRY].map(|name| (Lane::Critical, name)));
    let ordinary = jobs(Lane::Ordinary).chain(consumers);
    let rest = [RELAY, PRUNING, OTHER].map(|name| (Lane::Ordinary, name));
    critical.chain(ordinary).chain(rest).collect()
});
static WORK_NAMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| WORK.iter().map(|(_, name)| *name).collect());

impl WorkLabel {
    /// The label of a kind of job, or of a consumer.
    pub fn of(name: &str) -> WorkLabel {
        WorkLabel(WORK_NAMES.iter().position(|known| *known == name).unwrap_or(WORK_NAMES.len() - 1))
    }
    pub fn event() -> WorkLabel {
        WorkLabel::of(EVENT)
    }
    pub fn relay() -> WorkLabel {
        WorkLabel::of(RELAY)
    }
}

const LANE: LabelSet = LabelSet { name: "lane", values: || &["critical", "ordinary"] };
const KIND: LabelSet = LabelSet { name: "kind", values: || &WORK_NAMES };

impl Labels for WorkLabel {
    const SETS: &'static [LabelSet] = &[LANE, KIND];
    fn series() -> usize {
        WORK.len()
    }
    fn values_of(index: usize) -> Vec<&'static str> {
        let (lane, name) = &WORK[index];
        vec![lane.name(), *name]
    }
    fn series_index(self) -> usize {
        self.0
    }
}

impl Labels for (WorkLabel, Reason) {
    const SETS: &'static [LabelSet] = &[LANE, KIND, set::<Reason>()];
    fn series() -> usize {
        WorkLabel::series() * Reason::series()
    }
    fn values_of(index: usize) -> Vec<&'static str> {
        let mut values = WorkLabel::values_of(index / Reason::series());
        values.push(Reason::values()[index % Reason::series()]);
        values
    }
    fn series_index(self) -> usize {
        self.0.series_index() * Reason::series() + self.1.index()
    }
}
