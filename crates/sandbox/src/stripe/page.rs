//! Stripe's lists: newest first, `limit`, `starting_after`, `ending_before`, and `created` bounds.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use serde::Serialize;

use crate::{parameters::Parameters, refusal::Refusal};

const LIMIT_DEFAULT: i64 = 10;
const LIMIT_MAX: i64 = 100;
/// Objects are in the order of their making; so far back may the clock have been set meanwhile.
/// Beyond it nothing newer is looked for, so that a list of the last minute does not read a whole day.
const CLOCK_SLACK_S: i64 = 3_600;

pub struct Page {
    limit: usize,
    after: Option<String>,
    before: Option<String>,
    /// Inclusive, Unix seconds.
    since: i64,
    until: i64,
}

/// What a list is made of: an id that grows with age, and a birthday in Unix seconds.
pub trait Listed {
    fn id(&self) -> &str;
    fn created(&self) -> i64;
}

impl Page {
    pub fn read(parameters: &mut Parameters) -> Result<Self, Refusal> {
        let limit = parameters.integer("limit")?.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            let message = format!("Invalid integer: limit must be between 1 and {LIMIT_MAX}");
            return Err(Refusal::invalid(message).with_code("parameter_invalid_integer").with_param("limit"));
        }
        let mut page = Self {
            limit: limit as usize,
            after: parameters.text("starting_after"),
            before: parameters.text("ending_before"),
            since: i64::MIN,
            until: i64::MAX,
        };
        if let Some(exactly) = parameters.integer("created")? {
            (page.since, page.until) = (exactly, exactly);
        }
        if let Some(bound) = parameters.integer("created[gte]")? {
            page.since = page.since.max(bound);
        }
        if let Some(bound) = parameters.integer("created[gt]")? {
            page.since = page.since.max(bound.saturating_add(1));
        }
        if let Some(bound) = parameters.integer("created[lte]")? {
            page.until = page.until.min(bound);
        }
        if let Some(bound) = parameters.integer("created[lt]")? {
            page.until = page.until.min(bound.saturating_sub(1));
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

    /// A page of items that come newest first, and whether there are more.
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
    url: &'static str,
}

pub fn render<T: Serialize>(url: &'static str, data: Vec<T>, has_more: bool) -> Vec<u8> {
    json(&List { object: "list", data, has_more, url })
}

pub fn json<T: Serialize>(shown: &T) -> Vec<u8> {
    serde_json::to_vec(shown).expect("these shapes have no keys that are not text")
}
