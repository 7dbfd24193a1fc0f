//! The wavelets of the constant-Q transform, folded around their middle.

use std::f64::consts::PI;

use super::{Lanes, RealFft, hann};

/// A wavelet that eight frames are weighed by.
///
/// It is the same on both sides of its middle, but for the sign of its imaginary part: so the sum of the two samples at
/// the same distance is weighed by the one, and their difference by the other. For the short wavelets of an octave that
/// is less work than a Fourier transform of the frame would be.
#[derive(Debug, Clone)]
pub(super) struct Wavelet {
    /// Whether the middle lies between two samples.
    is_between: bool,
    /// Real and imaginary part at each distance; an even number of them.
    weights: Vec<[f32; 2]>,
}

/// Eight frames folded around the middle: sum and difference at each distance.
#[derive(Debug, Clone, Default)]
pub(super) struct Folded {
    around: Vec<[Lanes; 2]>,
    between: Vec<[Lanes; 2]>,
}

/// The share of a wavelet's magnitude that is left out (`librosa.cqt(sparsity=0.01)`).
const SPARSITY: f64 = 0.01;
/// What is fainter than this share of the greatest weight is not heard.
const FAINT: f64 = 1e-5;

impl Folded {
    /// Folds frames of an even length.
    pub(super) fn fold(&mut self, frames: &[Lanes]) {
        let middle = frames.len() / 2;
        let pair = |after: &Lanes, before: &Lanes| [*after + *before, *after - *before];
        let (before, after) = frames.split_at(middle);
        self.around.clear();
        self.around.push(pair(&after[0], &after[0]));
        self.around
            .extend(after[1..].iter().zip(before.iter().rev()).map(|(after, before)| pair(after, before)));
        // Frames repeat themselves, as transforms see them: what lies furthest is at their start.
        self.around.extend([[frames[0]; 2], [Lanes::ZERO; 2]]);
        self.between.clear();
        let before = frames[..=middle].iter().rev();
        self.between.extend(after[1..].iter().zip(before).map(|(after, before)| pair(after, before)));
        self.between.push(pair(&frames[0], &frames[1]));
    }
}

impl Wavelet {
    /// `length` samples (not a whole number) of a wave of `frequency` periods a sample under a Hann window of unit sum, times
    /// the root of its length, for frames that are as long as the transform.
    pub(super) fn new(fft: &mut RealFft, length: f64, frequency: f64) -> Self {
        let n = fft.length();
        let (spectrum, n_window) = spectrum(fft, length, frequency);
        let kept = without_the_weakest(&spectrum);
        let is_between = n_window % 2 == 1;
        let middle = n / 2 + usize::from(is_between);
        let at = |time: usize| sum_at(&kept, time, n);
        // Turned so that the two sides mirror each other; only the magnitude of the response is asked for.
        let turn = turn_between(at(middle), at(n / 2));
        let mut weights: Vec<[f64; 2]> = (middle..=n).map(|time| times(at(time % n), turn)).collect();
        if !is_between {
            weights[0] = weights[0].map(|weight| 0.5 * weight);
        }
        Self { is_between, weights: audible(&weights) }
    }

    /// The magnitudes of the response of eight frames.
    pub(super) fn respond(&self, folded: &Folded) -> Lanes {
        let pairs = if self.is_between { &folded.between } else { &folded.around };
        // Two sums side by side, so that neither waits for the other.
        let [mut even, mut odd] = [[Lanes::ZERO; 2]; 2];
        let weights = self.weights.as_chunks::<2>().0.iter();
        for ([first, second], [of_first, of_second]) in pairs.as_chunks::<2>().0.iter().zip(weights) {
            even = [even[0] + first[0] * of_first[0], even[1] + first[1] * of_first[1]];
            odd = [odd[0] + second[0] * of_second[0], odd[1] + second[1] * of_second[1]];
        }
        let (re, im) = (even[0] + odd[0], even[1] + odd[1]);
        (re * re + im * im).sqrt()
    }
}

