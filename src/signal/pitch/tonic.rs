//! The tonic: where a maqam comes to rest.

use super::pitch_classes::PitchClasses;
use super::{Note, around_octave, median};

/// The last note that is at least this long ends the piece, s.
const STABLE: f64 = 0.2;

/// The end of a piece: the last 5 % of its voiced time, and at least this long, s.
const SHORTEST_END: f64 = 3.0;

/// How far apart two pitch classes may be and still be one, cents.
const SAME_CLASS: f64 = 35.0;

/// Where a maqam comes to rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tonic {
    /// Its pitch, cents above [`REFERENCE_HZ`](super::REFERENCE_HZ).
    pub cents: f64,
    /// How well the witnesses agree, 0 to 1.
    pub confidence: f64,
    /// How it was found.
    pub method: Method,
}

/// How a tonic was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// It is the last stable note, snapped to the nearest peak of the pitch-class distribution.
    LastNote,
    /// No note is stable: it is the greatest peak of the pitch-class distribution.
    StrongestClass,
}

/// The tonic of a piece, from its contour (cents above [`REFERENCE_HZ`](super::REFERENCE_HZ), `hop` seconds a frame)
/// and its notes; none where nothing is voiced.
///
/// Its pitch class is that of the last note of at least 200 ms, snapped to the nearest peak of the pitch-class
/// distribution (240 steps, sigma 15 cents) that is at least 5 % of the greatest high. Its octave is the note's,
/// unless the median of the piece lies more than 1400 cents above it or more than 250 below it: then the player ended
/// in another octave, and the tonic is the one less than an octave below the median.
///
/// The confidence is exp(-(d / 25)² / 2), where d is how far the note was snapped (cents), times the mean of the share
/// of the end of the piece that lies on the tonic's pitch class and the height of its peak over the greatest.
pub fn estimate_tonic(contour: &[Option<f64>], notes: &[Note], hop: f64) -> Option<Tonic> {
    let pitches: Vec<f64> = contour.iter().flatten().copied().collect();
    let middle = median(&mut pitches.clone())?;
    let peaks = PitchClasses::new(pitches.iter().copied(), 240, 15.0).peaks(0.05);
    let greatest = peaks.iter().copied().reduce(|most, peak| if peak.1 > most.1 { peak } else { most })?;
    let last = notes.iter().rev().find(|note| note.n_frames() as f64 * hop >= STABLE);
    let (near, method) = match last {
        Some(note) => (note.cents, Method::LastNote),
        None => (octave_of_median(greatest.0, middle), Method::StrongestClass),
    };
    let apart = |peak: &(f64, f64)| around_octave(peak.0 - near);
    let peak = peaks.iter().copied().reduce(|a, b| if apart(&b).abs() < apart(&a).abs() { b } else { a })?;
    let snapped = apart(&peak);
    let end = &pitches[pitches.len() - end_frames(pitches.len(), hop)..];
    let agreement = 0.5 * (share_on(end, peak.0) + peak.1 / greatest.1);
    Some(Tonic {
        cents: in_octave_of(near + snapped, middle),
        confidence: agreement * libm::exp(-0.5 * (snapped / 25.0) * (snapped / 25.0)),
        method,
    })
}

fn end_frames(n: usize, hop: f64) -> usize {
    (n / 20).max(libm::ceil(SHORTEST_END / hop) as usize).min(n)
}

/// The share of pitches in the pitch class of `class`.
fn share_on(pitches: &[f64], class: f64) -> f64 {
    let on = pitches.iter().filter(|pitch| around_octave(*pitch - class).abs() <= SAME_CLASS);
    on.count() as f64 / pitches.len().max(1) as f64
}

/// The pitch of this class that lies at most an octave below the median of a piece.
fn octave_of_median(class: f64, middle: f64) -> f64 {
    class + 1200.0 * libm::floor((middle - class) / 1200.0)
}

fn in_octave_of(tonic: f64, middle: f64) -> f64 {
    let above = middle - tonic;
    if (-250.0..=1400.0).contains(&above) { tonic } else { octave_of_median(tonic, middle) }
}

#[cfg(test)]
mod tests {
    use super::super::notes;
    use super::*;

    const HOP: f64 = 0.0116;

    fn contour(melody: &[(f64, usize)]) -> Vec<Option<f64>> {
        let sound = |&(cents, n): &(f64, usize)| {
            let note = (0..n).map(move |i| Some(cents + if i % 2 == 0 { 4.0 } else { -4.0 }));
            note.chain([None; 6])
        };
        melody.iter().flat_map(sound).collect()
    }

    #[track_caller]
    fn check(melody: &[(f64, usize)], cents: f64, method: Method) -> f64 {
        let contour = contour(melody);
        let tonic = estimate_tonic(&contour, &notes(&contour, HOP), HOP).unwrap();
        assert!((tonic.cents - cents).abs() < 5.0 && tonic.method == method, "{tonic:?}");
        tonic.confidence
    }

    #[test]
    fn a_piece_rests_on_its_last_note() {
        let sure = check(
            &[(-1900.0, 80), (-1697.0, 40), (-1200.0, 90), (-1697.0, 40), (-1900.0, 300)],
            -1900.0,
            Method::LastNote,
        );
        let unsure = check(&[(-1900.0, 300), (-1697.0, 300), (-1500.0, 30)], -1500.0, Method::LastNote);
        assert!(sure > 0.9 && unsure < 0.2, "{sure} {unsure}");
    }

    #[test]
    fn an_end_an_octave_below_the_melody_moves_up() {
        check(&[(0.0, 100), (700.0, 300), (900.0, 200), (0.0, 100), (-1200.0, 50)], 0.0, Method::LastNote);
        check(&[(0.0, 100), (200.0, 100), (0.0, 300), (1200.0, 30)], 0.0, Method::LastNote);
    }

    #[test]
    fn a_piece_without_a_long_note_rests_on_what_sounds_most() {
        check(&[(0.0, 10), (300.0, 10), (0.0, 10), (500.0, 10)], 0.0, Method::StrongestClass);
    }

    #[test]
    fn silence_has_no_tonic() {
        assert_eq!(estimate_tonic(&[None; 50], &[], HOP), None);
        assert_eq!(estimate_tonic(&[], &[], HOP), None);
    }
}
