//! Three ouds: how each is tuned, how its strings sound, where its body resonates.

use crate::string::Loss;

/// Which school of building and tuning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oud {
    /// Large bowl, long strings (about 61 cm), low and dark.
    Arabic,
    /// The floating bridge that Muhammad Fadhil built for Munir Bashir: a high sixth course, lean and nasal.
    Iraqi,
    /// Smaller bowl, short strings (about 58 cm), a tone higher, bright.
    Turkish,
}

/// A resonance of the body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mode {
    /// Centre, Hz.
    pub(crate) hertz: f64,
    /// Centre over bandwidth.
    pub(crate) quality: f64,
    /// Gain at the centre; modes alternate in sign as neighbouring plate modes do.
    pub(crate) gain: f64,
}

/// How an oud is strung and built.
#[derive(Debug)]
pub(crate) struct Build {
    /// The label's value.
    pub(crate) name: &'static str,
    /// Open strings, low to high, Hz at A4 = 440 Hz.
    pub(crate) open: [f64; 6],
    /// How far apart the two strings of a course are, cents.
    pub(crate) spread: f64,
    /// Loss of a string at 147 Hz.
    pub(crate) loss: Loss,
    /// How long the plectrum holds the string at full strength, s.
    pub(crate) contact: f64,
    /// Gain of the strings' direct sound.
    pub(crate) direct: f64,
    /// The body.
    pub(crate) modes: &'static [Mode],
}

impl Oud {
    /// How it is built.
    pub(crate) fn build(self) -> &'static Build {
        match self {
            Self::Arabic => &ARABIC,
            Self::Iraqi => &IRAQI,
            Self::Turkish => &TURKISH,
        }
    }
}

impl Build {
    /// The course on which `hertz` lies nearest to the nut; `tuning` is the factor by which the whole oud is off.
    pub(crate) fn course_of(&self, hertz: f64, tuning: f64) -> usize {
        // Half a per cent is eight cents: nobody leaves an open string for less.
        self.open.iter().rposition(|open| open * tuning <= hertz * 1.005).unwrap_or(0)
    }

    /// The lowest open course in octaves with `hertz`, to be struck as a drone.
    pub(crate) fn drone_of(&self, hertz: f64, tuning: f64) -> Option<usize> {
        self.open.iter().position(|open| {
            let octaves = libm::log2(open * tuning / hertz);
            (octaves - libm::round(octaves)).abs() < 20.0 / 1200.0
        })
    }
}

const fn mode(hertz: f64, quality: f64, gain: f64) -> Mode {
    Mode { hertz, quality, gain }
}

/// C2 F2 A2 D3 G3 C4, today's usual Arabic tuning.
const ARABIC: Build = Build {
    name: "arabic",
    open: [65.406, 87.307, 110.0, 146.832, 195.998, 261.626],
    spread: 2.4,
    loss: Loss { decay: 2.7, pole: 0.36 },
    contact: 0.000_75,
    direct: 0.10,
    modes: &[
        mode(98.0, 9.0, 0.9),
        mode(172.0, 12.0, -0.8),
        mode(228.0, 14.0, 0.6),
        mode(312.0, 14.0, -0.5),
        mode(408.0, 15.0, 0.4),
        mode(525.0, 16.0, -0.3),
        mode(690.0, 16.0, 0.24),
        mode(930.0, 14.0, -0.16),
        mode(1350.0, 12.0, 0.1),
        mode(2050.0, 10.0, -0.06),
    ],
};

/// F2 C3 D3 G3 C4 F4, the tuning with a high sixth course.
const IRAQI: Build = Build {
    name: "iraqi",
    open: [87.307, 130.813, 146.832, 195.998, 261.626, 349.228],
    spread: 1.6,
    loss: Loss { decay: 2.9, pole: 0.24 },
    contact: 0.000_6,
    direct: 0.16,
    modes: &[
        mode(118.0, 10.0, 0.5),
        mode(208.0, 14.0, -0.6),
        mode(296.0, 16.0, 0.6),
        mode(392.0, 18.0, -0.6),
        mode(565.0, 18.0, 0.6),
        mode(810.0, 16.0, -0.7),
        mode(1180.0, 12.0, 0.7),
        mode(1620.0, 9.0, -0.5),
        mode(2300.0, 8.0, 0.2),
        mode(3200.0, 8.0, -0.1),
    ],
};

/// C#2 F#2 B2 E3 A3 D4, the usual Turkish tuning as it sounds.
const TURKISH: Build = Build {
    name: "turkish",
    open: [69.296, 92.499, 123.471, 164.814, 220.0, 293.665],
    spread: 1.9,
    loss: Loss { decay: 2.6, pole: 0.16 },
    contact: 0.000_4,
    direct: 0.34,
    modes: &[
        mode(112.0, 8.0, 0.6),
        mode(196.0, 11.0, -0.7),
        mode(268.0, 13.0, 0.6),
        mode(370.0, 13.0, -0.5),
        mode(482.0, 14.0, 0.5),
        mode(640.0, 14.0, -0.4),
        mode(910.0, 12.0, 0.4),
        mode(1400.0, 10.0, -0.4),
        mode(2150.0, 9.0, 0.4),
        mode(3100.0, 8.0, -0.4),
        mode(4300.0, 7.0, 0.3),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_lies_on_the_highest_course_that_reaches_it() {
        for (hertz, course) in [(60.0, 0), (146.832, 3), (180.0, 3), (196.0, 4), (400.0, 5)] {
            assert_eq!(ARABIC.course_of(hertz, 1.0), course, "{hertz} Hz");
        }
    }

    #[test]
    fn a_drone_is_an_open_string_in_octaves_with_the_tonic() {
        assert_eq!(ARABIC.drone_of(130.813, 1.0), Some(0));
        assert_eq!(IRAQI.drone_of(146.832, 1.0), Some(2));
        assert_eq!(ARABIC.drone_of(160.1, 1.0), None);
    }
}