/// The spectrum of the wavelet in the middle of a frame, scaled so that its product with that of a frame is the answer; and
/// the samples of its window.
fn spectrum(fft: &mut RealFft, length: f64, frequency: f64) -> (Vec<[f64; 2]>, usize) {
    let (first, end) = ((-length / 2.0).floor(), (length / 2.0).floor());
    let window = hann((end - first).max(0.0) as usize);
    // The sum of a periodic Hann window is half its length, but that of one sample is nothing.
    let sum = window.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let padding = (fft.length() - window.len().min(fft.length())) / 2;
    let scale = length.sqrt() / fft.length() as f64;
    let mut part = |of: fn(f64) -> f64| {
        let angle = |i: usize| 2.0 * PI * frequency * (first + i as f64);
        let wave = window.iter().enumerate().map(|(i, weight)| scale * weight / sum * of(angle(i)));
        let padded: Vec<f64> = std::iter::repeat_n(0.0, padding).chain(wave).collect();
        let (re, im) = fft.transform(&padded);
        (re.to_vec(), im.to_vec())
    };
    let (of_cosine, of_sine) = (part(libm::cos), part(libm::sin));
    let re = of_cosine.0.iter().zip(&of_sine.1).map(|(re, im)| re - im);
    let im = of_cosine.1.iter().zip(&of_sine.0).map(|(im, re)| im + re);
    (re.zip(im).map(|(re, im)| [re, im]).collect(), window.len())
}

/// The bins that are left when those that hold the weakest [`SPARSITY`] of the magnitude are taken away
/// (`librosa.util.sparsify_rows`).
fn without_the_weakest(spectrum: &[[f64; 2]]) -> Vec<(usize, [f64; 2])> {
    let magnitude = |[re, im]: [f64; 2]| (re * re + im * im).sqrt();
    let mut ascending: Vec<f64> = spectrum.iter().map(|bin| magnitude(*bin)).collect();
    let total: f64 = ascending.iter().sum();
    ascending.sort_unstable_by(f64::total_cmp);
    let mut sum = 0.0;
    let least = ascending.iter().find(|magnitude| {
        sum += **magnitude / total;
        sum >= SPARSITY
    });
    let least = least.copied().unwrap_or(0.0);
    spectrum.iter().copied().enumerate().filter(|(_, bin)| magnitude(*bin) >= least).collect()
}

/// What a frame's sample at `time` weighs: its wave in every bin, times what the bin weighs.
fn sum_at(bins: &[(usize, [f64; 2])], time: usize, n: usize) -> [f64; 2] {
    bins.iter().fold([0.0; 2], |[re, im], (k, bin)| {
        let (sin, cos) = libm::sincos(-2.0 * PI * ((k * time) % n) as f64 / n as f64);
        let [more_re, more_im] = times(*bin, [cos, sin]);
        [re + more_re, im + more_im]
    })
}

/// The turn after which `a` and `b` mirror each other.
fn turn_between(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    let [re, im] = times(a, b);
    let (sin, cos) = libm::sincos(-0.5 * libm::atan2(im, re));
    [cos, sin]
}

fn times(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

/// An even number of weights, up to the last that is heard.
fn audible(weights: &[[f64; 2]]) -> Vec<[f32; 2]> {
    let greatest = weights.iter().flatten().fold(0.0_f64, |greatest, weight| greatest.max(weight.abs()));
    let is_heard = |weight: &[f64; 2]| weight.iter().any(|part| part.abs() > FAINT * greatest);
    let n = weights.iter().rposition(is_heard).map_or(0, |last| last + 1);
    let mut audible: Vec<[f32; 2]> =
        weights[..n].iter().map(|weight| weight.map(|part| part as f32)).collect();
    audible.resize(n.next_multiple_of(2), [0.0; 2]);
    audible
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{LANES, Random};

    #[test]
    fn a_folded_wavelet_responds_as_its_spectrum_does() {
        let (n, mut random) = (64, Random::new(2));
        let frame: Vec<f64> = (0..n).map(|_| f64::from((random.uniform() - 0.5) as f32)).collect();
        let lanes: Vec<Lanes> = frame.iter().map(|sample| Lanes([*sample as f32; LANES])).collect();
        let mut folded = Folded::default();
        folded.fold(&lanes);
        let mut fft = RealFft::new(n).unwrap();
        for (length, frequency) in [(40.2, 0.2), (41.0, 0.21), (52.7, 0.1), (61.9, 0.4)] {
            let bins = without_the_weakest(&spectrum(&mut fft, length, frequency).0);
            let (re, im) = fft.transform(&frame);
            let product = bins.iter().fold([0.0; 2], |sum, (k, bin)| {
                let [more_re, more_im] = times(*bin, [re[*k], im[*k]]);
                [sum[0] + more_re, sum[1] + more_im]
            });
            let want = (product[0] * product[0] + product[1] * product[1]).sqrt();
            let got = f64::from(Wavelet::new(&mut fft, length, frequency).respond(&folded).0[3]);
            assert!((got - want).abs() < 1e-6, "{length}: {got} {want}");
        }
    }
}
