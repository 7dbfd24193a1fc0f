//! From a form to notes: what the two hands do, and when.

use crate::form::{self, Phrase, SECTIONS};
use crate::maqam::{Intonation, Maqam, Scale};
use crate::melody::{self, Tone};
use crate::oud::{Build, Oud};
use crate::player::Player;
use crate::random::Random;

/// Silence before the first note, s.
const LEAD_IN: f64 = 0.4;
/// How long the last note rings, s.
const LAST_RING: f64 = 2.6;
/// What is recorded after it, s: no section ends behind its file, however a decoder counts.
const LEAD_OUT: f64 = 0.2;
/// Share of a breath in which a note rings on: then the hand leaves for its next place.
const RINGING: f64 = 0.6;
/// Repetitions of a tremolo, Hz.
const TREMOLO: f64 = 12.5;

/// What a right hand does: a stroke of the plectrum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stroke {
    /// 0..1.
    pub(crate) strength: f64,
    /// Share of the string from the bridge.
    pub(crate) position: f64,
    /// An up stroke.
    pub(crate) up: bool,
}

/// A note on one course.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Note {
    /// s.
    pub(crate) start: f64,
    /// Until the finger leaves the string, s.
    pub(crate) length: f64,
    /// Pitch, Hz.
    pub(crate) hertz: f64,
    /// Which course, from the lowest.
    pub(crate) course: usize,
    /// None for a note that only the left hand plays.
    pub(crate) stroke: Option<Stroke>,
    /// Pitch from which it slides, Hz, and how long that takes, s.
    pub(crate) from: Option<f64>,
    /// Length of the slide, s.
    pub(crate) slide: f64,
    /// Depth, cents.
    pub(crate) vibrato: f64,
}

/// A section as it was played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section {
    /// Its name in the manifest.
    pub(crate) name: &'static str,
    /// s.
    pub(crate) start: f64,
    /// s.
    pub(crate) end: f64,
}

/// A whole taqsim, ready to sound.
#[derive(Debug)]
pub(crate) struct Performance {
    /// In order of their starts.
    pub(crate) notes: Vec<Note>,
    /// Intro, development, resolution.
    pub(crate) sections: Vec<Section>,
    /// Length with the last note's ring, s.
    pub(crate) seconds: f64,
    /// Pitch of the tonic as played, Hz.
    pub(crate) tonic: f64,
    /// How far the oud is from A4 = 440 Hz, as a factor.
    pub(crate) tuning: f64,
}

/// `player` improvises in `maqam` on `oud` for about `seconds`.
pub(crate) fn improvise(
    player: &Player,
    maqam: &Maqam,
    oud: Oud,
    seconds: f64,
    random: &mut Random,
) -> Performance {
    let intonation = if oud == Oud::Turkish { Intonation::Turkish } else { Intonation::Arabic };
    let scale = maqam.scale(intonation);
    // Nobody tunes a solo oud to a fork.
    let tuning = libm::exp2(random.between(-18.0, 18.0) / 1200.0);
    let phrases = form::phrases(&maqam.sayir, player, seconds - LEAD_IN - LAST_RING - LEAD_OUT, random);
    let (build, tonic) = (oud.build(), scale.tonic * tuning);
    let mut hands =
        Hands { player, scale, build, tuning, random, now: LEAD_IN, before: 0, up: false, notes: vec![] };
    let sections = hands.play_all(&phrases, maqam.sayir.qafla);
    let seconds = sections.last().map_or(0.0, |section| section.end) + LEAD_OUT;
    let mut notes = hands.notes;
    notes.sort_by(|a, b| a.start.total_cmp(&b.start));
    Performance { notes, sections, seconds, tonic, tuning }
}

/// Someone in the middle of playing.
struct Hands<'a> {
    player: &'a Player,
    scale: &'a Scale,
    build: &'a Build,
    tuning: f64,
    random: &'a mut Random,
    now: f64,
    /// The degree before this one.
    before: i32,
    up: bool,
    notes: Vec<Note>,
}

