//! chroma: pitch classes of a segment, to librosa's definitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rows::{
    Column, SAMPLE_RATE, describe_segments, means_then_deviations, refused, summarise_columns,
};
use super::tuning::{TunedCqt, Tuning, tuning_of_spectra};
use crate::error::Result;
use crate::signal::{
    ChromaFilters, CqtShape, Halving, LANES, Lanes, Matrix, Stft, cens, fold_octaves, normalise_by_greatest,
};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Mean and standard deviation over frames of pitch classes, at 22,050 Hz (`librosa.feature.chroma_stft`,
/// `chroma_cqt`, `chroma_cens`).
///
/// | column | numbers |
/// |---|---|
/// | `chroma` | the mean of each pitch class from C upwards, then the standard deviations |
/// | `tuning` | how far the segment is tuned above A = 440 Hz, in parts of a pitch class (`stft`) or of a bin (`cqt`, `cens`) |
///
/// `vector` is `chroma`. Every frame is brought to a greatest pitch class of 1 (`cens`: to unit length), so
/// that no level is left in it. It is absolute pitch: recordings at another concert pitch, or of another mode on the
/// same tonic, differ as much as their pitches do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Chroma {
    /// What the pitch classes are folded from: the power spectrum ("stft"), a constant-Q transform of seven octaves
    /// from C1 ("cqt"), or that quantised and smoothed over time ("cens").
    pub from: ChromaFrom,
    /// Number of pitch classes; for "cqt" and "cens" a divisor of `bins_per_octave`.
    #[schemars(range(min = 2, max = 120))]
    pub n_chroma: u32,
    /// From one frame to the next, samples at 22,050 Hz; for "cqt" and "cens" best a multiple of 64.
    #[schemars(range(min = 64, max = 16384))]
    pub hop_length: u32,
    /// Length of the transform of "stft", samples at 22,050 Hz: a power of two.
    #[schemars(extend("enum" = [256, 512, 1024, 2048, 4096, 8192, 16384]))]
    pub n_fft: u32,
    /// Bins in an octave of "cqt" and "cens".
    #[schemars(range(min = 2, max = 120))]
    pub bins_per_octave: u32,
    /// Frames that "cens" smooths over; 0 for none.
    #[schemars(range(min = 0, max = 10000))]
    pub win_len_smooth: u32,
    /// Tuning above A = 440 Hz in parts of a pitch class ("stft") or of a bin ("cqt", "cens"), or "estimate", from
    /// each segment.
    #[schemars(extend("minimum" = -0.5, "maximum" = 0.5))]
    pub tuning: Tuning,
}

/// What pitch classes are folded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChromaFrom {
    /// The power spectrum.
    Stft,
    /// A constant-Q transform.
    Cqt,
    /// A constant-Q transform, quantised and smoothed.
    Cens,
}

impl Default for Chroma {
    fn default() -> Self {
        Self {
            from: ChromaFrom::Stft,
            n_chroma: 12,
            hop_length: 512,
            n_fft: 2048,
            bins_per_octave: 36,
            win_len_smooth: 41,
            tuning: Tuning::default(),
        }
    }
}

impl Stage for Chroma {
    fn version(&self) -> u32 {
        3
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "spans"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        self.check()?;
        let columns = [Column::block("chroma", 2 * self.n_chroma as usize), Column::number("tuning")];
        let mut octaves = Octaves::new(self.hop_length, self.bins_per_octave, self.tuning);
        describe_segments(inputs, context, &columns, |samples| {
            let (chroma, tuning) = match self.from {
                ChromaFrom::Stft => {
                    let mut stft = Stft::new(self.n_fft as usize, self.hop_length as usize)?;
                    chroma_of_spectra(&mut stft, samples, self.n_chroma as usize, self.tuning, context)?
                }
                ChromaFrom::Cqt | ChromaFrom::Cens => self.of_octaves(&mut octaves, samples)?,
            };
            Ok(vec![means_then_deviations(&summarise_columns(&chroma)), vec![tuning]])
        })
    }
}

impl Chroma {
    fn check(&self) -> Result<()> {
        let refuse = |parameter, value: u32, cause| Err(refused("pitch classes", parameter, value, cause));
        if !(2..=120).contains(&self.n_chroma) {
            return refuse("n_chroma", self.n_chroma, "it must be from 2 to 120");
        }
        if !(64..=16_384).contains(&self.hop_length) {
            return refuse("hop_length", self.hop_length, "it must be from 64 to 16,384");
        }
        if self.win_len_smooth > 10_000 {
            return refuse("win_len_smooth", self.win_len_smooth, "it must be at most 10,000");
        }
        if !(2..=120).contains(&self.bins_per_octave) {
            return refuse("bins_per_octave", self.bins_per_octave, "it must be from 2 to 120");
        }
        if self.from != ChromaFrom::Stft && !self.bins_per_octave.is_multiple_of(self.n_chroma) {
            return refuse("bins_per_octave", self.bins_per_octave, "`n_chroma` must divide it");
        }
        self.tuning.check("pitch classes")
    }

