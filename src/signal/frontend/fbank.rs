//! Kaldi's filter banks, as the models that grew out of AST take them: AST, AudioMAE, EAT and BEATs.

use std::f64::consts::PI;

use super::log_mel::{check_bands, check_frames};
use crate::error::Result;
use crate::signal::{Matrix, MelFilters, MelShape, Stft, mel_spectrogram};

/// Samples of a frame, from frame to frame, and of a transform: 25 ms and 10 ms at 16 kHz.
const FRAME: usize = 400;
const HOP: usize = 160;
const N_FFT: usize = 512;
const SAMPLE_RATE: f64 = 16_000.0;
/// The least power of a band: the epsilon of f32, as Kaldi has it.
const FLOOR: f64 = 1.192_092_955_078_125e-7;

/// What weighs the samples of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FbankWindow {
    /// Hann's, symmetric (`window_type="hanning"`).
    Hanning,
    /// The same to the power of 0.85 (`window_type="povey"`).
    Povey,
}

/// What filter banks are made of, for sounds at 16 kHz in frames of 25 ms every 10 ms, without dither and without the energy
/// (`torchaudio.compliance.kaldi.fbank(dither=0, use_energy=False)`; `htk_compat` changes nothing then).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FbankShape {
    /// What weighs the samples of a frame.
    pub window: FbankWindow,
    /// What each sample is multiplied with before all else.
    pub gain: f64,
    /// Whether the sound loses its mean first.
    pub is_centred: bool,
    /// How much of the sample before each sample of a frame loses.
    pub preemphasis: f64,
    /// Bands.
    pub n_mels: usize,
    /// Where the first band begins, Hz.
    pub lowest: f64,
    /// Where the last band ends, Hz.
    pub highest: f64,
    /// Frames that come out: later ones are left out, and missing ones are silence to the letter, an fbank of 0. As many as
    /// there are where it is not said.
    pub n_frames: Option<usize>,
    /// What is taken from each logarithm.
    pub mean: f64,
    /// Half of what it is divided by then.
    pub deviation: f64,
}

impl FbankShape {
    /// AST (`transformers.ASTFeatureExtractor`); published models give frames, mean and deviation in their configurations.
    pub const AST: Self = Self {
        window: FbankWindow::Hanning,
        gain: 1.0,
        is_centred: false,
        preemphasis: 0.97,
        n_mels: 128,
        lowest: 20.0,
        highest: 8000.0,
        n_frames: Some(1024),
        mean: -4.267_739_3,
        deviation: 4.568_997_4,
    };

    /// AudioMAE and EAT.
    pub const AUDIOMAE: Self = Self { is_centred: true, ..Self::AST };

    /// BEATs: as many frames as the sound has, of samples that count from -2¹⁵ to 2¹⁵.
    pub const BEATS: Self = Self {
        window: FbankWindow::Povey,
        gain: 32_768.0,
        n_frames: None,
        mean: 15.416_63,
        deviation: 6.555_82,
        ..Self::AST
    };
}

/// The front end of a shape; keep it and use it for every sound.
#[derive(Debug, Clone)]
pub struct Fbank {
    shape: FbankShape,
    stft: Stft,
    filters: MelFilters,
}

impl Fbank {
    /// The front end of this shape.
    ///
    /// # Errors
    /// When there are no bands or frames or very many of them, or the bands lie beyond 8000 Hz.
    pub fn new(shape: FbankShape) -> Result<Self> {
        let bands = [shape.lowest, shape.highest];
        check_bands(SAMPLE_RATE, shape.n_mels, bands)?;
        shape.n_frames.map_or(Ok(()), check_frames)?;
        let stft = Stft::within(N_FFT, HOP, window(shape.window))?.emphasised(shape.preemphasis);
        let filters = MelFilters::between(SAMPLE_RATE, N_FFT, shape.n_mels, bands, MelShape::Kaldi);
        Ok(Self { shape, stft, filters })
    }

    /// The normed logarithms of the power of each band in each frame. `samples` at 16 kHz; those after the last whole frame
    /// are not heard.
    pub fn hear(&mut self, samples: &[f64]) -> Matrix {
        let n = samples.len().max(1) as f64;
        let mean = if self.shape.is_centred { samples.iter().sum::<f64>() / n } else { 0.0 };
        let sound: Vec<f64> = samples.iter().map(|sample| (sample - mean) * self.shape.gain).collect();
        let powers = mel_spectrogram(&mut self.stft, &self.filters, &sound);
        let mut rows = Matrix::zeros(self.shape.n_frames.unwrap_or(powers.n_rows()), powers.n_cols());
        for (out, power) in rows.data_mut().iter_mut().zip(powers.data()) {
            *out = libm::log(power.max(FLOOR));
        }
        let (mean, deviation) = (self.shape.mean, self.shape.deviation);
        rows.data_mut().iter_mut().for_each(|value| *value = (*value - mean) / (2.0 * deviation));
        rows
    }
}

fn window(kind: FbankWindow) -> Vec<f64> {
    let hann = |i: usize| 0.5 - 0.5 * libm::cos(2.0 * PI * i as f64 / (FRAME - 1) as f64);
    match kind {
        FbankWindow::Hanning => (0..FRAME).map(hann).collect(),
        FbankWindow::Povey => (0..FRAME).map(|i| libm::pow(hann(i), 0.85)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::frontend::golden::Golden;

    #[test]
    fn models_hear_what_their_extractors_give_them() {
        // transformers 5.23.0: ASTFeatureExtractor(max_length=128); torchaudio 2.11.0: compliance.kaldi.fbank as the code of
        // AudioMAE and EAT calls it, padded to 64 frames; speechbrain 1.1.2: BEATs.preprocess
        for (model, shape) in [
            ("ast", FbankShape { n_frames: Some(128), ..FbankShape::AST }),
            ("audiomae-frontend", FbankShape { n_frames: Some(64), ..FbankShape::AUDIOMAE }),
            ("beats", FbankShape::BEATS),
        ] {
            let golden = Golden::of(model);
            golden.expect("frontend", Fbank::new(shape).unwrap().hear(&golden.waveform).data(), 1e-5);
        }
    }

    #[test]
    fn a_sound_shorter_than_a_frame_has_none_but_those_that_are_asked_for() {
        assert_eq!(Fbank::new(FbankShape::BEATS).unwrap().hear(&[0.5; 399]).n_rows(), 0);
        let padded = Fbank::new(FbankShape::AST).unwrap().hear(&[]);
        assert_eq!((padded.n_rows(), padded.n_cols()), (1024, 128));
        assert!(padded.data().iter().all(|value| (value - 0.467_032_1).abs() < 1e-6), "{}", padded.row(0)[0]);
        let long =
            Fbank::new(FbankShape { n_frames: Some(2), ..FbankShape::AST }).unwrap().hear(&[0.5; 4000]);
        assert_eq!(long.n_rows(), 2);
        assert!(Fbank::new(FbankShape { n_frames: Some(usize::MAX), ..FbankShape::AST }).is_err());
        assert!(Fbank::new(FbankShape { highest: 8001.0, ..FbankShape::AST }).is_err());
    }
}
