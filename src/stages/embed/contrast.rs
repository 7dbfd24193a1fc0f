//! contrast: spectral contrast of a segment, to librosa's definition.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rows::{Column, SAMPLE_RATE, describe_segments, means_then_deviations, summarise_columns};
use crate::error::Result;
use crate::signal::{ContrastBands, LANES, Lanes, Matrix, Stft, bin_frequencies, contrast};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Mean and standard deviation over frames of spectral contrast, at 22,050 Hz (`librosa.feature.spectral_contrast`).
///
/// | column | numbers |
/// |---|---|
/// | `contrast` | the mean of each of seven bands (0 to 200 Hz, then octaves), dB, then the standard deviations |
///
/// `vector` is `contrast`: the mean of the strongest 2 % of a band's bins over that of the weakest 2 %. It is a
/// block of `spectral` too, with the same numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Contrast {
    /// Length of the transform, samples at 22,050 Hz: a power of two.
    #[schemars(extend("enum" = [256, 512, 1024, 2048, 4096, 8192, 16384]))]
    pub n_fft: u32,
    /// From one transform to the next, samples at 22,050 Hz.
    #[schemars(range(min = 64, max = 16384))]
    pub hop_length: u32,
}

impl Default for Contrast {
    fn default() -> Self {
        Self { n_fft: 2048, hop_length: 512 }
    }
}

impl Stage for Contrast {
    fn version(&self) -> u32 {
        2
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "spans"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        let mut stft = Stft::new(self.n_fft as usize, self.hop_length as usize)?;
        let mut bands = ContrastBands::new(&bin_frequencies(f64::from(SAMPLE_RATE), self.n_fft as usize));
        let mut magnitudes = vec![Lanes::ZERO; stft.n_bins()];
        let columns = [Column::block("contrast", 2 * ContrastBands::COUNT)];
        describe_segments(inputs, context, &columns, |samples| {
            let n_frames = stft.n_frames(samples.len());
            let [mut peaks, mut valleys] = [(); 2].map(|()| Matrix::zeros(n_frames, ContrastBands::COUNT));
            for first in (0..n_frames).step_by(LANES) {
                context.check()?;
                let roots = stft.power(samples, first).iter().map(|power| power.sqrt());
                magnitudes.iter_mut().zip(roots).for_each(|(magnitude, root)| *magnitude = root);
                let [mut of_peaks, mut of_valleys] = [[Lanes::ZERO; ContrastBands::COUNT]; 2];
                bands.measure(&magnitudes, &mut of_peaks, &mut of_valleys);
                peaks.set_rows(first, &of_peaks);
                valleys.set_rows(first, &of_valleys);
            }
            Ok(vec![means_then_deviations(&summarise_columns(&contrast(peaks, valleys)))])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{features, noise, numbers, sine};
    use super::super::spectral::Spectral;
    use super::*;

    #[test]
    fn it_is_the_block_of_spectral() {
        let own = features(&Contrast::default(), &noise(1 << 20), &[(0, 30_000)]).unwrap();
        let block = features(&Spectral::default(), &noise(1 << 20), &[(0, 30_000)]).unwrap();
        assert_eq!(numbers(&own, "vector"), numbers(&block, "contrast"));
    }

    #[test]
    fn a_tone_stands_out_of_its_band_and_noise_of_none() {
        // 1000 Hz lies in the band from 800 to 1600 Hz, the third above that below 200 Hz.
        let third = |samples: &[i32]| {
            let frame = features(&Contrast::default(), samples, &[(0, 44_100)]).unwrap();
            numbers(&frame, "contrast").1[3]
        };
        assert!(third(&sine(1000.0, 1e6)) > 30.0 && third(&noise(1 << 22)) < 30.0);
    }

    #[test]
    fn absurd_parameters_are_errors() {
        for stage in [
            Contrast { n_fft: 0, ..Contrast::default() },
            Contrast { n_fft: 1000, ..Contrast::default() },
            Contrast { hop_length: 0, ..Contrast::default() },
        ] {
            assert!(features(&stage, &[0; 10], &[(0, 10)]).is_err(), "{stage:?}");
        }
    }
}
