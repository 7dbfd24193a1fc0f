//! How loud audio is: integrated loudness, its maxima and range, and true peak (ITU-R BS.1770-4, EBU Tech 3341
//! and 3342).
//!
//! Stretches of audio that do not follow one another are measured as one programme: no gating block lies
//! across two of them, and each starts with the filters at rest.

#[cfg(test)]
mod tests;
mod true_peak;
mod weighting;

use self::true_peak::Interpolator;
use self::weighting::k_weighting;
use super::WideLanes;
use super::layout::Layout;

/// Measures stretches of audio as one programme.
#[derive(Debug, Clone)]
pub struct Meter {
    sample_rate: f64,
    layout: Layout,
    /// Frames in 100 ms, by which gating blocks advance.
    hop: usize,
    /// The weighted power of each gating block.
    blocks: Vec<f64>,
    /// The weighted power of every 3 s, 100 ms apart.
    short_terms: Vec<f64>,
    /// The largest powers of 400 ms and of 3 s, 10 ms apart.
    momentary_max: f64,
    short_term_max: f64,
    /// The largest magnitude between samples so far; full scale is 1.
    peak: f64,
    interpolator: Interpolator,
}

/// A gating block, and what momentary loudness is measured over, is 400 ms: four hops.
const HOPS_PER_BLOCK: usize = 4;
/// Short-term loudness is measured over 3 s.
const HOPS_PER_SHORT_TERM: usize = 30;
/// Maxima are looked for at steps of 10 ms: at 100 ms, a burst of 400 ms could be missed by 0.6 LU.
const STEPS_PER_HOP: usize = 10;
/// LUFS of a programme of power 1.
const OFFSET: f64 = -0.691;
/// Blocks quieter than this never count, LUFS.
const ABSOLUTE_GATE: f64 = -70.0;
/// Blocks 10 LU quieter than those above the absolute gate do not count towards integrated loudness.
const RELATIVE_GATE: f64 = 0.1;
/// Those 20 LU quieter do not count towards loudness range.
const RANGE_GATE: f64 = 0.01;
/// The loudness range lies between these shares of the short-term loudnesses.
const RANGE_FROM: f64 = 0.1;
const RANGE_TO: f64 = 0.95;

impl Meter {
    /// A meter for audio of `sample_rate` Hz.
    pub fn new(sample_rate: u32, layout: Layout) -> Self {
        Self {
            sample_rate: f64::from(sample_rate),
            layout,
            hop: (sample_rate as usize).div_ceil(10).max(1),
            blocks: Vec::new(),
            short_terms: Vec::new(),
            momentary_max: 0.0,
            short_term_max: 0.0,
            peak: 0.0,
            interpolator: Interpolator::new(sample_rate),
        }
    }

    /// Adds one stretch of audio, one slice of samples per channel; full scale is 1.
    pub fn add<S: Copy + Into<f64>>(&mut self, planes: &[Vec<S>]) {
        let frames = planes.iter().map(Vec::len).min().unwrap_or(0);
        let mut steps = vec![0.0; frames / self.hop * STEPS_PER_HOP];
        for plane in planes {
            self.peak = self.interpolator.peak(plane, self.peak);
        }
        let weighted =
            planes.iter().enumerate().map(|(i, plane)| (&plane[..frames], self.layout.loudness_weight(i)));
        let heard: Vec<_> = weighted.filter(|(_, weight)| *weight > 0.0).collect();
        let (pairs, rest) = heard.as_chunks::<2>();
        pairs.iter().for_each(|pair| self.add_power(*pair, &mut steps));
        rest.iter().for_each(|channel| self.add_power([*channel], &mut steps));
        self.add_steps(&steps);
    }

    /// Integrated loudness, LUFS; none where no block of 400 ms is louder than -70 LUFS, so that audio shorter
    /// than 400 ms has none.
    pub fn integrated(&self) -> Option<f64> {
        mean_above(&self.blocks, gate(&self.blocks, RELATIVE_GATE)?).map(loudness)
    }

    /// Loudness range, LU (EBU Tech 3342): how far the short-term loudness spreads, without its lowest tenth and its
    /// highest twentieth; none where no 3 s are louder than -70 LUFS. Of less than a minute it says little.
    pub fn range(&self) -> Option<f64> {
        let gate = gate(&self.short_terms, RANGE_GATE)?;
        let mut counted: Vec<f64> = self.short_terms.iter().copied().filter(|&power| power > gate).collect();
        counted.sort_by(f64::total_cmp);
        let at =
            |share: f64| counted.get(((counted.len().max(1) - 1) as f64 * share).round() as usize).copied();
        Some(loudness(at(RANGE_TO)?) - loudness(at(RANGE_FROM)?))
    }

