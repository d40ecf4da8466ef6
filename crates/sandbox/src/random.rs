//! A small seeded generator (SplitMix64): one seed always gives the same faults.

pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// A separate generator; this one is not advanced.
    pub fn fork(&self) -> Self {
        Self(mix(!self.0))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// True with the given probability; never for 0, always for 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        // Draws also for 0, so that switching one fault on does not shift the others.
        let drawn = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < probability
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high.saturating_sub(low) + 1)
    }
}

/// A bijection that mixes all 64 bits.
pub fn mix(value: u64) -> u64 {
    let mut z = value;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn chance_keeps_its_ends_and_a_seed_repeats() {
        let mut random = Random::seeded(7);
        assert!((0..1000).all(|_| !random.chance(0.0)));
        assert!((0..1000).all(|_| random.chance(1.0)));
        let hits = (0..10_000).filter(|_| random.chance(0.3)).count();
        assert!((2_700..3_300).contains(&hits), "{hits}");
        let (mut left, mut right) = (Random::seeded(9), Random::seeded(9));
        assert!((0..100).all(|_| left.between(3, 9) == right.between(3, 9)));
        assert!((0..100).all(|_| (3..=9).contains(&left.between(3, 9))));
    }
}
