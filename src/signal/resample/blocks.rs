//! Changing the sample rate block by block, in the frequency domain.

use std::array;

use super::transform::{LANES, Numbers, Transform, ZEROS};
use super::{HALF_WIDTH, weight};

/// A ratio of rates whose blocks are short enough to be transformed.
///
/// Overlapping blocks are transformed, weighed by the filter's response up to the lower Nyquist frequency, and
/// transformed back at the other rate's length; what the blocks' edges spoil is dropped (overlap-save: A. V.
/// Oppenheim and R. W. Schafer, "Discrete-Time Signal Processing", section 8.7). Two blocks ride as the real and
/// the imaginary part of one: the filter is real, so that they do not mix.
#[derive(Debug, Clone)]
pub(super) struct Blocks {
    from: Transform,
    to: Transform,
    /// Input frames at each end of a block that are there for the filter alone.
    margin: usize,
    /// The same in output frames.
    margin_out: usize,
    /// The filter's response at each bin from 0 Hz on to below the lower Nyquist frequency.
    response: Vec<f64>,
}

/// Blocks that are worked on at once.
const BATCH: usize = 2 * LANES;
/// The longest block, frames: with those that ride along, 16 MB.
const MOST_FRAMES: u64 = 1 << 18;
/// Adding and subtracting this rounds to multiples of 2^-40, so that what transforms make of silence stays silence.
const GRID: f64 = 6144.0;

impl Blocks {
    /// From rates in the ratio of `step` to `phases`, in lowest terms; none where only long blocks, or such as
    /// have large prime factors, hold whole frames of both.
    pub(super) fn new(step: u64, phases: u64) -> Option<Self> {
        let stretch = (step as f64 / phases as f64).max(1.0);
        let half = (HALF_WIDTH * stretch).ceil() as u64;
        let margin = half.div_ceil(step);
        let count = best_count(step, phases, margin)?;
        let from = Transform::new((count * step) as usize)?;
        let to = Transform::new((count * phases) as usize)?;
        let response = response(&from, to.length(), half as usize, stretch);
        Some(Self {
            from,
            to,
            margin: (margin * step) as usize,
            margin_out: (margin * phases) as usize,
            response,
        })
    }

    /// The first `frames` frames of `samples` at the new rate.
    pub(super) fn resample(&self, samples: &[f64], frames: usize) -> Vec<f64> {
        let fresh = self.from.length() - 2 * self.margin;
        let fresh_out = self.to.length() - 2 * self.margin_out;
        let mut output = Vec::with_capacity(frames);
        let mut staged = vec![0.0; BATCH * self.from.length()];
        let mut ready = vec![0.0; BATCH * fresh_out];
        let (mut blocks, mut scratch) = (vec![ZEROS; self.from.length()], vec![ZEROS; self.from.length()]);
        let (mut result, mut spare) = (vec![ZEROS; self.to.length()], vec![ZEROS; self.to.length()]);
        for batch in 0..frames.div_ceil(fresh_out).div_ceil(BATCH) {
            self.stage(samples, batch * BATCH * fresh, fresh, &mut staged);
            interleave(&staged, &mut blocks);
            self.from.transform(&mut blocks, &mut scratch);
            self.weigh(&blocks, &mut result);
            self.to.transform(&mut result, &mut spare);
            separate(&result[self.margin_out..][..fresh_out], &mut ready);
            output.extend_from_slice(&ready[..ready.len().min(frames - output.len())]);
        }
        output
    }

    /// Copies the blocks of one batch, the first of which is to yield `first` and what follows, each `fresh` frames
    /// after the one before, into `staged`; around `samples` is silence.
    fn stage(&self, samples: &[f64], first: usize, fresh: usize, staged: &mut [f64]) {
        for (n, block) in staged.chunks_exact_mut(self.from.length()).enumerate() {
            let start = first + n * fresh;
            let silent = self.margin.saturating_sub(start).min(block.len());
            let from = (start + silent - self.margin).min(samples.len());
            let heard = &samples[from..samples.len().min(from + block.len() - silent)];
            block[..silent].fill(0.0);
            block[silent..silent + heard.len()].copy_from_slice(heard);
            block[silent + heard.len()..].fill(0.0);
        }
    }

    /// The filtered spectrum at the other length. Real and imaginary parts change places, and are back in their own
    /// after another forward transform, which thereby is the inverse one.
    fn weigh(&self, spectrum: &[Numbers], result: &mut [Numbers]) {
        let weighed =
            |(re, im): &Numbers, response: f64| (im.map(|x| x * response), re.map(|x| x * response));
        let kept = self.response.len();
        result[kept..=self.to.length() - kept].fill(ZEROS);
        let positive = result.iter_mut().zip(spectrum).zip(&self.response);
        positive.for_each(|((result, number), response)| *result = weighed(number, *response));
        let negative = result.iter_mut().rev().zip(spectrum.iter().rev()).zip(&self.response[1..]);
        negative.for_each(|((result, number), response)| *result = weighed(number, *response));
    }
}

/// How many times the ratio a block is long, so that a frame costs least.
fn best_count(step: u64, phases: u64, margin: u64) -> Option<u64> {
    let longest =
        |count: u64| count.checked_mul(step.max(phases)).is_some_and(|frames| frames <= MOST_FRAMES);
    let counts = (0..u64::from(MOST_FRAMES.ilog2())).map(|power| 1 << power);
    let fitting = counts.filter(|&count| count > 2 * margin && longest(count));
    let cost = |count: u64| {
        let frames = count * step.max(phases);
        f64::from(frames.ilog2()) * count as f64 / (count - 2 * margin) as f64
    };
    fitting.min_by(|&a, &b| cost(a).total_cmp(&cost(b)))
}

/// The spectrum of the filter, which is real, for it lies symmetrically around frame 0. It undoes the transforms'
/// scale, and lets a constant be what it is.
fn response(from: &Transform, length_out: usize, half: usize, stretch: f64) -> Vec<f64> {
    let length = from.length();
    let mut filter = vec![ZEROS; length];
    for n in 0..half {
        let value = weight(n as f64 / stretch);
        filter[n].0[0] = value;
        filter[(length - n) % length].0[0] = value;
    }
    from.transform(&mut filter, &mut vec![ZEROS; length]);
    let scale = filter[0].0[0] * length as f64;
    let kept = length.min(length_out).div_ceil(2);
    filter[..kept].iter().map(|number| number.0[0] / scale).collect()
}

/// From one block after another to one number of all blocks after another.
fn interleave(staged: &[f64], blocks: &mut [Numbers]) {
    let length = blocks.len();
    let planes: [&[f64]; BATCH] = array::from_fn(|n| &staged[n * length..][..length]);
    for (n, numbers) in blocks.iter_mut().enumerate() {
        *numbers = (array::from_fn(|lane| planes[lane][n]), array::from_fn(|lane| planes[LANES + lane][n]));
    }
}

/// The other way round, on the grid of outputs.
fn separate(result: &[Numbers], ready: &mut [f64]) {
    let length = result.len();
    let mut rest = ready;
    let planes: [&mut [f64]; BATCH] = array::from_fn(|_| {
        let (plane, others) = std::mem::take(&mut rest).split_at_mut(length);
        rest = others;
        plane
    });
    for (n, (im, re)) in result.iter().enumerate() {
        for lane in 0..LANES {
            planes[lane][n] = (re[lane] + GRID) - GRID;
            planes[LANES + lane][n] = (im[lane] + GRID) - GRID;
        }
    }
}
