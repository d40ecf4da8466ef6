//! The only place that reads the time of day. All other code gets it from here.
//!
//! | clock | for |
//! |---|---|
//! | [`SystemClock`] | comparisons with another system's time of day: the signatures and event lists of providers; ids |
//! | [`SteadyClock`] | all waits: leases, retries, holds. On PostgreSQL it only selects what to check, and the database's clock decides |

use std::fmt;

use parking_lot::Mutex;
use std::time::{Duration, Instant, SystemTime};

use domain::Timestamp;
use domain::time::Span;
use store::{Clock, Store};
use tracing::warn;

use crate::metrics::catalogue::CLOCK_BEHIND_SECONDS;

/// A clock that goes back by less than this is being corrected, as NTP does.
const BEHIND_MAX: Span = Span::seconds(5);

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is injected everywhere else")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp(since_epoch.map_or(0, |elapsed| i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// The machine's clock while it goes forward, otherwise the time that has passed since: it never
/// goes back. With the machine's clock alone, setting it back by an hour would delay everything
/// that is due by an hour.
pub struct SteadyClock<W = SystemClock> {
    wall: W,
    /// The time that has passed, independent of the machine's clock.
    passed: Box<dyn Fn() -> Duration + Send + Sync>,
    state: Mutex<State>,
}

struct State {
    /// The latest time that was taken from the machine's clock, and the passed time at that moment.
    taken_over: Timestamp,
    at: Duration,
    /// Whether the warning about the machine's clock was logged.
    warned: bool,
}

impl SteadyClock {
    pub fn start() -> SteadyClock {
        let begun = Instant::now();
        SteadyClock::over(SystemClock, move || begun.elapsed())
    }
}

impl<W: Clock> SteadyClock<W> {
    fn over(wall: W, passed: impl Fn() -> Duration + Send + Sync + 'static) -> SteadyClock<W> {
        let state = State { taken_over: wall.now(), at: passed(), warned: false };
        SteadyClock { wall, passed: Box::new(passed), state: Mutex::new(state) }
    }

    /// The time, how far the machine's clock is behind it, and whether a warning is due now.
    fn read(&self) -> (Timestamp, Span, bool) {
        let mut state = self.state.lock();
        let (wall, passed) = (self.wall.now(), (self.passed)());
        let since = passed.saturating_sub(state.at).as_micros();
        let steady = state.taken_over.plus(Span(i64::try_from(since).unwrap_or(i64::MAX)));
        if wall >= steady {
            *state = State { taken_over: wall, at: passed, warned: false };
            return (wall, Span(0), false);
        }
        let behind = steady.since(wall);
        let is_news = behind > BEHIND_MAX && !state.warned;
        state.warned |= is_news;
        (steady, behind, is_news)
    }
}

impl<W: Clock> Clock for SteadyClock<W> {
    fn now(&self) -> Timestamp {
        let (now, behind, is_news) = self.read();
        CLOCK_BEHIND_SECONDS.set((), behind.0 as f64 / 1_000_000.0);
        if is_news {
            warn!(
                seconds = behind.as_seconds(),
                "the machine's clock was set back; this process goes on by the time that has passed, until it is restarted"
            );
        }
        now
    }
}

impl<W: fmt::Debug> fmt::Debug for SteadyClock<W> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SteadyClock").field("wall", &self.wall).finish_non_exhaustive()
    }
}

/// Warns if the clock is behind the database, as when it was set back while no process ran.
pub async fn warn_if_behind(clock: &dyn Clock, store: &Store) -> Result<(), store::Error> {
    if let Some(behind) = behind(clock, store).await? {
        warn!(
            seconds = behind.as_seconds(),
            "the database knows of a later time than the machine's clock shows: was it set back? What is due waits for so long"
        );
    }
    Ok(())
}

