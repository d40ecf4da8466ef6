//! Money is whole minor units. Where it is counted no floating-point number may stand: not in a type, and
//! not read from JSON.

use std::path::Path;

/// Where money is counted, converted or written.
const COUNTING: [&str; 9] = [
    "crates/domain/src",
    "crates/providers/src",
    "crates/api/src",
    "crates/check/src",
    "crates/store/src/queries",
    "crates/server/src/http/endpoints",
    "crates/server/src/consumers",
    "crates/server/src/webhooks",
    "crates/sandbox/src",
];

/// These take no part in it: the parser of JSON has to refuse numbers that are no integers, and faults have
/// probabilities.
const EXCEPT: [&str; 3] =
    ["crates/api/src/json.rs", "crates/sandbox/src/faults.rs", "crates/sandbox/src/random.rs"];

const FLOATS: [&str; 3] = ["f32", "f64", "as_f64"];

pub fn check_file(path: &Path, text: &str) -> Vec<String> {
    let counts_money = COUNTING.iter().any(|folder| path.starts_with(folder));
    if !counts_money || EXCEPT.iter().any(|file| path == Path::new(file)) {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.split("//").next().unwrap_or_default();
        let mut words = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        if let Some(float) = words.find(|word| FLOATS.contains(word)) {
            complaints.push(format!("{}:{number}: `{float}` where money is counted", path.display()));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_no_fractions() {
        let text =
            "let a: i64 = 1;\nlet b = value.as_f64();\n// an f64\nfn c(d: &[f32]) {}\nlet half64 = 1;\n";
        let complaints = check_file(Path::new("crates/domain/src/money.rs"), text);
        assert_eq!(
            complaints,
            [
                "crates/domain/src/money.rs:2: `as_f64` where money is counted",
                "crates/domain/src/money.rs:4: `f32` where money is counted",
            ]
        );
        for elsewhere in ["crates/resilience/src/a.rs", "crates/api/src/json.rs"] {
            assert_eq!(check_file(Path::new(elsewhere), text), [""; 0]);
        }
    }
}
