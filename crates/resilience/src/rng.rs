//! A random number generator that several tasks share and that a test can seed.

use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;

use rand::{SeedableRng as _, rngs::StdRng};

#[derive(Clone)]
pub struct SharedRng(Arc<Mutex<StdRng>>);

impl SharedRng {
    /// The same seed gives the same numbers, in the order of the calls.
    pub fn seeded(seed: u64) -> SharedRng {
        SharedRng(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    pub fn with<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.0.lock())
    }
}

/// Seeded by the operating system.
impl Default for SharedRng {
    fn default() -> Self {
        SharedRng(Arc::new(Mutex::new(StdRng::from_rng(&mut rand::rng()))))
    }
}

impl fmt::Debug for SharedRng {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SharedRng")
    }
}
