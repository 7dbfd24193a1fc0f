//! Percussion: how much of the energy is in strokes rather than in tones.

use super::medians::{KERNEL, SEEN, TOGETHER, medians, mirrored};
use crate::signal::{LANES, Lanes, Stft};

/// Separates tones, which are lines in time, from strokes, which are lines in frequency: `librosa.decompose.hpss` with
/// its defaults (median filters of 31, soft masks of power 2, margin 1; Fitzgerald, DAFx 2010), on `librosa.stft` with
/// its defaults.
#[derive(Debug, Clone)]
pub(super) struct Percussion {
    stft: Stft,
    strokes: f64,
    tones: f64,
    /// Powers of the frames of a block and of [`HALF`] frames before and after it; bins filled up to whole lanes.
    powers: Vec<f32>,
    /// The medians over time of the frames of the block.
    over_time: Vec<f32>,
    width: usize,
}

pub(super) const N_FFT: usize = 2048;
pub(super) const HOP: usize = 512;
const HALF: usize = KERNEL / 2;
/// Frames that are filtered at once.
const BLOCK: usize = 256;

impl Percussion {
    pub(super) fn new() -> Option<Self> {
        let stft = Stft::new(N_FFT, HOP).ok()?;
        let width = stft.n_bins().next_multiple_of(LANES);
        let powers = vec![0.0; (BLOCK + 2 * HALF) * width];
        let over_time = vec![0.0; BLOCK * width];
        Some(Self { stft, strokes: 0.0, tones: 0.0, powers, over_time, width })
    }

    /// Adds a stretch; shows `listener` the power of each of its frames, in order.
    pub(super) fn add(&mut self, samples: &[f64], mut listener: impl FnMut(&[f32])) {
        let n_frames = self.stft.n_frames(samples.len());
        for first in (0..n_frames).step_by(BLOCK) {
            let n = BLOCK.min(n_frames - first);
            let new = self.keep_last(first)..(first + BLOCK + HALF).min(n_frames);
            for frame in new.clone().step_by(LANES) {
                self.transform(samples, frame, LANES.min(new.end - frame), first, &mut listener);
            }
            self.mirror(first, n, n_frames);
            (0..self.width).step_by(LANES).for_each(|bin| self.filter_over_time(bin, n));
            (0..n).step_by(LANES).for_each(|frame| self.separate(frame, (n - frame).min(LANES)));
        }
    }

    /// The share of the energy that is in strokes, 0-1; none of silence.
    pub(super) fn share(&self) -> Option<f64> {
        let all = self.strokes + self.tones;
        (all > 0.0).then(|| self.strokes / all)
    }

    /// The last frames of a full block are the first of the next; gives the first frame that is not there yet.
    fn keep_last(&mut self, first: usize) -> usize {
        if first == 0 {
            return 0;
        }
        self.powers.copy_within(BLOCK * self.width.., 0);
        first + HALF
    }

    /// Puts `n` frames from `frame` on into the block that begins with frame `first`.
    fn transform(
        &mut self,
        samples: &[f64],
        frame: usize,
        n: usize,
        first: usize,
        listener: &mut impl FnMut(&[f32]),
    ) {
        let power = self.stft.power(samples, frame);
        let rows = self.powers[(frame + HALF - first) * self.width..].chunks_exact_mut(self.width);
        for (lane, row) in rows.take(n).enumerate() {
            row.iter_mut().zip(power).for_each(|(out, lanes)| *out = lanes.0[lane]);
            listener(&row[..power.len()]);
        }
    }

    /// Fills the rows of a block that lie before the first frame or after the last.
    fn mirror(&mut self, first: usize, n: usize, n_frames: usize) {
        for row in 0..n + 2 * HALF {
            let frame = (first + row) as isize - HALF as isize;
            if !(0..n_frames as isize).contains(&frame) {
                let from = (mirrored(frame, n_frames) + HALF - first) * self.width;
                self.powers.copy_within(from..from + self.width, row * self.width);
            }
        }
    }

    /// The medians over time of `n` frames of a block, of eight bins from `bin` on.
    fn filter_over_time(&mut self, bin: usize, n: usize) {
        let rows = self.powers.chunks_exact(self.width);
        let column: Vec<Lanes> = rows.map(|row| Lanes(std::array::from_fn(|lane| row[bin + lane]))).collect();
        for first in (0..n).step_by(TOGETHER) {
            let frames = self.over_time[first * self.width..].chunks_exact_mut(self.width);
            for (frame, median) in frames.zip(medians_from(&column, first)) {
                frame[bin..bin + LANES].copy_from_slice(&median.0);
            }
        }
    }

