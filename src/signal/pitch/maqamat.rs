//! Named scales: the maqamat as theory writes them, and which of them a distribution resembles.
//!
//! Turkish scales are in Holdrian commas, 53 to the octave, after Arel, Ezgi and Uzdilek as in I. H. Ozkan, "Turk
//! Musikisi Nazariyati ve Usulleri" (1984), and K. Signell, "Makam: Modal Practice in Turkish Art Music" (1977).
//! Arabic scales are in cents of the scale of 24 quarter tones, after the "Recueil des travaux du Congres de musique
//! arabe" (Cairo 1932), H. H. Touma, "The Music of the Arabs" (1996), S. Marcus, "Arab music theory in the modern
//! period" (1989), and J. Farraj and S. Abu Shumays, "Inside Arabic Music" (2019).
//!
//! The intervals are those that are commonly taught after these works; no page was looked up for each. Look there
//! before you cite one.

use super::pitch_classes::{PitchClasses, hellinger};

/// One Holdrian comma, cents.
const COMMA: f64 = 1200.0 / 53.0;

/// Steps of the octave in which scales are compared, and how wide a degree is, cents: played degrees lie as far from
/// theory as one theory from another.
const N_BINS: usize = 48;
const WIDTH: f64 = 25.0;

/// A maqam, as a scale. Maqamat that share a scale and differ in their way through it (sayir) share an entry.
#[derive(Debug, PartialEq)]
pub struct Maqam {
    /// Its name.
    pub name: &'static str,
    /// Other spellings: Arabic and Turkish.
    pub aliases: &'static [&'static str],
    /// Other maqamat on the same scale.
    pub same_scale: &'static [&'static str],
    /// Its scale, once for each tradition that it is known in.
    pub scales: &'static [Scale],
}

/// A scale within an octave.
#[derive(Debug, PartialEq)]
pub struct Scale {
    /// Cents in one of the numbers below.
    pub unit: f64,
    /// Its seven degrees from the tonic, 0.
    pub degrees: [f64; 7],
    /// The dominant (ghammaz, guclu).
    pub dominant: f64,
    /// Degrees that stand for others at times, mostly where the melody falls.
    pub alternates: &'static [f64],
}

/// How far a distribution is from a maqam's scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// The maqam.
    pub maqam: &'static Maqam,
    /// Hellinger distance between the distribution and the scale's, 0 (the same) to 1 (nothing in common).
    pub distance: f64,
}

const fn arabic(degrees: [f64; 7], dominant: f64, alternates: &'static [f64]) -> Scale {
    Scale { unit: 1.0, degrees, dominant, alternates }
}

const fn turkish(degrees: [f64; 7], dominant: f64, alternates: &'static [f64]) -> Scale {
    Scale { unit: COMMA, degrees, dominant, alternates }
}

