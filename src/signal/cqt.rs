//! The constant-Q transform, as `librosa.cqt` defines it.

use std::f64::consts::PI;

use super::resample::Resampler;
use super::{Halver, Matrix, RealFft, hann};
use crate::error::{Error, Result};

/// Magnitudes of wavelets at geometrically spaced frequencies (Brown 1991; by octaves, as Schörkhuber and Klapuri
/// 2010 do): `librosa.cqt` with its defaults.
///
/// Hann windows of Q periods, of unit sum, their response multiplied by the square root of their length in
/// samples. The octaves are computed from the highest down, each at half the sample rate of the one above as
/// long as the hop can be halved. Each wavelet is a row of a spectrum, without the weakest 1 % of its magnitude.
/// Only the resampling filters are not librosa's, which moves magnitudes by less than 0.2 % of the greatest.
#[derive(Debug, Clone)]
pub struct Cqt {
    n_bins: usize,
    hop: usize,
    /// How often the samples are halved before the highest octave.
    early_halvings: u32,
    early: Resampler,
    halving: Halving,
    /// From the highest down.
    octaves: Vec<Octave>,
}

/// How samples get to half their rate.
#[derive(Debug, Clone)]
enum Halving {
    /// When no wavelet hears what lies near the new Nyquist frequency.
    Wide(Halver),
    /// When some do.
    Narrow(Resampler),
}

/// What a constant-Q transform is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CqtShape {
    /// Of the samples, Hz.
    pub sample_rate: u32,
    /// From one frame to the next, samples.
    pub hop: usize,
    /// The lowest frequency, Hz.
    pub fmin: f64,
    /// Number of frequencies.
    pub n_bins: usize,
    /// Frequencies in an octave.
    pub bins_per_octave: usize,
}

/// One octave of wavelets.
#[derive(Debug, Clone)]
struct Octave {
    fft: RealFft,
    frame: Vec<f64>,
    hop: usize,
    /// Whether the samples are halved to get from the octave above to this one.
    is_halved: bool,
    wavelets: Vec<Wavelet>,
}

/// The spectrum of a wavelet, from bin `start` on, scaled so that its product with that of the samples is the answer.
#[derive(Debug, Clone)]
struct Wavelet {
    start: usize,
    re: Vec<f64>,
    im: Vec<f64>,
}

/// What a Hann window's main lobe is wide, bins (`librosa.filters.window_bandwidth("hann")`).
const HANN_BANDWIDTH: f64 = 1.500_183_105_468_75;
/// A bound on the first resampling filter.
const MOST_EARLY_HALVINGS: u32 = 12;
/// The share of a wavelet's magnitude that is left out.
const SPARSITY: f64 = 0.01;

impl CqtShape {
    /// The frequency of bin `bin`, Hz.
    pub fn frequency(&self, bin: usize) -> f64 {
        self.fmin * libm::exp2(bin as f64 / self.bins_per_octave as f64)
    }

    /// Periods in a wavelet.
    fn q(&self) -> f64 {
        let ratio = libm::exp2(2.0 / self.bins_per_octave as f64);
        (ratio + 1.0) / (ratio - 1.0)
    }

    fn n_octaves(&self) -> usize {
        self.n_bins.div_ceil(self.bins_per_octave)
    }

    /// The highest frequency that the highest wavelet hears, Hz.
    fn cutoff(&self) -> f64 {
        self.frequency(self.n_bins - 1) * (1.0 + 0.5 * HANN_BANDWIDTH / self.q())
    }

    /// How often the samples can be halved before anything that is asked for is lost.
    fn early_halvings(&self) -> u32 {
        let room = libm::log2(f64::from(self.sample_rate) / 2.0 / self.cutoff());
        let by_frequency = (room.ceil() as u32).saturating_sub(2);
        let by_hop = (self.hop.trailing_zeros() + 1).saturating_sub(self.n_octaves() as u32);
        by_frequency.min(by_hop).min(MOST_EARLY_HALVINGS)
    }

