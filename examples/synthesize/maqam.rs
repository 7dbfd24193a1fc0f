//! The maqamat: their intervals as Arabic and Turkish musicians tune them, and their sayir (the way through them).
//!
//! Arabic degrees are in cents of the 24-tone scale of the Cairo congress (1932), with the neutral second of bayati
//! and saba at 150. Turkish degrees are Holderian commas, 53 to the octave, after Arel, Ezgi and Uzdilek, but for the
//! second of beyati and saba, which is played about a comma below its theoretical 8 (Bozkurt, Yarman, Karaosmanoğlu
//! and Akkoç 2009, "Weighing diverse theoretical models on Turkish maqam music").

/// Steps of a Turkish octave.
const COMMA: f64 = 1200.0 / 53.0;
/// Degrees that a scale lists below its tonic.
const BELOW: i32 = 3;

/// Whose intervals are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intonation {
    /// Cents of the 24-tone scale.
    Arabic,
    /// Commas of Arel, Ezgi and Uzdilek.
    Turkish,
}

/// A maqam.
#[derive(Debug)]
pub(crate) struct Maqam {
    /// The label's value.
    pub(crate) name: &'static str,
    /// Other spellings of it.
    pub(crate) aliases: &'static [&'static str],
    /// The way through it.
    pub(crate) sayir: Sayir,
    arabic: Scale,
    turkish: Scale,
}

/// Where the melody begins, rests and ends, in degrees above the tonic (0).
#[derive(Debug)]
pub(crate) struct Sayir {
    /// Where it opens.
    pub(crate) opening: i32,
    /// The ghammaz: the root of the upper jins, where the middle rests.
    pub(crate) ghammaz: i32,
    /// The highest goal.
    pub(crate) climax: i32,
    /// The last cadence.
    pub(crate) qafla: &'static [i32],
}

/// The pitches of a maqam.
#[derive(Debug)]
pub(crate) struct Scale {
    /// Pitch of the tonic, Hz at A4 = 440 Hz.
    pub(crate) tonic: f64,
    /// Cents in one of the numbers below.
    unit: f64,
    /// From the third degree below the tonic to the ninth above.
    degrees: [f64; 13],
    /// What differs when the melody falls.
    falling: &'static [(i32, f64)],
    /// What differs during the excursion of the development.
    excursion: &'static [(i32, f64)],
}

impl Maqam {
    /// Its pitches in one intonation.
    pub(crate) fn scale(&self, intonation: Intonation) -> &Scale {
        match intonation {
            Intonation::Arabic => &self.arabic,
            Intonation::Turkish => &self.turkish,
        }
    }
}

impl Scale {
    /// How far `degree` is above the tonic, cents.
    pub(crate) fn cents(&self, degree: i32, falls: bool, strays: bool) -> f64 {
        let within = degree.clamp(-BELOW, self.degrees.len() as i32 - 1 - BELOW);
        let usual = self.degrees[(within + BELOW) as usize];
        let changed = |changes: &[(i32, f64)]| {
            changes.iter().find(|(altered, _)| *altered == within).map(|(_, value)| *value)
        };
        let value = match (strays, falls) {
            (true, _) => changed(self.excursion),
            (false, true) => changed(self.falling),
            (false, false) => None,
        };
        self.unit * value.unwrap_or(usual)
    }
}

/// Rast: from the tonic up; the excursion is suznak (hijaz on the fifth).
pub(crate) const RAST: Maqam = Maqam {
    name: "rast",
    aliases: &["راست"],
    sayir: Sayir { opening: 0, ghammaz: 4, climax: 7, qafla: &[4, 3, 2, 1, 2, 1, 0, -1, 0] },
    arabic: Scale {
        tonic: 130.813,
        unit: 1.0,
        degrees: [-500., -300., -150., 0., 200., 350., 500., 700., 900., 1050., 1200., 1400., 1550.],
        falling: &[(6, 1000.)],
        excursion: &[(5, 800.), (6, 1100.)],
    },
    turkish: Scale {
        tonic: 146.832,
        unit: COMMA,
        degrees: [-22., -13., -5., 0., 9., 17., 22., 31., 40., 48., 53., 62., 70.],
        falling: &[(6, 44.)],
        excursion: &[(5, 36.), (6, 48.)],
    },
};

