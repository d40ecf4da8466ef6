//! Randomness that several tasks share, and that a test can seed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rand::{SeedableRng as _, rngs::StdRng};

#[derive(Clone)]
pub struct Dice(Arc<Mutex<StdRng>>);

impl Dice {
    /// The same draws for the same seed, in the order in which they are asked for.
    pub fn seeded(seed: u64) -> Dice {
        Dice(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    pub fn with<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Seeded by the operating system.
impl Default for Dice {
    fn default() -> Self {
        Dice(Arc::new(Mutex::new(StdRng::from_rng(&mut rand::rng()))))
    }
}

impl fmt::Debug for Dice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Dice")
    }
}
