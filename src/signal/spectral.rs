//! Descriptors of the shape of a spectrum and of the waveform, as librosa 0.11 defines them.
//!
//! `magnitudes` is |X| of eight frames, from the bin at 0 Hz up.

use super::{LANES, Lanes, WideLanes, n_frames};

/// The frequency of each bin of a transform of `n_fft` samples, Hz (`librosa.fft_frequencies`).
pub fn bin_frequencies(sample_rate: f64, n_fft: usize) -> Vec<f64> {
    (0..=n_fft / 2).map(|k| k as f64 * sample_rate / n_fft.max(1) as f64).collect()
}

/// The mean frequency of eight frames, weighted by magnitude, and the standard deviation of frequency around it, Hz; 0 in
/// silence (`librosa.feature.spectral_centroid`, `spectral_bandwidth` with p = 2). Bins are `spacing` Hz apart.
pub fn centroid_and_bandwidth(magnitudes: &[Lanes], spacing: f64) -> [[f64; LANES]; 2] {
    let mut sums = [WideLanes::default(); 3];
    for (bin, magnitude) in magnitudes.iter().enumerate() {
        let magnitude = magnitude.widen();
        let moment = magnitude * bin as f64;
        sums[0] += magnitude;
        sums[1] += moment;
        sums[2] += moment * bin as f64;
    }
    let [total, first, second] = sums.map(|sum| sum.0);
    let mean =
        |sum: &[f64; LANES], i: usize| if total[i] < f64::MIN_POSITIVE { 0.0 } else { sum[i] / total[i] };
    // In bins, whole numbers, the difference of squares loses none of the digits that an f32 had.
    let variance = |i: usize| (mean(&second, i) - mean(&first, i) * mean(&first, i)).max(0.0);
    [
        std::array::from_fn(|i| spacing * mean(&first, i)),
        std::array::from_fn(|i| spacing * variance(i).sqrt()),
    ]
}

/// The lowest frequency of eight frames below which at least `share` of the sum of magnitudes lies, Hz
/// (`librosa.feature.spectral_rolloff`). Bins are `spacing` Hz apart.
pub fn roll_off(magnitudes: &[Lanes], spacing: f64, share: f64) -> [f64; LANES] {
    let total = magnitudes.iter().fold(WideLanes::default(), |sum, magnitude| sum + magnitude.widen());
    let threshold = total * share;
    let (mut sum, mut below) = (WideLanes::default(), [0.0; LANES]);
    for magnitude in magnitudes {
        sum += magnitude.widen();
        below = std::array::from_fn(|i| below[i] + if sum.0[i] < threshold.0[i] { 1.0 } else { 0.0 });
    }
    below.map(|bins| bins * spacing)
}

/// The geometric over the arithmetic mean of eight power spectra, 0 (a tone) to 1 (noise, and silence), powers below
/// 1e-10 counting as that (`librosa.feature.spectral_flatness`).
pub fn flatness(power: &[Lanes]) -> [f64; LANES] {
    // As many factors as cannot leave the range of an f64: from 1e-10 to the power of a full-scale frame.
    const FACTORS: usize = 16;
    let (mut sum, mut products) = (WideLanes::default(), [Product::default(); LANES]);
    for powers in power.chunks(FACTORS) {
        let mut product = WideLanes([1.0; LANES]);
        for power in powers {
            let power = power.max(Lanes([1e-10; LANES])).widen();
            sum += power;
            product = product * power;
        }
        products.iter_mut().zip(product.0).for_each(|(product, factor)| product.multiply(factor));
    }
    let n = power.len().max(1) as f64;
    let ratio = |i: usize| libm::exp(products[i].logarithm() / n) / (sum.0[i] / n);
    std::array::from_fn(|i| if power.is_empty() { 1.0 } else { ratio(i) })
}

/// A product of any number of factors, as its logarithm takes one logarithm instead of theirs.
#[derive(Debug, Clone, Copy)]
struct Product {
    /// From 1 to 2.
    digits: f64,
    exponent: i64,
}

impl Default for Product {
    fn default() -> Self {
        Self { digits: 1.0, exponent: 0 }
    }
}

impl Product {
    fn multiply(&mut self, factor: f64) {
        const DIGITS: u64 = (1 << 52) - 1;
        let bits = (self.digits * factor).to_bits();
        self.exponent += (bits >> 52) as i64 - 1023;
        self.digits = f64::from_bits(bits & DIGITS | 1_f64.to_bits());
    }

    fn logarithm(self) -> f64 {
        libm::log(self.digits) + self.exponent as f64 * std::f64::consts::LN_2
    }
}

/// The share of samples whose sign differs from that of the one before, per centred frame; the ends are
/// extended by their last sample (`librosa.feature.zero_crossing_rate`).
pub fn zero_crossing_rate(samples: &[f64], frame_length: usize, hop: usize) -> Vec<f64> {
    let crossings = Crossings::new(samples);
    let before = |position: usize| crossings.up_to(position.saturating_sub(frame_length / 2));
    let rate = |start: usize| {
        f64::from(before((start + frame_length).max(1) - 1) - before(start)) / frame_length.max(1) as f64
    };
    (0..n_frames(samples.len(), hop)).map(|frame| rate(frame * hop)).collect()
}