    fn check(&self) -> Result<()> {
        let refuse = |cause: String| Err(Error::usage(format!("cannot transform to constant Q: {cause}")));
        if self.n_bins == 0 || self.bins_per_octave == 0 || self.hop == 0 {
            return refuse("bins, bins an octave and hop must be at least `1`".to_owned());
        }
        if !(self.fmin > 0.0 && self.cutoff() <= f64::from(self.sample_rate) / 2.0) {
            let highest = self.frequency(self.n_bins - 1);
            return refuse(format!(
                "bins from `{}` to `{highest}` Hz do not lie below half the rate",
                self.fmin
            ));
        }
        Ok(())
    }
}

impl Cqt {
    /// The transform of this shape.
    ///
    /// # Errors
    /// When a count is 0, when a wavelet reaches beyond half the sample rate, or is longer than
    /// [`RealFft::MAX_LENGTH`].
    pub fn new(shape: CqtShape) -> Result<Self> {
        shape.check()?;
        let early_halvings = shape.early_halvings();
        let mut rate = f64::from(shape.sample_rate) / f64::from(1_u32 << early_halvings);
        let (top_rate, mut hop) = (rate, shape.hop >> early_halvings);
        let mut octaves = Vec::with_capacity(shape.n_octaves());
        for i in 0..shape.n_octaves() {
            let is_halved = i > 0 && hop % 2 == 0;
            if is_halved {
                (hop, rate) = (hop / 2, rate / 2.0);
            }
            let end = shape.n_bins - i * shape.bins_per_octave;
            let bins = end.saturating_sub(shape.bins_per_octave)..end;
            octaves.push(Octave::new(&shape, bins, rate, hop, is_halved)?);
        }
        Ok(Self {
            n_bins: shape.n_bins,
            hop: shape.hop,
            early_halvings,
            early: Resampler::new(1 << early_halvings, 1),
            halving: Halving::below(shape.cutoff() / (top_rate / 2.0)),
            octaves,
        })
    }

    /// The magnitudes of `samples`: one row a frame, one column a bin from the lowest up. Frames are centred on
    /// multiples of the hop, with zeros beyond the ends.
    pub fn magnitudes(&mut self, samples: &[f64]) -> Matrix {
        let mut magnitudes = Matrix::zeros(super::n_frames(samples.len(), self.hop), self.n_bins);
        let mut samples = samples.to_vec();
        if self.early_halvings > 0 {
            samples = louder(self.early.resample(samples), f64::from(1_u32 << self.early_halvings).sqrt());
        }
        let mut end = self.n_bins;
        for octave in &mut self.octaves {
            if octave.is_halved {
                samples = louder(self.halving.halve(samples), 2.0_f64.sqrt());
            }
            let start = end - octave.wavelets.len();
            for frame in 0..magnitudes.n_rows() {
                octave.respond(&samples, frame, &mut magnitudes.row_mut(frame)[start..end]);
            }
            end = start;
        }
        magnitudes
    }
}

impl Halving {
    /// For wavelets that hear up to this share of the Nyquist frequency: of every octave's, as of the highest's.
    fn below(share: f64) -> Self {
        if share <= Halver::HIGHEST { Self::Wide(Halver::new()) } else { Self::Narrow(Resampler::new(2, 1)) }
    }

    fn halve(&self, samples: Vec<f64>) -> Vec<f64> {
        match self {
            Self::Wide(halver) => halver.halve(&samples),
            Self::Narrow(resampler) => resampler.resample(samples),
        }
    }
}

fn louder(mut samples: Vec<f64>, factor: f64) -> Vec<f64> {
    samples.iter_mut().for_each(|sample| *sample *= factor);
    samples
}

