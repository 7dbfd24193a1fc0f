//! The melody of a phrase: figures that wander to a goal.

use crate::form::Phrase;
use crate::random::Random;

/// A tone before anybody plays it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tone {
    /// Degree above the tonic.
    pub(crate) degree: i32,
    /// Length in short notes.
    pub(crate) units: f64,
}

/// The tones of `phrase` but for the last, held one: about `units` short notes, ending beside the goal or, where the
/// phrase closes, with `qafla` up to its last degree.
pub(crate) fn tones(phrase: &Phrase, qafla: &[i32], units: f64, random: &mut Random) -> Vec<Tone> {
    let ending: &[i32] = if phrase.closes { &qafla[..qafla.len() - 1] } else { &[] };
    let target = ending.first().copied().unwrap_or(phrase.goal);
    let mut tones = vec![Tone { degree: phrase.from, units: random.choose(&[1.0, 2.0, 3.0]) }];
    loop {
        let way = approach(last_degree(&tones), target, ending);
        if length(&tones) + length(&way) >= units {
            tones.extend(way);
            return tones;
        }
        let progress = length(&tones) / units;
        figure(phrase, progress, &mut tones, random);
    }
}

/// Adds one figure.
fn figure(phrase: &Phrase, progress: f64, tones: &mut Vec<Tone>, random: &mut Random) {
    let here = last_degree(tones);
    let (lowest, highest) = phrase.ambitus;
    // A phrase swings to one edge of its register before it turns to its goal.
    let aim = if progress < 0.5 { random.choose(&[lowest, highest, highest]) } else { phrase.goal };
    let step = if aim > here || (aim == here && random.chance(0.5)) { 1 } else { -1 };
    let (steps, units): (Vec<i32>, &[f64]) = match (random.unit() * 10.0) as u32 {
        0..=3 => ((1..=random.choose(&[2, 3, 4, 5])).map(|k| k * step).collect(), &[1.0]),
        4..=5 => (vec![step, 0, -step, 0], &[1.0, 0.5, 0.5, 1.0]),
        6..=7 => (vec![0, step, 2 * step, step, 2 * step, 3 * step, 2 * step], &[1.0, 0.5, 0.5]),
        8 => (vec![2 * step, step, 0], &[2.0, 1.0, 1.0]),
        _ => (vec![step], &[4.0, 3.0]),
    };
    for (i, offset) in steps.iter().enumerate() {
        let degree = reflect(here + offset, lowest, highest);
        tones.push(Tone { degree, units: units[i % units.len()] });
    }
}

/// Step by step from `here` to `target`, not including it, or with all of `ending` if there is one.
fn approach(here: i32, target: i32, ending: &[i32]) -> Vec<Tone> {
    let tone = |degree| Tone { degree, units: 1.0 };
    let step = (target - here).signum();
    let steps = (1..(target - here).abs()).map(|k| tone(here + k * step));
    // A cadence broadens.
    let ending =
        ending.iter().enumerate().map(|(i, degree)| Tone { degree: *degree, units: 1.0 + 0.12 * i as f64 });
    steps.chain(ending).collect()
}

fn reflect(degree: i32, lowest: i32, highest: i32) -> i32 {
    let folded = if degree > highest { 2 * highest - degree } else { degree };
    let folded = if folded < lowest { 2 * lowest - folded } else { folded };
    folded.clamp(lowest, highest)
}

fn last_degree(tones: &[Tone]) -> i32 {
    tones.last().map_or(0, |tone| tone.degree)
}

fn length(tones: &[Tone]) -> f64 {
    tones.iter().map(|tone| tone.units).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHRASE: Phrase = Phrase {
        section: 2,
        from: 5,
        goal: 0,
        ambitus: (-2, 6),
        strays: false,
        closes: true,
        intensity: 0.5,
        seconds: 6.0,
        pause: 1.0,
    };

    #[test]
    fn a_closing_phrase_ends_with_the_qafla() {
        let qafla = [4, 3, 2, 1, 0, -1, 0];
        for seed in ["a", "b", "c"] {
            let tones = tones(&PHRASE, &qafla, 24.0, &mut Random::from_text(seed));
            let degrees: Vec<i32> = tones.iter().map(|tone| tone.degree).collect();
            assert!(degrees.ends_with(&qafla[..6]), "{degrees:?}");
            assert!(degrees.iter().all(|degree| (-2..=6).contains(degree)), "{degrees:?}");
        }
    }

    #[test]
    fn a_phrase_has_about_as_many_tones_as_asked_for() {
        let phrase = Phrase { closes: false, ..PHRASE };
        for units in [10.0, 20.0, 40.0] {
            let units_made = length(&tones(&phrase, &[0], units, &mut Random::from_text("rast")));
            assert!((units - 2.0..units + 12.0).contains(&units_made), "{units_made} for {units}");
        }
    }
}
