//! mfcc: mel-frequency cepstral coefficients and their deltas, to librosa's definitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rows::{
    Column, Row, SAMPLE_RATE, describe_segments, means_then_deviations, refused, summarise_columns,
};
use crate::error::Result;
use crate::signal::{Matrix, MelFilters, Stft, delta, lift, mel_spectrogram, mfcc, power_to_db};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Mean and standard deviation over frames of MFCCs and their deltas, at 22,050 Hz (`librosa.feature.mfcc`,
/// `librosa.feature.delta`).
///
/// A block holds the means of its coefficients, then their standard deviations:
///
/// | column | coefficients |
/// |---|---|
/// | `mfcc` | MFCC 1 to `n_mfcc` - 1 |
/// | `mfcc_delta` | their first derivative, per frame |
/// | `mfcc_delta2` | their second derivative, per frame² |
/// | `level` | MFCC 0, its first and its second derivative |
///
/// `vector` is the first three laid end to end. With the defaults, they are those of `spectral`; `htk` and
/// `lifter` are for who has to match figures computed elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mfcc {
    /// Number of MFCCs, the first of them (level) included; at most `n_mels`.
    #[schemars(range(min = 2, max = 512))]
    pub n_mfcc: u32,
    /// Length of the transform, samples at 22,050 Hz: a power of two.
    #[schemars(extend("enum" = [256, 512, 1024, 2048, 4096, 8192, 16384]))]
    pub n_fft: u32,
    /// From one transform to the next, samples at 22,050 Hz.
    #[schemars(range(min = 64, max = 16384))]
    pub hop_length: u32,
    /// Number of mel bands, from 0 to 11,025 Hz; at most `n_fft / 2`.
    #[schemars(range(min = 2, max = 512))]
    pub n_mels: u32,
    /// HTK's mel scale instead of Slaney's.
    pub htk: bool,
    /// Cepstral liftering: coefficient n times 1 + `lifter` / 2 sin(pi (n + 1) / `lifter`); 0 for none.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub lifter: f64,
}

impl Default for Mfcc {
    fn default() -> Self {
        Self { n_mfcc: 20, n_fft: 2048, hop_length: 512, n_mels: 128, htk: false, lifter: 0.0 }
    }
}

impl Stage for Mfcc {
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
        describe_segments(inputs, context, &self.columns(), |samples| {
            let mut bands = mel_spectrogram(&mut stft, &filters, samples);
            power_to_db(bands.data_mut(), TOP_DB);
            let mut coefficients = mfcc(&bands, self.n_mfcc as usize);
            lift(&mut coefficients, self.lifter);
            Ok(row(&coefficients))
        })
    }
}

/// How far below the loudest mel band of a segment another may be, dB.
pub(super) const TOP_DB: f64 = 80.0;

/// Mel filters at [`SAMPLE_RATE`].
pub(super) fn mel_filters(n_fft: u32, n_mels: u32, htk: bool) -> MelFilters {
    let new = if htk { MelFilters::htk } else { MelFilters::new };
    new(f64::from(SAMPLE_RATE), n_fft as usize, n_mels as usize)
}

impl Mfcc {
    fn check(&self) -> Result<()> {
        if self.n_mels > self.n_fft / 2 {
            let cause = "there can be at most half as many bands as `n_fft`";
            return Err(refused("cepstra", "n_mels", self.n_mels, cause));
        }
        if !(2..=self.n_mels).contains(&self.n_mfcc) {
            return Err(refused("cepstra", "n_mfcc", self.n_mfcc, "it must be from 2 to `n_mels`"));
        }
        if !(0.0..=1000.0).contains(&self.lifter) {
            return Err(refused("cepstra", "lifter", self.lifter, "it must be from 0 to 1000"));
        }
        Ok(())
    }

    fn columns(&self) -> [Column; 4] {
        let n = 2 * (self.n_mfcc as usize - 1);
        [
            Column::block("mfcc", n),
            Column::block("mfcc_delta", n),
            Column::block("mfcc_delta2", n),
            Column::beside("level", 6),
        ]
    }
}

fn row(coefficients: &Matrix) -> Row {
    let mut blocks =
        [coefficients, &delta(coefficients, 1), &delta(coefficients, 2)].map(summarise_columns).to_vec();
    let level = blocks.iter_mut().map(|summaries| summaries.remove(0)).collect();
    blocks.push(level);
    blocks.iter().map(|summaries| means_then_deviations(summaries)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{features, noise, numbers};
    use super::super::spectral::Spectral;
    use super::*;

    #[test]
    fn defaults_give_the_blocks_that_spectral_gives() {
        let of_mfcc = features(&Mfcc::default(), &noise(1 << 20), &[(0, 30_000)]).unwrap();
        let of_spectral = features(&Spectral::default(), &noise(1 << 20), &[(0, 30_000)]).unwrap();
        for name in ["mfcc", "mfcc_delta", "mfcc_delta2"] {
            assert_eq!(numbers(&of_mfcc, name), numbers(&of_spectral, name), "{name}");
        }
        assert_eq!(numbers(&of_mfcc, "vector").0, 114);
    }

    #[test]
    fn absurd_parameters_are_errors() {
        let default = Mfcc::default();
        for stage in [
            Mfcc { n_mfcc: 1, ..default.clone() },
            Mfcc { n_mfcc: 129, ..default.clone() },
            Mfcc { n_fft: 3000, ..default.clone() },
            Mfcc { hop_length: 0, ..default.clone() },
            Mfcc { n_mels: u32::MAX, ..default.clone() },
            Mfcc { lifter: f64::NAN, ..default.clone() },
        ] {
            assert!(features(&stage, &[0; 10], &[(0, 10)]).is_err(), "{stage:?}");
        }
    }
}
