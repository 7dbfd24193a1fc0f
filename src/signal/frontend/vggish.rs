//! VGGish's front end: logarithms of mel bands in patches of 0.96 s.

use crate::signal::{LANES, Lanes, Matrix, MelFilters, MelShape, Stft, hann};

/// Frames of a patch, 10 ms each.
pub const VGGISH_FRAMES: usize = 96;
const SAMPLE_RATE: f64 = 16_000.0;
const FRAME: usize = 400;
const HOP: usize = 160;
const N_FFT: usize = 512;
const N_MELS: usize = 64;

/// The front end of VGGish (`torchvggish.vggish_input.waveform_to_examples`); keep it and use it for every sound.
#[derive(Debug, Clone)]
pub struct VggishPatches {
    stft: Stft,
    filters: MelFilters,
}

impl Default for VggishPatches {
    fn default() -> Self {
        Self::new()
    }
}

impl VggishPatches {
    /// The front end.
    pub fn new() -> Self {
        let stft = Stft::within(N_FFT, HOP, hann(FRAME)).expect("the lengths are known");
        let filters = MelFilters::between(SAMPLE_RATE, N_FFT, N_MELS, [125.0, 7500.0], MelShape::Kaldi);
        Self { stft, filters }
    }

    /// The logarithms of the magnitude of 64 bands in each frame, of as many whole patches of [`VGGISH_FRAMES`] rows as there
    /// are in `samples` (16 kHz): what comes after the last is not heard.
    pub fn hear(&mut self, samples: &[f64]) -> Matrix {
        let n_frames = self.stft.n_frames(samples.len()) / VGGISH_FRAMES * VGGISH_FRAMES;
        let mut bands = Matrix::zeros(n_frames, N_MELS);
        let mut of_eight = [Lanes::ZERO; N_MELS];
        for first in (0..n_frames).step_by(LANES) {
            let power = self.stft.power(samples, first).iter();
            let magnitudes: Vec<Lanes> = power.map(|power| power.sqrt()).collect();
            self.filters.apply(&magnitudes, &mut of_eight);
            bands.set_rows(first, &of_eight);
        }
        bands.data_mut().iter_mut().for_each(|value| *value = libm::log(*value + 0.01));
        bands
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::frontend::golden::Golden;

    #[test]
    fn vggish_hears_what_its_own_code_gives_it() {
        // torchvggish 0.2: vggish_input.waveform_to_examples(waveform, 16000)
        let golden = Golden::of("vggish");
        golden.expect("frontend", VggishPatches::new().hear(&golden.waveform).data(), 1e-5);
    }

    #[test]
    fn only_whole_patches_are_heard() {
        for (n, patches) in [(0, 0), (15_599, 0), (15_600, 1), (30_959, 1), (30_960, 2)] {
            let rows = VggishPatches::new().hear(&vec![0.1; n]).n_rows();
            assert_eq!(rows, patches * VGGISH_FRAMES, "{n}");
        }
    }
}
