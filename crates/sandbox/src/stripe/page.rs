//! Stripe's lists: newest first, `limit`, `starting_after`, `ending_before`, and `created` bounds.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use serde::Serialize;

use crate::{parameters::Parameters, refusal::StripeRefusal};

const LIMIT_DEFAULT: i64 = 10;
const LIMIT_MAX: i64 = 100;
/// Objects are in the order of their creation, but the clock may have been set back by up to this
/// long meanwhile. A search stops when objects are older than that, so that a list of the last
/// minute does not read a whole day.
const CLOCK_SLACK_S: i64 = 3_600;

pub struct StripePage {
    limit: usize,
    after: Option<String>,
    before: Option<String>,
    /// Inclusive, Unix seconds.
    since: i64,
    until: i64,
}

/// An item of a list: an id that grows with age, and a creation time in Unix seconds.
pub trait Listed {
    fn id(&self) -> &str;
    fn created(&self) -> i64;
}

impl StripePage {
    /// `exists` says whether a cursor is one of the listed objects, which are called `what`.
    pub fn read(
        parameters: &mut Parameters,
        what: &str,
        exists: impl Fn(&str) -> bool,
    ) -> Result<Self, StripeRefusal> {
        let mut page = Self {
            limit: limit(parameters.integer("limit").unwrap_or(LIMIT_DEFAULT))?,
            after: parameters.text("starting_after"),
            before: parameters.text("ending_before"),
            since: i64::MIN,
            until: i64::MAX,
        };
        for (name, cursor) in [("starting_after", &page.after), ("ending_before", &page.before)] {
            if let Some(id) = cursor.as_ref().filter(|id| !exists(id)) {
                return Err(StripeRefusal::missing_object(what, id, name));
            }
        }
        if page.after.is_some() && page.before.is_some() {
            let message =
                "Received both starting_after and ending_before parameters. Please pass in only one.";
            return Err(StripeRefusal::invalid(message));
        }
        if let Some(exactly) = parameters.integer_of("created") {
            (page.since, page.until) = (exactly, exactly);
        }
        if let Some(mut bounds) = parameters.hash("created") {
            let mut bound = |name: &str| bounds.integer(name);
            page.since = bound("gte").unwrap_or(i64::MIN);
            page.since = page.since.max(bound("gt").map_or(i64::MIN, |after| after.saturating_add(1)));
            page.until = bound("lte").unwrap_or(i64::MAX);
            page.until = page.until.min(bound("lt").map_or(i64::MAX, |before| before.saturating_sub(1)));
        }
        Ok(page)
    }

    /// A page of a whole map.
    pub fn of_map<'a, T: Listed>(&self, all: &'a BTreeMap<String, T>) -> (Vec<&'a T>, bool) {
        match &self.after {
            Some(after) => {
                let older = all.range::<str, _>((Unbounded, Excluded(after.as_str())));
                self.select(older.rev().map(|(_, item)| item))
            }
            None => self.select(all.values().rev()),
        }
    }

    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// A page of items, newest first, and whether there are more.
    pub fn select<T: Listed>(&self, newest_first: impl Iterator<Item = T>) -> (Vec<T>, bool) {
        let in_reach = |item: &T| item.created() >= self.since.saturating_sub(CLOCK_SLACK_S);
        let fits = |item: &T| {
            (self.since..=self.until).contains(&item.created())
                && self.after().is_none_or(|after| item.id() < after)
        };
        let newest_first = newest_first.take_while(in_reach);
        let Some(before) = &self.before else {
            let mut found: Vec<T> = newest_first.filter(fits).take(self.limit + 1).collect();
            let has_more = found.len() > self.limit;
            found.truncate(self.limit);
            return (found, has_more);
        };
        let newer = newest_first.take_while(|item| item.id() > before.as_str()).filter(fits);
        let mut newer: Vec<T> = newer.collect();
        let skipped = newer.len().saturating_sub(self.limit);
        (newer.split_off(skipped), skipped > 0)
    }
}

/// Stripe documents 1 to 100 and uses the nearest limit for other values. The sandbox is stricter
/// and refuses them.
fn limit(asked: i64) -> Result<usize, StripeRefusal> {
    let message = match asked {
        ..1 => "This value must be greater than or equal to 1.".to_owned(),
        1..=LIMIT_MAX => return Ok(asked as usize),
        _ => format!("This value must be less than or equal to {LIMIT_MAX}."),
    };
    Err(StripeRefusal::invalid(message).with_code("parameter_invalid_integer").with_param("limit"))
}

impl<T: Listed> Listed for &T {
    fn id(&self) -> &str {
        (*self).id()
    }

    fn created(&self) -> i64 {
        (*self).created()
    }
}

#[derive(Serialize)]
struct List<T> {
    object: &'static str,
    data: Vec<T>,
    has_more: bool,
    url: String,
}

pub fn render<T: Serialize>(url: impl Into<String>, data: Vec<T>, has_more: bool) -> Vec<u8> {
    json(&List { object: "list", data, has_more, url: url.into() })
}

pub fn json<T: Serialize>(shown: &T) -> Vec<u8> {
    serde_json::to_vec(shown).expect("these types have only text keys")
}
