//! The catalogue: what is recorded, by whom, in which file.
//!
//! Every maqam is played by several players and on several ouds, and every player plays several maqamat on at least
//! two ouds: no label stands for another.

use crate::encode::Format::{self, Aac, Aiff, Flac16, Flac24, Mp3, Vorbis, Wav16, Wav24, WavFloat};
use crate::maqam::{AJAM, BAYATI, HIJAZ, KURD, Maqam, NAHAWAND, RAST, SABA, SIKAH};
use crate::oud::Oud::{self, Arabic, Iraqi, Turkish};
use crate::player::{BOLD, DREAMING, GRAVE, PATIENT, Player, RESTLESS, SPARKLING};
use crate::recording::Setting;

/// A source to be made.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Name of the file in `sources/`.
    pub(crate) file: &'static str,
    /// Who plays.
    pub(crate) player: &'static Player,
    /// What.
    pub(crate) maqam: &'static Maqam,
    /// On what.
    pub(crate) oud: Oud,
    /// About how long, s.
    pub(crate) seconds: f64,
    /// Container and codec.
    pub(crate) format: Format,
    /// Rate, channels, level.
    pub(crate) setting: Setting,
    /// The clips that the manifest makes of it.
    pub(crate) clips: &'static [Clip],
}

/// A clip of a source.
#[derive(Debug)]
pub(crate) struct Clip {
    /// Its id.
    pub(crate) id: &'static str,
    /// Which sections it takes as ranges, by number; none of them for the whole source.
    pub(crate) sections: &'static [usize],
    /// Whether its ranges carry the section as a label.
    pub(crate) labelled: bool,
}

type By = (&'static Player, &'static Maqam, Oud);
type As = (Format, u32, usize, f64);

const fn piece(file: &'static str, by: By, seconds: f64, sound: As, clips: &'static [Clip]) -> Piece {
    let (player, maqam, oud) = by;
    let (format, rate, channels, peak) = sound;
    Piece { file, player, maqam, oud, seconds, format, setting: Setting { rate, channels, peak }, clips }
}

const fn whole(id: &'static str) -> Clip {
    Clip { id, sections: &[], labelled: false }
}

const fn labelled(id: &'static str, sections: &'static [usize]) -> Clip {
    Clip { id, sections, labelled: true }
}

const fn bare(id: &'static str, sections: &'static [usize]) -> Clip {
    Clip { id, sections, labelled: false }
}

