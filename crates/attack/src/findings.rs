//! The terms of a verdict.
//!
//! | term | what it says | what fails it |
//! |---|---|---|
//! | `always` | an invariant: checked many times, and true each time | one time that it was not |
//! | `sometimes` | a state that is worth testing: the run must reach it | a run that never reaches it |
//!
//! An invariant that was never checked and a state that was never reached prove nothing. The
//! verdict is then *not reached*, and that fails the run as a broken invariant does.

use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::scenario::Scenario;
use check::{INVARIANTS, Verdicts};

/// Offenders that are kept. All are counted.
pub const OFFENDERS_MAX: usize = 20;
const NOTES_MAX: usize = 100;

/// The invariants that the judge checks for every scenario; see [`mod@super::judge`].
pub const COMMON: [&str; 8] = [
    "a_process_starts_whatever_befell_it",
    "every_operation_is_definite",
    "what_can_be_done_is_done",
    "no_step_of_an_order_is_refused",
    "one_answer_a_key",
    "effects_equal_operations",
    "nothing_moved_unasked",
    "figures_equal_books",
];

#[derive(Clone, Debug, Serialize)]
pub struct Always {
    pub name: &'static str,
    pub holds: bool,
    /// The number of checks.
    pub checked: u64,
    pub broken: u64,
    pub offenders: Vec<String>,
    /// The reason why it cannot be checked in this environment, if it cannot.
    pub excused: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Sometimes {
    pub name: &'static str,
    /// How often the run reached the state.
    pub reached: u64,
    /// The reason why it cannot be reached in this environment, if it cannot.
    pub excused: Option<String>,
}

impl Sometimes {
    /// The state should have been reached, and was not.
    pub fn is_missing(&self) -> bool {
        self.reached == 0 && self.excused.is_none()
    }
}

/// The result of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScenarioVerdict {
    /// Every invariant held, and every state was reached.
    Held,
    /// An invariant was broken.
    Broken,
    /// No invariant was broken, but a state was not reached or an invariant was not checked.
    NotReached,
    /// The scenario could not be carried out.
    Failed,
    /// The deployment lacks something that the scenario needs.
    NotApplicable,
}

impl ScenarioVerdict {
    /// The name in report.json.
    pub fn name(self) -> &'static str {
        match self {
            ScenarioVerdict::Held => "held",
            ScenarioVerdict::Broken => "broken",
            ScenarioVerdict::NotReached => "not_reached",
            ScenarioVerdict::Failed => "failed",
            ScenarioVerdict::NotApplicable => "not_applicable",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            ScenarioVerdict::Held => "Held",
            ScenarioVerdict::Broken => "Broken",
            ScenarioVerdict::NotReached => "Not reached",
            ScenarioVerdict::Failed => "Could not run",
            ScenarioVerdict::NotApplicable => "Not applicable",
        }
    }

    pub fn text(self) -> &'static str {
        match self {
            ScenarioVerdict::Held => "held",
            ScenarioVerdict::Broken => "BROKEN",
            ScenarioVerdict::NotReached => "not reached",
            ScenarioVerdict::Failed => "could not run",
            ScenarioVerdict::NotApplicable => "not applicable here",
        }
    }
}

/// Collects what a scenario finds. Clones share one collection.
#[derive(Clone)]
pub struct Findings {
    scenario: &'static Scenario,
    found: Arc<Mutex<Found>>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Found {
    pub always: Vec<Always>,
    pub sometimes: Vec<Sometimes>,
    /// Notes for the reader, such as what was not checked, and why.
    pub notes: Vec<String>,
    /// Named numbers of the scenario.
    pub figures: BTreeMap<String, f64>,
}

impl Findings {
    pub fn new(scenario: &'static Scenario) -> Findings {
        let clean = |name: &&'static str| Always {
            name,
            holds: true,
            checked: 0,
            broken: 0,
            offenders: Vec::new(),
            excused: None,
        };
        let found = Found {
            always: scenario.always.iter().chain(&COMMON).chain(&INVARIANTS).map(clean).collect(),
            sometimes: scenario
                .sometimes
                .iter()
                .map(|name| Sometimes { name, reached: 0, excused: None })
                .collect(),
            ..Found::default()
        };
        Findings { scenario, found: Arc::new(Mutex::new(found)) }
    }

    /// Counts one check of an invariant. `offender` describes what was seen if the invariant did
    /// not hold.
    pub fn always(&self, name: &str, holds: bool, offender: impl FnOnce() -> String) {
        let mut found = self.found();
        let always = self.invariant(&mut found, name);
        always.checked += 1;
        if !holds {
            always.holds = false;
            always.broken += 1;
            if always.offenders.len() < OFFENDERS_MAX {
                always.offenders.push(offender());
            }
        }
    }

    /// Counts one visit to a state of the scenario's table.
    pub fn reached(&self, name: &str) {
        self.reached_times(name, 1);
    }

    pub fn reached_times(&self, name: &str, times: u64) {
        self.state(&mut self.found(), name).reached += times;
    }

    /// Excuses a state that cannot be reached, or an invariant that cannot be checked, in this
    /// environment.
    pub fn excuse(&self, name: &str, why: impl Into<String>) {
        let (mut found, why) = (self.found(), Some(why.into()));
        match found.always.iter_mut().find(|always| always.name == name) {
            Some(always) => always.excused = why,
            None => self.state(&mut found, name).excused = why,
        }
    }

    pub fn has_reached(&self, name: &str) -> bool {
        self.found().sometimes.iter().any(|sometimes| sometimes.name == name && sometimes.reached > 0)
    }

