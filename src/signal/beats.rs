//! Where beats are: dynamic programming over onset strength, as `librosa.beat.beat_track` does it.

use super::median;

/// The frames of the beats, ascending (Ellis 2007; `librosa.beat.beat_track` with `trim=True`).
///
/// `strengths` is onset strength, aggregated by the median over bands, `bpm` the tempo in beats a minute and
/// `tightness` (librosa's default: 100) how strictly beats keep to it. Onset strength of zeros has no beats.
pub fn beat_frames(strengths: &[f64], bpm: f64, sample_rate: f64, hop: usize, tightness: f64) -> Vec<usize> {
    let period = (sample_rate / hop.max(1) as f64 * 60.0 / bpm).round_ties_even();
    if strengths.iter().all(|strength| *strength == 0.0) || !(1.0..=1e6).contains(&period) {
        return Vec::new();
    }
    let scores = local_scores(&normalise(strengths), period as usize);
    let path = Path::best(&scores, period as usize, tightness);
    let beats = path.backwards_from(path.last_beat());
    trim(&beats, &scores)
}

/// Divides by the standard deviation of a sample (ddof = 1).
fn normalise(strengths: &[f64]) -> Vec<f64> {
    let n = strengths.len() as f64;
    let mean = strengths.iter().sum::<f64>() / n;
    let squares: f64 = strengths.iter().map(|strength| (strength - mean) * (strength - mean)).sum();
    let deviation = (squares / (n - 1.0).max(1.0)).sqrt();
    strengths.iter().map(|strength| strength / (deviation + f64::MIN_POSITIVE)).collect()
}

/// Onset strength smoothed by a Gaussian of 1/32 of a beat.
fn local_scores(strengths: &[f64], period: usize) -> Vec<f64> {
    let offset = |i: usize| (i as f64 - period as f64) * 32.0 / period as f64;
    let window: Vec<f64> = (0..=2 * period).map(|i| libm::exp(-0.5 * offset(i) * offset(i))).collect();
    let score = |frame: usize| {
        // librosa's loop leaves out the very first value of onset strength.
        let first = (frame + period + 1).saturating_sub(strengths.len());
        let end = (frame + period).min(window.len());
        (first..end).map(|i| window[i] * strengths[frame + period - i]).sum()
    };
    (0..strengths.len()).map(score).collect()
}

/// The best sequence of beats that ends at each frame.
struct Path {
    scores: Vec<f64>,
    previous: Vec<Option<usize>>,
}

impl Path {
    fn best(local: &[f64], period: usize, tightness: f64) -> Self {
        let threshold = 0.01 * local.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log_period = libm::log(period as f64);
        let penalties: Vec<f64> = (0..=2 * period)
            .map(|distance| {
                let deviation = libm::log(distance as f64) - log_period;
                tightness * (deviation * deviation)
            })
            .collect();
        let mut path = Self { scores: local.to_vec(), previous: vec![None; local.len()] };
        let mut is_first = true;
        for (frame, score) in local.iter().enumerate() {
            let best = path.best_before(frame, period, &penalties);
            path.scores[frame] = score + best.map_or(0.0, |(_, score)| score);
            if !is_first || *score >= threshold {
                path.previous[frame] = best.map(|(frame, _)| frame);
                is_first = false;
            }
        }
        path
    }

    /// The best beat half to two periods before `frame`, and its score less the penalty for its distance.
    fn best_before(&self, frame: usize, period: usize, penalties: &[f64]) -> Option<(usize, f64)> {
        let nearest = ((period as f64 / 2.0).round_ties_even() as usize).max(1);
        let mut best: Option<(usize, f64)> = None;
        let reach = (2 * period).min(frame);
        for (distance, penalty) in penalties.iter().enumerate().take(reach + 1).skip(nearest) {
            let score = self.scores[frame - distance] - penalty;
            if best.is_none_or(|(_, greatest)| score > greatest) {
                best = Some((frame - distance, score));
            }
        }
        best
    }

    /// The last frame that is a local maximum of at least half the median of all local maxima.
    fn last_beat(&self) -> usize {
        let scores = &self.scores;
        let is_peak = |frame: &usize| match frame.checked_sub(1) {
            Some(before) => {
                let is_last = frame + 1 == scores.len();
                scores[*frame] > scores[before] && (is_last || scores[*frame] >= scores[frame + 1])
            }
            None => false,
        };
        let peaks: Vec<usize> = (0..scores.len()).filter(is_peak).collect();
        let threshold = 0.5 * median(peaks.iter().map(|peak| scores[*peak]).collect());
        let last = peaks.into_iter().rev().find(|peak| scores[*peak] >= threshold);
        last.unwrap_or(scores.len().saturating_sub(1))
    }

    /// The beats that lead to `tail`, ascending.
    fn backwards_from(&self, tail: usize) -> Vec<usize> {
        let earlier = |frame: &usize| self.previous.get(*frame).copied().flatten();
        let mut beats: Vec<usize> = std::iter::successors(Some(tail), earlier).collect();
        beats.reverse();
        beats
    }
}

/// Leaves out beats before the first and after the last frame whose score exceeds half the root mean square of
/// the smoothed scores of the beats.
fn trim(beats: &[usize], scores: &[f64]) -> Vec<usize> {
    let at = |i: usize| beats.get(i).map_or(0.0, |beat| scores[*beat]);
    let smooth = |i: usize| 0.5 * (if i == 0 { 0.0 } else { at(i - 1) }) + at(i) + 0.5 * at(i + 1);
    // librosa keeps the tail of the convolution as far as there are frames, and averages over it too.
    let n = (beats.len() + 2).min(scores.len());
    let mean_square = (0..n).map(smooth).map(|value| value * value).sum::<f64>() / n.max(1) as f64;
    let threshold = 0.5 * mean_square.sqrt();
    let first = scores.iter().position(|score| *score > threshold);
    let last = scores.iter().rposition(|score| *score > threshold);
    let inside =
        |beat: &usize| first.is_some_and(|first| first <= *beat) && last.is_some_and(|last| *beat <= last);
    beats.iter().copied().filter(inside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_fall_on_a_regular_pulse() {
        let strengths: Vec<f64> = (0..400).map(|i| if i % 20 == 7 { 1.0 } else { 0.0 }).collect();
        let bpm = 60.0 * 22_050.0 / 512.0 / 20.0;
        let beats = beat_frames(&strengths, bpm, 22_050.0, 512, 100.0);
        // librosa 0.11.0: librosa.beat.beat_track(onset_envelope=strengths, bpm=bpm)[1], whose last beat ends the
        // path at a plateau before the pulse.
        let want: Vec<usize> = (0..19).map(|i| 20 * i + 7).chain([383]).collect();
        assert_eq!(beats, want);
    }

    #[test]
    fn silence_few_frames_and_absurd_tempos_have_no_beats_or_few() {
        assert!(beat_frames(&[0.0; 100], 120.0, 22_050.0, 512, 100.0).is_empty());
        assert!(beat_frames(&[], 120.0, 22_050.0, 512, 100.0).is_empty());
        for bpm in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300] {
            assert!(beat_frames(&[1.0, 2.0, 0.0], bpm, 22_050.0, 512, 100.0).is_empty(), "{bpm}");
        }
        for n in 1..6 {
            let strengths: Vec<f64> = (0..n).map(|i| f64::from(i % 3)).collect();
            assert!(beat_frames(&strengths, 120.0, 22_050.0, 512, 100.0).len() <= strengths.len());
        }
    }
}
