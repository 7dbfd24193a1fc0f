//! cqt: the constant-Q spectrum of a segment, to librosa's definition.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chroma::C1;
use super::mfcc::TOP_DB;
use super::rows::{
    Column, SAMPLE_RATE, describe_segments, means_then_deviations, refused, summarise_columns,
};
use super::tuning::{TunedCqt, Tuning};
use crate::error::Result;
use crate::signal::{CqtShape, Halving, amplitude_to_db};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Mean and standard deviation over frames of a constant-Q spectrum, at 22,050 Hz
/// (`librosa.amplitude_to_db(abs(librosa.cqt(...)), ref=np.max)`).
///
/// | column | numbers |
/// |---|---|
/// | `cqt` | the mean of each bin, dB below the greatest magnitude of the segment, then the standard deviations |
/// | `tuning` | how far the bins were raised, in parts of a bin |
///
/// `vector` is `cqt`. Magnitudes more than 80 dB below the greatest count as that. Like chroma, it is absolute pitch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConstantQ {
    /// The lowest frequency, Hz. The default is C1.
    #[schemars(range(min = 16.0, max = 5000.0))]
    pub fmin: f64,
    /// Number of bins; the highest lies below 11,025 Hz.
    #[schemars(range(min = 1, max = 1000))]
    pub n_bins: u32,
    /// Bins in an octave.
    #[schemars(range(min = 2, max = 120))]
    pub bins_per_octave: u32,
    /// From one frame to the next, samples at 22,050 Hz; best with a factor of 2 for each octave but one.
    #[schemars(range(min = 64, max = 16384))]
    pub hop_length: u32,
    /// Tuning above A = 440 Hz in parts of a bin, or "estimate", from each segment.
    #[schemars(extend("minimum" = -0.5, "maximum" = 0.5))]
    pub tuning: Tuning,
}

impl Default for ConstantQ {
    fn default() -> Self {
        Self { fmin: C1, n_bins: 84, bins_per_octave: 12, hop_length: 512, tuning: Tuning::Given(0.0) }
    }
}

impl Stage for ConstantQ {
    fn version(&self) -> u32 {
        4
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "spans"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        self.check()?;
        let columns = [Column::block("cqt", 2 * self.n_bins as usize), Column::number("tuning")];
        let mut transform = TunedCqt::new(self.shape(), self.tuning);
        describe_segments(inputs, context, &columns, |samples| {
            let (mut magnitudes, tuning) = transform.magnitudes(samples)?;
            amplitude_to_db(magnitudes.data_mut(), TOP_DB);
            Ok(vec![means_then_deviations(&summarise_columns(&magnitudes)), vec![tuning]])
        })
    }
}

impl ConstantQ {
    fn check(&self) -> Result<()> {
        let what = "constant-Q spectra";
        if !(16.0..=5000.0).contains(&self.fmin) {
            return Err(refused(what, "fmin", self.fmin, "it must be from 16 to 5000"));
        }
        for (parameter, value, least, most) in [
            ("n_bins", self.n_bins, 1, 1000),
            ("bins_per_octave", self.bins_per_octave, 2, 120),
            ("hop_length", self.hop_length, 64, 16_384),
        ] {
            if !(least..=most).contains(&value) {
                return Err(refused(what, parameter, value, &format!("it must be from {least} to {most}")));
            }
        }
        self.tuning.check(what)
    }

    fn shape(&self) -> CqtShape {
        CqtShape {
            sample_rate: SAMPLE_RATE,
            hop: self.hop_length as usize,
            fmin: self.fmin,
            n_bins: self.n_bins as usize,
            bins_per_octave: self.bins_per_octave as usize,
            halving: Halving::Short,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{features, numbers, sine};
    use super::*;

    #[test]
    fn a_tone_is_loudest_in_its_own_bin() {
        let frame = features(&ConstantQ::default(), &sine(440.0, 1e6), &[(0, 44_100)]).unwrap();
        let (dim, cqt) = numbers(&frame, "cqt");
        let loudest = (0..84).max_by(|a, b| cqt[*a].total_cmp(&cqt[*b])).unwrap();
        assert_eq!((dim, loudest), (168, 3 * 12 + 9));
    }

    #[test]
    fn absurd_parameters_are_errors() {
        let default = ConstantQ::default();
        for stage in [
            ConstantQ { fmin: 0.0, ..default.clone() },
            ConstantQ { fmin: f64::NAN, ..default.clone() },
            ConstantQ { n_bins: 0, ..default.clone() },
            ConstantQ { n_bins: 200, ..default.clone() },
            ConstantQ { bins_per_octave: 0, ..default.clone() },
            ConstantQ { hop_length: 1, ..default.clone() },
            ConstantQ { tuning: Tuning::Given(1.0), ..default.clone() },
        ] {
            assert!(features(&stage, &[0; 10], &[(0, 10)]).is_err(), "{stage:?}");
        }
    }
}
