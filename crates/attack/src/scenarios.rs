//! The scenarios, in the order of their numbers. A scenario is a file here and a line below.

mod by_hand;
mod cancellations;
mod changed_body;
mod charges;
mod departure;
mod disputes;
mod forgotten_keys;
mod killed;
mod lost_webhooks;
mod nats;
mod neighbours;
mod network;
mod owed;
mod payout;
mod poison;
mod postgres;
mod provider;
mod races;
mod reconciliation;
mod redis;
mod relay;
mod restored;
mod same_key;
mod webhooks;

use super::scenario::Scenario;

pub const SCENARIOS: &[&Scenario] = &[
    &charges::SCENARIO,
    &same_key::SCENARIO,
    &changed_body::SCENARIO,
    &network::SCENARIO,
    &relay::SCENARIO,
    &killed::SCENARIO,
    &postgres::SCENARIO,
    &redis::SCENARIO,
    &nats::SCENARIO,
    &provider::SCENARIO,
    &webhooks::SCENARIO,
    &poison::SCENARIO,
    &races::SCENARIO,
    &by_hand::SCENARIO,
    &owed::SCENARIO,
    &neighbours::SCENARIO,
    &lost_webhooks::SCENARIO,
    &forgotten_keys::SCENARIO,
    &reconciliation::SCENARIO,
    &disputes::SCENARIO,
    &payout::SCENARIO,
    &restored::SCENARIO,
    &cancellations::SCENARIO,
    &departure::SCENARIO,
];

/// Finds a scenario by its name or its number.
pub fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().copied().find(|scenario| scenario.name == name || scenario.number.to_string() == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::findings::COMMON;
    use check::INVARIANTS;

    #[test]
    fn names_and_numbers_are_unique_and_in_order() {
        let names: BTreeSet<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), SCENARIOS.len());
        assert!(SCENARIOS.is_sorted_by(|one, next| one.number < next.number));
        for scenario in SCENARIOS {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(scenario.name.bytes().all(plain) && scenario.name != "all", "{}", scenario.name);
            assert!(scenario.promise.ends_with('.'), "{}: a promise is a sentence", scenario.name);
            assert!(!scenario.always.is_empty(), "{}: nothing could break", scenario.name);
            for name in scenario.always {
                let taken = COMMON.contains(name) || INVARIANTS.contains(name);
                assert!(!taken, "{}: `{name}` is checked for every scenario already", scenario.name);
            }
        }
    }
}
