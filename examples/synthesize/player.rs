//! The players: six characters who exist only here.

/// How someone plays.
#[derive(Debug)]
pub(crate) struct Player {
    /// The label's value.
    pub(crate) name: &'static str,
    /// A short note, s.
    pub(crate) pace: f64,
    /// A phrase, s, pause not included.
    pub(crate) phrase: (f64, f64),
    /// The breath between two phrases, s.
    pub(crate) pause: (f64, f64),
    /// Share of notes with a mordent, a slur or a slide.
    pub(crate) ornaments: f64,
    /// Share of long notes that are repeated (risha).
    pub(crate) tremolo: f64,
    /// Depth of the vibrato on long notes, cents.
    pub(crate) vibrato: f64,
    /// Strength of the softest and of the hardest stroke.
    pub(crate) dynamics: (f64, f64),
    /// Where the plectrum strikes, as a share of the string from the bridge.
    pub(crate) plectrum: f64,
    /// Share of breaths before which the strings are damped.
    pub(crate) damping: f64,
    /// Share of phrases that end with the open tonic beneath.
    pub(crate) drone: f64,
}

/// Slow and soft, with long breaths.
pub(crate) const PATIENT: Player = Player {
    name: "The Patient Player",
    pace: 0.30,
    phrase: (4.0, 7.5),
    pause: (1.4, 2.5),
    ornaments: 0.16,
    tremolo: 0.15,
    vibrato: 9.0,
    dynamics: (0.35, 0.75),
    plectrum: 0.19,
    damping: 0.2,
    drone: 0.3,
};

/// Quick, hard, rarely still.
pub(crate) const RESTLESS: Player = Player {
    name: "The Restless Player",
    pace: 0.15,
    phrase: (3.4, 6.0),
    pause: (0.9, 1.4),
    ornaments: 0.26,
    tremolo: 0.7,
    vibrato: 5.0,
    dynamics: (0.5, 1.0),
    plectrum: 0.10,
    damping: 0.6,
    drone: 0.1,
};

/// The grave master: long tones, few ornaments, each of them heavy.
pub(crate) const GRAVE: Player = Player {
    name: "Ağır Usta",
    pace: 0.25,
    phrase: (4.5, 8.5),
    pause: (1.2, 2.2),
    ornaments: 0.2,
    tremolo: 0.3,
    vibrato: 12.0,
    dynamics: (0.4, 0.9),
    plectrum: 0.15,
    damping: 0.3,
    drone: 0.45,
};

/// The sparkling apprentice: quick mordents near the bridge.
pub(crate) const SPARKLING: Player = Player {
    name: "Işıltılı Çırak",
    pace: 0.18,
    phrase: (3.2, 6.0),
    pause: (0.9, 1.6),
    ornaments: 0.42,
    tremolo: 0.35,
    vibrato: 6.0,
    dynamics: (0.4, 0.85),
    plectrum: 0.08,
    damping: 0.5,
    drone: 0.15,
};

/// The dreaming player: soft, sliding, over the rose.
pub(crate) const DREAMING: Player = Player {
    name: "العازف الحالم",
    pace: 0.23,
    phrase: (3.8, 7.0),
    pause: (1.2, 2.4),
    ornaments: 0.36,
    tremolo: 0.2,
    vibrato: 10.0,
    dynamics: (0.3, 0.7),
    plectrum: 0.24,
    damping: 0.1,
    drone: 0.25,
};

/// The bold player: wide dynamics, long tremolos.
pub(crate) const BOLD: Player = Player {
    name: "العازف الجريء",
    pace: 0.20,
    phrase: (3.4, 7.0),
    pause: (0.9, 1.8),
    ornaments: 0.22,
    tremolo: 0.55,
    vibrato: 7.0,
    dynamics: (0.35, 1.0),
    plectrum: 0.13,
    damping: 0.5,
    drone: 0.35,
};