    pub fn note(&self, text: impl Into<String>) {
        let mut found = self.found();
        if found.notes.len() < NOTES_MAX {
            found.notes.push(text.into());
        }
    }

    pub fn figure(&self, name: impl Into<String>, value: f64) {
        self.found().figures.insert(name.into(), value);
    }

    /// Adds the oracle's verdicts, each promise under its own name.
    pub fn oracle(&self, verdicts: &Verdicts) {
        let mut found = self.found();
        for verdict in verdicts.iter() {
            let always = self.invariant(&mut found, verdict.invariant);
            always.checked += u64::try_from(verdict.counted).unwrap_or(0);
            always.holds &= verdict.holds;
            always.broken += verdict.broken as u64;
            always.offenders.extend(verdict.offenders.iter().cloned());
            always.offenders.truncate(OFFENDERS_MAX);
        }
    }

    /// Whether an invariant is broken already.
    pub fn any_broken(&self) -> bool {
        self.found().always.iter().any(|always| !always.holds)
    }

    /// The verdict with everything that was found.
    pub fn conclude(&self) -> (ScenarioVerdict, Found) {
        let mut found = self.found().clone();
        let own = |name: &str| self.scenario.always.contains(&name);
        let unseen = |always: &Always| always.checked == 0 && always.excused.is_none();
        let unseen = found.always.iter().any(|always| own(always.name) && unseen(always));
        let unreached = found.sometimes.iter().any(Sometimes::is_missing);
        let verdict = if found.always.iter().any(|always| !always.holds) {
            ScenarioVerdict::Broken
        } else if unseen || unreached {
            ScenarioVerdict::NotReached
        } else {
            ScenarioVerdict::Held
        };
        // A common invariant that this scenario never checked is left out.
        found.always.retain(|always| own(always.name) || always.checked > 0 || !always.holds);
        (verdict, found)
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock()
    }

    fn state<'a>(&self, found: &'a mut Found, name: &str) -> &'a mut Sometimes {
        let sometimes = found.sometimes.iter_mut().find(|sometimes| sometimes.name == name);
        let scenario = self.scenario.name;
        sometimes.unwrap_or_else(|| panic!("`{scenario}` does not declare the state `{name}`"))
    }

    fn invariant<'a>(&self, found: &'a mut Found, name: &str) -> &'a mut Always {
        let always = found.always.iter_mut().find(|always| always.name == name);
        let scenario = self.scenario.name;
        always.unwrap_or_else(|| panic!("`{scenario}` does not declare the invariant `{name}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TRIED: Scenario = Scenario {
        number: 0,
        name: "tried",
        promise: "nothing",
        needs: &[],
        always: &["one", "other"],
        sometimes: &["there"],
        run: |_| Box::pin(async { Ok(()) }),
    };

    #[test]
    fn a_verdict_needs_every_invariant_checked_and_every_state_reached() {
        let check = |one: Option<bool>, other: Option<bool>, there: u64, expected: ScenarioVerdict| {
            let findings = Findings::new(&TRIED);
            for (name, held) in [("one", one), ("other", other)] {
                if let Some(held) = held {
                    findings.always(name, held, || "seen".to_owned());
                }
            }
            findings.reached_times("there", there);
            assert_eq!(findings.conclude().0, expected, "{one:?} {other:?} {there}");
        };
        check(Some(true), Some(true), 1, ScenarioVerdict::Held);
        check(Some(true), Some(true), 0, ScenarioVerdict::NotReached);
        check(Some(true), None, 1, ScenarioVerdict::NotReached);
        check(Some(false), Some(true), 1, ScenarioVerdict::Broken);
        check(Some(false), None, 0, ScenarioVerdict::Broken);
    }

    #[test]
    fn a_state_that_cannot_be_reached_is_excused() {
        let findings = Findings::new(&TRIED);
        for name in ["one", "other"] {
            findings.always(name, true, String::new);
        }
        findings.excuse("there", "one process");
        let (verdict, found) = findings.conclude();
        assert_eq!(
            (verdict, found.sometimes[0].excused.as_deref()),
            (ScenarioVerdict::Held, Some("one process"))
        );
    }

    #[test]
    fn an_excused_invariant_can_still_break() {
        let findings = Findings::new(&TRIED);
        findings.always("one", true, String::new);
        findings.reached("there");
        findings.excuse("other", "one process");
        let (verdict, found) = findings.conclude();
        assert_eq!(
            (verdict, found.always[1].excused.as_deref()),
            (ScenarioVerdict::Held, Some("one process"))
        );
        findings.always("other", false, String::new);
        assert_eq!(findings.conclude().0, ScenarioVerdict::Broken);
    }

    #[test]
    fn one_offender_breaks_and_all_are_counted() {
        let findings = Findings::new(&TRIED);
        for number in 0..100 {
            findings.always("one", number % 2 == 0, || format!("number {number}"));
        }
        let (verdict, found) = findings.conclude();
        let one = &found.always[0];
        assert_eq!((verdict, one.checked, one.broken), (ScenarioVerdict::Broken, 100, 50));
        assert_eq!((one.offenders.len(), one.offenders[0].as_str()), (OFFENDERS_MAX, "number 1"));
        assert_eq!(found.always.len(), 2, "an unchecked invariant is left out: {found:?}");
    }

    #[test]
    #[should_panic(expected = "does not declare")]
    fn a_name_that_is_not_declared_is_a_mistake() {
        Findings::new(&TRIED).reached("elsewhere");
    }
}