impl Octave {
    fn new(
        shape: &CqtShape,
        bins: std::ops::Range<usize>,
        rate: f64,
        hop: usize,
        is_halved: bool,
    ) -> Result<Self> {
        let length = |bin: usize| shape.q() * rate / shape.frequency(bin);
        let longest = length(bins.start).ceil();
        if longest > RealFft::MAX_LENGTH as f64 {
            let cause = format!("a wavelet of `{longest}` samples is too long");
            return Err(Error::usage(format!("cannot transform to constant Q: {cause}")).hint(
                "a higher lowest frequency, fewer bins an octave or a hop with more factors of 2 help",
            ));
        }
        let n_fft = (longest as usize).next_power_of_two().max(4);
        let mut fft = RealFft::new(n_fft)?;
        let wavelets = bins.map(|bin| {
            let length = length(bin);
            Wavelet::new(&mut fft, length, shape.frequency(bin) / rate, length.sqrt() / n_fft as f64)
        });
        let wavelets = wavelets.collect();
        Ok(Self { fft, frame: vec![0.0; n_fft], hop, is_halved, wavelets })
    }

    fn respond(&mut self, samples: &[f64], frame: usize, magnitudes: &mut [f64]) {
        let (middle, centre) = (self.frame.len() / 2, frame * self.hop);
        let (first, last) = (centre.saturating_sub(middle), (centre + middle).min(samples.len()));
        self.frame.fill(0.0);
        if first < last {
            let at = first + middle - centre;
            self.frame[at..at + (last - first)].copy_from_slice(&samples[first..last]);
        }
        let (re, im) = self.fft.transform(&self.frame);
        for (magnitude, wavelet) in magnitudes.iter_mut().zip(&self.wavelets) {
            *magnitude = wavelet.respond(re, im);
        }
    }
}

impl Wavelet {
    /// `length` samples (not a whole number) of a wave of `frequency` periods a sample, of unit sum times `scale`,
    /// in the middle of a frame.
    fn new(fft: &mut RealFft, length: f64, frequency: f64, scale: f64) -> Self {
        let (first, end) = ((-length / 2.0).floor(), (length / 2.0).floor());
        let window = hann((end - first).max(0.0) as usize);
        // The sum of a periodic Hann window is half its length, but that of one sample is nothing.
        let sum = window.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let padding = (fft.length() - window.len().min(fft.length())) / 2;
        let part = |of: fn(f64) -> f64| -> Vec<f64> {
            let wave = window
                .iter()
                .enumerate()
                .map(|(i, weight)| scale * weight / sum * of(2.0 * PI * frequency * (first + i as f64)));
            std::iter::repeat_n(0.0, padding).chain(wave).collect()
        };
        let (of_cosine, of_sine) = (spectrum(fft, &part(libm::cos)), spectrum(fft, &part(libm::sin)));
        let re: Vec<f64> = of_cosine.0.iter().zip(&of_sine.1).map(|(re, im)| re - im).collect();
        let im: Vec<f64> = of_cosine.1.iter().zip(&of_sine.0).map(|(im, re)| im + re).collect();
        Self::sparse(&re, &im)
    }

    /// Leaves out the bins that hold the weakest [`SPARSITY`] of the magnitude (`librosa.util.sparsify_rows`).
    fn sparse(re: &[f64], im: &[f64]) -> Self {
        let magnitudes: Vec<f64> = re.iter().zip(im).map(|(re, im)| (re * re + im * im).sqrt()).collect();
        let threshold = weakest_to_keep(&magnitudes);
        let is_kept = |bin: &usize| magnitudes[*bin] >= threshold;
        let start = (0..re.len()).find(is_kept).unwrap_or(0);
        let end = (0..re.len()).rev().find(is_kept).map_or(start, |last| last + 1);
        let kept = |part: &[f64]| -> Vec<f64> {
            (start..end).map(|bin| if is_kept(&bin) { part[bin] } else { 0.0 }).collect()
        };
        Self { start, re: kept(re), im: kept(im) }
    }

    fn respond(&self, re: &[f64], im: &[f64]) -> f64 {
        let (re, im) = (&re[self.start..], &im[self.start..]);
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (((re, im), own_re), own_im) in re.iter().zip(im).zip(&self.re).zip(&self.im) {
            real += own_re * re - own_im * im;
            imaginary += own_re * im + own_im * re;
        }
        (real * real + imaginary * imaginary).sqrt()
    }
}

