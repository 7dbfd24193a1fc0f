//! The acoustic fingerprint of a recording: a word for each sixteenth of a second, nearly the same for every copy.

use std::f64::consts::TAU;

/// What a recording sounds like, as far as it takes to know it again.
///
/// A bit says whether the difference between two neighbouring bands grew over an eighth of a second (Haitsma and
/// Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002): coding, level and equalisation hardly change
/// that. Unlike theirs, a word comes every 62.5 ms, from bands of 200 to 3600 Hz that are averaged over 375 ms, so that
/// copies which do not begin at the same time still agree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// One for each sixteenth of a second; 0 where nothing sounds.
    pub words: Vec<u32>,
    /// The words that are least likely to be another in a copy, by index, ascending; one or two a second.
    pub landmarks: Vec<u32>,
}

impl Fingerprint {
    /// Words in a second.
    pub const RATE: f64 = 16.0;

    /// The fingerprint as bytes: the number of words, the words, the landmarks, as little-endian 32-bit numbers.
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = [self.words.len() as u32].into_iter();
        let numbers = numbers.chain(self.words.iter().copied()).chain(self.landmarks.iter().copied());
        numbers.flat_map(u32::to_le_bytes).collect()
    }

    /// Reads a fingerprint back; none where the bytes are not one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (fours, []) = bytes.as_chunks::<4>() else { return None };
        let numbers: Vec<u32> = fours.iter().map(|four| u32::from_le_bytes(*four)).collect();
        let (n_words, rest) = numbers.split_first()?;
        let (words, landmarks) = rest.split_at_checked(*n_words as usize)?;
        let is_inside = landmarks.iter().all(|landmark| landmark < n_words);
        is_inside.then(|| Self { words: words.to_vec(), landmarks: landmarks.to_vec() })
    }
}

/// Makes a fingerprint of spectra.
#[derive(Debug, Clone)]
pub struct Fingerprinter {
    /// Bands' edges, in bins; each bin reaches half a bin to both sides.
    edges: [f64; BANDS + 1],
    /// s from one spectrum to the next.
    hop: f64,
    spectra: usize,
    cumulative: Vec<f64>,
    /// Of the stretch so far: the sum of the weighted bands at each step, and of the weights.
    steps: Vec<([f64; BANDS], f64)>,
    fingerprint: Fingerprint,
}

const BANDS: usize = 33;
const LOWEST: f64 = 200.0;
const HIGHEST: f64 = 3600.0;
/// s.
const STEP: f64 = 1.0 / Fingerprint::RATE;
const WIDTH: f64 = 0.375;
/// Steps over which a difference grows.
const LAG: usize = 2;
/// What lies so far below the loudest step is no sound, as a power: 60 dB.
const SILENCE: f64 = 1e-6;
/// Of the bits of a word, so many may be less sure than the one by which words are compared.
const UNSURE: usize = 2;
/// A landmark is surer than all words so many steps around it.
const AROUND: usize = 5;

impl Fingerprinter {
    /// For power spectra of `n_fft` samples, one every `hop` samples, at `sample_rate` Hz.
    pub fn new(sample_rate: f64, n_fft: usize, hop: usize) -> Self {
        let ratio = libm::log(HIGHEST / LOWEST) / BANDS as f64;
        let hz = |edge: usize| LOWEST * libm::exp(ratio * edge as f64);
        Self {
            edges: std::array::from_fn(|edge| hz(edge) * n_fft as f64 / sample_rate + 0.5),
            hop: hop as f64 / sample_rate,
            spectra: 0,
            cumulative: vec![0.0; n_fft / 2 + 2],
            steps: Vec::new(),
            fingerprint: Fingerprint::default(),
        }
    }

    /// Adds the next power spectrum of a stretch.
    pub fn add(&mut self, power: &[f32]) {
        let bands = self.bands(power);
        let time = self.spectra as f64 * self.hop;
        self.spectra += 1;
        let first = ((time - WIDTH / 2.0) / STEP).ceil().max(0.0) as usize;
        let last = ((time + WIDTH / 2.0) / STEP) as usize;
        self.steps.resize(self.steps.len().max(last + 1), ([0.0; BANDS], 0.0));
        for (step, (sums, weights)) in self.steps.iter_mut().enumerate().take(last + 1).skip(first) {
            let weight = 0.5 + 0.5 * libm::cos(TAU * (time - step as f64 * STEP) / WIDTH);
            sums.iter_mut().zip(&bands).for_each(|(sum, band)| *sum += weight * band);
            *weights += weight;
        }
    }

