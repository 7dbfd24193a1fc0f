//! Intervals from note to note.

use super::Note;

/// Bins of [`interval_histogram`]: from -1200 to 1200 cents by 50.
pub const INTERVAL_BINS: usize = 49;

/// The share of each interval from one note to the next: 49 bins of 50 cents, from an octave down to an octave up, the
/// unison in the middle. Wider intervals are folded into an octave in their direction. All zero without two notes.
pub fn interval_histogram(notes: &[Note]) -> [f64; INTERVAL_BINS] {
    let mut histogram = [0.0; INTERVAL_BINS];
    for pair in notes.windows(2) {
        let interval = folded(pair[1].cents - pair[0].cents);
        histogram[(libm::round(interval / 50.0) + 24.0) as usize] += 1.0;
    }
    let n = notes.len().saturating_sub(1).max(1) as f64;
    histogram.iter_mut().for_each(|share| *share /= n);
    histogram
}

/// Whole octaves are taken away until at most one is left.
fn folded(interval: f64) -> f64 {
    let octaves = libm::ceil(interval.abs() / 1200.0).max(1.0) - 1.0;
    if interval < 0.0 { interval + 1200.0 * octaves } else { interval - 1200.0 * octaves }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_counted_with_their_direction() {
        let note = |cents| Note { start: 0, end: 1, cents };
        let histogram = interval_histogram(&[0.0, 203.0, 0.0, 1200.0, 3900.0].map(note));
        let filled: Vec<(usize, f64)> =
            histogram.iter().copied().enumerate().filter(|(_, share)| *share > 0.0).collect();
        assert_eq!(filled, [(20, 0.25), (28, 0.25), (30, 0.25), (48, 0.25)]);
        assert_eq!(interval_histogram(&[note(0.0)]), [0.0; INTERVAL_BINS]);
    }
}
