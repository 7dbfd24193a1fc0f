//! Clipping: how much of the audio lies on flat tops near full scale.

/// Counts the samples of flat tops, channel by channel.
///
/// A flat top is at least three samples in a row at -1 dBFS or above, none of which differs from the one before it by
/// 0.001 or more (the defaults of essentia's `SaturationDetector`), that is reached or left by a step of at least
/// twice that: the crest of a slow sine is as flat, but round.
#[derive(Debug, Clone, Default)]
pub(super) struct Clipping {
    clipped: u64,
    samples: u64,
}

/// -1 dBFS.
const LEVEL: f32 = 0.891_250_9;
const FLAT: f32 = 0.001;
const STEP: f32 = 0.002;
const SHORTEST: usize = 3;

impl Clipping {
    pub(super) fn add(&mut self, planes: &[Vec<f32>]) {
        for plane in planes {
            self.samples += plane.len() as u64;
            self.clipped += clipped(plane);
        }
    }

    /// The share of all samples that lie on flat tops, 0-1.
    pub(super) fn share(&self) -> f64 {
        self.clipped as f64 / self.samples.max(1) as f64
    }
}

fn clipped(plane: &[f32]) -> u64 {
    let mut count = 0;
    let mut at = 0;
    while let Some(found) = plane[at..].iter().position(|sample| sample.abs() >= LEVEL) {
        let start = at + found;
        let end = end_of_top(plane, start);
        if end - start >= SHORTEST && has_an_edge(plane, start, end) {
            count += (end - start) as u64;
        }
        at = end;
    }
    count
}

/// One past the last sample of the top that starts at `start`.
fn end_of_top(plane: &[f32], start: usize) -> usize {
    let flat = plane[start..].windows(2).take_while(|pair| pair[1].abs() >= LEVEL && step(pair) < FLAT);
    start + 1 + flat.count()
}

fn has_an_edge(plane: &[f32], start: usize, end: usize) -> bool {
    let steps = |at: usize| at > 0 && plane.get(at - 1..=at).is_some_and(|pair| step(pair) >= STEP);
    steps(start) || steps(end)
}

fn step(pair: &[f32]) -> f32 {
    (pair[1] - pair[0]).abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f32, amplitude: f32, n: usize) -> Vec<f32> {
        (0..n).map(|i| amplitude * (std::f32::consts::TAU * hz * i as f32 / 44_100.0).sin()).collect()
    }

    #[test]
    fn samples_of_flat_tops_are_counted() {
        let top = |n: usize| [vec![0.0, 0.5], vec![1.0; n], vec![0.2]].concat();
        for (plane, want) in [
            (top(2), 0),
            (top(3), 3),
            (top(40), 40),
            ([top(5), top(7)].concat(), 12),
            (top(9).iter().map(|sample| -sample).collect(), 9),
            (top(9).iter().map(|sample| 0.88 * sample).collect(), 0),
            (vec![1.0; 10], 0),
            (vec![], 0),
        ] {
            assert_eq!(clipped(&plane), want, "{plane:?}");
        }
    }

    #[test]
    fn a_sine_is_clipped_where_it_was_cut_and_nowhere_else() {
        for hz in [30.0, 110.0, 450.0, 1000.0] {
            assert_eq!(clipped(&sine(hz, 1.0, 44_100)), 0, "{hz} Hz");
            let cut: Vec<f32> = sine(hz, 2.0, 44_100).iter().map(|sample| sample.clamp(-1.0, 1.0)).collect();
            let known = cut.iter().filter(|sample| sample.abs() == 1.0).count() as u64;
            assert_eq!(clipped(&cut), known, "{hz} Hz");
        }
    }

    #[test]
    fn all_channels_count_and_silence_is_not_clipped() {
        let mut clipping = Clipping::default();
        assert_eq!(clipping.share(), 0.0);
        clipping.add(&[[vec![0.0; 6], vec![1.0; 4]].concat(), vec![0.0; 10]]);
        clipping.add(&[vec![0.0; 10], vec![0.0; 10]]);
        assert_eq!(clipping.share(), 0.1);
    }
}
