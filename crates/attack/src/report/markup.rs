//! Text that becomes part of a page: whatever it says, it is only read.

use std::fmt;

/// Written so that no character of it means anything to HTML or SVG, as an element's text or within quotes.
pub(super) struct Escaped<T>(pub T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.to_string().chars() {
            match letter {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                // What is no text of HTML would be read as something else, or end the page.
                letter if letter.is_control() && !matches!(letter, '\n' | '\t') => {
                    out.write_str("\u{fffd}")?;
                }
                letter => write!(out, "{letter}")?,
            }
        }
        Ok(())
    }
}

/// A page in the making.
#[derive(Default)]
pub(super) struct Markup(pub String);

impl Markup {
    /// What is put in is markup; text in it must have been [`Escaped`].
    pub fn put(&mut self, markup: fmt::Arguments<'_>) {
        fmt::Write::write_fmt(&mut self.0, markup).expect("a String takes it");
    }
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Milliseconds as a person says them.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1_000.0),
        _ => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// A name of the code as words: `met_in_flight`, `met in flight`.
pub(super) fn plain(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_means_anything() {
        let check = |text: &str, expected: &str| assert_eq!(Escaped(text).to_string(), expected);
        check("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
        check("a \"b\" & c", "a &quot;b&quot; &amp; c");
        check("]]><!-- \u{0} \u{1b}[31m", "]]&gt;&lt;!-- \u{fffd} \u{fffd}[31m");
        check("línea\n\u{1f6a2}", "línea\n\u{1f6a2}");
    }

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(
            [grouped(0), grouped(999), grouped(1_000), grouped(1_234_567)].join(" "),
            "0 999 1,000 1,234,567"
        );
        assert_eq!([span(7), span(1_500), span(61_000)].join(", "), "7 ms, 1.5 s, 1 min 01 s");
    }
}
