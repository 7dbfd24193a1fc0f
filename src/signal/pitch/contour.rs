//! The pitch contour: which frames are voiced, in cents, without single frames that jump.

use super::{Period, median};

/// What cents are counted from before a tonic is known, Hz: A4.
pub const REFERENCE_HZ: f64 = 440.0;

/// The pitch of a frequency, cents above [`REFERENCE_HZ`].
pub fn cents_of(hz: f64) -> f64 {
    1200.0 * libm::log2(hz / REFERENCE_HZ)
}

/// The frequency of a pitch, Hz.
pub fn hertz_of(cents: f64) -> f64 {
    REFERENCE_HZ * libm::exp2(cents / 1200.0)
}

/// The pitches of voiced frames, cents: those less aperiodic than `aperiodicity`.
pub fn voiced(periods: &[Period], aperiodicity: f64) -> Vec<Option<f64>> {
    let pitch = |period: &Period| (period.aperiodicity < aperiodicity).then(|| cents_of(period.hz));
    periods.iter().map(pitch).collect()
}

/// The contour without frames more than `top_db` below the loudest. `rms` has the root mean square of each frame.
pub fn without_the_faint(contour: &[Option<f64>], rms: &[f64], top_db: f64) -> Vec<Option<f64>> {
    let loudest = rms.iter().copied().fold(0.0, f64::max);
    let floor = loudest * libm::pow(10.0, -top_db / 20.0);
    contour.iter().zip(rms).map(|(pitch, rms)| pitch.filter(|_| *rms > floor)).collect()
}

/// The median of the voiced frames among `width` around each voiced frame; unvoiced frames stay so.
pub fn median_filter(contour: &[Option<f64>], width: usize) -> Vec<Option<f64>> {
    let half = width / 2;
    let mut near = Vec::with_capacity(width);
    let filtered = |(i, pitch): (usize, &Option<f64>)| {
        (*pitch)?;
        near.clear();
        near.extend(contour[i.saturating_sub(half)..(i + half + 1).min(contour.len())].iter().flatten());
        median(&mut near)
    };
    contour.iter().enumerate().map(filtered).collect()
}

/// Takes back jumps of an octave that nothing was struck for: as a string fades, its partials outlast each other, and
/// YIN changes the octave in the middle of a note. `levels` has the level of each frame, dB; a frame that is less than
/// 3 dB above the quietest of the ten before it is of the same stroke.
pub fn hold_octaves(contour: &[Option<f64>], levels: &[f64]) -> Vec<Option<f64>> {
    const REACH: usize = 10;
    const SAME: f64 = 35.0;
    let mut held: Vec<Option<f64>> = Vec::with_capacity(contour.len());
    for (i, pitch) in contour.iter().enumerate() {
        let quietest = levels[i.saturating_sub(REACH)..=i].iter().copied().fold(f64::INFINITY, f64::min);
        let jump = pitch.zip(held.last().copied().flatten()).map_or(0.0, |(pitch, before)| pitch - before);
        let is_octave = (jump.abs() - 1200.0).abs() <= SAME && levels[i] < quietest + 3.0;
        held.push(pitch.map(|pitch| if is_octave { pitch - 1200.0_f64.copysign(jump) } else { pitch }));
    }
    held
}

/// The contour at `n` equal times: for each the mean pitch of its voiced frames (0 where there are none) and the
/// share of its frames that are voiced (0 to 1). A contour of fewer frames repeats them.
pub fn resample_contour(contour: &[Option<f64>], n: usize) -> (Vec<f64>, Vec<f64>) {
    let slot = |i: usize| {
        let start = i * contour.len() / n;
        let end = ((i + 1) * contour.len() / n).max(start + 1).min(contour.len());
        let (sum, n_voiced) =
            contour[start..end].iter().flatten().fold((0.0, 0_u32), |(sum, n), pitch| (sum + pitch, n + 1));
        let n_voiced = f64::from(n_voiced);
        (sum / n_voiced.max(1.0), n_voiced / (end - start).max(1) as f64)
    };
    (0..n).map(slot).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_and_hertz_are_each_others_inverse() {
        for (hz, cents) in [(440.0, 0.0), (880.0, 1200.0), (146.832, -1900.0)] {
            assert!((cents_of(hz) - cents).abs() < 0.01, "{hz}");
            assert!((hertz_of(cents_of(hz)) - hz).abs() < 1e-9, "{hz}");
        }
    }

    #[test]
    fn quiet_and_aperiodic_frames_are_unvoiced() {
        let period = |aperiodicity| Period { hz: 440.0, aperiodicity };
        let periods = [period(0.0), period(0.3), period(0.1), period(0.1)];
        let voiced = voiced(&periods, 0.2);
        let got = without_the_faint(&voiced, &[1.0, 1.0, 0.011, 0.009], 40.0);
        assert_eq!(got, [Some(0.0), None, Some(0.0), None]);
        assert_eq!(without_the_faint(&voiced, &[0.0; 4], 40.0), [None; 4]);
    }

    #[test]
    fn frames_that_jump_are_taken_back() {
        let contour = [Some(0.0), Some(1.0), Some(1200.0), Some(2.0), None, Some(3.0)];
        let got = median_filter(&contour, 5);
        assert_eq!(got, [Some(1.0), Some(1.5), Some(1.5), Some(2.5), None, Some(2.5)]);
    }

    #[test]
    fn an_octave_stays_until_something_is_struck() {
        let contour = [Some(0.0), Some(1203.0), Some(1199.0), Some(2.0), Some(1200.0), None, Some(0.0)];
        let levels = [-10.0, -11.0, -12.0, -13.0, -5.0, -40.0, -50.0];
        let held = [Some(0.0), Some(3.0), Some(-1.0), Some(2.0), Some(1200.0), None, Some(0.0)];
        assert_eq!(hold_octaves(&contour, &levels), held);
    }

    #[test]
    fn a_contour_has_as_many_times_as_asked_for() {
        let contour = [Some(100.0), Some(200.0), None, Some(400.0)];
        assert_eq!(resample_contour(&contour, 2), (vec![150.0, 400.0], vec![1.0, 0.5]));
        assert_eq!(resample_contour(&contour[..1], 3), (vec![100.0; 3], vec![1.0; 3]));
        assert_eq!(resample_contour(&[], 2), (vec![0.0; 2], vec![0.0; 2]));
    }
}