fn spectrum(fft: &mut RealFft, frame: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (re, im) = fft.transform(frame);
    (re.to_vec(), im.to_vec())
}

/// The least of the magnitudes that are left when the weakest are taken away up to [`SPARSITY`] of the sum.
fn weakest_to_keep(magnitudes: &[f64]) -> f64 {
    let total: f64 = magnitudes.iter().sum();
    let mut ascending = magnitudes.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    let mut sum = 0.0;
    let kept = ascending.iter().find(|magnitude| {
        sum += **magnitude / total;
        sum >= SPARSITY
    });
    kept.copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(n_bins: usize, bins_per_octave: usize, hop: usize) -> CqtShape {
        CqtShape { sample_rate: 22_050, hop, fmin: 32.703_195_662_574_83, n_bins, bins_per_octave }
    }

    #[test]
    fn a_sine_is_loudest_in_its_own_bin() {
        for (bin, hop) in [(0, 512), (30, 512), (30, 100), (57, 512), (83, 511)] {
            let shape = shape(84, 12, hop);
            let angle = |i: u32| 2.0 * PI * shape.frequency(bin) * f64::from(i) / 22_050.0;
            let sine: Vec<f64> = (0..22_050).map(|i| libm::sin(angle(i))).collect();
            let magnitudes = Cqt::new(shape).unwrap().magnitudes(&sine);
            let frame = magnitudes.row(magnitudes.n_rows() / 2);
            let loudest = (0..84).max_by(|a, b| frame[*a].total_cmp(&frame[*b])).unwrap();
            assert_eq!(loudest, bin, "{hop}");
            // Half the amplitude is at the positive frequency; the answer is times the root of the length.
            let want = 0.5 * (shape.q() * 22_050.0 / shape.frequency(bin)).sqrt();
            assert!((frame[bin] / want - 1.0).abs() < 0.02, "{bin} {hop}: {} {want}", frame[bin]);
        }
    }

    #[test]
    fn the_highest_octave_may_reach_to_half_the_sample_rate() {
        let shape = shape(99, 12, 512);
        for bin in [98, 90, 80, 40] {
            let angle = |i: u32| 2.0 * PI * shape.frequency(bin) * f64::from(i) / 22_050.0;
            let sine: Vec<f64> = (0..22_050).map(|i| libm::sin(angle(i))).collect();
            let magnitudes = Cqt::new(shape).unwrap().magnitudes(&sine);
            let frame = magnitudes.row(magnitudes.n_rows() / 2);
            let loudest = (0..99).max_by(|a, b| frame[*a].total_cmp(&frame[*b])).unwrap();
            assert_eq!(loudest, bin);
        }
    }

    #[test]
    fn any_number_of_samples_has_its_frames() {
        for n in [0, 1, 2, 511, 512, 5000] {
            for hop in [1, 7, 512] {
                let magnitudes = Cqt::new(shape(84, 12, hop)).unwrap().magnitudes(&vec![0.1; n]);
                assert_eq!(magnitudes.n_rows(), 1 + n / hop);
                assert!(magnitudes.data().iter().all(|x| x.is_finite()), "{n}");
            }
        }
    }

    #[test]
    fn shapes_that_make_no_sense_are_errors() {
        let good = shape(84, 12, 512);
        for bad in [
            CqtShape { n_bins: 0, ..good },
            CqtShape { n_bins: 200, ..good },
            CqtShape { hop: 0, ..good },
            CqtShape { bins_per_octave: 0, ..good },
            CqtShape { fmin: 0.0, ..good },
            CqtShape { fmin: f64::NAN, ..good },
            CqtShape { fmin: 1e-9, n_bins: 2, ..good },
        ] {
            assert!(Cqt::new(bad).is_err(), "{bad:?}");
        }
    }
}
