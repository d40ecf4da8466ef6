//! Checks a call's parameters against the table, before anything is executed.
//!
//! | refused                                    | Stripe's message                                      | code                        |
//! |--------------------------------------------|-------------------------------------------------------|-----------------------------|
//! | a name that the endpoint does not know     | `Received unknown parameter: shipping[odd]`           | `parameter_unknown`         |
//! | a name that the call's version has removed | `… is no longer supported …`                          | `…_no_longer_supported`     |
//! | a required parameter is missing            | `Missing required param: amount.`                     | `parameter_missing`         |
//! | an empty text that cannot unset anything   | `You passed an empty string for 'description'. …`     | `parameter_invalid_empty`   |
//! | another type                               | `Invalid integer: x`, `Invalid boolean: x`, …         | `parameter_invalid_integer` |
//! | a text that is not in the list             | `Invalid reason: must be one of duplicate, …, or …`   |                             |
//!
//! Only an integer's code is known; the other types have none. These refusals are not stored under
//! an idempotency key: <https://docs.stripe.com/api/idempotent_requests>.

use super::{
    schema::{Hash, ParameterType, Removed, SCHEMA, Type},
    unmodelled,
    version::Version,
};
use crate::{
    form::FormPairs,
    nesting::{NestedMembers, NestedValue, nest, quote},
    parameters::{METADATA_KEYS_MAX, ParameterValue, Parameters, StripeMetadata},
    refusal::StripeRefusal,
};

/// Stripe's limits, <https://docs.stripe.com/metadata>.
const METADATA_NAME_SIGNS_MAX: usize = 40;
const METADATA_VALUE_SIGNS_MAX: usize = 500;
/// The limit of every other text.
const TEXT_SIGNS_MAX: usize = 5_000;

