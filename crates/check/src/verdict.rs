//! What was found, a line an invariant.

use std::fmt;

use serde::Serialize;

use super::INVARIANTS;

/// Offenders that the text shows; the JSON names all of them.
pub const OFFENDERS_SHOWN: usize = 20;

/// One invariant.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub invariant: &'static str,
    pub holds: bool,
    /// Rows, moves and entries of books that were looked at: a clean answer over nothing says little.
    pub counted: i64,
    /// How many offend.
    pub broken: usize,
    /// All of them.
    pub offenders: Vec<String>,
    /// What was not looked at, and why.
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

    /// Something could not be compared, so this proves less than it seems to.
    pub fn has_notes(&self) -> bool {
        self.0.iter().any(|verdict| !verdict.notes.is_empty())
    }

    pub(super) fn looked(&mut self, invariant: &str, count: i64) {
        self.of(invariant).counted += count;
    }

    pub(super) fn offends(&mut self, invariant: &str, words: String) {
        let verdict = self.of(invariant);
        verdict.holds = false;
        verdict.broken += 1;
        verdict.offenders.push(words);
    }

    pub(super) fn notes(&mut self, invariant: &str, words: impl Into<String>) {
        self.of(invariant).notes.push(words.into());
    }

    fn of(&mut self, invariant: &str) -> &mut Verdict {
        let at = self.0.iter().position(|verdict| verdict.invariant == invariant);
        &mut self.0[at.expect("a finding carries the name of a promise")]
    }
}

impl fmt::Display for Verdicts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for verdict in &self.0 {
            let word = if verdict.holds { "holds" } else { "BROKEN" };
            write!(out, "{:<21} {word:<7} {:>9} looked at", verdict.invariant, verdict.counted)?;
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
        let told = verdicts.iter().find(|verdict| !verdict.holds).unwrap();
        assert_eq!((told.broken, told.offenders.len()), (OFFENDERS_SHOWN + 3, OFFENDERS_SHOWN + 3));
        let text = verdicts.to_string();
        assert_eq!(text.matches("transfer ").count(), OFFENDERS_SHOWN);
        assert!(text.contains("and 3 more"), "{text}");
        assert_eq!(text.lines().filter(|line| !line.starts_with(' ')).count(), INVARIANTS.len());
        assert!(text.contains("BROKEN"), "{text}");
    }
}