impl Hands<'_> {
    fn play_all(&mut self, phrases: &[Phrase], qafla: &[i32]) -> Vec<Section> {
        let mut sections: Vec<Section> = Vec::new();
        for (i, phrase) in phrases.iter().enumerate() {
            let start = self.now;
            let last = i + 1 == phrases.len();
            self.play(phrase, qafla, if last { LAST_RING } else { phrase.pause });
            let name = SECTIONS[phrase.section].0;
            // Half of the breath belongs to either side: the first attack is never cut.
            let end = if last { self.now } else { self.now - phrase.pause / 2.0 };
            match sections.last_mut() {
                Some(section) if section.name == name => section.end = end,
                Some(section) => {
                    let start = section.end;
                    sections.push(Section { name, start, end });
                }
                None => sections.push(Section { name, start: start - LEAD_IN, end }),
            }
        }
        sections
    }

    fn play(&mut self, phrase: &Phrase, qafla: &[i32], pause: f64) {
        let held = (self.player.pace * self.random.between(4.0, 7.0)).clamp(0.7, 2.0);
        let moving = phrase.seconds - held;
        let tones = melody::tones(phrase, qafla, moving / self.player.pace, self.random);
        for (i, (tone, length)) in tones.iter().zip(rubato(&tones, moving)).enumerate() {
            let next = tones.get(i + 1).map_or(phrase.goal, |next| next.degree);
            self.play_tone(*tone, next, length, phrase);
        }
        self.rest_on(phrase, held, pause);
    }

    /// One tone of a phrase: plain, ornamented or repeated.
    fn play_tone(&mut self, tone: Tone, next: i32, length: f64, phrase: &Phrase) {
        let long = length > 0.42;
        let shaped = self.note(tone.degree, length, phrase);
        if long && self.random.chance(self.player.tremolo) {
            self.tremolo(shaped, length);
        } else if length > 0.2 && self.random.chance(self.player.ornaments) {
            self.mordent(shaped, tone.degree, phrase);
        } else if length > 0.14 && self.random.chance(self.player.ornaments * 0.6) {
            self.slide(shaped, phrase);
        } else if length < 0.4 && self.random.chance(self.player.ornaments * 0.5) {
            self.slur(shaped);
        } else {
            self.notes.push(shaped);
        }
        self.now += length;
        self.before = tone.degree;
        // The last stroke before a change of direction leans on it.
        self.up = !self.up && (next - tone.degree).abs() <= 1;
    }

    /// The held last note of a phrase, then the breath.
    fn rest_on(&mut self, phrase: &Phrase, held: f64, pause: f64) {
        let damped = !phrase.closes && self.random.chance(self.player.damping);
        let sounds = match (phrase.closes, damped) {
            (true, _) => held + pause,
            (false, true) => held + 0.12,
            (false, false) => held + RINGING * pause,
        };
        self.up = false;
        let mut note = self.note(phrase.goal, sounds, phrase);
        note.vibrato = self.player.vibrato;
        if !phrase.closes && self.random.chance(self.player.tremolo) {
            self.tremolo(note, held);
            if let Some(last) = self.notes.last_mut() {
                last.length = sounds - held;
            }
        } else {
            self.notes.push(note);
        }
        if phrase.closes || (phrase.goal == 0 && self.random.chance(self.player.drone)) {
            // The palm stops the bass when the melody breathes: low strings would fill the pause.
            self.drone(&note, if phrase.closes { sounds } else { held });
        }
        self.before = phrase.goal;
        self.now += held + pause;
    }

    /// A plain note on `degree`, now.
    fn note(&mut self, degree: i32, length: f64, phrase: &Phrase) -> Note {
        let falls = degree < self.before;
        // Fingers on a neck without frets: within a few cents.
        let slip = self.random.between(-1.0, 1.0) + self.random.between(-1.0, 1.0);
        let hertz = self.pitch(degree, falls, phrase.strays) * libm::exp2(1.5 * slip / 1200.0);
        let (soft, hard) = self.player.dynamics;
        let accent = self.random.between(-0.06, 0.06) - if self.up { 0.08 } else { 0.0 };
        let strength = (soft + (hard - soft) * phrase.intensity + accent).clamp(0.1, 1.0);
        let position = self.player.plectrum * self.random.between(0.9, 1.1);
        Note {
            start: self.now,
            // A finger stays until just after the next stroke.
            length: length + 0.03,
            hertz,
            course: self.build.course_of(hertz, self.tuning),
            stroke: Some(Stroke { strength, position, up: self.up }),
            from: None,
            slide: 0.0,
            vibrato: if length > 0.5 { self.player.vibrato } else { 0.0 },
        }
    }

    fn pitch(&self, degree: i32, falls: bool, strays: bool) -> f64 {
        self.scale.tonic * self.tuning * libm::exp2(self.scale.cents(degree, falls, strays) / 1200.0)
    }

    /// Risha: down and up strokes that swell and fade.
    fn tremolo(&mut self, note: Note, length: f64) {
        let n_strokes = libm::round(length * TREMOLO).max(2.0) as usize;
        let period = length / n_strokes as f64;
        for i in 0..n_strokes {
            let swell = libm::sin(std::f64::consts::PI * (i as f64 + 0.5) / n_strokes as f64);
            let stroke = note.stroke.map(|stroke| Stroke {
                strength: stroke.strength * (0.45 + 0.4 * swell) * self.random.between(0.92, 1.08),
                up: i % 2 == 1,
                ..stroke
            });
            let start = note.start + i as f64 * period;
            self.notes.push(Note { start, length: period + 0.03, stroke, vibrato: 0.0, ..note });
        }
    }

    /// The upper neighbour, slurred on and off within a short note's time.
    fn mordent(&mut self, note: Note, degree: i32, phrase: &Phrase) {
        let upper = self.pitch(degree + 1, false, phrase.strays);
        let (turn, slide) = (0.065, 0.012);
        let slurred = Note { stroke: None, slide, ..note };
        self.notes.push(Note { length: turn, vibrato: 0.0, ..note });
        let (start, from) = (note.start + turn, Some(note.hertz));
        self.notes.push(Note { start, length: turn, hertz: upper, from, vibrato: 0.0, ..slurred });
        let (start, length) = (note.start + 2.0 * turn, note.length - 2.0 * turn);
        self.notes.push(Note { start, length, from: Some(upper), ..slurred });
    }

    /// A slide into the note from the side of the note before.
    fn slide(&mut self, note: Note, phrase: &Phrase) {
        let before = self.pitch(self.before, false, phrase.strays);
        let reach = (before / note.hertz).clamp(0.89, 1.12);
        let from = (note.hertz * reach).max(self.build.open[note.course] * self.tuning);
        self.notes.push(Note { from: Some(from), slide: 0.07, ..note });
    }

    /// A hammer-on or pull-off from the note before, where that one is on the same course.
    fn slur(&mut self, note: Note) {
        let before =
            self.notes.last().filter(|before| before.course == note.course && before.stroke.is_some());
        let slurred =
            before.map(|before| Note { stroke: None, from: Some(before.hertz), slide: 0.015, ..note });
        self.notes.push(slurred.unwrap_or(note));
    }

    /// The open tonic below, under a rest.
    fn drone(&mut self, note: &Note, length: f64) {
        let drone = self.build.drone_of(note.hertz, self.tuning).filter(|course| *course != note.course);
        let stroke =
            note.stroke.map(|stroke| Stroke { strength: stroke.strength * 0.45, up: false, ..stroke });
        if let Some(course) = drone {
            let hertz = self.build.open[course] * self.tuning;
            // The plectrum sweeps from the bass to the melody.
            let start = note.start - 0.03;
            self.notes.push(Note { start, length, hertz, course, stroke, vibrato: 0.0, ..*note });
        }
    }
}