/// All sources: file, (player, maqam, oud), seconds,
/// (format, Hz, channels, peak in dBFS), clips.
#[rustfmt::skip] // a table: two lines a source
pub(crate) const PIECES: [Piece; 26] = [
    piece("patient-rast.ogg", (&PATIENT, &RAST, Arabic), 60.0,
        (Vorbis, 44_100, 1, -4.0), &[labelled("patient-rast", &[0, 1, 2])]),
    piece("restless-rast.wav", (&RESTLESS, &RAST, Arabic), 20.0,
        (Wav16, 44_100, 1, -2.0), &[whole("restless-rast")]),
    piece("ağır-rast.m4a", (&GRAVE, &RAST, Turkish), 32.0,
        (Aac, 44_100, 1, -5.0), &[whole("ağır-rast")]),
    piece("dreaming-rast.m4a", (&DREAMING, &RAST, Iraqi), 45.0,
        (Aac, 48_000, 2, -6.0), &[labelled("dreaming-rast", &[0, 1, 2])]),
    piece("patient-bayati.mp3", (&PATIENT, &BAYATI, Iraqi), 45.0,
        (Mp3, 44_100, 1, -4.0), &[whole("patient-bayati")]),
    piece("ışıltılı-beyati.flac", (&SPARKLING, &BAYATI, Turkish), 22.0,
        (Flac16, 48_000, 1, -3.0), &[whole("ışıltılı-beyati")]),
    piece("dreaming-bayati.wav", (&DREAMING, &BAYATI, Arabic), 20.0,
        (Wav24, 44_100, 1, -6.0), &[whole("تقسيم-بياتي")]),
    piece("bold-bayati.ogg", (&BOLD, &BAYATI, Arabic), 120.0,
        (Vorbis, 44_100, 1, -3.0), &[labelled("bold-bayati-frame", &[0, 2]), labelled("bold-bayati-core", &[1])]),
    piece("restless-hijaz.mp3", (&RESTLESS, &HIJAZ, Iraqi), 35.0,
        (Mp3, 44_100, 2, -2.0), &[whole("restless-hijaz")]),
    piece("ağır-hicaz.ogg", (&GRAVE, &HIJAZ, Turkish), 75.0,
        (Vorbis, 44_100, 1, -5.0), &[labelled("ağır-hicaz", &[0, 1, 2])]),
    piece("sparkling-hijaz.aiff", (&SPARKLING, &HIJAZ, Arabic), 20.0,
        (Aiff, 44_100, 1, -3.0), &[whole("sparkling-hijaz")]),
    piece("dreaming-hijaz.m4a", (&DREAMING, &HIJAZ, Iraqi), 40.0,
        (Aac, 44_100, 1, -30.0), &[whole("dreaming-hijaz")]),
    piece("patient-nihavent.mp3", (&PATIENT, &NAHAWAND, Turkish), 34.0,
        (Mp3, 44_100, 1, -6.0), &[labelled("patient-nihavent", &[0, 1, 2])]),
    piece("restless-nahawand.flac", (&RESTLESS, &NAHAWAND, Arabic), 20.0,
        (Flac24, 48_000, 1, -2.0), &[whole("restless-nahawand")]),
    piece("sparkling-nahawand.mp3", (&SPARKLING, &NAHAWAND, Turkish), 40.0,
        (Mp3, 48_000, 1, -3.0), &[whole("sparkling-nihavend")]),
    piece("bold-nahawand.wav", (&BOLD, &NAHAWAND, Iraqi), 20.0,
        (WavFloat, 44_100, 1, -0.1), &[whole("bold-nahawand")]),
    piece("patient-saba.m4a", (&PATIENT, &SABA, Arabic), 42.0,
        (Aac, 44_100, 1, -7.0), &[bare("patient-saba", &[0, 2])]),
    piece("ağır-saba.mp3", (&GRAVE, &SABA, Arabic), 42.0,
        (Mp3, 44_100, 1, -5.0), &[whole("ağır-saba")]),
    piece("sparkling-saba.flac", (&SPARKLING, &SABA, Turkish), 20.0,
        (Flac16, 44_100, 2, -4.0), &[whole("şen-çırak-saba")]),
    piece("bold-saba.ogg", (&BOLD, &SABA, Iraqi), 38.0,
        (Vorbis, 48_000, 1, -3.0), &[whole("تقسيم-صبا")]),
    piece("restless-ajam.ogg", (&RESTLESS, &AJAM, Iraqi), 30.0,
        (Vorbis, 44_100, 2, -2.0), &[whole("restless-ajam")]),
    piece("bold-acem.m4a", (&BOLD, &AJAM, Turkish), 36.0,
        (Aac, 44_100, 1, -3.0), &[labelled("bold-acem", &[0, 1, 2])]),
    piece("ağır-kürdi.ogg", (&GRAVE, &KURD, Turkish), 40.0,
        (Vorbis, 44_100, 1, -4.0), &[labelled("ağır-kürdi", &[0, 1, 2])]),
    piece("dreaming-kurd.mp3", (&DREAMING, &KURD, Arabic), 44.0,
        (Mp3, 44_100, 1, -6.0), &[whole("dreaming-kurd")]),
    piece("patient-sikah.ogg", (&PATIENT, &SIKAH, Iraqi), 48.0,
        (Vorbis, 44_100, 1, -5.0), &[whole("patient-sikah")]),
    piece("sparkling-segah.flac", (&SPARKLING, &SIKAH, Turkish), 22.0,
        (Flac16, 48_000, 1, -3.0), &[whole("sparkling-segah")]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_label_stands_for_another() {
        for piece in &PIECES {
            let of_player = || PIECES.iter().filter(|other| other.player.name == piece.player.name);
            let of_maqam = || PIECES.iter().filter(|other| other.maqam.name == piece.maqam.name);
            let maqamat: BTreeSet<&str> = of_player().map(|other| other.maqam.name).collect();
            let ouds: BTreeSet<&str> = of_player().map(|other| other.oud.build().name).collect();
            assert!(maqamat.len() >= 3 && ouds.len() >= 2, "{}", piece.player.name);
            let players: BTreeSet<&str> = of_maqam().map(|other| other.player.name).collect();
            let ouds: BTreeSet<&str> = of_maqam().map(|other| other.oud.build().name).collect();
            assert!(players.len() >= 2 && ouds.len() >= 2, "{}", piece.maqam.name);
        }
    }

    #[test]
    fn files_and_clip_ids_are_unique() {
        let files: BTreeSet<&str> = PIECES.iter().map(|piece| piece.file).collect();
        assert_eq!(files.len(), PIECES.len());
        let clips: Vec<&str> = PIECES.iter().flat_map(|piece| piece.clips).map(|clip| clip.id).collect();
        assert_eq!(clips.iter().collect::<BTreeSet<_>>().len(), clips.len());
    }
}
