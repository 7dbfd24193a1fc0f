//! mel: the log-mel spectrum of a segment, to librosa's definitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mfcc::{TOP_DB, mel_filters};
use super::rows::{Column, Row, describe_segments, means_then_deviations, refused, summarise_columns};
use crate::error::Result;
use crate::signal::{Matrix, Stft, mel_spectrogram, power_to_db};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Mean and standard deviation over frames of the log-mel spectrum, at 22,050 Hz
/// (`librosa.power_to_db(librosa.feature.melspectrogram(...), ref=np.max)`).
///
/// | column | numbers |
/// |---|---|
/// | `mel` | the mean of each band, dB below the loudest band of any frame of the segment, then the standard deviations |
/// | `level` | the power of that loudest band, dB re full scale |
///
/// `vector` is `mel`. Bands more than 80 dB below the loudest count as that. A gain changes only `level`, as
/// long as the loudest band stays above -20 dB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mel {
    /// Number of mel bands, from 0 to 11,025 Hz; at most `n_fft / 2`.
    #[schemars(range(min = 2, max = 512))]
    pub n_mels: u32,
    /// Length of the transform, samples at 22,050 Hz: a power of two.
    #[schemars(extend("enum" = [256, 512, 1024, 2048, 4096, 8192, 16384]))]
    pub n_fft: u32,
    /// From one transform to the next, samples at 22,050 Hz.
    #[schemars(range(min = 64, max = 16384))]
    pub hop_length: u32,
    /// HTK's mel scale instead of Slaney's.
    pub htk: bool,
}

impl Default for Mel {
    fn default() -> Self {
        Self { n_mels: 128, n_fft: 2048, hop_length: 512, htk: false }
    }
}

impl Stage for Mel {
    fn version(&self) -> u32 {
        2
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "spans"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        self.check()?;
        let mut stft = Stft::new(self.n_fft as usize, self.hop_length as usize)?;
        let filters = mel_filters(self.n_fft, self.n_mels, self.htk);
        let columns = [Column::block("mel", 2 * self.n_mels as usize), Column::number("level")];
        describe_segments(inputs, context, &columns, |samples| {
            Ok(row(mel_spectrogram(&mut stft, &filters, samples)))
        })
    }
}

impl Mel {
    fn check(&self) -> Result<()> {
        if !(2..=self.n_fft / 2).contains(&self.n_mels) {
            let cause = "it must be from 2 to half of `n_fft`";
            return Err(refused("mel bands", "n_mels", self.n_mels, cause));
        }
        Ok(())
    }
}

fn row(mut bands: Matrix) -> Row {
    power_to_db(bands.data_mut(), TOP_DB);
    let loudest = bands.data().iter().copied().fold(f64::NEG_INFINITY, f64::max);
    bands.data_mut().iter_mut().for_each(|db| *db -= loudest);
    vec![means_then_deviations(&summarise_columns(&bands)), vec![loudest]]
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{features, numbers, sine};
    use super::*;

    #[test]
    fn a_sine_is_loudest_in_its_own_band_whatever_its_level() {
        for (amplitude, level) in [(1e6, 0.0), (4e6, 12.04)] {
            let frame = features(&Mel::default(), &sine(1000.0, amplitude), &[(0, 44_100)]).unwrap();
            let (dim, mel) = numbers(&frame, "mel");
            let loudest = (0..dim / 2).max_by(|a, b| mel[*a].total_cmp(&mel[*b])).unwrap();
            // librosa 0.11.0: np.argmin(abs(librosa.mel_frequencies(130)[1:-1] - 1000)), 22,050 Hz
            assert_eq!((dim, loudest), (256, 38));
            let quiet = features(&Mel::default(), &sine(1000.0, 1e6), &[(0, 44_100)]).unwrap();
            let gain = numbers(&frame, "level").1[0] - numbers(&quiet, "level").1[0];
            assert!((gain - level).abs() < 0.01, "{gain}");
        }
    }

    #[test]
    fn absurd_parameters_are_errors() {
        let default = Mel::default();
        for stage in [
            Mel { n_mels: 0, ..default.clone() },
            Mel { n_mels: 1025, ..default.clone() },
            Mel { n_fft: 100, n_mels: 4, ..default.clone() },
            Mel { hop_length: 0, ..default.clone() },
        ] {
            assert!(features(&stage, &[0; 10], &[(0, 10)]).is_err(), "{stage:?}");
        }
    }
}
