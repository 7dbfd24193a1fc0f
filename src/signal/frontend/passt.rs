//! PaSST's front end: logarithms of mel bands of a sound whose low end is lowered.

use std::f64::consts::PI;

use super::reflected;
use crate::signal::{Matrix, MelFilters, MelShape, Stft, mel_spectrogram};

const SAMPLE_RATE: f64 = 32_000.0;
const FRAME: usize = 800;
const HOP: usize = 320;
const N_FFT: usize = 1024;
const N_MELS: usize = 128;

/// The front end of PaSST (`hear21passt.models.preprocess.AugmentMelSTFT`, not training); keep it and use it for every sound.
#[derive(Debug, Clone)]
pub struct PasstMel {
    stft: Stft,
    filters: MelFilters,
}

impl Default for PasstMel {
    fn default() -> Self {
        Self::new()
    }
}

impl PasstMel {
    /// The front end.
    pub fn new() -> Self {
        let hann = |i: usize| 0.5 - 0.5 * libm::cos(2.0 * PI * i as f64 / (FRAME - 1) as f64);
        let window = (0..FRAME).map(hann).collect();
        let stft = Stft::within(N_FFT, HOP, window).expect("the lengths are known");
        let filters = MelFilters::between(SAMPLE_RATE, N_FFT, N_MELS, [0.0, 15_000.0], MelShape::Kaldi);
        Self { stft, filters }
    }

    /// The normed logarithms of the power of 128 bands in each frame: 1 + (samples - 1) / 320 rows. `samples` at 32 kHz.
    pub fn hear(&mut self, samples: &[f64]) -> Matrix {
        let sound: Vec<f64> = samples.windows(2).map(|pair| pair[1] - 0.97 * pair[0]).collect();
        let around = reflected(&sound, FRAME / 2);
        let mut bands = mel_spectrogram(&mut self.stft, &self.filters, &around);
        bands.data_mut().iter_mut().for_each(|power| *power = (libm::log(*power + 1e-5) + 4.5) / 5.0);
        bands
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::frontend::golden::{Golden, transposed};

    #[test]
    fn passt_hears_what_its_own_code_gives_it() {
        // hear21passt 0.0.26 with torchaudio 2.11.0: hear21passt.base.get_basic_model().mel, without masks
        let golden = Golden::of("passt");
        let bands = PasstMel::new().hear(&golden.waveform);
        golden.expect("frontend", &transposed(&bands), 1e-5);
        assert_eq!(PasstMel::new().hear(&[]).n_rows(), 1);
    }
}
