//! Register: how high a piece lies, and the way that it takes through its register.

/// Percentiles that [`percentiles`] is usually asked for, %.
pub const REGISTER_PERCENTILES: [f64; 5] = [5.0, 25.0, 50.0, 75.0, 95.0];

/// Numbers of [`register_arc`].
pub const ARC_NUMBERS: usize = 14;

/// Equal times of the arc.
const TIMES: usize = 10;

/// Percentiles (%) of `pitches` by linear interpolation (`numpy.percentile`); all zero where there are none.
pub fn percentiles(pitches: &[f64], percents: &[f64]) -> Vec<f64> {
    let mut sorted = pitches.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let percentile = |percent: &f64| {
        let at = percent / 100.0 * sorted.len().saturating_sub(1) as f64;
        let below = *sorted.get(at as usize)?;
        let above = sorted.get(at as usize + 1).copied().unwrap_or(below);
        Some(below + (above - below) * (at - libm::floor(at)))
    };
    percents.iter().map(|percent| percentile(percent).unwrap_or(0.0)).collect()
}

/// The arc of the pitches (cents) of voiced frames in order: the means of ten equal times, the first less the last, where
/// the highest is (0 to 1), and the slope and the curvature of the parabola a + slope t + curvature (t² - t + 1/6)
/// through the ten, t from 0 to 1. All zero where there are no pitches.
pub fn register_arc(pitches: &[f64]) -> [f64; ARC_NUMBERS] {
    let mut arc = [0.0; ARC_NUMBERS];
    if pitches.is_empty() {
        return arc;
    }
    let means: [f64; TIMES] = std::array::from_fn(|i| mean_of_time(pitches, i));
    let highest = (1..TIMES).fold(0, |most, i| if means[i] > means[most] { i } else { most });
    arc[..TIMES].copy_from_slice(&means);
    arc[TIMES] = means[0] - means[TIMES - 1];
    arc[TIMES + 1] = time(highest);
    arc[TIMES + 2] = coefficient(&means, |t| t - 0.5);
    // Orthogonal to 1 and t over these ten times, so that each coefficient can be found by itself.
    arc[TIMES + 3] = coefficient(&means, |t| (t - 0.5) * (t - 0.5) - 0.0825);
    arc
}

fn mean_of_time(pitches: &[f64], i: usize) -> f64 {
    let start = i * pitches.len() / TIMES;
    let end = ((i + 1) * pitches.len() / TIMES).max(start + 1);
    pitches[start..end].iter().sum::<f64>() / (end - start) as f64
}

/// The middle of a time, 0 to 1.
fn time(i: usize) -> f64 {
    (i as f64 + 0.5) / TIMES as f64
}

/// How much of `shape`, which is orthogonal to the others, is in the means.
fn coefficient(means: &[f64; TIMES], shape: impl Fn(f64) -> f64) -> f64 {
    let shapes = (0..TIMES).map(|i| shape(time(i)));
    let product: f64 = shapes.clone().zip(means).map(|(shape, mean)| shape * mean).sum();
    product / shapes.map(|shape| shape * shape).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_numpys() {
        // numpy 2.4.6: np.percentile([3, 1, 2, 10], [5, 25, 50, 75, 95])
        let got = percentiles(&[3.0, 1.0, 2.0, 10.0], &REGISTER_PERCENTILES);
        for (got, want) in got.iter().zip([1.15, 1.75, 2.5, 4.75, 8.95]) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
        assert_eq!(percentiles(&[7.0], &[5.0, 100.0]), [7.0, 7.0]);
        assert_eq!(percentiles(&[], &[50.0]), [0.0]);
    }

    #[test]
    fn an_arc_has_its_slope_and_curvature() {
        let pitches: Vec<f64> = (0..1000).map(|i| 700.0 - 0.3 * f64::from(i)).collect();
        let falling = register_arc(&pitches);
        assert!((falling[0] - 685.15).abs() < 1e-9 && (falling[10] - 270.0).abs() < 1e-9, "{falling:?}");
        assert_eq!(falling[11], 0.05);
        assert!((falling[12] + 300.0).abs() < 1e-9 && falling[13].abs() < 1e-6, "{falling:?}");
        let arch: Vec<f64> = (0..1000)
            .map(|i| -400.0 * (f64::from(i) / 1000.0 - 0.5) * (f64::from(i) / 1000.0 - 0.5))
            .collect();
        let arch = register_arc(&arch);
        assert!((arch[13] + 400.0).abs() < 1.0 && arch[12].abs() < 0.5, "{arch:?}");
    }

    #[test]
    fn few_pitches_have_an_arc_too() {
        assert_eq!(register_arc(&[]), [0.0; ARC_NUMBERS]);
        let one = register_arc(&[100.0]);
        assert!(one[..10].iter().all(|mean| *mean == 100.0) && one[10] == 0.0);
    }
}
