//! The nested value of flat pairs: `shipping[address][city]=Porto`, as Rack reads them.
//!
//! | spelling          | value                                                             |
//! |-------------------|-------------------------------------------------------------------|
//! | `a=x`             | a text; if repeated, the last one                                 |
//! | `a[b]=x`          | a member                                                          |
//! | `a[0]=x`          | a member as well; the table decides whether its name is an index  |
//! | `a[]=x`           | an element                                                        |
//! | `a[b=x`, `a]=x`   | no nesting: all of it is a name                                   |

use crate::form::FormPairs;

/// Deeper than any of Stripe's parameters, and low enough for recursion.
const DEPTH_MAX: usize = 10;

#[derive(Clone, Debug, PartialEq)]
pub enum NestedValue {
    Text(String),
    Nested(NestedMembers),
    Elements(Vec<NestedValue>),
}

/// In the order of arrival.
pub type NestedMembers = Vec<(String, NestedValue)>;

/// The error is the name that is given both as a text and as a value with members.
pub fn nest(pairs: FormPairs) -> Result<NestedMembers, String> {
    let mut members = NestedMembers::new();
    for (name, text) in pairs {
        let path = segments(&name).unwrap_or_else(|| vec![&name]);
        insert(&mut members, &path, text).map_err(|()| path[0].to_owned())?;
    }
    Ok(members)
}

/// `a[b][]` -> `a`, `b` and an empty segment; `None` if the name is not nested.
fn segments(name: &str) -> Option<Vec<&str>> {
    let cut = name.find('[').unwrap_or(name.len());
    let (root, mut rest) = name.split_at(cut);
    if root.is_empty() || root.contains(']') {
        return None;
    }
    let mut found = vec![root];
    while !rest.is_empty() {
        let (segment, tail) = rest.strip_prefix('[')?.split_once(']')?;
        if segment.contains('[') || found.len() == DEPTH_MAX {
            return None;
        }
        found.push(segment);
        rest = tail;
    }
    Some(found)
}

fn insert(members: &mut NestedMembers, path: &[&str], text: String) -> Result<(), ()> {
    let (name, rest) = path.split_first().expect("a path has a first segment");
    if let Some((_, value)) = members.iter_mut().find(|(found, _)| found == name) {
        return merge(value, rest, text);
    }
    members.push(((*name).to_owned(), fresh(rest, text)?));
    Ok(())
}

fn fresh(path: &[&str], text: String) -> Result<NestedValue, ()> {
    match path {
        [] => Ok(NestedValue::Text(text)),
        ["", rest @ ..] => Ok(NestedValue::Elements(vec![fresh(rest, text)?])),
        path => {
            let mut members = NestedMembers::new();
            insert(&mut members, path, text)?;
            Ok(NestedValue::Nested(members))
        }
    }
}

fn merge(value: &mut NestedValue, path: &[&str], text: String) -> Result<(), ()> {
    match (value, path) {
        (NestedValue::Text(found), []) => *found = text,
        (NestedValue::Elements(elements), ["", rest @ ..]) => match elements.last_mut() {
            Some(NestedValue::Nested(members)) if lacks(members, rest) => insert(members, rest, text)?,
            _ => elements.push(fresh(rest, text)?),
        },
        (NestedValue::Nested(members), [name, ..]) if !name.is_empty() => insert(members, path, text)?,
        _ => return Err(()),
    }
    Ok(())
}

/// `a[][b]` goes to the last element until it has a `b`.
fn lacks(members: &NestedMembers, path: &[&str]) -> bool {
    path.first().is_some_and(|member| !members.iter().any(|(name, _)| name == member))
}

/// Formats a value as Stripe quotes it where it expected a text: `{"0":"a","1":"b"}`.
pub fn quote(value: &NestedValue) -> String {
    fn json(value: &NestedValue) -> serde_json::Value {
        match value {
            NestedValue::Text(text) => text.as_str().into(),
            NestedValue::Nested(members) => {
                members.iter().map(|(name, value)| (name.clone(), json(value))).collect()
            }
            NestedValue::Elements(elements) => {
                elements.iter().enumerate().map(|(index, value)| (index.to_string(), json(value))).collect()
            }
        }
    }
    match value {
        NestedValue::Text(text) => text.clone(),
        nested => json(nested).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::decode;

    #[test]
    fn bracketed_names_nest() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let found = nest(decode(text.as_bytes()).unwrap());
            let found = found.map(|members| quote(&NestedValue::Nested(members)));
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text}");
        };
        check("a=1&b=2&a=3", Ok(r#"{"a":"3","b":"2"}"#));
        check("a[b][c]=1&a[b][d]=2&a[e]=", Ok(r#"{"a":{"b":{"c":"1","d":"2"},"e":""}}"#));
        check("a[]=x&a[]=y", Ok(r#"{"a":{"0":"x","1":"y"}}"#));
        check("a[1]=x&a[0]=y", Ok(r#"{"a":{"0":"y","1":"x"}}"#));
        check("a[][b]=1&a[][c]=2&a[][b]=3", Ok(r#"{"a":{"0":{"b":"1","c":"2"},"1":{"b":"3"}}}"#));
        check("a[b=1&c]=2&[d]=3&e[f[g]]=4", Ok(r#"{"[d]":"3","a[b":"1","c]":"2","e[f[g]]":"4"}"#));
        check("a[][]=x&a[][]=y", Ok(r#"{"a":{"0":{"0":"x"},"1":{"0":"y"}}}"#));
        check("a=1&a[b]=2", Err("a"));
        check("a[]=1&a[b]=2", Err("a"));
        check("a[0]=1&a[]=2", Err("a"));
        check("a[b]=1&a=2", Err("a"));
        let deep = format!("a{}=1", "[b]".repeat(DEPTH_MAX));
        check(&deep, Ok(&format!(r#"{{"a{}":"1"}}"#, "[b]".repeat(DEPTH_MAX))));
    }
}
