//! The desk where one call is decided: it reads the books and writes down what shall change.
//!
//! Nothing here touches the books. What was written down becomes one journal line, and only a line
//! that is in the file is applied.

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
    /// Where this sandbox is reached, for the pages it sends payers to.
    pub base: &'a str,
    pub key: Option<&'a str>,
    /// What the call speaks.
    pub version: Version,
    /// What the faults make of a confirmation.
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

    /// Unix seconds, as every Stripe object counts.
    pub fn now(&self) -> i64 {
        self.at / 1000
    }

    /// Writes down a version of an object and returns its position.
    pub fn show(&mut self, object: impl Into<Snapshot>) -> usize {
        self.snapshots.push(object.into());
        self.snapshots.len() - 1
    }

    /// Tells of an event about the object at a position.
    pub fn tell(&mut self, kind: Kind, snapshot: usize) {
        let number = self.mint.number();
        self.events.push(JournaledEvent { number, kind, snapshot });
    }
}
