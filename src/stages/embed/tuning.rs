//! The tuning of a segment as a parameter: given, or estimated from the segment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rows::{SAMPLE_RATE, refused};
use crate::error::Result;
use crate::signal::{Cqt, CqtShape, LANES, Lanes, Matrix, Stft, TuningEstimator};

/// A number of bins, or the word "estimate": from each segment by itself (`librosa.estimate_tuning`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Tuning {
    /// So much above A = 440 Hz, in parts of a bin.
    Given(f64),
    /// Whatever the segment's spectral peaks agree on.
    Estimated(Estimated),
}

/// The word "estimate".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Estimated {
    /// Estimate it.
    #[serde(rename = "estimate")]
    Estimate,
}

impl Default for Tuning {
    fn default() -> Self {
        Self::Estimated(Estimated::Estimate)
    }
}

/// The transform that tuning is estimated from, whatever follows: `librosa.piptrack`'s.
const N_FFT: usize = 2048;
const HOP: usize = 512;

impl Tuning {
    pub(super) fn check(self, what: &str) -> Result<()> {
        match self {
            Self::Given(bins) if !(-0.5..=0.5).contains(&bins) => {
                Err(refused(what, "tuning", bins, "it must be from -0.5 to 0.5"))
            }
            _ => Ok(()),
        }
    }

    /// The tuning of these samples, in parts of one of `bins_per_octave` bins.
    fn of(self, samples: &[f64], bins_per_octave: usize) -> Result<f64> {
        match self {
            Self::Given(bins) => Ok(bins),
            Self::Estimated(_) => {
                let mut stft = Stft::new(N_FFT, HOP)?;
                Ok(tuning_of_spectra(&mut stft, samples, bins_per_octave, Lanes::sqrt))
            }
        }
    }
}

/// The tuning that the peaks of spectra agree on; `weigh` makes of powers what peaks are looked for in.
pub(super) fn tuning_of_spectra(
    stft: &mut Stft,
    samples: &[f64],
    bins_per_octave: usize,
    weigh: fn(Lanes) -> Lanes,
) -> f64 {
    let mut estimator = TuningEstimator::new(f64::from(SAMPLE_RATE), stft.n_fft());
    let n_frames = stft.n_frames(samples.len());
    let mut spectra = vec![Lanes::ZERO; stft.n_bins()];
    for first in (0..n_frames).step_by(LANES) {
        let power = stft.power(samples, first);
        spectra.iter_mut().zip(power).for_each(|(value, power)| *value = weigh(*power));
        estimator.add(&spectra, n_frames - first);
    }
    estimator.estimate(bins_per_octave)
}

/// A constant-Q transform whose bins are raised by the tuning of what it transforms.
pub(super) struct TunedCqt {
    shape: CqtShape,
    tuning: Tuning,
    /// The last transform and what its bins were raised by, for most segments of a clip are tuned alike.
    last: Option<(f64, Cqt)>,
}

impl TunedCqt {
    /// A transform that has this shape in perfect tune.
    pub(super) fn new(shape: CqtShape, tuning: Tuning) -> Self {
        Self { shape, tuning, last: None }
    }

    /// Its shape in perfect tune.
    pub(super) fn shape(&self) -> &CqtShape {
        &self.shape
    }

    /// Magnitudes, one row a frame, and the tuning in parts of a bin.
    pub(super) fn magnitudes(&mut self, samples: &[f64]) -> Result<(Matrix, f64)> {
        let tuning = self.tuning.of(samples, self.shape.bins_per_octave)?;
        let mut cqt = match self.last.take() {
            Some((last, cqt)) if last == tuning => cqt,
            _ => Cqt::new(self.raised_by(tuning))?,
        };
        let magnitudes = cqt.magnitudes(samples);
        self.last = Some((tuning, cqt));
        Ok((magnitudes, tuning))
    }

    fn raised_by(&self, tuning: f64) -> CqtShape {
        let factor = libm::exp2(tuning / self.shape.bins_per_octave as f64);
        CqtShape { fmin: self.shape.fmin * factor, ..self.shape }
    }
}
