//! Limits how often one place in the code may write a log line. A full disk or an unreachable database
//! fails every request with the same message; thousands of repetitions would hide other messages
//! and fill another disk.

use std::collections::HashMap;

use parking_lot::Mutex;
use std::time::Instant;

use tracing::callsite::Identifier;

/// Lines in a row.
const BURST: f64 = 100.0;
const PER_SECOND: f64 = 5.0;

#[derive(Default)]
pub struct Limit {
    sites: Mutex<HashMap<Identifier, LogSite>>,
}

struct LogSite {
    left: f64,
    at: Instant,
    left_out: u64,
}

impl Limit {
    /// How many lines of this site were omitted before this line, which is to be written; `None`
    /// if this line is omitted too.
    pub fn admit(&self, site: Identifier, now: Instant) -> Option<u64> {
        let mut sites = self.sites.lock();
        let site = sites.entry(site).or_insert(LogSite { left: BURST, at: now, left_out: 0 });
        let since = now.saturating_duration_since(site.at).as_secs_f64();
        (site.left, site.at) = ((site.left + since * PER_SECOND).min(BURST), now);
        if site.left < 1.0 {
            site.left_out += 1;
            return None;
        }
        site.left -= 1.0;
        Some(std::mem::take(&mut site.left_out))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing::callsite::Callsite as _;

    use super::*;

    #[test]
    fn repeated_lines_of_one_site_are_limited_and_counted() {
        let one = tracing::callsite!(name: "one", kind: tracing::metadata::Kind::EVENT, fields: a);
        let other = tracing::callsite!(name: "other", kind: tracing::metadata::Kind::EVENT, fields: a);
        let (one, other) = (one.metadata().callsite(), other.metadata().callsite());
        let (limit, begun) = (Limit::default(), Instant::now());
        let written = (0..26_297).filter(|_| limit.admit(one.clone(), begun).is_some()).count();
        assert_eq!(written, 100);
        assert_eq!(limit.admit(other, begun), Some(0), "lines of other sites are written meanwhile");
        assert_eq!(
            limit.admit(one.clone(), begun + Duration::from_secs(1)),
            Some(26_197),
            "the number of omitted lines is reported"
        );
        let later = begun + Duration::from_secs(2);
        let written = (0..100).filter(|_| limit.admit(one.clone(), later).is_some()).count();
        assert_eq!(written, 9);
        assert_eq!(limit.admit(one, later + Duration::from_mins(1)), Some(91));
    }
}
