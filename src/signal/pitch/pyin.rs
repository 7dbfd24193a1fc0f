//! pYIN: the likeliest pitch of every frame and of the way from each to the next, as `librosa.pyin` 0.11 defines it.

use super::Yin;
use crate::error::Result;
use crate::signal::LANES;

/// The pitch of every frame, voiced or not, by probabilistic YIN (Mauch and Dixon 2014; `librosa.pyin` 0.11 with its
/// defaults: 100 thresholds with a prior of Beta(2, 18), Boltzmann 2, ten pitches a semitone, at most 35.92 octaves a
/// second, a probability of 0.01 to fall silent or to sound again).
///
/// Every trough of YIN is a candidate, with the share of the thresholds that would have chosen it as its probability.
/// Of all ways through the candidates, Viterbi's algorithm finds the likeliest.
#[derive(Debug)]
pub struct Pyin {
    yin: Yin,
    path: Path,
    /// The prior of each threshold, and the sum of those before it.
    prior: Vec<f64>,
    prior_before: Vec<f64>,
}

/// A pitch that a frame may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Its place on the grid of pitches.
    pitch: u32,
    /// 0 to 1.
    probability: f64,
}

const N_THRESHOLDS: usize = 100;
/// Beta(2, `BETA`): thresholds around 0.1 are the likeliest.
const BETA: f64 = 18.0;
const BOLTZMANN: f64 = 2.0;
const NO_TROUGH: f64 = 0.01;
const PITCHES_A_SEMITONE: f64 = 10.0;
const OCTAVES_A_SECOND: f64 = 35.92;
const SWITCH: f64 = 0.01;

impl Pyin {
    /// pYIN on the frames of `yin`, whose threshold it does without.
    pub fn new(yin: Yin) -> Self {
        // The distribution function of Beta(2, b) is 1 - (1 - x)^b (1 + b x).
        let below = |i: usize| {
            let x = i as f64 / N_THRESHOLDS as f64;
            1.0 - libm::pow(1.0 - x, BETA) * (1.0 + BETA * x)
        };
        let prior = (0..N_THRESHOLDS).map(|i| below(i + 1) - below(i)).collect();
        let prior_before = (0..=N_THRESHOLDS).map(below).collect();
        let parameters = yin.parameters();
        let octaves = libm::log2(parameters.fmax / parameters.fmin);
        let n_pitches = libm::floor(12.0 * PITCHES_A_SEMITONE * octaves) as usize + 1;
        let semitones = OCTAVES_A_SECOND * 12.0 * parameters.hop_length as f64 / parameters.sample_rate;
        let reach = (semitones.round_ties_even() * PITCHES_A_SEMITONE) as usize / 2;
        Self { path: Path::new(n_pitches, reach), yin, prior, prior_before }
    }

    /// Number of frames over `n_samples` samples.
    pub fn n_frames(&self, n_samples: usize) -> usize {
        self.yin.n_frames(n_samples)
    }

    /// The candidates of eight frames of `samples` from frame `first` on, in any order but that of periods.
    pub fn candidates(&mut self, samples: &[f64], first: usize) -> [Vec<Candidate>; LANES] {
        self.yin.compare(samples, first);
        std::array::from_fn(|lane| self.candidates_of(lane))
    }

    fn candidates_of(&mut self, lane: usize) -> Vec<Candidate> {
        let troughs: Vec<_> = self.yin.troughs(lane).collect();
        let depths: Vec<f64> = troughs.iter().map(|trough| trough.aperiodicity).collect();
        let mut candidates: Vec<Candidate> = Vec::new();
        for (trough, probability) in troughs.iter().zip(self.probabilities(&depths)) {
            let Some(pitch) = self.place(trough.hz).filter(|_| probability > 0.0) else { continue };
            // Of several at one place, librosa keeps the longest period.
            candidates.retain(|candidate| candidate.pitch != pitch);
            candidates.push(Candidate { pitch, probability });
        }
        candidates
    }

