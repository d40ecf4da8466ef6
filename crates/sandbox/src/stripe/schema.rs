//! The table of Stripe's parameters, which `tests/official_sdk/parameters.mjs` generates from the
//! types of the official SDK. The comment at the top of the script explains the notation.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::{Deserialize, Deserializer, de::Error};

#[derive(Deserialize)]
pub struct Schema {
    /// By method and path: `POST /v1/payment_intents/{id}/confirm`.
    pub endpoints: BTreeMap<String, Hash>,
    pub removed: Vec<Removed>,
    pub hashes: BTreeMap<String, Hash>,
    pub enums: BTreeMap<String, Vec<String>>,
    /// By object: which members are shown as an id unless expanded, and their types.
    pub expandable: BTreeMap<String, BTreeMap<String, String>>,
}

pub type Hash = BTreeMap<String, ParameterType>;

/// A parameter that newer versions of the API do not accept.
#[derive(Deserialize)]
pub struct Removed {
    pub endpoint: String,
    pub parameter: String,
    pub r#type: ParameterType,
    /// The first version without it.
    pub since: String,
}

/// The types of one parameter.
#[derive(Debug, PartialEq)]
pub struct ParameterType {
    pub required: bool,
    /// The empty text unsets it.
    pub unsets: bool,
    /// It may be any of these.
    pub types: Vec<Type>,
}

#[derive(Debug, PartialEq)]
pub enum Type {
    Text,
    Integer,
    Boolean,
    /// Texts under names that the caller chooses.
    Map,
    OneOf(String),
    Hash(String),
    Array(Box<Type>),
    Unmodelled,
}

/// An unreadable table is a broken build; the tests read it.
pub static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let table = include_str!("parameters.json");
    serde_json::from_str(table).expect("the generator wrote the table")
});

impl<'de> Deserialize<'de> for ParameterType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        declared(&text).ok_or_else(|| D::Error::custom(format!("{text} is no type")))
    }
}

fn declared(text: &str) -> Option<ParameterType> {
    let required = text.ends_with('!');
    let mut parts: Vec<&str> = text.trim_end_matches('!').split('|').collect();
    let unsets = parts[0] == "''";
    if unsets {
        parts.remove(0);
    }
    let types: Option<Vec<Type>> = parts.into_iter().map(parse_single).collect();
    types.filter(|types| !types.is_empty()).map(|types| ParameterType { required, unsets, types })
}

fn parse_single(text: &str) -> Option<Type> {
    if let Some(element) = text.strip_suffix("[]") {
        return parse_single(element).map(|element| Type::Array(Box::new(element)));
    }
    let inside = |open, close| text.strip_prefix(open)?.strip_suffix(close).map(str::to_owned);
    match text {
        "string" => Some(Type::Text),
        "integer" => Some(Type::Integer),
        "boolean" => Some(Type::Boolean),
        "map" => Some(Type::Map),
        "unmodelled" => Some(Type::Unmodelled),
        _ => inside('(', ')').map(Type::OneOf).or_else(|| inside('{', '}').map(Type::Hash)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_parsed() {
        let check = |text: &str, required: bool, unsets: bool, types: Vec<Type>| {
            assert_eq!(declared(text), Some(ParameterType { required, unsets, types }), "{text}");
        };
        check("string!", true, false, vec![Type::Text]);
        check("''|map", false, true, vec![Type::Map]);
        check("boolean|(a.b)", false, false, vec![Type::Boolean, Type::OneOf("a.b".into())]);
        check("''|{shipping}[]!", true, true, vec![Type::Array(Box::new(Type::Hash("shipping".into())))]);
        assert_eq!(declared("number"), None);
        assert_eq!(declared("''"), None);
    }

    #[test]
    fn every_name_in_the_table_is_defined() {
        fn names(found: &Type) -> Option<(bool, &str)> {
            match found {
                Type::Array(element) => names(element),
                Type::Hash(name) => Some((true, name)),
                Type::OneOf(name) => Some((false, name)),
                _ => None,
            }
        }
        let hashes = SCHEMA.endpoints.values().chain(SCHEMA.hashes.values());
        let declared =
            hashes.flat_map(BTreeMap::values).chain(SCHEMA.removed.iter().map(|found| &found.r#type));
        for (is_hash, name) in declared.flat_map(|declared| &declared.types).filter_map(names) {
            let known =
                if is_hash { SCHEMA.hashes.contains_key(name) } else { SCHEMA.enums.contains_key(name) };
            assert!(known, "{name}");
        }
        assert!(SCHEMA.removed.iter().all(|found| SCHEMA.endpoints.contains_key(&found.endpoint)));
    }
}
