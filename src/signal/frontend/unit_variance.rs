//! Wav2Vec2's front end: the waveform itself, of zero mean and unit variance.

/// The samples without their mean, divided by the root of their variance and 1e-7
/// (`transformers.Wav2Vec2FeatureExtractor(do_normalize=True)`). As many samples as there were.
pub fn unit_variance(samples: &[f64]) -> Vec<f64> {
    let n = samples.len().max(1) as f64;
    let mean = samples.iter().sum::<f64>() / n;
    let variance = samples.iter().map(|sample| (sample - mean) * (sample - mean)).sum::<f64>() / n;
    let deviation = (variance + 1e-7).sqrt();
    samples.iter().map(|sample| (sample - mean) / deviation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::frontend::golden::Golden;

    #[test]
    fn sounds_are_normed_as_wav2vec2s_extractor_norms_them() {
        // transformers 5.23.0: Wav2Vec2FeatureExtractor
        for model in ["wav2vec2-base", "wav2vec2-large", "hubert-base", "unispeech-sat-base", "mert-95m"] {
            let golden = Golden::of(model);
            golden.expect("frontend", &unit_variance(&golden.waveform), 1e-5);
        }
    }

    #[test]
    fn silence_stays_silence() {
        assert_eq!(unit_variance(&[0.0; 3]), [0.0; 3]);
        assert_eq!(unit_variance(&[]), [0.0; 0]);
    }
}
