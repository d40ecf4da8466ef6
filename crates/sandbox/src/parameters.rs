//! The parameters of one call. They have been checked, so reading one cannot fail.

use std::collections::BTreeMap;

use crate::refusal::StripeRefusal;

/// Stripe's own limit, <https://docs.stripe.com/metadata>.
pub const METADATA_KEYS_MAX: usize = 50;

pub type StripeMetadata = BTreeMap<String, String>;

/// A value of the type that its parameter declares.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterValue {
    /// An empty text, which unsets the value.
    Unset,
    Text(String),
    Integer(i64),
    Boolean(bool),
    Map(StripeMetadata),
    Hash(Parameters),
    List(Vec<ParameterValue>),
}

/// By name. Each is removed when it is read; those that are left have no effect in the sandbox.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters(BTreeMap<String, ParameterValue>);

impl FromIterator<(String, ParameterValue)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (String, ParameterValue)>>(given: I) -> Self {
        Self(given.into_iter().collect())
    }
}

impl Parameters {
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.0.remove(name)? {
            ParameterValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As `text`, without removing it.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            ParameterValue::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn integer(&mut self, name: &str) -> Option<i64> {
        match self.0.remove(name)? {
            ParameterValue::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    /// As `integer`, without removing it.
    pub fn integer_of(&self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            ParameterValue::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.0.remove(name)? {
            ParameterValue::Boolean(boolean) => Some(boolean),
            _ => None,
        }
    }

    pub fn hash(&mut self, name: &str) -> Option<Parameters> {
        match self.0.remove(name)? {
            ParameterValue::Hash(members) => Some(members),
            _ => None,
        }
    }

    /// The texts of an array; an unset array has none.
    pub fn list(&mut self, name: &str) -> Option<Vec<String>> {
        let text = |given| match given {
            ParameterValue::Text(text) => Some(text),
            _ => None,
        };
        match self.0.remove(name)? {
            ParameterValue::List(elements) => Some(elements.into_iter().filter_map(text).collect()),
            ParameterValue::Unset => Some(Vec::new()),
            _ => None,
        }
    }

    /// Sets or unsets the value; leaves it unchanged if the parameter is not given.
    pub fn change(&mut self, name: &str, target: &mut Option<String>) {
        match self.0.remove(name) {
            Some(ParameterValue::Text(text)) => *target = Some(text),
            Some(ParameterValue::Unset) => *target = None,
            _ => {}
        }
    }

    /// Merges as Stripe does: a value replaces, an empty value removes, and an empty map removes
    /// all.
    pub fn merge_metadata(&mut self, target: &mut StripeMetadata) -> Result<(), StripeRefusal> {
        match self.0.remove("metadata") {
            Some(ParameterValue::Map(entries)) => target.extend(entries),
            Some(ParameterValue::Unset) => target.clear(),
            _ => return Ok(()),
        }
        target.retain(|_, value| !value.is_empty());
        if target.len() > METADATA_KEYS_MAX {
            let message = format!("Metadata can have up to {METADATA_KEYS_MAX} keys.");
            return Err(StripeRefusal::invalid(message).with_param("metadata"));
        }
        Ok(())
    }
}

impl IntoIterator for Parameters {
    type Item = (String, ParameterValue);
    type IntoIter = std::collections::btree_map::IntoIter<String, ParameterValue>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: &str, given: ParameterValue) -> Parameters {
        [(name.to_owned(), given)].into_iter().collect()
    }

    #[test]
    fn metadata_is_merged() {
        let map = |pairs: &[(&str, &str)]| -> StripeMetadata {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let check = |given_now: Option<ParameterValue>, expected: &[(&str, &str)]| {
            let mut parameters = given_now.map_or_else(Parameters::default, |now| given("metadata", now));
            let mut found = map(&[("a", "1"), ("b", "2")]);
            parameters.merge_metadata(&mut found).unwrap();
            assert_eq!(found, map(expected));
        };
        check(None, &[("a", "1"), ("b", "2")]);
        check(Some(ParameterValue::Map(map(&[("b", ""), ("c", "3")]))), &[("a", "1"), ("c", "3")]);
        check(Some(ParameterValue::Unset), &[]);
        let full = (0..METADATA_KEYS_MAX).map(|n| (format!("k{n}"), "v".to_owned())).collect();
        assert!(
            given("metadata", ParameterValue::Map(full)).merge_metadata(&mut map(&[("a", "1")])).is_err()
        );
    }

    #[test]
    fn a_change_sets_unsets_or_leaves() {
        let check = |now: Option<ParameterValue>, expected: Option<&str>| {
            let mut parameters = now.map_or_else(Parameters::default, |now| given("email", now));
            let mut email = Some("old".to_owned());
            parameters.change("email", &mut email);
            assert_eq!(email.as_deref(), expected);
        };
        check(None, Some("old"));
        check(Some(ParameterValue::Text("new".into())), Some("new"));
        check(Some(ParameterValue::Unset), None);
    }
}
