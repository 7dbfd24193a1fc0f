//! The wavelets of the constant-Q transform, as the few bins that they are of a spectrum.

use std::f64::consts::PI;

use super::{Complex, Lanes, RealFft};

/// A wavelet that the spectra of eight frames are weighed by.
#[derive(Debug, Clone)]
pub(super) struct Wavelet {
    /// The lowest bin that it hears.
    first: usize,
    /// Real and imaginary part of what this bin and the next ones weigh.
    weights: Vec<[f32; 2]>,
}

/// The share of a wavelet's magnitude that is left out (`librosa.cqt(sparsity=0.01)`).
const SPARSITY: f64 = 0.01;

impl Wavelet {
    /// `length` samples (not a whole number) of a wave of `frequency` periods a sample under a Hann window of unit sum, times
    /// the root of its length, for frames that are as long as the transform. A sample is `step` of librosa's, which has
    /// windows of whole samples.
    pub(super) fn new(fft: &mut RealFft, length: f64, frequency: f64, step: f64) -> Self {
        let bins = without_the_weakest(&spectrum(fft, length, frequency, step));
        let is_heard = |bin: &[f64; 2]| *bin != [0.0; 2];
        let first = bins.iter().position(is_heard).unwrap_or(0);
        let end = bins.iter().rposition(is_heard).map_or(first, |last| last + 1);
        Self { first, weights: bins[first..end].iter().map(|bin| bin.map(|part| part as f32)).collect() }
    }

    /// The magnitudes of the response of eight frames with these spectra.
    #[inline(always)]
    pub(super) fn respond(&self, spectra: &[Complex]) -> Lanes {
        // Four sums side by side, so that none waits for another.
        let [mut rr, mut ii, mut ri, mut ir] = [Lanes::ZERO; 4];
        for ([re, im], [of_re, of_im]) in spectra[self.first..].iter().zip(&self.weights) {
            rr += *re * *of_re;
            ii += *im * *of_im;
            ri += *re * *of_im;
            ir += *im * *of_re;
        }
        let (re, im) = (rr - ii, ri + ir);
        (re * re + im * im).sqrt()
    }
}

/// The spectrum of the wavelet in the middle of a frame, scaled so that its product with that of a frame is the answer.
fn spectrum(fft: &mut RealFft, length: f64, frequency: f64, step: f64) -> Vec<[f64; 2]> {
    let n = fft.length();
    let window = Window::new(length * step);
    // The sum of a periodic Hann window is half its length.
    let scale = length.sqrt() / n as f64 * 2.0 * step / window.length;
    let mut part = |of: fn(f64) -> f64| {
        let sample = |i: usize| {
            let time = i as f64 - (n / 2) as f64;
            scale * window.at(time * step) * of(2.0 * PI * frequency * time)
        };
        let (re, im) = fft.transform(&(0..n).map(sample).collect::<Vec<f64>>());
        (re.to_vec(), im.to_vec())
    };
    let (of_cosine, of_sine) = (part(libm::cos), part(libm::sin));
    let re = of_cosine.0.iter().zip(&of_sine.1).map(|(re, im)| re - im);
    let im = of_cosine.1.iter().zip(&of_sine.0).map(|(im, re)| im + re);
    re.zip(im).map(|(re, im)| [re, im]).collect()
}

/// The periodic Hann window of a wavelet, between librosa's samples too.
struct Window {
    /// Whole samples.
    length: f64,
    /// Where its middle lies.
    middle: f64,
}

impl Window {
    /// The window that librosa gives a wavelet of `length` samples, and where it puts it.
    fn new(length: f64) -> Self {
        let whole = (length / 2.0).floor() - (-length / 2.0).floor();
        let is_odd = whole % 2.0 == 1.0;
        Self { length: whole.max(1.0), middle: if is_odd { -0.5 } else { 0.0 } }
    }

    fn at(&self, time: f64) -> f64 {
        let from_middle = time - self.middle;
        if 2.0 * from_middle.abs() >= self.length {
            return 0.0;
        }
        0.5 + 0.5 * libm::cos(2.0 * PI * from_middle / self.length)
    }
}

/// The same, and zeros where those bins are that hold the weakest [`SPARSITY`] of the magnitude
/// (`librosa.util.sparsify_rows`).
fn without_the_weakest(spectrum: &[[f64; 2]]) -> Vec<[f64; 2]> {
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
    spectrum.iter().map(|bin| if magnitude(*bin) >= least { *bin } else { [0.0; 2] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{LANES, LaneFft, Random, hann};

    #[test]
    fn a_wavelet_responds_as_the_sum_over_its_samples_does() {
        let (n, mut random) = (64, Random::new(2));
        let frame: Vec<f64> = (0..n).map(|_| f64::from((random.uniform() - 0.5) as f32)).collect();
        let lanes: Vec<Lanes> = frame.iter().map(|sample| Lanes([*sample as f32; LANES])).collect();
        let mut fft = RealFft::new(n).unwrap();
        let spectra = LaneFft::new(n).unwrap().transform(&lanes).to_vec();
        for (length, frequency) in [(40.0, 0.2), (42.0, 0.21), (52.0, 0.1), (60.0, 0.4)] {
            // The transform runs through the frame backwards, around its middle.
            let window = hann(length as usize);
            let terms = window.iter().enumerate().map(|(i, weight)| {
                let time = i as f64 - length / 2.0;
                let sample = frame[(n as f64 / 2.0 - time) as usize];
                let (sin, cos) = libm::sincos(2.0 * PI * frequency * time);
                [sample * weight * cos, sample * weight * sin]
            });
            let [re, im] = terms.fold([0.0; 2], |[re, im], term| [re + term[0], im + term[1]]);
            let want = length.sqrt() * (re * re + im * im).sqrt() / (length / 2.0);
            let got = f64::from(Wavelet::new(&mut fft, length, frequency, 1.0).respond(&spectra).0[3]);
            assert!((got - want).abs() < 0.02, "{length}: {got} {want}");
        }
    }

    #[test]
    fn a_wavelet_hears_few_bins() {
        let mut fft = RealFft::new(1024).unwrap();
        let wavelet = Wavelet::new(&mut fft, 512.0, 0.1, 1.0);
        assert!((95..103).contains(&wavelet.first) && wavelet.weights.len() < 16, "{wavelet:?}");
    }
}