/// Lengths of `tones` that fill `seconds`: free rhythm hurries in the middle and lingers at both ends.
fn rubato(tones: &[Tone], seconds: f64) -> Vec<f64> {
    let stretched = tones.iter().enumerate().map(|(i, tone)| {
        let progress = i as f64 / tones.len() as f64;
        tone.units * (1.0 + 0.22 * libm::cos(std::f64::consts::TAU * progress))
    });
    let stretched: Vec<f64> = stretched.collect();
    let pace = seconds / stretched.iter().sum::<f64>();
    stretched.iter().map(|units| units * pace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{maqam, player};

    fn taqsim() -> Performance {
        let mut random = Random::from_text("test");
        improvise(&player::SPARKLING, &maqam::BAYATI, Oud::Turkish, 40.0, &mut random)
    }

    #[test]
    fn sections_follow_each_other_without_a_gap() {
        let performance = taqsim();
        let names: Vec<&str> = performance.sections.iter().map(|section| section.name).collect();
        assert_eq!(names, ["intro", "development", "resolution"]);
        assert!(performance.sections.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert!(performance.sections.iter().all(|section| section.end < performance.seconds));
    }

    #[test]
    fn the_last_note_is_the_tonic() {
        let performance = taqsim();
        let last = performance.notes.last().map_or(0.0, |note| note.hertz);
        let cents = 1200.0 * libm::log2(last / performance.tonic);
        assert!(cents.abs() < 4.0, "{cents}");
    }

    #[test]
    fn no_note_lies_below_its_open_string() {
        let performance = taqsim();
        for note in &performance.notes {
            let open = Oud::Turkish.build().open[note.course] * performance.tuning;
            assert!(note.hertz > open * 0.994, "{note:?}");
        }
    }
}
