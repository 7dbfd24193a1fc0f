//! The form of a taqsim: which phrases, in which register, towards which rest, in three sections.

use crate::maqam::Sayir;
use crate::player::Player;
use crate::random::Random;

/// The sections of a taqsim and their shares of its time.
pub(crate) const SECTIONS: [(&str, f64); 3] = [("intro", 0.3), ("development", 0.45), ("resolution", 0.25)];

/// No phrase is shorter, s.
const SHORTEST: f64 = 2.6;

/// A phrase to be played: one breath.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phrase {
    /// Which of `SECTIONS` it belongs to.
    pub(crate) section: usize,
    /// Degree on which it begins.
    pub(crate) from: i32,
    /// Degree on which it rests.
    pub(crate) goal: i32,
    /// Lowest and highest degree.
    pub(crate) ambitus: (i32, i32),
    /// Whether it leaves for the maqam's excursion.
    pub(crate) strays: bool,
    /// Whether it ends with the maqam's cadence.
    pub(crate) closes: bool,
    /// Loudness, 0 (the player's softest) to 1.
    pub(crate) intensity: f64,
    /// Length up to the end of its last, held note, s.
    pub(crate) seconds: f64,
    /// The breath after it, s.
    pub(crate) pause: f64,
}

/// The phrases of a taqsim of about `seconds`: it opens where the maqam opens, climbs over the ghammaz, strays, reaches
/// its climax and falls back to the tonic.
pub(crate) fn phrases(sayir: &Sayir, player: &Player, seconds: f64, random: &mut Random) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    let mut from = sayir.opening;
    for (section, (_, share)) in SECTIONS.iter().enumerate() {
        let last = section + 1 == SECTIONS.len();
        let breaths = breaths(player, share * seconds, last, random);
        for (i, (seconds, pause)) in breaths.iter().enumerate() {
            let shape = shape(sayir, section, i, breaths.len());
            phrases.push(Phrase { section, from, seconds: *seconds, pause: *pause, ..shape });
            from = shape.goal;
        }
    }
    phrases
}

/// Lengths of phrases and of the pauses after them that fill `seconds` as this player would. After the `last` phrase of
/// a taqsim nobody has to breathe.
fn breaths(player: &Player, seconds: f64, last: bool, random: &mut Random) -> Vec<(f64, f64)> {
    let middle = |(low, high): (f64, f64)| (low + high) / 2.0;
    let n_phrases = libm::round(seconds / (middle(player.phrase) + middle(player.pause))).max(1.0) as usize;
    let mut pauses: Vec<f64> =
        (0..n_phrases).map(|_| random.between(player.pause.0, player.pause.1)).collect();
    if last {
        pauses[n_phrases - 1] = 0.0;
    }
    let weights: Vec<f64> = (0..n_phrases).map(|_| random.between(0.8, 1.2)).collect();
    let pace = (seconds - pauses.iter().sum::<f64>()) / weights.iter().sum::<f64>();
    weights.iter().map(|weight| (weight * pace).max(SHORTEST)).zip(pauses).collect()
}

/// Register and goal of phrase `i` of `n` in a section; beginning and length are the caller's.
fn shape(sayir: &Sayir, section: usize, i: usize, n: usize) -> Phrase {
    let way = (i + 1) as f64 / n as f64;
    let between = |a: i32, b: i32, way: f64| a + libm::round(f64::from(b - a) * way) as i32;
    let last = i + 1 == n;
    let strays = section == 1 && n > 1 && i == (n - 1) / 2;
    let (goal, ambitus) = match section {
        0 if last => (sayir.opening, (-2, sayir.ghammaz + 1)),
        0 => (if i.is_multiple_of(2) { 0 } else { sayir.ghammaz }, (-3, sayir.ghammaz.max(2) + 1)),
        1 if strays => (sayir.ghammaz, (sayir.ghammaz - 2, sayir.ghammaz + 3)),
        1 => {
            let goal = between(sayir.ghammaz, sayir.climax, way);
            (goal, (sayir.ghammaz - 2, goal + 2))
        }
        _ if last => (0, (-2, sayir.ghammaz + 2)),
        _ => {
            let goal = between(sayir.climax, 0, way);
            (goal, (goal - 1, sayir.climax + 1))
        }
    };
    let intensity = [0.2 + 0.2 * way, 0.4 + 0.6 * way, 0.8 - 0.6 * way][section];
    let closes = section == 2 && last;
    Phrase { section, from: goal, goal, ambitus, strays, closes, intensity, seconds: 0.0, pause: 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{maqam, player};

    #[test]
    fn every_taqsim_has_three_sections_and_closes_on_its_tonic() {
        for maqam in maqam::ALL {
            for seconds in [20.0, 60.0, 120.0] {
                let phrases =
                    phrases(&maqam.sayir, &player::PATIENT, seconds, &mut Random::from_text(maqam.name));
                let sections: Vec<usize> = phrases.iter().map(|phrase| phrase.section).collect();
                assert!(sections.is_sorted() && [0, 1, 2].iter().all(|section| sections.contains(section)));
                assert!(phrases.last().is_some_and(|last| last.closes && last.goal == 0));
                let length: f64 = phrases.iter().map(|phrase| phrase.seconds + phrase.pause).sum();
                assert!((length - seconds).abs() < 1.5, "{length} s for {seconds} s");
            }
        }
    }
}
