//! Random numbers from a seed, the same everywhere.

/// A small generator: `SplitMix64` (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// Seeds with the FNV-1a hash of a text: a piece's notes hang on its own name, never on its neighbours.
    pub(crate) fn from_text(text: &str) -> Self {
        let state = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { state }
    }

    /// A number in 0..1.
    pub(crate) fn unit(&mut self) -> f64 {
        // The upper 53 bits fill the significand exactly.
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number in `low..high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True in the share `probability` of all calls.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of `choices`, which are not empty.
    pub(crate) fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[(self.unit() * choices.len() as f64) as usize]
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // First outputs for seed 1234567, as published with Java's SplittableRandom and at Rosetta Code.
        let mut random = Random { state: 1_234_567 };
        assert_eq!(random.bits(), 6_457_827_717_110_365_317);
        assert_eq!(random.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let mut random = Random::from_text("rast");
        assert!((0..1000).map(|_| random.between(-2.0, 3.0)).all(|x| (-2.0..3.0).contains(&x)));
    }
}