/// Bayati: around the tonic and the fourth; the excursion is shuri (hijaz on the fourth).
pub(crate) const BAYATI: Maqam = Maqam {
    name: "bayati",
    aliases: &["beyati", "بياتي"],
    sayir: Sayir { opening: 0, ghammaz: 3, climax: 7, qafla: &[3, 2, 1, 2, 1, 0, -1, 0, 1, 0] },
    arabic: Scale {
        tonic: 146.832,
        unit: 1.0,
        degrees: [-500., -350., -200., 0., 150., 300., 500., 700., 800., 1000., 1200., 1350., 1500.],
        falling: &[],
        excursion: &[(4, 600.), (5, 900.)],
    },
    turkish: Scale {
        tonic: 164.814,
        unit: COMMA,
        degrees: [-22., -14., -9., 0., 7., 13., 22., 31., 35., 44., 53., 61., 66.],
        falling: &[],
        excursion: &[(4, 27.), (5, 39.)],
    },
};

/// Hijaz: opens on the fourth; the excursion is a second hijaz on the fifth.
pub(crate) const HIJAZ: Maqam = Maqam {
    name: "hijaz",
    aliases: &["hicaz", "حجاز"],
    sayir: Sayir { opening: 3, ghammaz: 3, climax: 7, qafla: &[4, 3, 2, 1, 2, 1, 0, -1, 0] },
    arabic: Scale {
        tonic: 146.832,
        unit: 1.0,
        degrees: [-500., -400., -200., 0., 100., 400., 500., 700., 850., 1000., 1200., 1400., 1500.],
        falling: &[(5, 800.)],
        excursion: &[(5, 800.), (6, 1100.)],
    },
    turkish: Scale {
        tonic: 164.814,
        unit: COMMA,
        degrees: [-22., -17., -9., 0., 5., 17., 22., 31., 39., 44., 53., 62., 66.],
        falling: &[(5, 35.)],
        excursion: &[(5, 36.), (6, 48.)],
    },
};

/// Nahawand: from the tonic to the fifth; the excursion is nikriz.
pub(crate) const NAHAWAND: Maqam = Maqam {
    name: "nahawand",
    aliases: &["nihavend", "nihavent", "نهاوند"],
    sayir: Sayir { opening: 0, ghammaz: 4, climax: 7, qafla: &[4, 3, 2, 3, 2, 1, 0, -1, 0] },
    arabic: Scale {
        tonic: 130.813,
        unit: 1.0,
        degrees: [-500., -400., -100., 0., 200., 300., 500., 700., 800., 1100., 1200., 1400., 1500.],
        falling: &[(6, 1000.)],
        excursion: &[(3, 600.), (5, 900.), (6, 1000.)],
    },
    turkish: Scale {
        tonic: 146.832,
        unit: COMMA,
        degrees: [-22., -18., -5., 0., 9., 13., 22., 31., 35., 48., 53., 62., 66.],
        falling: &[(6, 44.)],
        excursion: &[(3, 26.), (5, 40.), (6, 44.)],
    },
};

/// Saba: around its third, with a diminished fourth and no octave; the excursion is ajam on the third.
pub(crate) const SABA: Maqam = Maqam {
    name: "saba",
    aliases: &["sabâ", "صبا"],
    sayir: Sayir { opening: 2, ghammaz: 2, climax: 6, qafla: &[3, 2, 1, 2, 3, 2, 1, 0, -1, 0] },
    arabic: Scale {
        tonic: 146.832,
        unit: 1.0,
        degrees: [-500., -350., -200., 0., 150., 300., 400., 700., 800., 1000., 1100., 1400., 1500.],
        falling: &[],
        excursion: &[(3, 500.), (7, 1200.)],
    },
    turkish: Scale {
        tonic: 164.814,
        unit: COMMA,
        degrees: [-22., -14., -9., 0., 7., 13., 18., 31., 35., 44., 49., 61., 66.],
        falling: &[],
        excursion: &[(3, 22.), (7, 53.)],
    },
};