/// How often the sign has changed.
struct Crossings<'a> {
    samples: &'a [f64],
    /// Up to the first sample of each block.
    up_to_block: Vec<u32>,
}

impl<'a> Crossings<'a> {
    const BLOCK: usize = 64;

    fn new(samples: &'a [f64]) -> Self {
        let mut up_to_block = vec![0];
        for start in (0..samples.len()).step_by(Self::BLOCK) {
            let so_far = up_to_block.last().copied().unwrap_or(0);
            up_to_block.push(so_far + crossings(&samples[start..samples.len().min(start + Self::BLOCK + 1)]));
        }
        Self { samples, up_to_block }
    }

    /// Up to the sample at `position`, or the last.
    fn up_to(&self, position: usize) -> u32 {
        let position = position.min(self.samples.len().saturating_sub(1));
        let block = position / Self::BLOCK;
        let rest = self.samples.get(block * Self::BLOCK..=position).unwrap_or(&[]);
        self.up_to_block[block] + crossings(rest)
    }
}

/// How often the sign differs from that of the sample before.
fn crossings(samples: &[f64]) -> u32 {
    let is_negative = |sample: f64| sample < -1e-10;
    let pairs = samples.iter().zip(samples.get(1..).unwrap_or(&[]));
    pairs.map(|(before, after)| u32::from(is_negative(*before) != is_negative(*after))).sum()
}

/// The root mean square per centred frame, with zeros beyond the ends (`librosa.feature.rms`).
pub fn rms(samples: &[f64], frame_length: usize, hop: usize) -> Vec<f64> {
    let frame = |index: usize| {
        let start = (index * hop).saturating_sub(frame_length / 2).min(samples.len());
        let end = (index * hop + frame_length).saturating_sub(frame_length / 2).min(samples.len());
        frame_rms(&samples[start..end], frame_length)
    };
    (0..n_frames(samples.len(), hop)).map(frame).collect()
}

/// The root mean square of a frame of `frame_length` samples, of which those that are not in `samples` are zero.
pub fn frame_rms(samples: &[f64], frame_length: usize) -> f64 {
    (super::dot(samples, samples) / frame_length.max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_has_finite_descriptors() {
        let zeros = [Lanes::ZERO; 1025];
        assert_eq!(centroid_and_bandwidth(&zeros, 10.0), [[0.0; LANES]; 2]);
        assert_eq!(roll_off(&zeros, 10.0, 0.85), [0.0; LANES]);
        assert!(flatness(&zeros).iter().all(|flatness| (flatness - 1.0).abs() < 1e-6));
        assert_eq!(flatness(&[]), [1.0; LANES]);
    }

    #[test]
    fn descriptors_are_the_sums_that_define_them_in_every_lane() {
        let spectrum: Vec<Lanes> =
            (0..40).map(|bin| Lanes(std::array::from_fn(|i| ((bin * (i + 3) + i) % 11) as f32))).collect();
        let [centroids, bandwidths] = centroid_and_bandwidth(&spectrum, 10.0);
        let (roll_offs, flatness) = (roll_off(&spectrum, 10.0, 0.85), flatness(&spectrum));
        for lane in 0..LANES {
            let frame: Vec<f64> = spectrum.iter().map(|lanes| f64::from(lanes.0[lane])).collect();
            let total: f64 = frame.iter().sum();
            let mean = |of: &dyn Fn(f64) -> f64| -> f64 {
                frame.iter().enumerate().map(|(bin, x)| x * of(10.0 * bin as f64)).sum::<f64>() / total
            };
            let centroid = mean(&|hz| hz);
            let variance = mean(&|hz| (hz - centroid) * (hz - centroid));
            assert!(
                (centroids[lane] - centroid).abs() < 1e-9
                    && (bandwidths[lane] - variance.sqrt()).abs() < 1e-9
            );
            let sum_to = |bin: usize| frame[..=bin].iter().sum::<f64>();
            let reached = (0..40).find(|bin| sum_to(*bin) >= 0.85 * total).unwrap();
            assert_eq!(roll_offs[lane], 10.0 * reached as f64);
            let logs: f64 = frame.iter().map(|x| libm::log(x.max(1e-10))).sum();
            let want = libm::exp(logs / 40.0) / (total / 40.0);
            assert!((flatness[lane] / want - 1.0).abs() < 1e-6, "{} {want}", flatness[lane]);
        }
    }

    #[test]
    fn crossings_are_counted_between_any_two_samples() {
        let samples: Vec<f64> = (0..300).map(|i| f64::from(i * i % 7) - 3.0).collect();
        let crossings = Crossings::new(&samples);
        for position in 0..300 {
            let want = (1..=position).filter(|i| (samples[*i] < 0.0) != (samples[i - 1] < 0.0)).count();
            assert_eq!(crossings.up_to(position) as usize, want, "{position}");
        }
        assert_eq!(crossings.up_to(1000), crossings.up_to(299));
    }

    #[test]
    fn nothing_at_all_is_one_silent_frame() {
        assert_eq!(zero_crossing_rate(&[], 2048, 512), [0.0]);
        assert_eq!(rms(&[], 2048, 512), [0.0]);
    }
}