    /// How likely each trough is the period.
    fn probabilities(&self, depths: &[f64]) -> Vec<f64> {
        let threshold = |i: usize| (i + 1) as f64 / N_THRESHOLDS as f64;
        let n_above = |depth: f64| (0..N_THRESHOLDS).take_while(|i| depth >= threshold(*i)).count();
        let first_thresholds: Vec<usize> = depths.iter().map(|depth| n_above(*depth)).collect();
        let mut weights = self.weights(&first_thresholds);
        let fall = libm::exp(-BOLTZMANN);
        let weigh = |first: &usize| {
            // The next trough below the same thresholds counts less.
            weights[*first..].iter_mut().map(|weight| std::mem::replace(weight, *weight * fall)).sum()
        };
        let mut probabilities: Vec<f64> = first_thresholds.iter().map(weigh).collect();
        let deepest = (1..depths.len()).fold(0, |least, i| if depths[i] < depths[least] { i } else { least });
        if let (Some(probability), Some(n_above)) =
            (probabilities.get_mut(deepest), first_thresholds.get(deepest))
        {
            *probability += NO_TROUGH * self.prior_before[*n_above];
        }
        probabilities
    }

    /// What each threshold gives to the first trough below it: its prior, times that of the first of so many troughs.
    fn weights(&self, first_thresholds: &[usize]) -> [f64; N_THRESHOLDS] {
        let mut n_below = [0_i32; N_THRESHOLDS + 1];
        first_thresholds.iter().for_each(|first| n_below[*first] += 1);
        let (mut n, mut rest) = (0, 1.0);
        std::array::from_fn(|i| {
            for _ in 0..n_below[i] {
                (n, rest) = (n + 1, rest * libm::exp(-BOLTZMANN));
            }
            if n > 0 { self.prior[i] * (1.0 - libm::exp(-BOLTZMANN)) / (1.0 - rest) } else { 0.0 }
        })
    }

    /// The place of a frequency on the grid; none where it lies above it.
    fn place(&self, hz: f64) -> Option<u32> {
        let parameters = self.yin.parameters();
        let place = 12.0 * PITCHES_A_SEMITONE * libm::log2(hz / parameters.fmin);
        let place = place.round_ties_even().max(0.0) as usize;
        (place < self.path.n_pitches).then_some(place as u32)
    }

    /// The pitch of each frame, Hz, and none where it is unvoiced: the likeliest way through the candidates. `check` is
    /// called now and then.
    ///
    /// # Errors
    /// Those of `check`.
    pub fn decode(
        &self,
        candidates: &[Vec<Candidate>],
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Vec<Option<f64>>> {
        let fmin = self.yin.parameters().fmin;
        let hz = |pitch: usize| fmin * libm::exp2(pitch as f64 / (12.0 * PITCHES_A_SEMITONE));
        let states = self.path.likeliest(candidates, check)?;
        Ok(states.into_iter().map(|state| (state < self.path.n_pitches).then(|| hz(state))).collect())
    }
}

/// What is known of the way from frame to frame. A state is a voiced pitch or, `n_pitches` later, an unvoiced one.
#[derive(Debug)]
struct Path {
    n_pitches: usize,
    /// The logarithms of the probabilities to go so many pitches up or down, not normalised.
    steps: Vec<f64>,
    /// Those of what they sum to from each pitch, which is less near the ends.
    norms: Vec<f64>,
    /// To stay voiced or unvoiced, and to switch.
    stay: f64,
    switch: f64,
}

/// The logarithm of the least positive number, which stands for that of 0.
const NEVER: f64 = -708.396_418_532_264_1;
/// Frames whose scores are kept at a time: all of them would take a thousand times what the samples take.
const BLOCK: usize = 256;

impl Path {
    fn new(n_pitches: usize, reach: usize) -> Self {
        let weights: Vec<f64> = (0..=reach).map(|distance| (reach + 1 - distance) as f64).collect();
        let norm = |pitch: usize| {
            let above = weights.iter().skip(1).take(n_pitches - 1 - pitch).sum::<f64>();
            libm::log(weights[0] + above + weights.iter().skip(1).take(pitch).sum::<f64>())
        };
        Self {
            n_pitches,
            norms: (0..n_pitches).map(norm).collect(),
            steps: weights.iter().map(|weight| libm::log(*weight)).collect(),
            stay: libm::log(1.0 - SWITCH),
            switch: libm::log(SWITCH),
        }
    }