/// `endpoint` is a name in the table, such as `POST /v1/payment_intents/{id}`.
pub fn check(endpoint: &str, version: Version, pairs: FormPairs) -> Result<Parameters, StripeRefusal> {
    let declared = &SCHEMA.endpoints[endpoint];
    let members = nest(pairs).map_err(|name| StripeRefusal::invalid("Invalid object").with_param(&name))?;
    let removed = |name: &str| {
        SCHEMA.removed.iter().find(|removed| removed.endpoint == endpoint && removed.parameter == name)
    };
    let unknown = members.iter().map(|(name, _)| &**name);
    let unknown = unknown.filter(|name| !declared.contains_key(*name) && removed(name).is_none());
    refuse_unknown(&unknown.collect::<Vec<_>>())?;
    let gone = |name: &str| removed(name).filter(|removed| version.is_from(&removed.since));
    if let Some(removed) = members.iter().find_map(|(name, _)| gone(name)) {
        return Err(no_longer_supported(removed));
    }
    let mut given = Vec::new();
    for (name, value) in members {
        let declared = declared.get(&name).or_else(|| removed(&name).map(|removed| &removed.r#type));
        let declared = declared.expect("unknown names are refused already");
        let value = typed(declared, &name, value)?;
        given.push((name, value));
    }
    let given = given.into_iter().collect();
    refuse_missing(declared, None, &given)?;
    Ok(given)
}

fn refuse_unknown(names: &[&str]) -> Result<(), StripeRefusal> {
    let Some(first) = names.first() else { return Ok(()) };
    let plural = if names.len() > 1 { "s" } else { "" };
    let message = format!("Received unknown parameter{plural}: {}", names.join(", "));
    Err(StripeRefusal::invalid(message).with_code("parameter_unknown").with_param(first))
}

fn no_longer_supported(removed: &Removed) -> StripeRefusal {
    let Removed { parameter, since, .. } = removed;
    let message = format!("The parameter `{parameter}` is no longer supported as of API version {since}.");
    StripeRefusal::invalid(message)
        .with_code(format!("{parameter}_no_longer_supported"))
        .with_param(parameter)
}

fn refuse_missing(declared: &Hash, path: Option<&str>, given: &Parameters) -> Result<(), StripeRefusal> {
    let missing = declared.iter().find(|(name, declared)| declared.required && !given.has(name));
    let Some((name, _)) = missing else { return Ok(()) };
    Err(StripeRefusal::missing_parameter(&path.map_or(name.clone(), |path| format!("{path}[{name}]"))))
}

/// `path` is the name with its brackets.
fn typed(declared: &ParameterType, path: &str, value: NestedValue) -> Result<ParameterValue, StripeRefusal> {
    if matches!(&value, NestedValue::Text(text) if text.is_empty()) {
        return if declared.unsets { Ok(ParameterValue::Unset) } else { Err(empty(path)) };
    }
    let types = &declared.types;
    let has_members = |r#type: &Type| matches!(r#type, Type::Hash(_) | Type::Map | Type::Array(_));
    // If several types are allowed, the error is that of the type that the value resembles.
    let alike = types.iter().find(|r#type| has_members(r#type) != matches!(value, NestedValue::Text(_)));
    let fitting = types.iter().find_map(|r#type| single(r#type, path, value.clone()).ok());
    let given = match fitting {
        Some(given) => given,
        None => single(alike.unwrap_or(&types[0]), path, value)?,
    };
    unmodelled::check(path, &given)?;
    Ok(given)
}

fn single(r#type: &Type, path: &str, value: NestedValue) -> Result<ParameterValue, StripeRefusal> {
    let refused = |message: String| Err(StripeRefusal::invalid(message).with_param(path));
    match (r#type, value) {
        (Type::Unmodelled, _) => Err(unmodelled::refusal(path)),
        (Type::Text, NestedValue::Text(text)) if text.chars().count() > TEXT_SIGNS_MAX => {
            let start: String = text.chars().take(40).collect();
            refused(format!("Invalid string: {start}...; must be at most {TEXT_SIGNS_MAX} characters"))
        }
        (Type::Text, NestedValue::Text(text)) => Ok(ParameterValue::Text(text)),
        (Type::Text, value) => refused(format!("Invalid string: {}", quote(&value))),
        (Type::Integer, value) => integer(&value).map(ParameterValue::Integer).ok_or_else(|| {
            StripeRefusal::invalid(format!("Invalid integer: {}", quote(&value)))
                .with_code("parameter_invalid_integer")
                .with_param(path)
        }),
        (Type::Boolean, value) => match &*quote(&value) {
            "true" => Ok(ParameterValue::Boolean(true)),
            "false" => Ok(ParameterValue::Boolean(false)),
            other => refused(format!("Invalid boolean: {other}")),
        },
        (Type::OneOf(name), value) => match (&SCHEMA.enums[name], value) {
            (choices, NestedValue::Text(text)) if choices.contains(&text) => Ok(ParameterValue::Text(text)),
            (choices, _) => refused(format!("Invalid {path}: must be one of {}", alternatives(choices))),
        },
        (Type::Array(element), NestedValue::Nested(members)) => {
            let indexed = members.into_iter().map(|(name, value)| Some((name.parse().ok()?, value)));
            let Some(mut indexed) = indexed.collect::<Option<Vec<(usize, NestedValue)>>>() else {
                return refused("Invalid array".to_owned());
            };
            indexed.sort_by_key(|(index, _)| *index);
            array(element, path, indexed.into_iter().map(|(_, value)| value))
        }
        (Type::Array(element), NestedValue::Elements(elements)) => array(element, path, elements.into_iter()),
        (Type::Array(_), NestedValue::Text(_)) => refused("Invalid array".to_owned()),
        (Type::Hash(name), NestedValue::Nested(members)) => hash(&SCHEMA.hashes[name], path, members),
        (Type::Map, NestedValue::Nested(members)) => map(path, members).map(ParameterValue::Map),
        (Type::Hash(_) | Type::Map, NestedValue::Text(_) | NestedValue::Elements(_)) => {
            refused("Invalid object".to_owned())
        }
    }
}

fn empty(path: &str) -> StripeRefusal {
    let message = format!(
        "You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter; however '{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty value."
    );
    StripeRefusal::invalid(message).with_code("parameter_invalid_empty").with_param(path)
}

fn integer(value: &NestedValue) -> Option<i64> {
    let NestedValue::Text(text) = value else { return None };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_integer = !digits.is_empty() && digits.bytes().all(|sign| sign.is_ascii_digit());
    is_integer.then(|| text.parse().ok())?
}

/// `duplicate, fraudulent, or requested_by_customer`.
fn alternatives(choices: &[String]) -> String {
    match choices {
        [] => String::new(),
        [only] => only.clone(),
        [first, second] => format!("{first} or {second}"),
        [others @ .., last] => format!("{}, or {last}", others.join(", ")),
    }
}

fn array(
    element: &Type,
    path: &str,
    values: impl Iterator<Item = NestedValue>,
) -> Result<ParameterValue, StripeRefusal> {
    let mut elements = Vec::new();
    for (index, value) in values.enumerate() {
        let path = format!("{path}[{index}]");
        if matches!(&value, NestedValue::Text(text) if text.is_empty()) {
            return Err(empty(&path));
        }
        elements.push(single(element, &path, value)?);
    }
    Ok(ParameterValue::List(elements))
}

fn hash(declared: &Hash, path: &str, members: NestedMembers) -> Result<ParameterValue, StripeRefusal> {
    let full = |name: &str| format!("{path}[{name}]");
    let unknown = members.iter().filter(|(name, _)| !declared.contains_key(name));
    let unknown: Vec<String> = unknown.map(|(name, _)| full(name)).collect();
    refuse_unknown(&unknown.iter().map(String::as_str).collect::<Vec<_>>())?;
    let mut given = Vec::new();
    for (name, value) in members {
        let value = typed(&declared[&name], &full(&name), value)?;
        given.push((name, value));
    }
    let given = given.into_iter().collect();
    refuse_missing(declared, Some(path), &given)?;
    Ok(ParameterValue::Hash(given))
}

/// Only the members of metadata are named by callers.
fn map(path: &str, members: NestedMembers) -> Result<StripeMetadata, StripeRefusal> {
    if members.len() > METADATA_KEYS_MAX {
        let message = format!(
            "Metadata can have up to {METADATA_KEYS_MAX} keys, but you passed in {} keys.",
            members.len()
        );
        return Err(StripeRefusal::invalid(message).with_param(path));
    }
    let mut entries = StripeMetadata::new();
    for (name, value) in members {
        let path = format!("{path}[{name}]");
        let refused = |message: String| Err(StripeRefusal::invalid(message).with_param(&path));
        let NestedValue::Text(value) = value else {
            return refused(format!("Invalid string: {}", quote(&value)));
        };
        let signs = name.chars().count();
        if signs > METADATA_NAME_SIGNS_MAX {
            return refused(format!(
                "Metadata keys can have up to {METADATA_NAME_SIGNS_MAX} characters, but you passed in a key that is {signs} characters. Invalid key: {name}"
            ));
        }
        let signs = value.chars().count();
        if signs > METADATA_VALUE_SIGNS_MAX {
            return refused(format!(
                "Metadata values can have up to {METADATA_VALUE_SIGNS_MAX} characters, but you passed in a value that is {signs} characters. Invalid value: {value}"
            ));
        }
        entries.insert(name, value);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests;