/// The maqamat, by name.
pub const MAQAMAT: &[Maqam] = &[
    Maqam {
        name: "ajam",
        aliases: &["acem", "acemaşiran", "عجم"],
        same_scale: &["çargah", "mahur"],
        scales: &[
            arabic([0., 200., 400., 500., 700., 900., 1100.], 700., &[]),
            turkish([0., 9., 18., 22., 31., 40., 49.], 31., &[]),
        ],
    },
    Maqam {
        name: "athar-kurd",
        aliases: &["أثر كرد"],
        same_scale: &[],
        scales: &[arabic([0., 100., 300., 600., 700., 800., 1100.], 700., &[])],
    },
    Maqam {
        name: "bayati",
        aliases: &["beyati", "بياتي"],
        same_scale: &["uşşak", "neva"],
        scales: &[
            arabic([0., 150., 300., 500., 700., 800., 1000.], 500., &[]),
            turkish([0., 8., 13., 22., 31., 35., 44.], 22., &[]),
        ],
    },
    Maqam {
        name: "bayati-shuri",
        aliases: &["karcığar", "karjighar", "بياتي شوري"],
        same_scale: &[],
        scales: &[
            arabic([0., 150., 300., 500., 600., 900., 1000.], 500., &[]),
            turkish([0., 8., 13., 22., 27., 39., 44.], 22., &[]),
        ],
    },
    Maqam {
        name: "hijaz",
        aliases: &["hicaz", "hümayun", "حجاز"],
        same_scale: &[],
        scales: &[
            arabic([0., 100., 400., 500., 700., 800., 1000.], 500., &[]),
            turkish([0., 5., 17., 22., 31., 35., 44.], 22., &[]),
        ],
    },
    Maqam {
        name: "hijazkar",
        aliases: &["hicazkar", "حجاز كار"],
        same_scale: &["shahnaz", "şehnaz", "shadd araban", "şedaraban", "suzidil", "zirgüleli hicaz"],
        scales: &[
            arabic([0., 100., 400., 500., 700., 800., 1100.], 700., &[]),
            turkish([0., 5., 17., 22., 31., 36., 48.], 31., &[]),
        ],
    },
    Maqam {
        name: "husayni",
        aliases: &["hüseyni", "حسيني"],
        same_scale: &["muhayyer", "gülizar"],
        scales: &[
            arabic([0., 150., 300., 500., 700., 850., 1000.], 700., &[]),
            turkish([0., 8., 13., 22., 31., 39., 44.], 31., &[35.]),
        ],
    },
    Maqam {
        name: "huzam",
        aliases: &["hüzzam", "هزام"],
        same_scale: &["rahat al-arwah"],
        scales: &[
            arabic([0., 150., 350., 450., 750., 850., 1050.], 350., &[]),
            turkish([0., 5., 14., 19., 31., 36., 48.], 14., &[]),
        ],
    },
    Maqam {
        name: "iraq",
        aliases: &["ırak", "عراق"],
        same_scale: &["eviç", "bastanikar"],
        scales: &[
            arabic([0., 150., 350., 500., 650., 850., 1050.], 350., &[]),
            turkish([0., 5., 14., 22., 27., 36., 45.], 14., &[]),
        ],
    },
    Maqam {
        name: "jiharkah",
        aliases: &["jaharkah", "جهاركاه"],
        same_scale: &[],
        scales: &[arabic([0., 200., 400., 500., 700., 900., 1050.], 700., &[])],
    },
    Maqam {
        name: "kurd",
        aliases: &["kürdi", "كرد"],
        same_scale: &["hijazkar-kurd", "kürdilihicazkar", "acem kürdi", "muhayyer kürdi"],
        scales: &[
            arabic([0., 100., 300., 500., 700., 800., 1000.], 500., &[]),
            turkish([0., 4., 13., 22., 31., 35., 44.], 22., &[]),
        ],
    },
    Maqam {
        name: "lami",
        aliases: &["لامي"],
        same_scale: &[],
        scales: &[arabic([0., 100., 300., 500., 600., 800., 1000.], 500., &[])],
    },
    Maqam {
        name: "mustaar",
        aliases: &["müstear", "مستعار"],
        same_scale: &[],
        scales: &[arabic([0., 250., 350., 550., 700., 850., 1050.], 350., &[])],
    },
    Maqam {
        name: "nahawand",
        aliases: &["nihavend", "nihavent", "نهاوند"],
        same_scale: &["buselik", "farahfaza", "ferahfeza", "sultaniyegah"],
        scales: &[
            arabic([0., 200., 300., 500., 700., 800., 1000.], 700., &[1100.]),
            turkish([0., 9., 13., 22., 31., 35., 44.], 31., &[48.]),
        ],
    },
    Maqam {
        name: "nahawand-murassa",
        aliases: &["نهاوند مرصع"],
        same_scale: &[],
        scales: &[arabic([0., 200., 300., 500., 600., 900., 1000.], 500., &[])],
    },
    Maqam {
        name: "nairuz",
        aliases: &["nayruz", "neyruz", "نيروز"],
        same_scale: &[],
        scales: &[arabic([0., 200., 350., 500., 700., 850., 1000.], 700., &[])],
    },
    Maqam {
        name: "nawa-athar",
        aliases: &["neveser", "نوا أثر"],
        same_scale: &[],
        scales: &[
            arabic([0., 200., 300., 600., 700., 800., 1100.], 700., &[]),
            turkish([0., 9., 14., 26., 31., 36., 48.], 31., &[]),
        ],
    },
    Maqam {
        name: "nikriz",
        aliases: &["nakriz", "نكريز"],
        same_scale: &[],
        scales: &[
            arabic([0., 200., 300., 600., 700., 900., 1000.], 700., &[]),
            turkish([0., 9., 14., 26., 31., 40., 48.], 31., &[44.]),
        ],
    },
    Maqam {
        name: "rast",
        aliases: &["راست"],
        same_scale: &[],
        scales: &[
            arabic([0., 200., 350., 500., 700., 900., 1050.], 700., &[1000.]),
            turkish([0., 9., 17., 22., 31., 40., 48.], 31., &[44.]),
        ],
    },
    Maqam {
        name: "saba",
        aliases: &["sabâ", "صبا"],
        same_scale: &[],
        scales: &[
            arabic([0., 150., 300., 400., 700., 800., 1000.], 300., &[]),
            turkish([0., 8., 13., 18., 31., 35., 44.], 13., &[]),
        ],
    },
    Maqam {
        name: "saba-zamzam",
        aliases: &["صبا زمزم"],
        same_scale: &[],
        scales: &[arabic([0., 100., 300., 400., 700., 800., 1000.], 300., &[])],
    },
    Maqam {
        name: "sikah",
        aliases: &["segah", "segâh", "سيكاه"],
        same_scale: &[],
        scales: &[
            arabic([0., 150., 350., 550., 700., 850., 1050.], 350., &[]),
            turkish([0., 5., 14., 22., 31., 36., 48.], 31., &[45.]),
        ],
    },
    Maqam {
        name: "suznak",
        aliases: &["sazkar", "suzinak", "سوزناك"],
        same_scale: &[],
        scales: &[
            arabic([0., 200., 350., 500., 700., 800., 1100.], 700., &[]),
            turkish([0., 9., 17., 22., 31., 36., 48.], 31., &[]),
        ],
    },
    Maqam {
        name: "uzzal",
        aliases: &["عزال"],
        same_scale: &["hijaz with rast above"],
        scales: &[
            arabic([0., 100., 400., 500., 700., 850., 1000.], 700., &[]),
            turkish([0., 5., 17., 22., 31., 39., 44.], 31., &[]),
        ],
    },
    Maqam {
        name: "zanjaran",
        aliases: &["زنجران"],
        same_scale: &[],
        scales: &[arabic([0., 100., 400., 500., 700., 900., 1000.], 500., &[])],
    },
];

