//! Mel spectrograms in decibels, of frames that are centred and mirrored at the ends: CLAP, Dasheng, PANNs, and Whisper's
//! first half.

use super::reflected;
use crate::error::{Error, Result};
use crate::signal::{Matrix, MelFilters, MelShape, Stft, hann, mel_spectrogram, power_to_db};

/// What a spectrogram is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogMelShape {
    /// Hz.
    pub sample_rate: f64,
    /// Samples of a frame, which a periodic Hann window weighs.
    pub n_fft: usize,
    /// Samples from frame to frame.
    pub hop: usize,
    /// Bands.
    pub n_mels: usize,
    /// Where the first band begins, Hz.
    pub lowest: f64,
    /// Where the last band ends, Hz.
    pub highest: f64,
    /// How the bands lie.
    pub filters: MelShape,
    /// How far below the loudest band of the sound the faintest is, dB; infinite where it is as faint as it is.
    pub top_db: f64,
}

impl LogMelShape {
    /// LAION-CLAP without fusion (`transformers.ClapFeatureExtractor(truncation="rand_trunc")`). What the hub's models give as
    /// lowest and highest frequency is in their configurations.
    pub const CLAP: Self = Self {
        sample_rate: 48_000.0,
        n_fft: 1024,
        hop: 480,
        n_mels: 64,
        lowest: 0.0,
        highest: 14_000.0,
        filters: MelShape::Slaney,
        top_db: f64::INFINITY,
    };

    /// LAION-CLAP with fusion (`truncation="fusion"`).
    pub const CLAP_FUSION: Self = Self { filters: MelShape::Torchaudio, ..Self::CLAP };

    /// Dasheng, before its batch norm (`torchaudio.transforms.MelSpectrogram` and `AmplitudeToDB(top_db=120)`).
    pub const DASHENG: Self = Self {
        sample_rate: 16_000.0,
        n_fft: 512,
        hop: 160,
        n_mels: 64,
        lowest: 0.0,
        highest: 8000.0,
        filters: MelShape::Torchaudio,
        top_db: 120.0,
    };

    /// PANNs' CNN14, before its batch norm (`torchlibrosa.stft.LogmelFilterBank`).
    pub const PANNS: Self = Self {
        sample_rate: 32_000.0,
        n_fft: 1024,
        hop: 320,
        n_mels: 64,
        lowest: 50.0,
        highest: 14_000.0,
        filters: MelShape::Slaney,
        top_db: f64::INFINITY,
    };

    /// Most bands of any front end.
    pub const MOST_MELS: usize = 1024;

    /// Most frames of a context, of any front end.
    pub const MOST_FRAMES: usize = 1 << 16;
}

/// The front end of a shape; keep it and use it for every sound.
#[derive(Debug, Clone)]
pub struct LogMel {
    shape: LogMelShape,
    stft: Stft,
    filters: MelFilters,
}

impl LogMel {
    /// The front end of this shape.
    ///
    /// # Errors
    /// When there are no bands or very many, they lie beyond half the sample rate, or frames of that length cannot be
    /// transformed.
    pub fn new(shape: LogMelShape) -> Result<Self> {
        let LogMelShape { sample_rate, n_fft, hop, n_mels, lowest, highest, .. } = shape;
        check_bands(sample_rate, n_mels, [lowest, highest])?;
        let stft = Stft::within(n_fft, hop, hann(n_fft))?;
        let filters = MelFilters::between(sample_rate, n_fft, n_mels, [lowest, highest], shape.filters);
        Ok(Self { shape, stft, filters })
    }

    /// The power of each band in each frame, dB: 1 + samples / hop rows.
    pub fn hear(&mut self, samples: &[f64]) -> Matrix {
        let around = reflected(samples, self.shape.n_fft / 2);
        let mut bands = mel_spectrogram(&mut self.stft, &self.filters, &around);
        power_to_db(bands.data_mut(), self.shape.top_db);
        bands
    }
}

/// Whether filters can be laid so.
///
/// # Errors
/// When there are no bands or very many, or they do not lie between 0 Hz and half of `sample_rate`.
pub(super) fn check_bands(sample_rate: f64, n_mels: usize, [lowest, highest]: [f64; 2]) -> Result<()> {
    if n_mels == 0 || n_mels > LogMelShape::MOST_MELS {
        let most = LogMelShape::MOST_MELS;
        return Err(Error::usage(format!("cannot make `{n_mels}` mel bands: 1 to {most} can be made")));
    }
    if !(lowest >= 0.0 && lowest < highest && highest <= sample_rate / 2.0 && sample_rate.is_finite()) {
        let cause = format!("they must lie between 0 Hz and half of the sample rate, {sample_rate} Hz");
        return Err(Error::usage(format!("cannot make mel bands from {lowest} to {highest} Hz: {cause}")));
    }
    Ok(())
}

/// Whether a context can hold so many frames.
///
/// # Errors
/// When it has none or very many.
pub(super) fn check_frames(n_frames: usize) -> Result<()> {
    let most = LogMelShape::MOST_FRAMES;
    if n_frames == 0 || n_frames > most {
        let cause = format!("a context holds 1 to {most}");
        return Err(Error::usage(format!("cannot make a spectrogram of `{n_frames}` frames: {cause}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::frontend::golden::{Golden, transposed};

    #[test]
    fn dasheng_hears_what_torchaudio_gives_it() {
        // dasheng 0.0.9 with torchaudio 2.11.0: Dasheng().front_end(waveform)
        let golden = Golden::of("dasheng");
        let bands = LogMel::new(LogMelShape::DASHENG).unwrap().hear(&golden.waveform);
        golden.expect("frontend", &transposed(&bands), 1e-5);
    }

    #[test]
    fn cnn14_hears_what_torchlibrosa_gives_it() {
        // panns_inference 0.1.1 with torchlibrosa 0.1.0: Cnn14.spectrogram_extractor and .logmel_extractor
        let golden = Golden::of("panns-cnn14");
        golden.expect(
            "frontend",
            LogMel::new(LogMelShape::PANNS).unwrap().hear(&golden.waveform).data(),
            1e-5,
        );
    }

    #[test]
    fn bands_that_cannot_be_are_refused() {
        let whole = LogMelShape::PANNS;
        for shape in [
            LogMelShape { n_mels: 0, ..whole },
            LogMelShape { n_mels: 1 << 40, ..whole },
            LogMelShape { lowest: 14_000.0, ..whole },
            LogMelShape { highest: 16_001.0, ..whole },
            LogMelShape { lowest: f64::NAN, ..whole },
            LogMelShape { hop: 0, ..whole },
            LogMelShape { n_fft: 0, ..whole },
        ] {
            assert!(LogMel::new(shape).is_err(), "{shape:?}");
        }
    }

    #[test]
    fn no_sound_is_too_short() {
        for n in [0, 1, 2, 400] {
            let bands = LogMel::new(LogMelShape::PANNS).unwrap().hear(&vec![0.1; n]);
            assert_eq!(bands.n_rows(), 1 + n / 320);
            assert!(bands.data().iter().all(|db| db.is_finite()), "{n}");
        }
    }
}
