//! An oud being played: courses, sympathetic strings and the body, driven by notes.

use crate::body::Body;
use crate::oud::Build;
use crate::performance::{Note, Stroke};
use crate::random::Random;
use crate::string::{Loss, Pluck, PluckedString};

/// Samples between two looks at the hands.
const BLOCK: usize = 32;
/// How long before a stroke the plectrum already touches the course, s.
const TOUCH: f64 = 0.008;
/// Decay of a course that the plectrum touches, s.
const TOUCHED: f64 = 0.04;
/// Decay of a course from which the finger is lifted, s.
const LIFTED: f64 = 0.22;
/// How long it takes to lift it, s: at once would click.
const LIFTING: f64 = 0.03;
/// Share of the bridge's motion that drives the open strings.
const SYMPATHY: f64 = 0.002;
/// Rate of a vibrato, Hz, and the time before it sets in, s.
const VIBRATO: (f64, f64) = (5.3, 0.18);

/// A strung oud in someone's hands.
pub(crate) struct Instrument {
    rate: f64,
    contact: f64,
    courses: Vec<Course>,
    sympathetic: Vec<PluckedString>,
    body: Body,
    random: Random,
}

/// A pair of strings that are stopped and struck together.
struct Course {
    strings: [PluckedString; 2],
    /// Pitch of each string over that of the course.
    spread: [f64; 2],
    loss: Loss,
    hand: Hand,
    /// The pitch and decay that the strings have now, to leave them alone while nothing changes.
    tuned: (f64, f64),
}

/// What the left hand does on a course.
#[derive(Debug, Clone, Copy)]
struct Hand {
    start: f64,
    from: f64,
    hertz: f64,
    slide: f64,
    vibrato: f64,
    /// When the finger leaves the string, s.
    lifted: f64,
    /// When the plectrum touches it for the next stroke, s.
    touched: f64,
}

impl Instrument {
    /// An oud at rest, `tuning` times concert pitch.
    pub(crate) fn new(build: &Build, tuning: f64, rate: f64, random: Random) -> Self {
        let open = build.open.map(|hertz| hertz * tuning);
        Self {
            rate,
            contact: build.contact,
            courses: open.iter().map(|hertz| Course::new(rate, *hertz, build)).collect(),
            sympathetic: open.iter().map(|hertz| string(rate, *hertz, build.loss)).collect(),
            body: Body::new(rate, build.modes, build.direct),
            random,
        }
    }

    /// The sound of `notes`, which are in order of their starts, for `seconds`.
    pub(crate) fn perform(&mut self, notes: &[Note], seconds: f64) -> Vec<f64> {
        let mut samples = Vec::with_capacity((seconds * self.rate) as usize + BLOCK);
        let (mut touched, mut started) = (0, 0);
        while (samples.len() as f64) < seconds * self.rate {
            let now = samples.len() as f64 / self.rate;
            while let Some(note) = notes.get(touched).filter(|note| note.start - TOUCH <= now) {
                if note.stroke.is_some() {
                    self.courses[note.course].hand.touched = now;
                }
                touched += 1;
            }
            while let Some(note) = notes.get(started).filter(|note| note.start <= now) {
                self.begin(note);
                started += 1;
            }
            self.sound(now, &mut samples);
        }
        samples
    }

    fn begin(&mut self, note: &Note) {
        let course = &mut self.courses[note.course];
        course.take(note);
        if let Some(stroke) = note.stroke {
            // The course has to be at its pitch before the plectrum's position on it means anything.
            course.retune(note.start);
            course.strike(stroke, self.contact, &mut self.random);
        }
    }

    fn sound(&mut self, now: f64, samples: &mut Vec<f64>) {
        for course in &mut self.courses {
            course.retune(now);
        }
        for _ in 0..BLOCK {
            let played: f64 = self.courses.iter_mut().map(Course::next).sum();
            let answered: f64 =
                self.sympathetic.iter_mut().map(|string| string.next(SYMPATHY * played)).sum();
            samples.push(self.body.next(played + answered));
        }
    }
}

impl Course {
    fn new(rate: f64, hertz: f64, build: &Build) -> Self {
        let spread = [-0.5, 0.5].map(|side| libm::exp2(side * build.spread / 1200.0));
        let (start, never) = (0.0, f64::INFINITY);
        let hand =
            Hand { start, from: hertz, hertz, slide: 0.0, vibrato: 0.0, lifted: never, touched: never };
        let strings = spread.map(|spread| string(rate, hertz * spread, build.loss));
        Self { strings, spread, loss: build.loss, hand, tuned: (hertz, 1.0) }
    }