/// All maqamat, the one whose scale is nearest to `pitches` (cents above the tonic) first; none where there are no
/// pitches.
///
/// In each scale the tonic weighs 2, the dominant 1.5, the other degrees 1 and alternates 0.5. Scale and pitches are
/// compared as distributions over 48 steps of the octave, sigma 25 cents. It says which scale is used, not which
/// maqam is played: that takes a listener.
pub fn nearest_scales(pitches: &[f64]) -> Vec<Match> {
    if pitches.is_empty() {
        return Vec::new();
    }
    let played = PitchClasses::new(pitches.iter().copied(), N_BINS, WIDTH).hellinger();
    let nearest = |maqam: &'static Maqam| {
        let distances = maqam.scales.iter().map(|scale| distance(&played, scale));
        Match { maqam, distance: distances.fold(1.0, f64::min) }
    };
    let mut matches: Vec<Match> = MAQAMAT.iter().map(nearest).collect();
    matches.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    matches
}

fn distance(played: &[f64], scale: &Scale) -> f64 {
    let product: f64 = played.iter().zip(distribution(scale)).map(|(a, b)| a * b).sum();
    (1.0 - product).max(0.0).sqrt()
}

fn distribution(scale: &Scale) -> Vec<f64> {
    let mut weights = vec![0.0; N_BINS];
    let mut add = |degree: f64, weight: f64| {
        let one = PitchClasses::new(std::iter::once(degree * scale.unit), N_BINS, WIDTH);
        weights.iter_mut().zip(one.weights).for_each(|(sum, x)| *sum += weight * x);
    };
    scale.degrees.iter().for_each(|degree| add(*degree, 1.0));
    scale.alternates.iter().for_each(|degree| add(*degree, 0.5));
    add(0.0, 1.0);
    add(scale.dominant, 0.5);
    hellinger(&weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_every_scale_rises_within_the_octave() {
        assert!(MAQAMAT.len() >= 20 && MAQAMAT.is_sorted_by(|a, b| a.name < b.name));
        for maqam in MAQAMAT {
            assert!(!maqam.scales.is_empty(), "{}", maqam.name);
            for scale in maqam.scales {
                let steps = scale.degrees.windows(2).map(|pair| (pair[1] - pair[0]) * scale.unit);
                assert!(steps.clone().all(|step| (80.0..=310.0).contains(&step)), "{}", maqam.name);
                assert_eq!(scale.degrees[0], 0.0, "{}", maqam.name);
                assert!(scale.degrees.contains(&scale.dominant), "{}", maqam.name);
                assert!(scale.degrees[6] * scale.unit <= 1115.0, "{}", maqam.name);
            }
        }
    }

    #[test]
    fn every_scale_is_nearest_to_itself() {
        for maqam in MAQAMAT {
            for scale in maqam.scales {
                let mut degrees = [scale.degrees, scale.degrees].concat();
                degrees.extend([0.0, 0.0, scale.dominant]);
                degrees.extend(scale.alternates);
                let pitches: Vec<f64> = degrees.iter().map(|degree| degree * scale.unit + 1200.0).collect();
                let matches = nearest_scales(&pitches);
                assert_eq!(matches[0].maqam.name, maqam.name, "{matches:?}");
                assert!(matches[0].distance < 0.01, "{matches:?}");
            }
        }
    }

    #[test]
    fn silence_resembles_no_scale() {
        assert_eq!(nearest_scales(&[]), []);
    }
}