    /// Filters `n` frames over frequency, side by side, and adds up what their masks let through.
    fn separate(&mut self, frame: usize, n: usize) {
        let n_bins = self.stft.n_bins();
        let powers = across(&self.powers[(frame + HALF) * self.width..], self.width, n_bins, n);
        let over_time = across(&self.over_time[frame * self.width..], self.width, n_bins, n);
        let around = 0..n_bins.next_multiple_of(TOGETHER) + 2 * HALF;
        let around: Vec<Lanes> =
            around.map(|bin| powers[mirrored(bin as isize - HALF as isize, n_bins)]).collect();
        let (mut strokes, mut tones) = (Lanes::ZERO, Lanes::ZERO);
        for first in (0..n_bins).step_by(TOGETHER) {
            let bins = powers[first..].iter().zip(&over_time[first..]);
            for ((power, over_time), over_frequency) in bins.zip(medians_from(&around, first)) {
                let of_strokes = mask(over_frequency, *over_time);
                let of_tones = Lanes([1.0; LANES]) - of_strokes;
                strokes += *power * (of_strokes * of_strokes);
                tones += *power * (of_tones * of_tones);
            }
        }
        self.strokes += strokes.0.iter().map(|energy| f64::from(*energy)).sum::<f64>();
        self.tones += tones.0.iter().map(|energy| f64::from(*energy)).sum::<f64>();
    }
}

/// The medians of the windows that begin with the values from `first` on.
fn medians_from(values: &[Lanes], first: usize) -> [Lanes; TOGETHER] {
    let seen: &[Lanes; SEEN] =
        values[first..].first_chunk().expect("blocks are whole, and padded by the filter");
    medians(seen)
}

/// What the mask of strokes lets through. The median of powers is the power of the median; where neither filter lets
/// anything through, half and half, as librosa has it.
fn mask(over_frequency: Lanes, over_time: Lanes) -> Lanes {
    let both = over_time + over_frequency;
    Lanes(std::array::from_fn(
        |lane| {
            if both.0[lane] > 0.0 { over_frequency.0[lane] / both.0[lane] } else { 0.5 }
        },
    ))
}

/// `n` frames that lie one after the other, as lanes of each bin.
fn across(frames: &[f32], width: usize, n_bins: usize, n: usize) -> Vec<Lanes> {
    let mut across = vec![Lanes::ZERO; n_bins];
    for (lane, frame) in frames.chunks(width).take(n).enumerate() {
        across.iter_mut().zip(frame).for_each(|(lanes, power)| lanes.0[lane] = *power);
    }
    across
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(samples: &[f64]) -> Option<f64> {
        let mut percussion = Percussion::new().expect("the transform is of a usual length");
        percussion.add(samples, |_| ());
        percussion.share()
    }

    #[test]
    fn tones_are_no_strokes_and_clicks_are_nothing_else() {
        let tone: Vec<f64> = (0..100_000).map(|i| libm::sin(0.1 * f64::from(i))).collect();
        let clicks: Vec<f64> = (0..100_000).map(|i| if i % 11_025 == 5000 { 1.0 } else { 0.0 }).collect();
        assert!(share(&tone).expect("it sounds") < 0.01);
        assert!(share(&clicks).expect("it sounds") > 0.99);
        assert_eq!((share(&[]), share(&[0.0; 5000])), (None, None));
    }

    #[test]
    fn a_listener_hears_each_frame_once_and_in_order() {
        let samples: Vec<f64> = (0..400_000).map(|i| libm::sin(1e-6 * f64::from(i * (i % 999)))).collect();
        let mut heard = Vec::new();
        Percussion::new().expect("the transform is of a usual length").add(&samples, |power| {
            heard.push(power[7]);
        });
        let mut stft = Stft::new(N_FFT, HOP).expect("the transform is of a usual length");
        let n_frames = stft.n_frames(samples.len());
        let want: Vec<f32> = (0..n_frames).map(|frame| stft.power(&samples, frame)[7].0[0]).collect();
        assert_eq!(heard, want);
    }
}
