//! How notes begin and fade: plucked strings decay, blown and bowed ones do not.

use super::{Note, median};

/// A note needs at least this length, s.
const SHORTEST: f64 = 0.25;

/// A decay is measured until this far below the peak, dB, and over at least this time, s.
const DECAY_RANGE: f64 = 30.0;
const SHORTEST_DECAY: f64 = 0.1;

/// An attack begins this far below the peak, dB, and at most this long before it, s.
const ATTACK_RANGE: f64 = 20.0;
const LONGEST_ATTACK: f64 = 0.25;

/// How notes begin and fade: medians over the notes; none where no note is long enough.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Decay {
    /// How fast the level falls after its peak, dB a second; negative where it grows.
    pub rate: Option<f64>,
    /// From 20 dB below the peak to the peak, s.
    pub attack: Option<f64>,
}

/// How the notes begin and fade, from the level of each frame (dB) and the time from frame to frame, s.
pub fn decay(levels: &[f64], notes: &[Note], hop: f64) -> Decay {
    let (mut rates, mut attacks) = (Vec::new(), Vec::new());
    for note in notes.iter().filter(|note| note.n_frames() as f64 * hop >= SHORTEST) {
        let peak = peak(levels, note);
        rates.extend(decay_rate(&levels[peak..note.end], hop));
        attacks.push(attack_time(&levels[..=peak], hop));
    }
    Decay { rate: median(&mut rates), attack: median(&mut attacks) }
}

/// The loudest frame of a note.
fn peak(levels: &[f64], note: &Note) -> usize {
    (note.start..note.end).fold(note.start, |most, i| if levels[i] > levels[most] { i } else { most })
}

/// The slope of the line through what follows a peak, turned round.
fn decay_rate(levels: &[f64], hop: f64) -> Option<f64> {
    let floor = levels.first()? - DECAY_RANGE;
    let n = levels.iter().position(|level| *level < floor).unwrap_or(levels.len());
    if (n as f64) * hop < SHORTEST_DECAY || n < 2 {
        return None;
    }
    let centre = (n - 1) as f64 / 2.0;
    let times = (0..n).map(|i| (i as f64 - centre) * hop);
    let product: f64 = times.clone().zip(levels).map(|(t, level)| t * level).sum();
    Some(-product / times.map(|t| t * t).sum::<f64>())
}

/// How long before the last level the levels were 20 dB lower.
fn attack_time(levels: &[f64], hop: f64) -> f64 {
    let peak = levels.last().copied().unwrap_or(0.0);
    let rising = levels.iter().rev().position(|level| *level < peak - ATTACK_RANGE);
    (rising.unwrap_or(levels.len() - 1) as f64 * hop).min(LONGEST_ATTACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pluck_has_its_decay_and_attack() {
        let hop = 0.01;
        let mut levels = vec![-60.0; 10];
        levels.extend([-30.0, -15.0, -5.0]);
        levels.extend((0..100).map(|i| -0.2 * f64::from(i)));
        let note = Note { start: 11, end: 113, cents: 0.0 };
        let got = decay(&levels, &[note], hop);
        assert!((got.rate.unwrap() - 20.0).abs() < 1e-9, "{got:?}");
        assert!((got.attack.unwrap() - 0.03).abs() < 1e-9, "{got:?}");
        let short = Note { start: 11, end: 20, cents: 0.0 };
        assert_eq!(decay(&levels, &[short], hop), Decay::default());
    }
}
