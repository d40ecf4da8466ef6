//! A strict reader of one call's parameters: what nobody asked for is refused, as Stripe refuses it.

use std::collections::BTreeMap;

use crate::{form::Pairs, refusal::Refusal};

/// Stripe's own limits, <https://docs.stripe.com/metadata>.
const METADATA_KEYS_MAX: usize = 50;
const METADATA_NAME_SIGNS_MAX: usize = 40;
const METADATA_VALUE_SIGNS_MAX: usize = 500;

pub type Metadata = BTreeMap<String, String>;

pub struct Parameters {
    pairs: Vec<(String, Option<String>)>,
}

impl Parameters {
    pub fn new(pairs: Pairs) -> Self {
        Self { pairs: pairs.into_iter().map(|(name, value)| (name, Some(value))).collect() }
    }

    /// The last value given under this very name; an empty one counts as not given.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.present(name).filter(|value| !value.is_empty())
    }

    fn present(&mut self, name: &str) -> Option<String> {
        let matching = self.pairs.iter_mut().filter(|(found, _)| found == name);
        matching.filter_map(|(_, value)| value.take()).last()
    }

    pub fn required(&mut self, name: &str) -> Result<String, Refusal> {
        self.text(name).ok_or_else(|| Refusal::missing_parameter(name))
    }

    pub fn integer(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.present(name) else { return Ok(None) };
        let refused =
            || Refusal::invalid(format!("Invalid integer: {text}")).with_code("parameter_invalid_integer");
        text.parse().map(Some).map_err(|_| refused().with_param(name))
    }

    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Refusal::invalid(format!("Invalid boolean: {other}")).with_param(name)),
        }
    }

    pub fn one_of(&mut self, name: &str, allowed: &[&'static str]) -> Result<Option<&'static str>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        allowed.iter().find(|candidate| **candidate == text).map(|found| Some(*found)).ok_or_else(|| {
            let message = format!("Invalid {name}: must be one of {}", allowed.join(", "));
            Refusal::invalid(message).with_param(name)
        })
    }

    /// `name[]=a`, `name[0]=a` and so on, in the order of arrival.
    pub fn list(&mut self, name: &str) -> Vec<String> {
        self.inside(name).into_iter().map(|(_, value)| value).collect()
    }

    pub fn metadata(&mut self) -> Result<Option<Metadata>, Refusal> {
        // `metadata=` with nothing behind it empties the whole set.
        let cleared = self.present("metadata").is_some();
        let entries = self.inside("metadata");
        if entries.is_empty() {
            return Ok(cleared.then(Metadata::new));
        }
        let refused = |message: String| Refusal::invalid(message).with_param("metadata");
        if entries.len() > METADATA_KEYS_MAX {
            return Err(refused(format!("Metadata can have at most {METADATA_KEYS_MAX} keys.")));
        }
        for (name, value) in &entries {
            if name.is_empty() || name.chars().count() > METADATA_NAME_SIGNS_MAX {
                return Err(refused(format!(
                    "Metadata keys must have 1 to {METADATA_NAME_SIGNS_MAX} characters."
                )));
            }
            if value.chars().count() > METADATA_VALUE_SIGNS_MAX {
                let message = format!(
                    "Metadata values can have up to {METADATA_VALUE_SIGNS_MAX} characters, but you passed in a value that is {} characters.",
                    value.chars().count()
                );
                return Err(refused(message).with_param(&format!("metadata[{name}]")));
            }
        }
        Ok(Some(entries.into_iter().collect()))
    }

    fn inside(&mut self, name: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (full, value) in &mut self.pairs {
            let inner = full.strip_prefix(name).and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'));
            if let Some(inner) = inner
                && !inner.contains(['[', ']'])
                && let Some(value) = value.take()
            {
                found.push((inner.to_owned(), value));
            }
        }
        found
    }

    /// Takes what Stripe accepts and this sandbox has no use for, nested or not.
    pub fn ignore(&mut self, names: &[&str]) {
        for (full, value) in &mut self.pairs {
            let root = full.split('[').next().unwrap_or_default();
            if names.contains(&root) {
                *value = None;
            }
        }
    }

    /// Refuses whatever was not asked for.
    pub fn finish(self) -> Result<(), Refusal> {
        let Some((name, _)) = self.pairs.iter().find(|(_, value)| value.is_some()) else { return Ok(()) };
        let refused = Refusal::invalid(format!("Received unknown parameter: {name}"));
        Err(refused.with_code("parameter_unknown").with_param(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::decode;

    fn read(text: &str) -> Parameters {
        Parameters::new(decode(text.as_bytes()).unwrap())
    }

    #[test]
    fn what_nobody_asked_for_is_refused() {
        let mut parameters = read("amount=5&metadata[a]=b&types[]=x&types[1]=y&options[card][z]=1&odd=1");
        assert_eq!(parameters.integer("amount").unwrap(), Some(5));
        assert_eq!(parameters.metadata().unwrap().unwrap()["a"], "b");
        assert_eq!(parameters.list("types"), ["x", "y"]);
        parameters.ignore(&["options"]);
        let refusal = parameters.finish().unwrap_err();
        assert_eq!(
            (refusal.code.as_deref(), refusal.param.as_deref()),
            (Some("parameter_unknown"), Some("odd"))
        );
    }

    #[test]
    fn metadata_keeps_stripes_limits() {
        let pairs =
            |count: usize| (0..count).map(|n| format!("metadata[k{n}]=v")).collect::<Vec<_>>().join("&");
        let check =
            |text: String, allowed: bool| assert_eq!(read(&text).metadata().is_ok(), allowed, "{text}");
        check(pairs(50), true);
        check(pairs(51), false);
        check(format!("metadata[{}]=v", "k".repeat(40)), true);
        check(format!("metadata[{}]=v", "k".repeat(41)), false);
        check(format!("metadata[k]={}", "v".repeat(500)), true);
        check(format!("metadata[k]={}", "v".repeat(501)), false);
    }
}