    /// The likeliest state of each frame. Scores are computed twice, forwards and then block by block backwards, so that
    /// only those of a block are ever kept.
    fn likeliest(&self, candidates: &[Vec<Candidate>], check: &dyn Fn() -> Result<()>) -> Result<Vec<usize>> {
        let mut scores = vec![0.0; 2 * self.n_pitches];
        let mut starts = Vec::new();
        for block in candidates.chunks(BLOCK) {
            check()?;
            starts.push(scores.clone());
            block.iter().enumerate().for_each(|(i, frame)| {
                scores = self.advance(&scores, frame, starts.len() == 1 && i == 0);
            });
        }
        let mut state = greatest(&scores);
        let mut backwards = Vec::with_capacity(candidates.len());
        for (number, (block, start)) in candidates.chunks(BLOCK).zip(&starts).enumerate().rev() {
            check()?;
            let mut before = vec![start.clone()];
            for (i, frame) in block.iter().enumerate().take(block.len() - 1) {
                before.push(self.advance(&before[i], frame, number == 0 && i == 0));
            }
            for (i, scores) in before.iter().enumerate().rev() {
                backwards.push(state);
                if number > 0 || i > 0 {
                    state = self.before(scores, state);
                }
            }
        }
        backwards.reverse();
        Ok(backwards)
    }

    /// The score of the likeliest way to each state of a frame, from those of the frame before.
    fn advance(&self, before: &[f64], candidates: &[Candidate], is_first: bool) -> Vec<f64> {
        let mut scores = if is_first { before.to_vec() } else { self.arrive(before) };
        let total: f64 = candidates.iter().map(|candidate| candidate.probability).sum();
        let unvoiced = (1.0 - total.clamp(0.0, 1.0)) / self.n_pitches as f64;
        let log = |probability: f64| libm::log(probability + f64::MIN_POSITIVE);
        let (of_voiced, of_unvoiced) = scores.split_at_mut(self.n_pitches);
        for candidate in candidates {
            // All others have a probability of 0, which is taken off below.
            of_voiced[candidate.pitch as usize] += log(candidate.probability) - NEVER;
        }
        of_voiced.iter_mut().for_each(|score| *score += NEVER);
        of_unvoiced.iter_mut().for_each(|score| *score += log(unvoiced));
        scores
    }

    fn arrive(&self, before: &[f64]) -> Vec<f64> {
        let (voiced, unvoiced) = before.split_at(self.n_pitches);
        // A probability of 0 counts as the least there is, so that a way leads from everywhere to everywhere.
        let anywhere = before.iter().copied().fold(f64::NEG_INFINITY, f64::max) + NEVER;
        let mut scores = self.spread(voiced, unvoiced, anywhere);
        scores.extend(self.spread(unvoiced, voiced, anywhere));
        scores
    }

    /// The best scores of arriving at each pitch from the `same` voicing and from the `other`.
    fn spread(&self, same: &[f64], other: &[f64], anywhere: f64) -> Vec<f64> {
        let leave = same.iter().zip(other).zip(&self.norms);
        let leaving: Vec<f64> = leave
            .map(|((same, other), norm)| greater(same + self.stay, other + self.switch) - norm)
            .collect();
        let mut best = vec![anywhere; self.n_pitches];
        for (distance, step) in self.steps.iter().enumerate().take(self.n_pitches) {
            let near = self.n_pitches - distance;
            let (up, down) = (best[distance..].iter_mut(), &leaving[..near]);
            up.zip(down).for_each(|(best, from)| *best = greater(*best, from + step));
            let (down, up) = (best[..near].iter_mut(), &leaving[distance..]);
            down.zip(up).for_each(|(best, from)| *best = greater(*best, from + step));
        }
        best
    }

