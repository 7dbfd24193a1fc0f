//! Whisper's front end: a mel spectrogram of exactly as much sound as its context holds.

use super::log_mel::check_frames;
use super::{LogMel, LogMelShape};
use crate::error::Result;
use crate::signal::{Matrix, MelShape};

/// How far below the loudest band of the sound the faintest is, dB.
const RANGE: f64 = 80.0;
const SAMPLE_RATE: usize = 16_000;
const HOP: usize = 160;

/// The front end of Whisper (`transformers.WhisperFeatureExtractor`); keep it and use it for every sound.
#[derive(Debug, Clone)]
pub struct WhisperMel {
    bands: LogMel,
    n_frames: usize,
}

impl WhisperMel {
    /// The front end with `n_mels` bands (80, or 128 in the latest models) and `n_frames` frames of 10 ms (3000).
    ///
    /// # Errors
    /// When there are no bands or frames, or very many.
    pub fn new(n_mels: usize, n_frames: usize) -> Result<Self> {
        check_frames(n_frames)?;
        let bands = LogMel::new(LogMelShape {
            sample_rate: SAMPLE_RATE as f64,
            n_fft: 400,
            hop: HOP,
            n_mels,
            lowest: 0.0,
            highest: 8000.0,
            filters: MelShape::Slaney,
            top_db: f64::INFINITY,
        })?;
        Ok(Self { bands, n_frames })
    }

    /// The bands of each frame, 1 for 0 dB and 0.25 less for each 10 dB less. `samples` (16 kHz) that are too many are
    /// left out; too few are followed by silence.
    pub fn hear(&mut self, samples: &[f64]) -> Matrix {
        let n = self.n_frames * HOP;
        let mut sound = samples[..samples.len().min(n)].to_vec();
        sound.resize(n, 0.0);
        // The frame around the end is not Whisper's, and does not say how loud the loudest is.
        let decibels = self.bands.hear(&sound);
        let mut mel = Matrix::zeros(self.n_frames, decibels.n_cols());
        let kept = decibels.data().iter().take(self.n_frames * decibels.n_cols());
        let greatest = kept.clone().copied().fold(f64::NEG_INFINITY, f64::max);
        for (out, decibels) in mel.data_mut().iter_mut().zip(kept) {
            *out = (decibels.max(greatest - RANGE) / 10.0 + 4.0) / 4.0;
        }
        mel
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::frontend::golden::{Golden, transposed};

    #[test]
    fn whisper_hears_what_its_extractor_gives_it_of_sounds_that_are_padded_or_cut() {
        // transformers 5.23.0: WhisperFeatureExtractor(feature_size=n_mels, chunk_length=1), with PyTorch's f32 transform
        for (model, n_mels) in [("whisper-base", 80), ("whisper-large-v3", 128)] {
            let golden = Golden::of(model);
            let mel = WhisperMel::new(n_mels, 100).unwrap().hear(&golden.waveform);
            golden.expect("frontend", &transposed(&mel), 5e-5);
        }
    }

    #[test]
    fn silence_is_as_faint_as_whisper_takes_it_to_be() {
        let mel = WhisperMel::new(80, 3).unwrap().hear(&[]);
        assert_eq!((mel.n_rows(), mel.n_cols()), (3, 80));
        assert!(mel.data().iter().all(|value| (value + 1.5).abs() < 1e-12), "{mel:?}");
        assert!(WhisperMel::new(80, 0).is_err());
        assert!(WhisperMel::new(80, usize::MAX).is_err());
    }
}