    /// Ends a stretch: what comes next does not follow what was.
    pub fn end_stretch(&mut self) {
        let steps = std::mem::take(&mut self.steps);
        // A step that no spectrum is centred on hears too little of what was there.
        let n_steps = (self.spectra as f64 * self.hop / STEP) as usize;
        self.spectra = 0;
        let steps: Vec<[f64; BANDS]> = steps
            .into_iter()
            .take(n_steps)
            .map(|(sums, weights)| sums.map(|sum| if weights > 0.0 { sum / weights } else { 0.0 }))
            .collect();
        let energy = |step: &[f64; BANDS]| step.iter().sum::<f64>();
        let silence = SILENCE * steps.iter().map(energy).fold(0.0, f64::max);
        let (words, sureness): (Vec<u32>, Vec<f64>) = steps
            .windows(LAG + 1)
            .map(|steps| word(&steps[0], &steps[LAG]))
            .zip(steps.get(LAG..).unwrap_or_default())
            .map(|(word, now)| if energy(now) > silence { word } else { (0, 0.0) })
            .unzip();
        let start = self.fingerprint.words.len() as u32;
        let landmarks = (0..words.len()).filter(|at| words[*at] != 0 && is_surest(&sureness, *at));
        self.fingerprint.landmarks.extend(landmarks.map(|at| start + at as u32));
        self.fingerprint.words.extend(words);
        // So that no word that spans two stretches is compared.
        self.fingerprint.words.extend([0; LAG]);
    }

    /// The fingerprint of all stretches that were ended.
    pub fn finish(&self) -> Fingerprint {
        self.fingerprint.clone()
    }

    fn bands(&mut self, power: &[f32]) -> [f64; BANDS] {
        let mut sum = 0.0;
        for (cumulative, power) in self.cumulative[1..].iter_mut().zip(power) {
            sum += f64::from(*power);
            *cumulative = sum;
        }
        let up_to = |edge: f64| {
            let bin = (edge as usize).min(self.cumulative.len() - 2);
            let rest = (edge - bin as f64).min(1.0);
            self.cumulative[bin] + rest * (self.cumulative[bin + 1] - self.cumulative[bin])
        };
        let edges = self.edges.map(up_to);
        std::array::from_fn(|band| edges[band + 1] - edges[band])
    }
}

/// The word of what changed between two steps, and how sure its bits are.
fn word(before: &[f64; BANDS], now: &[f64; BANDS]) -> (u32, f64) {
    let slope = |bands: &[f64; BANDS], bit: usize| bands[bit] - bands[bit + 1];
    let growth: [f64; BANDS - 1] = std::array::from_fn(|bit| slope(now, bit) - slope(before, bit));
    let word =
        growth.iter().enumerate().fold(0, |word, (bit, growth)| word | u32::from(*growth > 0.0) << bit);
    let scale = |bit: usize| now[bit] + now[bit + 1] + before[bit] + before[bit + 1] + f64::MIN_POSITIVE;
    let mut sureness: [f64; BANDS - 1] = std::array::from_fn(|bit| growth[bit].abs() / scale(bit));
    sureness.sort_unstable_by(f64::total_cmp);
    (word, sureness[UNSURE])
}

fn is_surest(sureness: &[f64], at: usize) -> bool {
    let before = &sureness[at.saturating_sub(AROUND)..at];
    let after = &sureness[at + 1..(at + AROUND + 1).min(sureness.len())];
    before.iter().all(|other| *other < sureness[at]) && after.iter().all(|other| *other <= sureness[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Random, Stft};

    fn fingerprint(stretches: &[&[f64]], rate: f64) -> Fingerprint {
        let mut stft = Stft::new(2048, 512).expect("the length is a power of two");
        let mut fingerprinter = Fingerprinter::new(rate, 2048, 512);
        for samples in stretches {
            for frame in 0..stft.n_frames(samples.len()) {
                let power: Vec<f32> = stft.power(samples, frame).iter().map(|lanes| lanes.0[0]).collect();
                fingerprinter.add(&power);
            }
            fingerprinter.end_stretch();
        }
        fingerprinter.finish()
    }

    fn noise(n: usize) -> Vec<f64> {
        let mut random = Random::new(13);
        (0..n).map(|i| (random.uniform() - 0.5) * libm::sin(i as f64 / 3e4)).collect()
    }

    #[test]
    fn a_fingerprint_comes_back_from_its_bytes_and_damage_is_noticed() {
        let found = fingerprint(&[&noise(100_000)], 22_050.0);
        assert!(found.words.len() > 60 && found.landmarks.len() > 3, "{found:?}");
        let bytes = found.to_bytes();
        assert_eq!(Fingerprint::from_bytes(&bytes), Some(found));
        for damaged in [&bytes[..bytes.len() - 1], &bytes[..40], &[], &[1, 0, 0, 0, 9, 9, 9, 9, 1, 0, 0, 0]] {
            assert_eq!(Fingerprint::from_bytes(damaged), None);
        }
    }

    #[test]
    fn level_does_not_matter_and_silence_has_no_words() {
        let loud = noise(100_000);
        let quiet: Vec<f64> = loud.iter().map(|sample| sample / 8.0).collect();
        assert_eq!(fingerprint(&[&loud], 22_050.0), fingerprint(&[&quiet], 22_050.0));
        let silent = fingerprint(&[&[0.0; 50_000]], 22_050.0);
        assert!(silent.words.iter().all(|word| *word == 0) && silent.landmarks.is_empty());
        assert_eq!(fingerprint(&[&[], &[1.0]], 22_050.0).landmarks, [] as [u32; 0]);
    }

    #[test]
    fn stretches_do_not_run_together() {
        let samples = noise(100_000);
        let (first, second) = samples.split_at(50_000);
        let apart = fingerprint(&[first, second], 22_050.0);
        let words = [first, second].map(|part| fingerprint(&[part], 22_050.0).words).concat();
        assert_eq!(apart.words, words);
    }
}
