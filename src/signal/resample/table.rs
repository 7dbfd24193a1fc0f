//! Changing the sample rate frame by frame: for ratios of rates that have no short blocks.

use super::{HALF_WIDTH, weight};

/// The filter's weights at equidistant places between two input frames; those in between are interpolated.
#[derive(Debug, Clone)]
pub(super) struct Table {
    step: u64,
    phases: u64,
    /// Taps before the input frame at or before an output frame's time; as many, less one, come after.
    half: usize,
    /// Taps of one row, `2 x half` rounded up to whole [`LANES`] with zeros.
    taps: usize,
    /// Rows at -1, 0, .. `count` + 1 parts of `count` of the way from one input frame to the next.
    rows: Vec<f64>,
    count: u64,
}

/// Sums that run side by side, so that they are the same sums however many fit a register.
const LANES: usize = 16;
/// To less than the 4096th part of a rate, the filter is that for the 4096th part.
const MOST_STRETCH: f64 = 4096.0;
/// Rows for each period of the lower rate: a cubic between them is good to 5e-10.
const ROWS: f64 = 256.0;

impl Table {
    /// From rates in the ratio of `step` to `phases`, in lowest terms.
    pub(super) fn new(step: u64, phases: u64) -> Self {
        let stretch = (step as f64 / phases as f64).clamp(1.0, MOST_STRETCH);
        let half = (HALF_WIDTH * stretch).ceil() as usize;
        let taps = (2 * half).next_multiple_of(LANES);
        let count = (ROWS / stretch).ceil() as u64;
        let rows = rows(-1..count as i64 + 2, count, half, taps, stretch);
        Self { step, phases, half, taps, rows, count }
    }

    /// The first `frames` frames of `samples` at the new rate.
    pub(super) fn resample(&self, samples: &[f64], frames: usize) -> Vec<f64> {
        let mut edge = vec![0.0; self.taps];
        let (mut frame, mut phase) = (0, 0);
        let mut output = Vec::with_capacity(frames);
        for _ in 0..frames {
            let window = self.window(samples, frame, &mut edge);
            output.push(self.weigh(window, phase));
            let next = phase + self.step;
            frame += (next / self.phases) as usize;
            phase = next % self.phases;
        }
        output
    }

    /// The input under the taps of an output frame at or just after input frame `at`: a slice of the input,
    /// or at its ends a copy with silence around.
    fn window<'a>(&self, samples: &'a [f64], at: usize, edge: &'a mut [f64]) -> &'a [f64] {
        let start = (at + 1).checked_sub(self.half);
        if let Some(window) = start.and_then(|start| samples.get(start..start + self.taps)) {
            return window;
        }
        for (tap, slot) in edge.iter_mut().enumerate() {
            let frame = (at + 1 + tap).checked_sub(self.half);
            *slot = frame.and_then(|frame| samples.get(frame)).copied().unwrap_or(0.0);
        }
        edge
    }

    fn weigh(&self, window: &[f64], phase: u64) -> f64 {
        let row = |row: usize| dot(&self.rows[row * self.taps..][..self.taps], window);
        let (first, rest) = (phase * self.count / self.phases, phase * self.count % self.phases);
        let weights = cubic(rest as f64 / self.phases as f64);
        let value = |n: usize| weights[n] * row(first as usize + n);
        (value(0) + value(1)) + (value(2) + value(3))
    }
}

/// One row of taps for each of `rows` / `count` of the way from one input frame to the next.
fn rows(rows: std::ops::Range<i64>, count: u64, half: usize, taps: usize, stretch: f64) -> Vec<f64> {
    let tap_of = |row: i64, tap: usize| {
        let distance = (tap as f64 + 1.0 - half as f64) - row as f64 / count as f64;
        if tap < 2 * half { weight(distance / stretch) / stretch } else { 0.0 }
    };
    rows.flat_map(|row| (0..taps).map(move |tap| tap_of(row, tap))).collect()
}

/// Lagrange's weights of four equidistant values for a point `u`, in \[0, 1), between the inner two.
fn cubic(u: f64) -> [f64; 4] {
    let (before, after, beyond) = (u + 1.0, u - 1.0, u - 2.0);
    [
        -u * after * beyond / 6.0,
        before * after * beyond / 2.0,
        -before * u * beyond / 2.0,
        before * u * after / 6.0,
    ]
}

/// The dot product of two slices of whole [`LANES`], in a fixed order.
fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    for (left, right) in left.as_chunks::<LANES>().0.iter().zip(right.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            sums[lane] += left[lane] * right[lane];
        }
    }
    let (low, high) = sums.split_at(LANES / 2);
    let pairs = low.iter().zip(high).map(|(low, high)| low + high);
    pairs.sum()
}