/// Ajam: opens on the fifth; the excursion borrows the thirds of nahawand.
pub(crate) const AJAM: Maqam = Maqam {
    name: "ajam",
    aliases: &["acem", "acemaşiran", "عجم"],
    sayir: Sayir { opening: 4, ghammaz: 4, climax: 7, qafla: &[4, 5, 4, 3, 2, 1, 2, 1, 0] },
    arabic: Scale {
        tonic: 116.541,
        unit: 1.0,
        degrees: [-500., -300., -100., 0., 200., 400., 500., 700., 900., 1100., 1200., 1400., 1600.],
        falling: &[(6, 1000.)],
        excursion: &[(2, 300.), (5, 800.)],
    },
    turkish: Scale {
        tonic: 130.813,
        unit: COMMA,
        degrees: [-22., -13., -4., 0., 9., 18., 22., 31., 40., 49., 53., 62., 71.],
        falling: &[(6, 44.)],
        excursion: &[(2, 13.), (5, 35.)],
    },
};

/// Kurd: falls from the fourth; the excursion is hijaz on the fourth.
pub(crate) const KURD: Maqam = Maqam {
    name: "kurd",
    aliases: &["kürdi", "كرد"],
    sayir: Sayir { opening: 3, ghammaz: 3, climax: 7, qafla: &[4, 3, 2, 1, 0, 1, 2, 1, 0] },
    arabic: Scale {
        tonic: 146.832,
        unit: 1.0,
        degrees: [-500., -400., -200., 0., 100., 300., 500., 700., 800., 1000., 1200., 1300., 1500.],
        falling: &[],
        excursion: &[(4, 600.), (5, 900.)],
    },
    turkish: Scale {
        tonic: 164.814,
        unit: COMMA,
        degrees: [-22., -18., -9., 0., 4., 13., 22., 31., 35., 44., 53., 57., 66.],
        falling: &[],
        excursion: &[(4, 27.), (5, 39.)],
    },
};

/// Sikah, whose tonic is itself a neutral third; the excursion is huzam (hijaz on the third).
pub(crate) const SIKAH: Maqam = Maqam {
    name: "sikah",
    aliases: &["segah", "segâh", "سيكاه"],
    sayir: Sayir { opening: 0, ghammaz: 2, climax: 7, qafla: &[3, 2, 1, 0, 1, 0, -1, 0] },
    arabic: Scale {
        tonic: 160.122,
        unit: 1.0,
        degrees: [-500., -350., -150., 0., 150., 350., 550., 700., 850., 1050., 1200., 1350., 1550.],
        falling: &[],
        excursion: &[(3, 450.), (4, 750.)],
    },
    turkish: Scale {
        tonic: 183.389,
        unit: COMMA,
        // The step below is kürdi, a leading note: dügah would stand 8 commas below.
        degrees: [-22., -17., -5., 0., 5., 14., 22., 31., 36., 45., 53., 58., 67.],
        falling: &[],
        excursion: &[(3, 19.), (4, 31.)],
    },
};

/// All of them, in the order in which the manifest lists them.
pub(crate) const ALL: [&Maqam; 8] = [&RAST, &BAYATI, &HIJAZ, &NAHAWAND, &SABA, &AJAM, &KURD, &SIKAH];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scale_rises_from_degree_to_degree() {
        for maqam in ALL {
            for intonation in [Intonation::Arabic, Intonation::Turkish] {
                let scale = maqam.scale(intonation);
                for strays in [false, true] {
                    let cents: Vec<f64> = (-3..10).map(|degree| scale.cents(degree, false, strays)).collect();
                    assert!(cents.is_sorted_by(|a, b| a < b), "{} {intonation:?}: {cents:?}", maqam.name);
                }
                assert_eq!(scale.cents(0, true, true), 0.0);
            }
        }
    }

    #[test]
    fn arabic_and_turkish_degrees_are_the_same_notes() {
        for maqam in ALL {
            for degree in -3..10 {
                let arabic = maqam.scale(Intonation::Arabic).cents(degree, false, false);
                let turkish = maqam.scale(Intonation::Turkish).cents(degree, false, false);
                // Sikah's leading note is the one that the two traditions choose differently.
                let leads = maqam.name == "sikah" && degree == -1;
                assert!(leads || (arabic - turkish).abs() < 52.0, "{} {degree}", maqam.name);
            }
        }
    }

    #[test]
    fn every_sayir_ends_on_the_tonic() {
        assert!(ALL.iter().all(|maqam| maqam.sayir.qafla.last() == Some(&0)));
    }
}
