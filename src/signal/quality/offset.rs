//! DC offset: how far the audio is from swinging around zero.

/// Sums each channel and its squares.
#[derive(Debug, Clone, Default)]
pub(super) struct Offset {
    /// Of each channel: samples, their sum, and the sum of their squares.
    channels: Vec<(u64, f64, f64)>,
}

/// Samples are summed in blocks, and the blocks after: quicker, and closer to the truth.
const BLOCK: usize = 1024;
const LANES: usize = 8;

impl Offset {
    pub(super) fn add(&mut self, planes: &[Vec<f32>]) {
        self.channels.resize(self.channels.len().max(planes.len()), (0, 0.0, 0.0));
        for ((count, sum, squares), plane) in self.channels.iter_mut().zip(planes) {
            *count += plane.len() as u64;
            for block in plane.chunks(BLOCK) {
                let (block_sum, block_squares) = sums(block);
                *sum += block_sum;
                *squares += block_squares;
            }
        }
    }

    /// The magnitude of the mean over the root mean square, of the channel in which it is greatest, 0-1; none where
    /// all is silent.
    pub(super) fn relative(&self) -> Option<f64> {
        let sounding = self.channels.iter().filter(|(_, _, squares)| *squares > 0.0);
        let relative = sounding.map(|(count, sum, squares)| sum.abs() / (*count as f64 * squares).sqrt());
        relative.reduce(f64::max)
    }
}

/// The sum and the sum of squares, in lanes whose order does not depend on the width of a register.
fn sums(block: &[f32]) -> (f64, f64) {
    let (mut sum, mut squares) = ([0.0; LANES], [0.0; LANES]);
    for chunk in block.chunks(LANES) {
        for ((sum, squares), sample) in sum.iter_mut().zip(&mut squares).zip(chunk) {
            let sample = f64::from(*sample);
            *sum += sample;
            *squares += sample * sample;
        }
    }
    (sum.iter().sum(), squares.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_found_whatever_rides_on_it() {
        // Mean 0.1 and a square wave of 0.3 around it: 0.1 / sqrt(0.01 + 0.09).
        let wave: Vec<f32> = (0..44_100).map(|i| if i % 100 < 50 { 0.4 } else { -0.2 }).collect();
        let mut offset = Offset::default();
        offset.add(&[vec![0.0; 44_100], wave.clone()]);
        offset.add(&[vec![0.0; 44_100], wave]);
        let found = offset.relative().expect("it sounds");
        assert!((found - 0.1 / 0.1f64.sqrt()).abs() < 1e-6, "{found}");
    }

    #[test]
    fn silence_has_none() {
        let mut offset = Offset::default();
        assert_eq!(offset.relative(), None);
        offset.add(&[vec![0.0; 10]]);
        assert_eq!(offset.relative(), None);
    }
}