    /// The state before `state` on the best way to it.
    fn before(&self, scores: &[f64], state: usize) -> usize {
        let (pitch, is_unvoiced) = (state % self.n_pitches, state >= self.n_pitches);
        let reach = self.steps.len() - 1;
        let near = pitch.saturating_sub(reach)..(pitch + reach + 1).min(self.n_pitches);
        let both = near.clone().chain(near.start + self.n_pitches..near.end + self.n_pitches);
        let score = |from: usize| {
            let voicing = if (from >= self.n_pitches) == is_unvoiced { self.stay } else { self.switch };
            let place = from % self.n_pitches;
            scores[from] + voicing - self.norms[place] + self.steps[place.abs_diff(pitch)]
        };
        let far = greatest(scores);
        let first = (far, scores[far] + NEVER);
        let best = both.map(|from| (from, score(from)));
        best.fold(first, |best, from| if from.1 > best.1 { from } else { best }).0
    }
}

/// As `f64::max`, without its care for what is not a number, which has an instruction of its own.
#[inline]
fn greater(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

/// Where the first of the greatest is.
fn greatest(scores: &[f64]) -> usize {
    (1..scores.len()).fold(0, |most, i| if scores[i] > scores[most] { i } else { most })
}

#[cfg(test)]
mod tests {
    use super::super::yin::tests::DEFAULTS;
    use super::*;

    fn pyin() -> Pyin {
        Pyin::new(Yin::new(DEFAULTS).unwrap())
    }

    fn contour(samples: &[f64]) -> Vec<Option<f64>> {
        let mut pyin = pyin();
        let n_frames = pyin.n_frames(samples.len());
        let eights = (0..n_frames).step_by(LANES).flat_map(|first| pyin.candidates(samples, first));
        let candidates: Vec<_> = eights.take(n_frames).collect();
        pyin.decode(&candidates, &|| Ok(())).unwrap()
    }

    #[test]
    fn a_tone_between_silences_is_voiced_from_its_start_to_its_end() {
        let angle = |i: u32| std::f64::consts::TAU * 220.0 * f64::from(i) / 22_050.0;
        let tone = (0..22_050).map(|i| libm::sin(angle(i)) + 0.3 * libm::sin(2.0 * angle(i)));
        let samples: Vec<f64> = std::iter::repeat_n(0.0, 22_050).chain(tone).chain([0.0; 22_050]).collect();
        let contour = contour(&samples);
        assert_eq!(contour.len(), 1 + samples.len() / 256);
        let voiced = |from: f64, to: f64| {
            contour[(from * 86.13) as usize..(to * 86.13) as usize].iter().filter(|hz| hz.is_some()).count()
        };
        assert_eq!((voiced(0.0, 0.9), voiced(2.1, 3.0)), (0, 0));
        assert_eq!(voiced(1.1, 1.9), (1.9 * 86.13) as usize - (1.1 * 86.13) as usize);
        assert!(contour[129..160].iter().flatten().all(|hz| (hz / 220.0 - 1.0).abs() < 0.004));
    }

    #[test]
    fn the_way_is_the_best_of_all_ways() {
        let path = Path::new(4, 1);
        let at = |pitch, probability| vec![Candidate { pitch, probability }];
        let frames = [at(0, 0.9), vec![], at(2, 0.6), at(3, 0.99), at(0, 0.3)];
        let found = path.likeliest(&frames, &|| Ok(())).unwrap();
        let score = |states: &[usize]| {
            let mut scores = vec![0.0; 8];
            let mut total = path.advance(&scores, &frames[0], true)[states[0]];
            for (i, pair) in states.windows(2).enumerate() {
                scores.fill(f64::NEG_INFINITY);
                scores[pair[0]] = total;
                total = path.advance(&scores, &frames[i + 1], false)[pair[1]];
            }
            total
        };
        let every = (0..8_usize.pow(5)).map(|n| (0..5).map(|i| n / 8_usize.pow(i) % 8).collect::<Vec<_>>());
        let best = every.map(|states| score(&states)).fold(f64::NEG_INFINITY, f64::max);
        assert!((score(&found) - best).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn few_frames_and_nothing_have_a_way() {
        let path = Path::new(5, 40);
        assert!(path.likeliest(&[], &|| Ok(())).unwrap().is_empty());
        assert_eq!(path.likeliest(&[vec![]], &|| Ok(())).unwrap().len(), 1);
        assert_eq!(contour(&[0.0; 5]), [None]);
        let long = vec![vec![Candidate { pitch: 2, probability: 0.9 }]; 3 * BLOCK + 1];
        assert_eq!(path.likeliest(&long, &|| Ok(())).unwrap(), vec![2; 3 * BLOCK + 1]);
    }
}
