//! Copies are found whatever was done to them, and two recordings are never taken for one.

use taqsim::signal::duplicates::{Fingerprint, find_pairs};

use crate::sounds::{encoded, plucks, wav};
use crate::{examiner_of, examiner_of_samples};

fn fingerprint(file: Vec<u8>) -> Fingerprint {
    examiner_of(file).fingerprint()
}

fn fingerprint_of(samples: &[f64]) -> Fingerprint {
    examiner_of_samples(samples).fingerprint()
}

/// What is done to a recording: ffmpeg's arguments, and the extension of the file.
const TREATMENTS: [(&str, &[&str], &str); 9] = [
    ("mp3 at 64 kbit/s", &["-c:a", "libmp3lame", "-b:a", "64k"], "mp3"),
    ("mp3 at 128 kbit/s", &["-c:a", "libmp3lame", "-b:a", "128k"], "mp3"),
    ("aac at 64 kbit/s", &["-c:a", "aac", "-b:a", "64k"], "m4a"),
    ("9 dB quieter", &["-af", "volume=-9dB"], "wav"),
    ("trimmed by a third at its start", &["-ss", "6.677", "-c:a", "pcm_s16le"], "wav"),
    ("trimmed by a third at its end", &["-t", "13.333"], "wav"),
    ("at 22,050 Hz", &["-ar", "22050"], "wav"),
    ("at 48,000 Hz", &["-ar", "48000"], "flac"),
    (
        "all of it",
        &["-ss", "3.031", "-ar", "32000", "-af", "volume=-9dB", "-c:a", "libmp3lame", "-b:a", "64k"],
        "mp3",
    ),
];

#[test]
fn copies_are_found_among_two_hundred_recordings_and_nothing_else_is() {
    let mut all: Vec<Fingerprint> = (0..200).map(|seed| fingerprint_of(&plucks(seed, 20.0))).collect();
    let mut want = Vec::new();
    for (nth, (treatment, arguments, extension)) in TREATMENTS.iter().enumerate() {
        let original = 20 * nth + 3;
        let file = wav(44_100, &plucks(original as u64, 20.0));
        let Some(copy) = encoded(&file, arguments, extension) else { return };
        want.push((original, all.len(), treatment));
        all.push(fingerprint(copy));
    }
    let pairs = find_pairs(all.len(), |number| Ok(all[number].clone())).unwrap();
    for (original, copy, treatment) in &want {
        let found = pairs.iter().find(|pair| (pair.first, pair.second) == (*original, *copy));
        let found = found.unwrap_or_else(|| panic!("{treatment} was not found: {pairs:?}"));
        eprintln!("{treatment}: {:.3}", found.agreement);
        assert!(found.agreement > 0.85, "{treatment}: {found:?}");
    }
    assert_eq!(pairs.len(), want.len(), "{pairs:?}");
}
