//! A decision lists its refusals first. After the line that announces it nothing can fail, so no
//! `?` may follow.

use std::path::Path;

const LINE: &str = "Nothing can fail from here on";

pub fn check_file(path: &Path, text: &str) -> Vec<String> {
    if !path.starts_with("crates/domain/src") {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    // The indentation of the body in which nothing can fail.
    let mut within: Option<usize> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if code.starts_with("//") {
            if code.contains(LINE) && !code.starts_with("///") && !code.starts_with("//!") {
                within = Some(indent);
            }
        } else if !code.is_empty() && within.is_some_and(|body| indent < body) {
            within = None;
        } else if within.is_some() && has_question_mark(code) {
            complaints.push(format!("{}:{number}: `?` after `{LINE}`: decide it above", path.display()));
        }
    }
    complaints
}

/// Whether the line contains the operator, outside of texts and comments.
fn has_question_mark(code: &str) -> bool {
    let (mut in_text, mut before) = (false, ' ');
    for letter in code.split("//").next().unwrap_or_default().chars() {
        match letter {
            '"' if before != '\\' => in_text = !in_text,
            '?' if !in_text
                && (before.is_alphanumeric() || matches!(before, ')' | ']' | '}' | '_' | '?')) =>
            {
                return true;
            }
            _ => {}
        }
        before = letter;
    }
    // A method chain over several lines.
    code.starts_with('?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_fails_after_the_line() {
        let line = concat!("    // Nothing can fail", " from here on.\n");
        let check = |body: &str, numbers: &[u32]| {
            let text = format!("fn decide() {{\n    a()?;\n{line}{body}}}\n\nfn other() {{\n    b()?;\n}}\n");
            let expected = numbers.iter().map(|number| {
                format!("crates/domain/src/a.rs:{number}: `?` after `{LINE}`: decide it above")
            });
            let complaints = check_file(Path::new("crates/domain/src/a.rs"), &text);
            assert_eq!(complaints, expected.collect::<Vec<_>>(), "{body}");
            assert_eq!(check_file(Path::new("crates/store/src/a.rs"), &text), [""; 0]);
        };
        check("    put(a);\n", &[]);
        check("    put(a)?;\n", &[4]);
        check("\n    if a {\n        put(a?.b, rows[1]?);\n    }\n    last()?\n", &[6, 8]);
        check("    a\n        .put()\n        ?;\n", &[6]);
        check("    say(\"why?\", \"\\\"so?\"); // or not()?\n", &[]);
        check("    fn of<T: ?Sized>(of: &T) {}\n", &[]);
        check("    say(\"done\", a?);\n", &[4]);
    }

    #[test]
    fn a_page_that_names_the_line_is_no_body() {
        let text = concat!("//! Nothing can fail", " from here on\nfn a() {\n    b()?;\n}\n");
        assert_eq!(check_file(Path::new("crates/domain/src/a.rs"), text), [""; 0]);
    }
}