/// How far the clock is behind, if it is more than a correction.
async fn behind(clock: &dyn Clock, store: &Store) -> Result<Option<Span>, store::Error> {
    let newest = store.newest_moment().await?;
    Ok(newest.map(|newest| newest.since(clock.now())).filter(|behind| *behind > BEHIND_MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use domain::commands::{CloseEvent, RecordEvent};
    use domain::{AccountId, TenantId};
    use store::{Location, Options};
    use uuid::Uuid;

    use super::*;
    use crate::ids::UuidV7;
    use crate::wire::Wire;

    /// The machine's clock and the passed time, both in seconds.
    #[derive(Clone, Default)]
    struct Machine {
        wall: Arc<AtomicI64>,
        passed: Arc<AtomicI64>,
    }

    impl Clock for Machine {
        fn now(&self) -> Timestamp {
            Timestamp(0).plus(Span::seconds(self.wall.load(Ordering::SeqCst)))
        }
    }

    impl Machine {
        fn started_at(wall: i64) -> (Machine, SteadyClock<Machine>) {
            let machine = Machine::default();
            machine.wall.store(wall, Ordering::SeqCst);
            let passed = machine.passed.clone();
            let passed = move || Duration::from_secs(passed.load(Ordering::SeqCst).unsigned_abs());
            (machine.clone(), SteadyClock::over(machine, passed))
        }
    }

    #[test]
    fn the_time_goes_on_where_the_machines_clock_is_set_back() {
        let (machine, clock) = Machine::started_at(10_000);
        // Passed since the previous step; the machine's clock; the expected time, lag and warning.
        for (passed, wall, expected, behind, warns) in [
            (0, 10_000, 10_000, 0, false),
            (7, 10_007, 10_007, 0, false),
            // Forward, as after a suspended machine resumes.
            (1, 13_000, 13_000, 0, false),
            // A correction, and an hour back, with one warning.
            (1, 12_997, 13_001, 4, false),
            (1, 9_402, 13_002, 3_600, true),
            (60, 9_462, 13_062, 3_600, false),
            (0, 9_462, 13_062, 3_600, false),
            // Caught up, and back again, with another warning.
            (3_600, 16_700, 16_700, 0, false),
            (10, 10_000, 16_710, 6_710, true),
            (10, 10_010, 16_720, 6_710, false),
        ] {
            machine.passed.fetch_add(passed, Ordering::SeqCst);
            machine.wall.store(wall, Ordering::SeqCst);
            let read = clock.read();
            let at = |seconds| Timestamp(0).plus(Span::seconds(seconds));
            assert_eq!(read, (at(expected), Span::seconds(behind), warns), "the machine shows {wall}");
        }
    }

    #[test]
    fn it_starts_with_the_machines_clock_and_follows_it() {
        let clock = SteadyClock::start();
        let (before, now, after) = (SystemClock.now(), clock.now(), SystemClock.now());
        assert!(now <= clock.now());
        assert!(now >= before.minus(BEHIND_MAX) && now <= after.plus(BEHIND_MAX));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_clock_behind_the_database_is_found_out() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Sqlite { path: directory.path().join("books.db") };
        Store::migrate(&location).await.unwrap();
        let (machine, clock) = Machine::started_at(10_000);
        let options = Options::new(location, Arc::new(clock), Arc::new(UuidV7::default()), Arc::new(Wire));
        let store = Store::open(options).await.unwrap();
        assert_eq!(behind(&machine, &store).await.unwrap(), None, "nothing has happened");
        let (tenant, account) = (TenantId(Uuid::nil()), AccountId::of("stripe", "acct"));
        let (name, kind, body) = ("evt_1".to_owned(), "refund.created".to_owned(), b"{}".to_vec());
        let record = RecordEvent { tenant, account, name, kind, body };
        let close = CloseEvent { event: record.id(), why: "unreadable".to_owned(), dead: true };
        store.submit(Box::new(record)).await.unwrap();
        store.submit(Box::new(close)).await.unwrap();
        for (wall, expected) in [(10_100, None), (9_996, None), (6_400, Some(Span::seconds(3_600)))] {
            machine.wall.store(wall, Ordering::SeqCst);
            assert_eq!(behind(&machine, &store).await.unwrap(), expected, "the machine shows {wall}");
        }
    }
}
