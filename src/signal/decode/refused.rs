//! Files that cannot be read, by name: people should learn what they have, and not only what it is not.

use std::io::{Read, Seek, SeekFrom};

use super::cannot;
use crate::error::Error;

/// Of every kind that is known by its first bytes: where these stand, and what the kind is called.
const KINDS: [(usize, &[u8], &str); 16] = [
    (0, &[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11], "Windows Media (WMA)"),
    (0, b"riff\x2e\x91\xcf\x11", "Wave64"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio (APE)"),
    (0, b"TTA1", "True Audio (TTA)"),
    (0, b"MPCK", "Musepack"),
    (0, b"MP+", "Musepack"),
    (0, b"OFR ", "OptimFROG"),
    (0, b"DSD ", "Direct Stream Digital (DSF)"),
    (0, b"FRM8", "Direct Stream Digital (DSDIFF)"),
    (0, b".RMF", "RealMedia"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b"#!AMR", "AMR"),
    (0, b"\x0b\x77", "Dolby Digital (AC-3)"),
    (0, b"MThd", "MIDI, notes without sound"),
    (4, b"ftypaax", "an Audible book under DRM (AAX)"),
];

/// An error for a file of a kind that is known and cannot be read; `stream` is left where it ends up.
pub(super) fn kind(stream: &mut (impl Read + Seek)) -> Option<Error> {
    let mut head = Vec::new();
    stream.seek(SeekFrom::Start(0)).ok()?;
    stream.take(16).read_to_end(&mut head).ok()?;
    let (.., name) =
        KINDS.iter().find(|(at, magic, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)))?;
    Some(cannot(format!("it is {name}, which is not supported")).hint("convert the source to FLAC or WAV"))
}

/// The error for a track under digital rights management.
pub(super) fn protected() -> Error {
    cannot("it is protected by DRM").hint("get a copy without protection, or leave the clip out")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn kinds_that_cannot_be_read_are_named() {
        for (at, magic, name) in KINDS {
            let mut file = vec![0; at];
            file.extend(magic);
            file.extend([0; 40]);
            let error = kind(&mut Cursor::new(file)).unwrap();
            assert_eq!(
                error.message,
                format!("cannot decode the source: it is {name}, which is not supported")
            );
        }
        assert_eq!(kind(&mut Cursor::new(b"RIFF....WAVEfmt ")), None);
        assert_eq!(kind(&mut Cursor::new(b"")), None);
    }
}
