//! Notes: stretches of a contour that stay on a pitch.

use super::median;

/// How far a frame may lie from the mean of its note so far, cents: as much as a vibrato of 35 to either side, less than the smallest
/// step of a scale (4 commas, 91 cents).
const TOLERANCE: f64 = 70.0;

/// A note is at least this long, s.
const SHORTEST: f64 = 0.06;

/// A pause of at most this inside a note does not end it, s.
const LONGEST_GAP: f64 = 0.035;

/// A stretch of a contour that stays on a pitch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Note {
    /// Its first frame.
    pub start: usize,
    /// One past its last frame.
    pub end: usize,
    /// Its pitch, the median of its frames, cents.
    pub cents: f64,
}

impl Note {
    /// Its length, frames.
    pub fn n_frames(&self) -> usize {
        self.end - self.start
    }
}

/// The notes of a contour, in order; `hop` is the time from one frame to the next, s.
///
/// A note ends where the contour leaves it by more than 70 cents or falls silent. What is shorter than 60 ms,
/// as the frames of a glide are, is no note.
pub fn notes(contour: &[Option<f64>], hop: f64) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut building: Option<Building> = None;
    let longest_gap = libm::floor(LONGEST_GAP / hop) as usize;
    for (i, pitch) in contour.iter().enumerate() {
        let Some(pitch) = *pitch else { continue };
        match &mut building {
            Some(note) if note.takes(i, pitch, longest_gap) => note.push(i, pitch),
            _ => {
                notes.extend(building.take().and_then(|note| note.finish(contour, hop)));
                building = Some(Building { start: i, last: i, sum: pitch, n: 1 });
            }
        }
    }
    notes.extend(building.and_then(|note| note.finish(contour, hop)));
    notes
}

/// A note that goes on.
struct Building {
    start: usize,
    last: usize,
    sum: f64,
    n: u32,
}

impl Building {
    fn takes(&self, frame: usize, pitch: f64, longest_gap: usize) -> bool {
        let mean = self.sum / f64::from(self.n);
        frame - self.last <= longest_gap + 1 && (pitch - mean).abs() <= TOLERANCE
    }

    fn push(&mut self, frame: usize, pitch: f64) {
        (self.last, self.sum, self.n) = (frame, self.sum + pitch, self.n + 1);
    }

    fn finish(self, contour: &[Option<f64>], hop: f64) -> Option<Note> {
        let (start, end) = (self.start, self.last + 1);
        let mut pitches: Vec<f64> = contour[start..end].iter().flatten().copied().collect();
        let cents = median(&mut pitches)?;
        ((end - start) as f64 * hop >= SHORTEST).then_some(Note { start, end, cents })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_pauses_end_notes_and_glides_are_none() {
        let mut contour = vec![Some(0.0); 20];
        contour.extend([None, None]);
        contour.extend(vec![Some(5.0); 10]);
        contour.extend((1..8).map(|i| Some(f64::from(i) * 100.0)));
        contour.extend(vec![Some(702.0); 10]);
        contour.extend([None; 6]);
        contour.extend(vec![Some(702.0); 10]);
        let notes = notes(&contour, 0.0116);
        let found: Vec<(usize, usize, f64)> =
            notes.iter().map(|note| (note.start, note.end, note.cents)).collect();
        assert_eq!(found, [(0, 32, 0.0), (38, 49, 702.0), (55, 65, 702.0)]);
    }

    #[test]
    fn vibrato_is_one_note() {
        let contour: Vec<Option<f64>> =
            (0..100).map(|i| Some(33.0 * libm::sin(f64::from(i) * 0.4))).collect();
        assert_eq!(notes(&contour, 0.0116).len(), 1);
        assert_eq!(notes(&[None; 5], 0.0116), []);
    }
}
