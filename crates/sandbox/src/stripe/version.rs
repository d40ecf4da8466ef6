//! Versions of Stripe's API, <https://docs.stripe.com/api/versioning>: a call names its version, or
//! uses that of its account.
//!
//! A version decides which parameters a call may use. Objects are always shown in the newest
//! version: older shapes are not included.

use super::schema::SCHEMA;
use crate::refusal::StripeRefusal;

/// The account's version, which a call may override.
pub const DEFAULT: Version = Version("2026-10-28.endive");

/// An existing version. Later ones are greater, because a name begins with its date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(&'static str);

impl Version {
    pub fn name(self) -> &'static str {
        self.0
    }

    /// `header` is that of `Stripe-Version`.
    pub fn read(header: Option<&str>) -> Result<Self, StripeRefusal> {
        let Some(name) = header else { return Ok(DEFAULT) };
        let known = SCHEMA.enums["api_version"].iter().find(|known| *known == name);
        let unknown = || StripeRefusal::invalid(format!("Invalid Stripe API version: {name}"));
        known.map(|known| Self(known)).ok_or_else(unknown)
    }

    /// Whether a parameter that was removed in a version is absent in this one.
    pub fn is_from(self, since: &str) -> bool {
        self.0 >= since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_existing_versions_are_read() {
        let check = |header: Option<&str>, expected: Result<&str, &str>| {
            let found = Version::read(header);
            let found = found.as_ref().map(|version| version.name()).map_err(|refusal| &*refusal.message);
            assert_eq!(found, expected);
        };
        check(None, Ok("2026-10-28.endive"));
        check(Some("2020-08-27"), Ok("2020-08-27"));
        check(Some("2026-07-29.dahlia"), Ok("2026-07-29.dahlia"));
        check(Some("2026-07-29"), Err("Invalid Stripe API version: 2026-07-29"));
        check(Some("2026-10-28.Endive"), Err("Invalid Stripe API version: 2026-10-28.Endive"));
        check(Some(""), Err("Invalid Stripe API version: "));
        let names = &SCHEMA.enums["api_version"];
        assert!(names.is_sorted() && names.last().map(|name| &**name) == Some(DEFAULT.name()));
    }
}
