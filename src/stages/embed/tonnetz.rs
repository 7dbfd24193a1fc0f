//! tonnetz: tonal centroids of a segment, to librosa's definition.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chroma::Octaves;
use super::rows::{Column, describe_segments, means_then_deviations, refused, summarise_columns};
use super::tuning::Tuning;
use crate::error::Result;
use crate::signal::{TONNETZ_DIMENSIONS, tonnetz};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Mean and standard deviation over frames of tonal centroids, at 22,050 Hz (`librosa.feature.tonnetz`).
///
/// | column | numbers |
/// |---|---|
/// | `tonnetz` | the means of the coordinates on the circles of fifths, minor thirds and major thirds (two each), then the standard deviations |
/// | `tuning` | how far the segment is tuned above A = 440 Hz, in parts of a bin |
///
/// `vector` is `tonnetz`. The coordinates are those of chroma from a constant-Q transform, without harmonic
/// separation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tonnetz {
    /// Number of pitch classes: a divisor of `bins_per_octave`.
    #[schemars(range(min = 2, max = 120))]
    pub n_chroma: u32,
    /// From one frame to the next, samples at 22,050 Hz; best a multiple of 64.
    #[schemars(range(min = 64, max = 16384))]
    pub hop_length: u32,
    /// Bins in an octave.
    #[schemars(range(min = 2, max = 120))]
    pub bins_per_octave: u32,
    /// Tuning above A = 440 Hz in parts of a bin, or "estimate", from each segment.
    #[schemars(extend("minimum" = -0.5, "maximum" = 0.5))]
    pub tuning: Tuning,
}

impl Default for Tonnetz {
    fn default() -> Self {
        Self { n_chroma: 12, hop_length: 512, bins_per_octave: 36, tuning: Tuning::default() }
    }
}

impl Stage for Tonnetz {
    fn version(&self) -> u32 {
        3
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "spans"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        self.check()?;
        let mut octaves = Octaves::new(self.hop_length, self.bins_per_octave, self.tuning);
        let columns = [Column::block("tonnetz", 2 * TONNETZ_DIMENSIONS), Column::number("tuning")];
        describe_segments(inputs, context, &columns, |samples| {
            let (chroma, tuning) = octaves.chroma(samples, self.n_chroma)?;
            let centroids = tonnetz(&chroma);
            Ok(vec![means_then_deviations(&summarise_columns(&centroids)), vec![tuning]])
        })
    }
}

impl Tonnetz {
    fn check(&self) -> Result<()> {
        let refuse = |parameter, value: u32, cause| Err(refused("tonal centroids", parameter, value, cause));
        if !(2..=120).contains(&self.n_chroma) {
            return refuse("n_chroma", self.n_chroma, "it must be from 2 to 120");
        }
        if !(64..=16_384).contains(&self.hop_length) {
            return refuse("hop_length", self.hop_length, "it must be from 64 to 16,384");
        }
        if !(2..=120).contains(&self.bins_per_octave) || !self.bins_per_octave.is_multiple_of(self.n_chroma) {
            let cause = "`n_chroma` must divide it, and it must be at most 120";
            return refuse("bins_per_octave", self.bins_per_octave, cause);
        }
        self.tuning.check("tonal centroids")
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{features, numbers, sine};
    use super::*;

    #[test]
    fn tones_a_fifth_apart_are_near_and_a_tritone_apart_are_far_on_the_circle_of_fifths() {
        let fifths = |hz: f64| {
            let frame = features(&Tonnetz::default(), &sine(hz, 1e6), &[(0, 44_100)]).unwrap();
            let (dim, tonnetz) = numbers(&frame, "tonnetz");
            assert_eq!(dim, 12);
            (f64::from(tonnetz[0]), f64::from(tonnetz[1]))
        };
        let distance =
            |a: (f64, f64), b: (f64, f64)| ((a.0 - b.0) * (a.0 - b.0) + (a.1 - b.1) * (a.1 - b.1)).sqrt();
        let (tonic, fifth, tritone) = (fifths(440.0), fifths(660.0), fifths(622.25));
        assert!(distance(tonic, fifth) < 0.6 && distance(tonic, tritone) > 1.5);
    }

    #[test]
    fn absurd_parameters_are_errors() {
        let default = Tonnetz::default();
        for stage in [
            Tonnetz { n_chroma: 0, ..default.clone() },
            Tonnetz { n_chroma: 7, ..default.clone() },
            Tonnetz { hop_length: 0, ..default.clone() },
            Tonnetz { bins_per_octave: 1200, ..default.clone() },
            Tonnetz { bins_per_octave: 0, ..default.clone() },
            Tonnetz { tuning: Tuning::Given(f64::INFINITY), ..default.clone() },
        ] {
            assert!(features(&stage, &[0; 10], &[(0, 10)]).is_err(), "{stage:?}");
        }
    }
}
