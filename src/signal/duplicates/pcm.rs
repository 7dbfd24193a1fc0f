//! The digest of decoded samples: the same for a file and its lossless copies.

/// Digests stretches of decoded audio.
#[derive(Debug, Clone)]
pub struct PcmDigest {
    hasher: blake3::Hasher,
    bytes: Vec<u8>,
}

/// Samples that become bytes at once.
const CHUNK: usize = 1 << 14;

impl PcmDigest {
    /// For audio of `sample_rate` Hz in so many channels.
    pub fn new(sample_rate: u32, channels: u16) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("taqsim 2026-11-21 decoded samples v1");
        hasher.update(&sample_rate.to_le_bytes());
        hasher.update(&channels.to_le_bytes());
        Self { hasher, bytes: Vec::with_capacity(4 * CHUNK) }
    }

    /// Adds one stretch: its length, then its channels one after the other, as little-endian 32-bit floats.
    pub fn add(&mut self, planes: &[Vec<f32>]) {
        self.hasher.update(&(planes.first().map_or(0, Vec::len) as u64).to_le_bytes());
        for chunk in planes.iter().flat_map(|plane| plane.chunks(CHUNK)) {
            self.bytes.clear();
            // -0.0 is the silence that 0.0 is.
            self.bytes.extend(chunk.iter().flat_map(|sample| (sample + 0.0).to_le_bytes()));
            self.hasher.update(&self.bytes);
        }
    }

    /// The digest of all stretches, in hexadecimal.
    pub fn finish(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_samples_rates_channels_and_stretches_have_other_digests() {
        let digest = |rate, stretches: &[Vec<Vec<f32>>]| {
            let mut digest = PcmDigest::new(rate, stretches[0].len() as u16);
            stretches.iter().for_each(|planes| digest.add(planes));
            digest.finish()
        };
        let whole = vec![vec![0.0, 0.5], vec![0.25, -1.0]];
        let same = digest(8000, std::slice::from_ref(&whole));
        assert_eq!(same, digest(8000, &[vec![vec![-0.0, 0.5], vec![0.25, -1.0]]]));
        for other in [
            digest(8001, std::slice::from_ref(&whole)),
            digest(8000, &[vec![vec![0.0, 0.5, 0.25, -1.0]]]),
            digest(8000, &[vec![vec![0.0], vec![0.25]], vec![vec![0.5], vec![-1.0]]]),
            digest(8000, &[vec![vec![0.25, -1.0], vec![0.0, 0.5]]]),
        ] {
            assert_ne!(same, other);
        }
    }
}
