//! A private database, and stores that are open on it.

use parking_lot::Mutex;
use std::ops::Deref;
use std::sync::Arc;

use domain::{Refusal, Reply, Timestamp};
use store::{Committed, Listener, Location, Options, Render, Rendered, Store};
use testkit::{AscendingIds, Engine, OnEngine, TestClock, TestDatabase};

pub struct StoreDatabase {
    database: TestDatabase,
    pub commits: Arc<CommitLog>,
    /// The default options of a store in tests.
    pub clock: Arc<TestClock>,
}

impl Deref for StoreDatabase {
    type Target = TestDatabase;

    fn deref(&self) -> &TestDatabase {
        &self.database
    }
}

impl OnEngine for StoreDatabase {
    async fn on(engine: Engine) -> StoreDatabase {
        StoreDatabase::new(TestDatabase::on(engine).await)
    }
}

impl StoreDatabase {
    pub async fn without_schema(engine: Engine) -> StoreDatabase {
        StoreDatabase::new(TestDatabase::without_schema(engine).await)
    }

    pub fn at(location: Location) -> StoreDatabase {
        StoreDatabase::new(TestDatabase::at(location))
    }

    fn new(database: TestDatabase) -> StoreDatabase {
        let clock = Arc::new(TestClock::stopped_at(Timestamp(1_000_000)));
        StoreDatabase { database, commits: Arc::default(), clock }
    }

    pub fn options(&self) -> Options {
        let ids = Arc::new(AscendingIds);
        let mut options = Options::new(self.location.clone(), self.clock.clone(), ids, Arc::new(Plain));
        options.listener = self.commits.clone();
        options
    }

    pub async fn open(&self) -> Store {
        Store::open(self.options()).await.unwrap()
    }

    pub async fn open_with(&self, change: impl FnOnce(&mut Options)) -> Store {
        let mut options = self.options();
        change(&mut options);
        Store::open(options).await.unwrap()
    }
}

/// Renders a short text instead of JSON.
struct Plain;

impl Render for Plain {
    fn reply(&self, reply: &Reply) -> Rendered {
        match reply {
            Reply::Booking(reply) => {
                let body = format!("booking {} of {}", reply.booking.id, reply.seats());
                let location = Some(format!("/bookings/{}", reply.booking.id));
                Rendered { status: 201, body, location }
            }
            reply => Rendered { status: 200, body: format!("{reply:?}"), location: None },
        }
    }
    fn refusal(&self, refusal: &Refusal, request_id: &str) -> Rendered {
        Rendered { status: 409, body: format!("{} in {request_id}", refusal.code()), location: None }
    }
}

/// Records the commits.
#[derive(Default)]
pub struct CommitLog(pub Mutex<Vec<Committed>>);

impl Listener for CommitLog {
    fn committed(&self, committed: &Committed) {
        self.0.lock().push(committed.clone());
    }
}
