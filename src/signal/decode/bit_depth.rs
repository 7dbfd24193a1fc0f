//! How many bits the samples of a source have.

use symphonia::core::codecs::audio::AudioCodecParameters;

/// Bits of a sample, by the codec's short name and what container and decoder say; none of lossy codecs, where the
/// number is about the decoder and not about the recording.
pub(super) fn of(
    codec: &str,
    container: &AudioCodecParameters,
    decoder: &AudioCodecParameters,
) -> Option<u32> {
    match codec {
        "flac" | "alac" => container.bits_per_sample.or(decoder.bits_per_sample),
        "pcm_alaw" | "pcm_mulaw" => Some(8),
        _ => of_pcm(codec),
    }
}

/// The name of uncompressed samples has their bits in it: `pcm_s16le`.
fn of_pcm(codec: &str) -> Option<u32> {
    let digits = codec.strip_prefix("pcm_")?.trim_matches(|c: char| !c.is_ascii_digit());
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_samples_has_their_bits() {
        for (codec, want) in [
            ("pcm_s16le", Some(16)),
            ("pcm_u8", Some(8)),
            ("pcm_s24be_planar", Some(24)),
            ("pcm_f32le", Some(32)),
            ("pcm_f64be", Some(64)),
            ("pcm_dvd", None),
            ("mp3", None),
            ("adpcm_ms", None),
        ] {
            let nothing = AudioCodecParameters::new();
            assert_eq!(of(codec, &nothing, &nothing), want, "{codec}");
        }
    }
}
