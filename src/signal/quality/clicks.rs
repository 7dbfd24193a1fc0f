//! Clicks: lone impulses, such as a scratched record or a dropped sample leaves.

/// Counts clicks.
///
/// A click is a jump of the second difference within half a millisecond that is eight times as large as any in the
/// 20 ms before and the 20 ms after it (but for the half millisecond next to it), and loud enough to be heard. The
/// pluck of a string is as sudden, but goes on; the pulses of a low tone come back within 20 ms.
#[derive(Debug, Clone)]
pub(super) struct Clicks {
    block: usize,
    count: u64,
    seconds: f64,
    sample_rate: f64,
}

/// s.
const BLOCK: f64 = 0.0005;
/// Blocks before and after.
const AROUND: usize = 40;
const RATIO: f64 = 8.0;
/// The second difference of the quietest click, full scale being 1.
const QUIETEST: f64 = 0.004;

impl Clicks {
    pub(super) fn new(sample_rate: f64) -> Self {
        let block = ((BLOCK * sample_rate).round() as usize).max(4);
        Self { block, count: 0, seconds: 0.0, sample_rate }
    }

    pub(super) fn add(&mut self, samples: &[f64]) {
        self.seconds += samples.len() as f64 / self.sample_rate;
        let jumps: Vec<f64> =
            (0..samples.len() / self.block).map(|block| self.jump(samples, block)).collect();
        let is_click = |at: &usize| is_lone(&jumps, *at);
        self.count += (0..jumps.len()).filter(is_click).count() as u64;
    }

    /// Clicks in a minute.
    pub(super) fn per_minute(&self) -> f64 {
        if self.seconds > 0.0 { 60.0 * self.count as f64 / self.seconds } else { 0.0 }
    }

    /// The largest second difference whose middle lies in a block.
    fn jump(&self, samples: &[f64], block: usize) -> f64 {
        let start = (block * self.block).max(1) - 1;
        let end = ((block + 1) * self.block + 1).min(samples.len());
        let bend = |three: &[f64]| (three[0] - 2.0 * three[1] + three[2]).abs();
        samples[start..end].windows(3).map(bend).fold(0.0, |a, b| if a > b { a } else { b })
    }
}

/// Whether a block's jump stands out from those around it. A jump on the border of two blocks is in both: the greater,
/// or the first of two alike, is the click.
fn is_lone(jumps: &[f64], at: usize) -> bool {
    let jump = jumps[at];
    if jump < QUIETEST || at < AROUND || at + AROUND >= jumps.len() {
        return false;
    }
    let around = jumps[at - AROUND..at - 1].iter().chain(&jumps[at + 2..=at + AROUND]);
    let most = around.copied().fold(0.0, f64::max);
    jump >= RATIO * most && jump > jumps[at - 1] && jump >= jumps[at + 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;

    const RATE: f64 = 44_100.0;

    fn count(samples: &[f64]) -> u64 {
        let mut clicks = Clicks::new(RATE);
        clicks.add(samples);
        clicks.count
    }

    /// Ten seconds of a plucked string: a burst of noise and harmonics that die away, twice a second.
    fn plucks() -> Vec<f64> {
        let mut random = Random::new(3);
        let pluck = |i: usize, noise: f64| {
            let age = (i % 22_050) as f64 / RATE;
            let harmonics = (1..20).map(|k| {
                let k = f64::from(k);
                libm::sin(std::f64::consts::TAU * 147.0 * k * age) * libm::exp(-age * (2.0 + k)) / k
            });
            0.3 * harmonics.sum::<f64>() + 0.05 * noise * libm::exp(-age * 60.0)
        };
        (0..441_000).map(|i| pluck(i, random.uniform() - 0.5)).collect()
    }

    #[test]
    fn plucks_and_noise_are_no_clicks() {
        let mut random = Random::new(9);
        let noise: Vec<f64> = (0..441_000).map(|_| 0.3 * (random.uniform() - 0.5)).collect();
        assert_eq!((count(&plucks()), count(&noise), count(&[]), count(&[1.0; 100])), (0, 0, 0, 0));
    }

    #[test]
    fn every_impulse_is_one_click() {
        for width in [1, 3] {
            let mut samples = plucks();
            for n in 0..17 {
                let at = 14_000 + n * 22_050;
                samples[at..at + width].iter_mut().for_each(|sample| *sample += 0.4);
            }
            assert_eq!(count(&samples), 17, "{width}");
        }
        let mut clicks = Clicks::new(RATE);
        let mut impulse = vec![0.0; 441_000];
        impulse[1000] = 0.5;
        clicks.add(&impulse);
        assert_eq!(clicks.per_minute(), 6.0);
    }
}
