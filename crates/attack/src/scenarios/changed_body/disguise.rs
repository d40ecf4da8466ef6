//! The same JSON in another form.

use std::fmt::Write as _;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde_json::Value;

/// Members in another order, white space anywhere, some letters as escapes. The meaning stays the
/// same.
pub(super) fn disguise(value: &Value, random: &mut StdRng) -> String {
    let mut text = String::new();
    write(value, random, &mut text);
    text
}

fn write(value: &Value, random: &mut StdRng, text: &mut String) {
    gap(random, text);
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.shuffle(random);
            text.push('{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                gap(random, text);
                string(name, random, text);
                gap(random, text);
                text.push(':');
                write(value, random, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write(item, random, text);
            }
            text.push(']');
        }
        Value::String(value) => string(value, random, text),
        other => write!(text, "{other}").expect("a String takes it"),
    }
    gap(random, text);
}

fn gap(random: &mut StdRng, text: &mut String) {
    const GAPS: [&str; 6] = ["", "", "", " ", "\n\t", "\r\n  "];
    text.push_str(GAPS[random.random_range(0..GAPS.len())]);
}

fn string(value: &str, random: &mut StdRng, text: &mut String) {
    text.push('"');
    for letter in value.chars() {
        let must = letter == '"' || letter == '\\' || letter < ' ';
        if must || random.random_bool(0.2) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(text, "\\u{unit:04x}").expect("a String takes it");
            }
        } else {
            text.push(letter);
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_meaning_stays_the_same() {
        let value =
            json!({ "a": [1, -2, true, null, "x\"\\\n\u{1f6a2}"], "b": { "c": "d", "e": 5 }, "f": "" });
        let plain = value.to_string();
        let mut random = StdRng::seed_from_u64(1);
        for _ in 0..200 {
            let text = disguise(&value, &mut random);
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "{text}");
            assert_ne!(text, plain);
        }
    }
}
