//! A slug: the name of a tenant in configurations, in scripts and on the command line.

use api::card_number;
use uuid::Uuid;

/// A slug can become a label of a host name, which is at most this long.
pub const CHARS_MAX: usize = 63;

/// Makes a slug from a name: its letters and digits, in lower case, with hyphens for everything
/// between them.
pub fn of_name(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars().filter(|character| *character != '\'') {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(CHARS_MAX);
    slug.trim_end_matches('-').to_owned()
}

/// Refuses what is not a slug, with a sentence.
pub fn check(slug: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [slug.bytes().next(), slug.bytes().last()];
    let is_one = slug.len() <= CHARS_MAX
        && slug.bytes().all(|byte| plain(byte) || byte == b'-')
        && ends.iter().all(|end| end.is_some_and(plain));
    if !is_one {
        return Err(format!(
            "a slug has 1 to {CHARS_MAX} small letters, digits and hyphens, and no hyphen at its ends: give one with --slug"
        ));
    }
    // A reader could not distinguish it from an id.
    if slug.parse::<Uuid>().is_ok() {
        return Err("a slug must not have the form of an id: give another one with --slug".to_owned());
    }
    if card_number::is_in(slug) {
        return Err("a slug must not contain what looks like a card number".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_makes_a_slug() {
        let long = "a".repeat(62) + " b";
        for (name, slug) in [
            ("Harbour Tours", "harbour-tours"),
            ("  O'Neill & Sons, 2026  ", "oneill-sons-2026"),
            ("Ålesund", "lesund"),
            ("日本", ""),
            (&long, &"a".repeat(62)),
        ] {
            assert_eq!(of_name(name), slug, "{name}");
            assert_eq!(check(slug).is_ok(), !slug.is_empty(), "{slug}");
        }
    }

    #[test]
    fn what_is_no_slug_is_refused() {
        let long = "a".repeat(64);
        for (slug, reason) in [
            ("", "small letters"),
            ("-a", "small letters"),
            ("a-", "small letters"),
            ("A", "small letters"),
            ("a b", "small letters"),
            ("é", "small letters"),
            (&long, "small letters"),
            ("01a1fd81-1bc0-7000-8000-000000000000", "an id"),
            ("tours-4242424242424242", "card number"),
        ] {
            assert!(check(slug).unwrap_err().contains(reason), "{slug}");
        }
    }
}
