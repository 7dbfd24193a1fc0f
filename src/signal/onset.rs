//! Where notes begin: onset strength and its peaks, as `librosa.onset` defines them.

use super::Matrix;

/// How the growth of a frame's bands becomes one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// The mean over bands, for onsets (`librosa.onset.onset_strength`).
    Mean,
    /// The median over bands, for beats (`aggregate=np.median`).
    Median,
}

/// By how much the bands grew from each frame to the next, dB, fallen bands counting as unchanged
/// (`librosa.onset.onset_strength`); one number a frame.
///
/// `bands` are mel bands in dB, one row a frame. What frame i grew by is found `n_fft / (2 hop)` frames later, for a
/// frame hears what comes before its centre first.
pub fn onset_strength(bands: &Matrix, n_fft: usize, hop: usize, aggregate: Aggregate) -> Vec<f64> {
    let n_frames = bands.n_rows();
    let padding = 1 + n_fft / (2 * hop.max(1));
    let growth = |frame: usize| {
        let before = bands.row(frame).iter();
        before.zip(bands.row(frame + 1)).map(|(before, after)| (after - before).max(0.0))
    };
    let strength = |frame: usize| match aggregate {
        Aggregate::Mean => growth(frame).sum::<f64>() / bands.n_cols() as f64,
        Aggregate::Median => super::median(growth(frame).collect()),
    };
    let mut strengths = vec![0.0; n_frames];
    for (frame, out) in strengths.iter_mut().enumerate().skip(padding) {
        *out = strength(frame - padding);
    }
    strengths
}

/// How peaks of onset strength are picked; all but `delta` in frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeakPicking {
    /// A peak is the greatest of as many frames before it,
    pub pre_max: usize,
    /// and of as many from itself on.
    pub post_max: usize,
    /// It exceeds the mean of as many frames before it,
    pub pre_avg: usize,
    /// and of as many from itself on,
    pub post_avg: usize,
    /// by this, of the range from 0 to 1.
    pub delta: f64,
    /// Frames after a peak that cannot be one.
    pub wait: usize,
}

impl PeakPicking {
    /// What `librosa.onset.onset_detect` picks with: 30 ms, 100 ms and 0.07.
    pub fn of_onsets(sample_rate: f64, hop: usize) -> Self {
        let frames = |seconds: f64| (seconds * sample_rate / hop.max(1) as f64).floor() as usize;
        Self {
            pre_max: frames(0.03),
            post_max: 1,
            pre_avg: frames(0.10),
            post_avg: frames(0.10) + 1,
            delta: 0.07,
            wait: frames(0.03),
        }
    }
}

/// The frames at which notes begin, ascending (`librosa.onset.onset_detect`): peaks of onset strength, brought to a
/// range from 0 to 1.
pub fn onset_frames(strengths: &[f64], picking: &PeakPicking) -> Vec<usize> {
    let least = strengths.iter().copied().fold(f64::INFINITY, f64::min);
    let range = strengths.iter().copied().fold(0.0, |range: f64, strength| range.max(strength - least));
    if range == 0.0 {
        return Vec::new();
    }
    let scaled: Vec<f64> =
        strengths.iter().map(|strength| (strength - least) / (range + f64::MIN_POSITIVE)).collect();
    pick_peaks(&scaled, picking)
}

/// `librosa.util.peak_pick`.
fn pick_peaks(values: &[f64], picking: &PeakPicking) -> Vec<usize> {
    let mut peaks = Vec::new();
    let mut frame = 0;
    while frame < values.len() {
        if is_peak(values, frame, picking) {
            peaks.push(frame);
            frame += picking.wait;
        }
        frame += 1;
    }
    peaks
}

fn is_peak(values: &[f64], frame: usize, picking: &PeakPicking) -> bool {
    let around = |before: usize, after: usize| {
        &values[frame.saturating_sub(before)..frame.saturating_add(after).min(values.len())]
    };
    let value = values[frame];
    let neighbours = around(picking.pre_avg, picking.post_avg);
    let mean = neighbours.iter().sum::<f64>() / neighbours.len().max(1) as f64;
    around(picking.pre_max, picking.post_max).iter().all(|other| *other <= value)
        && value >= mean + picking.delta
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_is_an_onset_and_steady_sound_is_none() {
        let mut bands = Matrix::zeros(40, 4);
        (20..40).for_each(|frame| bands.row_mut(frame).fill(30.0));
        for aggregate in [Aggregate::Mean, Aggregate::Median] {
            let strengths = onset_strength(&bands, 2048, 512, aggregate);
            assert_eq!(strengths.iter().position(|strength| *strength > 0.0), Some(22));
            assert_eq!(onset_frames(&strengths, &PeakPicking::of_onsets(22_050.0, 512)), [22]);
        }
    }

    #[test]
    fn few_frames_and_silence_have_no_onsets() {
        for n in [0, 1, 2, 3, 50] {
            let strengths = onset_strength(&Matrix::zeros(n, 4), 2048, 512, Aggregate::Mean);
            assert_eq!(strengths, vec![0.0; n]);
            assert!(onset_frames(&strengths, &PeakPicking::of_onsets(22_050.0, 512)).is_empty());
        }
    }
}