    /// Chroma from a constant-Q transform, and the tuning that it was computed for.
    fn of_octaves(&self, octaves: &mut Octaves, samples: &[f64]) -> Result<(Matrix, f64)> {
        let (mut chroma, tuning) = octaves.chroma(samples, self.n_chroma)?;
        if self.from == ChromaFrom::Cens {
            chroma = cens(chroma, self.win_len_smooth as usize);
        } else {
            normalise_by_greatest(&mut chroma);
        }
        Ok((chroma, tuning))
    }
}

/// Chroma from power spectra, and the tuning that it was computed for.
pub(super) fn chroma_of_spectra(
    stft: &mut Stft,
    samples: &[f64],
    n_chroma: usize,
    tuning: Tuning,
    context: &Context,
) -> Result<(Matrix, f64)> {
    let tuning = match tuning {
        Tuning::Given(tuning) => tuning,
        // librosa estimates it from powers here, and from magnitudes everywhere else.
        Tuning::Estimated(_) => tuning_of_spectra(stft, samples, n_chroma, |power| power),
    };
    context.check()?;
    let filters = ChromaFilters::new(f64::from(SAMPLE_RATE), stft.n_fft(), n_chroma, tuning);
    let mut chroma = Matrix::zeros(stft.n_frames(samples.len()), n_chroma);
    let mut of_eight = vec![Lanes::ZERO; n_chroma];
    for first in (0..chroma.n_rows()).step_by(LANES) {
        filters.apply(stft.power(samples, first), &mut of_eight);
        chroma.set_rows(first, &of_eight);
    }
    normalise_by_greatest(&mut chroma);
    Ok((chroma, tuning))
}

/// Seven octaves from C1, as `librosa.feature.chroma_cqt` takes them.
pub(super) struct Octaves(TunedCqt);

/// C1, Hz, and how many octaves are taken from there.
pub(super) const C1: f64 = 32.703_195_662_574_83;
const N_OCTAVES: u32 = 7;

impl Octaves {
    /// Octaves of so many bins, one frame every `hop` samples.
    pub(super) fn new(hop: u32, bins_per_octave: u32, tuning: Tuning) -> Self {
        let shape = CqtShape {
            sample_rate: SAMPLE_RATE,
            hop: hop as usize,
            fmin: C1,
            n_bins: (N_OCTAVES * bins_per_octave) as usize,
            bins_per_octave: bins_per_octave as usize,
            halving: Halving::Sharp,
        };
        Self(TunedCqt::new(shape, tuning))
    }

    /// Pitch classes of each frame, not normalised, and the tuning that they were computed for.
    pub(super) fn chroma(&mut self, samples: &[f64], n_chroma: u32) -> Result<(Matrix, f64)> {
        let (magnitudes, tuning) = self.0.magnitudes(samples)?;
        Ok((fold_octaves(&magnitudes, self.0.shape(), n_chroma as usize), tuning))
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{features, numbers, sine};
    use super::*;

    #[test]
    fn a_tone_is_its_pitch_class_however_it_is_folded() {
        for from in [ChromaFrom::Stft, ChromaFrom::Cqt, ChromaFrom::Cens] {
            for (hz, class) in [(440.0, 9), (261.63, 0), (311.13, 3)] {
                let stage = Chroma { from, ..Chroma::default() };
                let frame = features(&stage, &sine(hz, 1e6), &[(0, 44_100)]).unwrap();
                let (dim, chroma) = numbers(&frame, "chroma");
                let loudest = (0..12).max_by(|a, b| chroma[*a].total_cmp(&chroma[*b])).unwrap();
                assert_eq!((dim, loudest), (24, class), "{from:?} {hz}");
            }
        }
    }

    #[test]
    fn a_recording_at_another_concert_pitch_is_folded_alike_once_its_tuning_is_known() {
        for from in [ChromaFrom::Stft, ChromaFrom::Cqt] {
            let stage = Chroma { from, ..Chroma::default() };
            let mean = |hz: f64| {
                let frame = features(&stage, &sine(hz, 1e6), &[(0, 44_100)]).unwrap();
                numbers(&frame, "chroma").1[9]
            };
            assert!(mean(440.0 * libm::exp2(20.0 / 1200.0)) > 0.9, "{from:?}");
        }
    }

    #[test]
    fn absurd_parameters_are_errors() {
        let (default, cqt) = (Chroma::default(), Chroma { from: ChromaFrom::Cqt, ..Chroma::default() });
        for stage in [
            Chroma { n_chroma: 0, ..default.clone() },
            Chroma { n_chroma: u32::MAX, ..default.clone() },
            Chroma { n_fft: 3000, ..default.clone() },
            Chroma { hop_length: 0, ..default.clone() },
            Chroma { bins_per_octave: u32::MAX, ..default.clone() },
            Chroma { tuning: Tuning::Given(f64::NAN), ..default.clone() },
            Chroma { n_chroma: 24, ..cqt.clone() },
            Chroma { bins_per_octave: 0, ..cqt.clone() },
            Chroma { bins_per_octave: 1200, ..cqt.clone() },
            Chroma { win_len_smooth: u32::MAX, ..cqt },
        ] {
            assert!(features(&stage, &[0; 10], &[(0, 10)]).is_err(), "{stage:?}");
        }
    }
}
