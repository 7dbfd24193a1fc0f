//! How many bits of each sample are used.

/// Gathers which bits are ever set.
#[derive(Debug, Clone, Default)]
pub(super) struct Bits {
    set: u32,
}

/// Decoders give full scale as 1; samples of up to 32 bits are whole numbers of its 31st binary place.
const FULL_SCALE: f32 = 2_147_483_648.0;

impl Bits {
    pub(super) fn add(&mut self, planes: &[Vec<f32>]) {
        for plane in planes {
            self.set |= plane.iter().fold(0, |set, sample| set | (sample * FULL_SCALE) as i32 as u32);
        }
    }

    /// Bits from the sign to the lowest that is ever set: 16 of a 24-bit file that was made from 16 bits; none of
    /// silence.
    pub(super) fn used(&self) -> Option<u32> {
        (self.set != 0).then(|| u32::BITS - self.set.trailing_zeros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_that_are_never_set_are_not_used() {
        for bits in [8, 12, 16, 20, 24] {
            let scale = 2f32.powi(bits - 1);
            let plane = (-50..50).map(|i| i as f32 / scale).collect();
            let mut used = Bits::default();
            used.add(&[plane, vec![0.5, -1.0]]);
            assert_eq!(used.used(), Some(bits as u32));
        }
        let mut silent = Bits::default();
        silent.add(&[vec![0.0; 10]]);
        assert_eq!(silent.used(), None);
    }
}
