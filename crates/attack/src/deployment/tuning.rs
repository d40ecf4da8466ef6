//! Settings of the program for an attack: short leases, short backoff and frequent polls.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The shortest lease that the program accepts.
pub const LEASE_MS: u64 = 1_000;

/// The section with the settings of every account at the provider.
pub const ACCOUNTS: &str = "accounts";

/// The configuration of every process, by section and name. [`Tuning::default`] is common to the
/// scenarios.
#[derive(Clone, Debug)]
pub struct Tuning {
    values: BTreeMap<(&'static str, &'static str), String>,
}

impl Default for Tuning {
    fn default() -> Tuning {
        let tuning = Tuning { values: BTreeMap::new() };
        tuning
            .with("", "log", "\"info,server::workers=debug\"")
            .with("workers", "lease_ms", LEASE_MS)
            .with("workers", "backoff_base_ms", 20)
            .with("workers", "backoff_cap_ms", 500)
            .with("workers", "evidence_after_ms", 300)
            .with("workers", "another_key_after_ms", 1_000)
            .with("metrics", "figures_every_ms", 500)
    }
}

impl Tuning {
    /// `section` is empty for a setting before all sections, and [`ACCOUNTS`] for a setting of each
    /// account at the provider. `value` is in the notation of TOML.
    pub fn with(
        mut self,
        section: &'static str,
        name: &'static str,
        value: impl std::fmt::Display,
    ) -> Tuning {
        self.values.insert((section, name), value.to_string());
        self
    }

    /// The configuration of each account.
    pub(super) fn account(&self) -> String {
        let of_accounts = self.values.iter().filter(|((section, _), _)| *section == ACCOUNTS);
        let lines: Vec<String> =
            of_accounts.map(|((_, name), value)| format!("{name} = {value}\n")).collect();
        lines.concat()
    }

    pub(super) fn toml(&self) -> String {
        let mut text = String::new();
        let mut within = "";
        // The empty section sorts first, as TOML requires.
        for ((section, name), value) in &self.values {
            if *section == ACCOUNTS {
                continue;
            }
            if *section != within {
                writeln!(text, "[{section}]").expect("a String takes it");
                within = section;
            }
            writeln!(text, "{name} = {value}").expect("a String takes it");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_follow_what_stands_before_them() {
        let tuning =
            Tuning::default().with("relay", "a", 1).with("workers", "lease_ms", 2_000).with("", "x", true);
        let expected = "log = \"info,server::workers=debug\"\nx = true\n[metrics]\nfigures_every_ms = 500\n[relay]\na = 1\n[workers]\nanother_key_after_ms = 1000\nbackoff_base_ms = 20\n\
                        backoff_cap_ms = 500\nevidence_after_ms = 300\nlease_ms = 2000\n";
        assert_eq!((tuning.toml().as_str(), tuning.account().as_str()), (expected, ""));
        let tuning = tuning.with(ACCOUNTS, "call_timeout_ms", 5);
        assert_eq!((tuning.toml().as_str(), tuning.account().as_str()), (expected, "call_timeout_ms = 5\n"));
    }
}
