//! fingerprint: a picture of a segment, of one size whatever the segment's length.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chroma::C1;
use super::mfcc::{TOP_DB, mel_filters};
use super::rows::{Column, SAMPLE_RATE, describe_segments, refused};
use crate::error::Result;
use crate::signal::{Cqt, CqtShape, Halving, Matrix, MelFilters, Stft, mel_spectrogram, power_to_db, resize};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// A picture of a segment, for maps of short sounds: 32 frequencies by 32 times, at 22,050 Hz.
///
/// | column | numbers |
/// |---|---|
/// | `picture` | brightness from 0 to 1: `size` rows from the lowest frequency up, each of `size` times |
///
/// `vector` is `picture`. A cell is the mean power of what it covers of the spectrum (`librosa.cqt` or
/// `librosa.feature.melspectrogram`) in dB: 1 for the loudest cell, 0 for 80 dB below it, and silence is black. A
/// segment is stretched to the picture's width: how long it is does not show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Fingerprint {
    /// What it shows: a constant-Q spectrum of seven octaves from C1 ("cqt"), or mel bands of 2048 samples ("mel").
    pub from: FingerprintFrom,
    /// Rows, and columns, of the picture.
    #[schemars(range(min = 2, max = 128))]
    pub size: u32,
    /// From one frame to the next, samples at 22,050 Hz; for "cqt" best a multiple of 64.
    #[schemars(range(min = 64, max = 16384))]
    pub hop_length: u32,
}

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FingerprintFrom {
    /// A constant-Q spectrum.
    Cqt,
    /// Mel bands.
    Mel,
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self { from: FingerprintFrom::Cqt, size: 32, hop_length: 256 }
    }
}

impl Stage for Fingerprint {
    fn version(&self) -> u32 {
        4
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "spans"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        self.check()?;
        let mut camera = self.camera()?;
        let size = self.size as usize;
        let columns = [Column::block("picture", size * size)];
        describe_segments(inputs, context, &columns, |samples| {
            Ok(vec![develop(&resize(&camera.powers(samples), size, size))])
        })
    }
}

/// What takes the picture.
enum Camera {
    Cqt(Cqt),
    Mel(Stft, MelFilters),
}

const N_FFT: u32 = 2048;

impl Fingerprint {
    fn check(&self) -> Result<()> {
        let what = "segments by pictures";
        if !(2..=128).contains(&self.size) {
            return Err(refused(what, "size", self.size, "it must be from 2 to 128"));
        }
        if !(64..=16_384).contains(&self.hop_length) {
            return Err(refused(what, "hop_length", self.hop_length, "it must be from 64 to 16,384"));
        }
        Ok(())
    }

    fn camera(&self) -> Result<Camera> {
        let hop = self.hop_length as usize;
        Ok(match self.from {
            FingerprintFrom::Cqt => {
                let shape = CqtShape {
                    sample_rate: SAMPLE_RATE,
                    hop,
                    fmin: C1,
                    n_bins: 84,
                    bins_per_octave: 12,
                    halving: Halving::Short,
                };
                Camera::Cqt(Cqt::new(shape)?)
            }
            FingerprintFrom::Mel => {
                Camera::Mel(Stft::new(N_FFT as usize, hop)?, mel_filters(N_FFT, self.size, false))
            }
        })
    }
}

impl Camera {
    /// Powers, one row a frame.
    fn powers(&mut self, samples: &[f64]) -> Matrix {
        match self {
            Self::Mel(stft, filters) => mel_spectrogram(stft, filters, samples),
            Self::Cqt(cqt) => {
                let mut powers = cqt.magnitudes(samples);
                powers.data_mut().iter_mut().for_each(|magnitude| *magnitude *= *magnitude);
                powers
            }
        }
    }
}

/// What counts as silence: the floor of powers in dB.
const SILENCE: f64 = 1e-10;

/// Brightness of powers that come with a row for each time: a row for each frequency.
fn develop(powers: &Matrix) -> Vec<f64> {
    if powers.data().iter().all(|power| *power <= SILENCE) {
        return vec![0.0; powers.data().len()];
    }
    let mut db = powers.clone();
    power_to_db(db.data_mut(), TOP_DB);
    let loudest = db.data().iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let brightness = |db: f64| 1.0 + (db - loudest) / TOP_DB;
    (0..db.n_cols()).flat_map(|frequency| db.column(frequency)).map(brightness).collect()
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{features, numbers, sine};
    use super::*;

    #[test]
    fn a_tone_is_a_bright_line_that_is_higher_for_a_higher_tone() {
        for from in [FingerprintFrom::Cqt, FingerprintFrom::Mel] {
            let stage = Fingerprint { from, ..Fingerprint::default() };
            let brightest = |hz: f64| {
                let frame = features(&stage, &sine(hz, 1e6), &[(0, 44_100)]).unwrap();
                let (dim, picture) = numbers(&frame, "picture");
                assert_eq!(dim, 1024);
                assert!(picture.iter().all(|x| (0.0..=1.0).contains(x)));
                let row = |row: usize| picture[32 * row + 4..32 * row + 28].iter().sum::<f32>();
                (0..32).max_by(|a, b| row(*a).total_cmp(&row(*b))).unwrap()
            };
            assert!(brightest(300.0) < brightest(600.0) && brightest(600.0) < brightest(3000.0), "{from:?}");
        }
    }

    #[test]
    fn time_runs_from_left_to_right() {
        let mut samples = sine(440.0, 1e6);
        samples[22_050..].fill(0);
        let frame = features(&Fingerprint::default(), &samples, &[(0, 44_100)]).unwrap();
        let picture = numbers(&frame, "picture").1;
        let column = |time: usize| (0..32).map(|row| picture[32 * row + time]).sum::<f32>();
        assert!(column(4) > 1.0 && column(28) == 0.0);
    }

    #[test]
    fn silence_is_black() {
        let frame = features(&Fingerprint::default(), &[0; 44_100], &[(0, 44_100)]).unwrap();
        assert!(numbers(&frame, "picture").1.iter().all(|x| *x == 0.0));
    }

    #[test]
    fn absurd_parameters_are_errors() {
        for stage in [
            Fingerprint { size: 0, ..Fingerprint::default() },
            Fingerprint { size: u32::MAX, ..Fingerprint::default() },
            Fingerprint { hop_length: 0, ..Fingerprint::default() },
        ] {
            assert!(features(&stage, &[0; 10], &[(0, 10)]).is_err(), "{stage:?}");
        }
    }
}