    /// The largest momentary loudness, LUFS: of 400 ms, ungated; none of shorter audio and of silence.
    pub fn momentary_max(&self) -> Option<f64> {
        (self.momentary_max > 0.0).then(|| loudness(self.momentary_max))
    }

    /// The largest short-term loudness, LUFS: of 3 s, ungated; none of shorter audio and of silence.
    pub fn short_term_max(&self) -> Option<f64> {
        (self.short_term_max > 0.0).then(|| loudness(self.short_term_max))
    }

    /// True peak, dBTP; none where there is only silence.
    pub fn true_peak(&self) -> Option<f64> {
        (self.peak > 0.0).then(|| 20.0 * libm::log10(self.peak))
    }

    /// Whether no stretch was as long as a gating block of 400 ms, below which loudness is not defined.
    pub fn is_too_short(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Adds the weighted power of each step of the whole hops of some channels, each with its weight.
    fn add_power<S: Copy + Into<f64>, const N: usize>(&self, channels: [(&[S], f64); N], steps: &mut [f64]) {
        let [mut shelf, mut high_pass] = k_weighting(self.sample_rate);
        for (hop, powers) in steps.chunks_exact_mut(STEPS_PER_HOP).enumerate() {
            let hops = channels.map(|(samples, _)| &samples[hop * self.hop..(hop + 1) * self.hop]);
            for (step, power) in powers.iter_mut().enumerate() {
                let mut sum = WideLanes::default();
                for i in step * self.hop / STEPS_PER_HOP..(step + 1) * self.hop / STEPS_PER_HOP {
                    let weighted = high_pass.next(shelf.next(WideLanes(hops.map(|hop| hop[i].into()))));
                    sum += weighted * weighted;
                }
                channels.iter().zip(sum.0).for_each(|((_, weight), sum)| *power += weight * sum);
            }
            shelf.settle();
            high_pass.settle();
        }
    }

    /// Adds the blocks of one stretch, of which `steps` has the power of every tenth of a hop.
    fn add_steps(&mut self, steps: &[f64]) {
        let hops: Vec<f64> = steps.chunks_exact(STEPS_PER_HOP).map(|hop| hop.iter().sum()).collect();
        self.blocks.extend(mean_powers(&hops, HOPS_PER_BLOCK, self.hop));
        self.short_terms.extend(mean_powers(&hops, HOPS_PER_SHORT_TERM, self.hop));
        let largest = |hops: usize, least: f64| {
            let powers = sums_of_windows(steps, hops * STEPS_PER_HOP).into_iter();
            powers.map(|power| power / (hops * self.hop) as f64).fold(least, f64::max)
        };
        let momentary = largest(HOPS_PER_BLOCK, self.momentary_max);
        self.short_term_max = largest(HOPS_PER_SHORT_TERM, self.short_term_max);
        self.momentary_max = momentary;
    }
}

/// The sum of each window of `length` values. Many are added up side by side, each in the order of its values.
fn sums_of_windows(values: &[f64], length: usize) -> Vec<f64> {
    let mut sums = vec![0.0; (values.len() + 1).saturating_sub(length)];
    for first in 0..length {
        sums.iter_mut().zip(&values[first.min(values.len())..]).for_each(|(sum, value)| *sum += value);
    }
    sums
}

/// The mean power of every `count` hops that follow one another, each of `length` frames.
fn mean_powers(hops: &[f64], count: usize, length: usize) -> impl Iterator<Item = f64> {
    hops.windows(count).map(move |hops| hops.iter().sum::<f64>() / (count * length) as f64)
}

/// The power that counts at least: above the absolute gate, and above so much of the mean of what is above that.
fn gate(powers: &[f64], relative: f64) -> Option<f64> {
    let absolute = libm::pow(10.0, (ABSOLUTE_GATE - OFFSET) / 10.0);
    mean_above(powers, absolute).map(|mean| absolute.max(mean * relative))
}

fn mean_above(powers: &[f64], gate: f64) -> Option<f64> {
    let above = || powers.iter().copied().filter(|&power| power > gate);
    let count = above().count();
    (count > 0).then(|| above().sum::<f64>() / count as f64)
}

/// LUFS of a weighted power.
fn loudness(power: f64) -> f64 {
    OFFSET + 10.0 * libm::log10(power)
}
