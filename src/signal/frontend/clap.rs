//! How CLAP fills its context with a sound that is shorter.

/// Exactly `n_samples`: a longer sound is cut after them, a shorter one repeated as often as it fits whole and followed by
/// silence (`transformers.ClapFeatureExtractor(padding="repeatpad")`, which cuts longer sounds at random).
pub fn repeat_and_pad(samples: &[f64], n_samples: usize) -> Vec<f64> {
    let times = n_samples.checked_div(samples.len()).unwrap_or(0).max(1);
    let mut filled: Vec<f64> =
        samples.iter().copied().cycle().take((times * samples.len()).min(n_samples)).collect();
    filled.resize(n_samples, 0.0);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::frontend::golden::Golden;
    use crate::signal::frontend::{LogMel, LogMelShape};

    #[test]
    fn clap_hears_what_its_extractor_gives_it_with_and_without_fusion() {
        // transformers 5.23.0: ClapFeatureExtractor(max_length_s=2, padding="repeatpad")
        let golden = Golden::of("clap");
        let sound = repeat_and_pad(&golden.waveform, 96_000);
        let heard = |shape| LogMel::new(shape).unwrap().hear(&sound);
        golden.expect("frontend", heard(LogMelShape::CLAP).data(), 1e-5);
        golden.expect("frontend.htk", &heard(LogMelShape::CLAP_FUSION).data()[..40 * 64], 1e-5);
    }

    #[test]
    fn a_sound_is_repeated_whole() {
        let cases: [(&[f64], usize, &[f64]); 5] = [
            (&[1.0, 2.0], 5, &[1.0, 2.0, 1.0, 2.0, 0.0]),
            (&[1.0, 2.0], 2, &[1.0, 2.0]),
            (&[1.0, 2.0, 3.0], 2, &[1.0, 2.0]),
            (&[], 2, &[0.0, 0.0]),
            (&[1.0], 0, &[]),
        ];
        for (samples, n, want) in cases {
            assert_eq!(repeat_and_pad(samples, n), want, "{samples:?} {n}");
        }
    }
}
