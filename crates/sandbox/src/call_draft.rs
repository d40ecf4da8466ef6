//! The draft of one call: it reads the books and collects the changes.
//!
//! Nothing here changes the books. The collected changes become one journal line, and a line is
//! applied only when it is in the file.

use crate::{
    books::AccountBooks,
    event::{JournaledEvent, Kind},
    faults::ConfirmationFault,
    ids::IdGenerator,
    snapshot::Snapshot,
    stripe::version::{self, Version},
};

pub struct CallDraft<'a> {
    pub held: &'a AccountBooks,
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// The address of this sandbox, for the pages to which it sends payers.
    pub base: &'a str,
    pub key: Option<&'a str>,
    /// The API version of the call.
    pub version: Version,
    /// What the faults do to a confirmation.
    pub confirmation: ConfirmationFault,
    pub mint: IdGenerator,
    pub snapshots: Vec<Snapshot>,
    pub events: Vec<JournaledEvent>,
}

impl<'a> CallDraft<'a> {
    pub fn new(held: &'a AccountBooks, mint: IdGenerator, at: i64, base: &'a str) -> Self {
        Self {
            held,
            at,
            base,
            key: None,
            version: version::DEFAULT,
            confirmation: ConfirmationFault::default(),
            mint,
            snapshots: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Unix seconds, as in every Stripe object.
    pub fn now(&self) -> i64 {
        self.at / 1000
    }

    /// Adds a version of an object and returns its position.
    pub fn add_snapshot(&mut self, object: impl Into<Snapshot>) -> usize {
        self.snapshots.push(object.into());
        self.snapshots.len() - 1
    }

    /// Adds an event about the object at a position.
    pub fn add_event(&mut self, kind: Kind, snapshot: usize) {
        let number = self.mint.number();
        self.events.push(JournaledEvent { number, kind, snapshot });
    }
}