    fn take(&mut self, note: &Note) {
        self.hand = Hand {
            start: note.start,
            from: note.from.unwrap_or(note.hertz),
            hertz: note.hertz,
            slide: note.slide,
            vibrato: note.vibrato,
            lifted: note.start + note.length,
            touched: f64::INFINITY,
        };
    }

    fn strike(&mut self, stroke: Stroke, contact: f64, random: &mut Random) {
        for (i, string) in self.strings.iter_mut().enumerate() {
            // A down stroke meets the lower string first, an up stroke the other.
            let second = (i == 1) != stroke.up;
            let pluck = Pluck {
                strength: stroke.strength * if second { 0.8 } else { 1.0 },
                position: stroke.position * random.between(0.95, 1.05),
                contact: contact * (1.7 - 0.9 * stroke.strength),
                scrape: 0.12 + 0.12 * stroke.strength,
                delay: if second { random.between(0.0008, 0.0018) } else { 0.0 },
            };
            string.pluck(pluck, random);
        }
    }

    fn retune(&mut self, now: f64) {
        let (hertz, damping) = (self.hand.pitch(now), self.hand.damping(now));
        if self.tuned == (hertz, damping) {
            return;
        }
        self.tuned = (hertz, damping);
        let mut loss = loss_at(self.loss, hertz);
        loss.decay = loss.decay.min(damping);
        for (string, spread) in self.strings.iter_mut().zip(self.spread) {
            string.tune(hertz * spread, loss, BLOCK);
        }
    }

    fn next(&mut self) -> f64 {
        self.strings.iter_mut().map(|string| string.next(0.0)).sum()
    }
}

impl Hand {
    fn pitch(&self, now: f64) -> f64 {
        let since = now - self.start;
        let way = if since >= self.slide { 1.0 } else { (since / self.slide).max(0.0) };
        let eased = way * way * (3.0 - 2.0 * way);
        let (rate, wait) = VIBRATO;
        let swell = ((since - wait) / 0.3).clamp(0.0, 1.0);
        let wave = self.vibrato * swell * libm::sin(std::f64::consts::TAU * rate * (since - wait));
        self.from * libm::exp2(eased * libm::log2(self.hertz / self.from) + wave / 1200.0)
    }

    /// The longest decay that the hands allow, s.
    fn damping(&self, now: f64) -> f64 {
        let slowly = |since: f64, takes: f64, decay: f64| {
            let way = ((now - since) / takes).clamp(0.0, 1.0);
            if way > 0.0 { decay / way } else { f64::INFINITY }
        };
        slowly(self.lifted, LIFTING, LIFTED).min(slowly(self.touched, TOUCH, TOUCHED))
    }
}

fn string(rate: f64, hertz: f64, loss: Loss) -> PluckedString {
    PluckedString::new(rate, hertz, loss_at(loss, hertz))
}

/// A build's loss is given at 147 Hz; higher notes die sooner, and duller per period only as the square root.
fn loss_at(loss: Loss, hertz: f64) -> Loss {
    let ratio = (147.0 / hertz).sqrt();
    Loss { decay: loss.decay * ratio, pole: (loss.pole * ratio).min(0.6) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oud::Oud;

    const RATE: f64 = 44_100.0;

    fn note(start: f64, length: f64, hertz: f64) -> Note {
        let stroke = Some(Stroke { strength: 0.8, position: 0.12, up: false });
        Note { start, length, hertz, course: 4, stroke, from: None, slide: 0.0, vibrato: 0.0 }
    }

    fn level(samples: &[f64], start: f64, end: f64) -> f64 {
        let piece = &samples[(start * RATE) as usize..(end * RATE) as usize];
        let power = piece.iter().map(|x| x * x).sum::<f64>() / piece.len() as f64;
        10.0 * libm::log10(power + 1e-20)
    }

    fn sound(notes: &[Note]) -> Vec<f64> {
        Instrument::new(Oud::Arabic.build(), 1.0, RATE, Random::from_text("test")).perform(notes, 1.5)
    }

    #[test]
    fn an_oud_that_nobody_plays_is_silent() {
        assert!(sound(&[]).iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn a_note_dies_once_its_finger_leaves_the_string() {
        let [held, lifted] = [1.5, 0.5].map(|length| sound(&[note(0.1, length, 233.08)]));
        assert!((level(&held, 0.1, 0.4) - level(&lifted, 0.1, 0.4)).abs() < 1e-9);
        let fall = level(&held, 1.0, 1.2) - level(&lifted, 1.0, 1.2);
        assert!(fall > 20.0, "{fall} dB");
    }
}
