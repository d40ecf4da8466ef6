//! The verdicts, one per invariant.

use std::fmt;

use serde::Serialize;

use super::INVARIANTS;

/// Offenders that the text shows. The JSON has all of them.
pub const OFFENDERS_SHOWN: usize = 20;

#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub invariant: &'static str,
    pub holds: bool,
    /// Rows, moves and entries of books that were checked: a verdict over nothing proves little.
    pub counted: i64,
    /// The number of offenders.
    pub broken: usize,
    pub offenders: Vec<String>,
    /// What was not checked, and why.
    pub notes: Vec<String>,
}

/// Every invariant, in the order of [`INVARIANTS`].
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Verdicts(Vec<Verdict>);

impl Verdicts {
    pub(super) fn new() -> Verdicts {
        let clean = |invariant| Verdict {
            invariant,
            holds: true,
            counted: 0,
            broken: 0,
            offenders: Vec::new(),
            notes: Vec::new(),
        };
        Verdicts(INVARIANTS.into_iter().map(clean).collect())
    }

    pub fn all_hold(&self) -> bool {
        self.0.iter().all(|verdict| verdict.holds)
    }

    /// The names of those that do not hold.
    pub fn broken(&self) -> Vec<&'static str> {
        self.0.iter().filter(|verdict| !verdict.holds).map(|verdict| verdict.invariant).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Verdict> {
        self.0.iter()
    }

    /// Something could not be compared, so the verdict proves less than it appears to.
    pub fn has_notes(&self) -> bool {
        self.0.iter().any(|verdict| !verdict.notes.is_empty())
    }

    pub(super) fn checked(&mut self, invariant: &str, count: i64) {
        self.of(invariant).counted += count;
    }

    pub(super) fn offends(&mut self, invariant: &str, text: String) {
        let verdict = self.of(invariant);
        verdict.holds = false;
        verdict.broken += 1;
        verdict.offenders.push(text);
    }

    pub(super) fn notes(&mut self, invariant: &str, text: impl Into<String>) {
        self.of(invariant).notes.push(text.into());
    }

    fn of(&mut self, invariant: &str) -> &mut Verdict {
        let at = self.0.iter().position(|verdict| verdict.invariant == invariant);
        &mut self.0[at.expect("a finding carries the name of a promise")]
    }
}

impl fmt::Display for Verdicts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for verdict in &self.0 {
            let state = if verdict.holds { "holds" } else { "BROKEN" };
            write!(out, "{:<21} {state:<7} {:>9} looked at", verdict.invariant, verdict.counted)?;
            if !verdict.holds {
                write!(out, ", {} broken", verdict.broken)?;
            }
            writeln!(out)?;
            for offender in verdict.offenders.iter().take(OFFENDERS_SHOWN) {
                writeln!(out, "    {offender}")?;
            }
            if let more @ 1.. = verdict.offenders.len().saturating_sub(OFFENDERS_SHOWN) {
                writeln!(out, "    and {more} more, which the JSON names")?;
            }
            for note in &verdict.notes {
                writeln!(out, "    note: {note}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_offenders_are_named_and_the_text_shows_twenty() {
        let mut verdicts = Verdicts::new();
        assert!(verdicts.all_hold());
        for number in 0..OFFENDERS_SHOWN + 3 {
            verdicts.offends("books_balance", format!("transfer {number}"));
        }
        assert_eq!(verdicts.broken(), ["books_balance"]);
        let broken = verdicts.iter().find(|verdict| !verdict.holds).unwrap();
        assert_eq!((broken.broken, broken.offenders.len()), (OFFENDERS_SHOWN + 3, OFFENDERS_SHOWN + 3));
        let text = verdicts.to_string();
        assert_eq!(text.matches("transfer ").count(), OFFENDERS_SHOWN);
        assert!(text.contains("and 3 more"), "{text}");
        assert_eq!(text.lines().filter(|line| !line.starts_with(' ')).count(), INVARIANTS.len());
        assert!(text.contains("BROKEN"), "{text}");
    }
}
