//! The arc of an improvisation: from a sparse beginning in the low register to a dense height, and back.

use std::ops::Range;

/// The middle one of three parts, and how far it stands above the two around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Arc {
    /// The development; what is before it is the introduction, what is after it the resolution.
    pub development: Range<usize>,
    /// How far its mean is above that of the nearer of the other two: 1 is [`THIRD`] of register, or twice as dense, or
    /// a half of each.
    pub contrast: f64,
}

/// This much of register weighs as much as twice the density, cents: a major third.
pub const THIRD: f64 = 400.0;
/// Fewer strokes a second count as this many: in a pause the logarithm would know no bounds.
const SPARSEST: f64 = 0.25;
/// What stands out by less is flat but for rounding.
const LEAST_CONTRAST: f64 = 1e-9;

/// Parts a performance in three, given its register (cents) and its density (strokes a second) at equal times.
///
/// Of all ways to part it, each part at least `shortest` times long and the middle one above the others, this is the
/// one whose parts vary least in themselves (the least sum of squares, of register and of the logarithm of density).
/// None where there is no such way.
pub fn arc(register: &[f64], density: &[f64], shortest: usize) -> Option<Arc> {
    let (n, shortest) = (register.len().min(density.len()), shortest.max(1));
    let register = Sums::of(register[..n].iter().map(|cents| cents / THIRD));
    let density = Sums::of(density[..n].iter().map(|density| libm::log2(density.max(SPARSEST))));
    let height = |part: &Range<usize>| register.mean(part) + density.mean(part);
    let mut best: Option<(f64, Arc)> = None;
    for start in shortest..n.saturating_sub(2 * shortest - 1) {
        for end in start + shortest..n - shortest + 1 {
            let parts = [0..start, start..end, end..n];
            let contrast = height(&parts[1]) - height(&parts[0]).max(height(&parts[2]));
            // The sum of squares within parts is least where that between them is greatest.
            let between: f64 = parts.iter().map(|part| register.square(part) + density.square(part)).sum();
            if contrast > LEAST_CONTRAST && best.as_ref().is_none_or(|(most, _)| between > *most) {
                best = Some((between, Arc { development: start..end, contrast }));
            }
        }
    }
    best.map(|(_, arc)| arc)
}

/// The sums of all beginnings of a curve.
struct Sums(Vec<f64>);

impl Sums {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut sums = vec![0.0];
        let mut sum = 0.0;
        sums.extend(values.map(|value| {
            sum += value;
            sum
        }));
        Self(sums)
    }

    fn mean(&self, part: &Range<usize>) -> f64 {
        (self.0[part.end] - self.0[part.start]) / part.len().max(1) as f64
    }

    /// The part's length times the square of its mean.
    fn square(&self, part: &Range<usize>) -> f64 {
        self.mean(part) * self.mean(part) * part.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve of steps: (times, value).
    fn steps(steps: &[(usize, f64)]) -> Vec<f64> {
        steps.iter().flat_map(|&(n, value)| vec![value; n]).collect()
    }

    #[test]
    fn the_middle_part_is_where_register_and_density_are_high() {
        let flat = steps(&[(60, 2.0)]);
        for (register, density, want, contrast) in [
            (steps(&[(20, 0.0), (25, 800.0), (15, 400.0)]), flat.clone(), 20..45, 1.0),
            (steps(&[(60, 0.0)]), steps(&[(12, 1.0), (30, 4.0), (18, 2.0)]), 12..42, 1.0),
            (steps(&[(20, 0.0), (40, 400.0)]), steps(&[(40, 4.0), (20, 1.0)]), 20..40, 1.0),
        ] {
            let arc = arc(&register, &density, 5).unwrap();
            assert_eq!(arc.development, want);
            assert!((arc.contrast - contrast).abs() < 1e-12, "{arc:?}");
        }
    }

    #[test]
    fn parts_are_not_shorter_than_they_may_be() {
        let register = steps(&[(12, 0.0), (4, 800.0), (44, 0.0)]);
        let arc = arc(&register, &steps(&[(60, 2.0)]), 10).unwrap();
        assert!(
            arc.development.start >= 10 && arc.development.len() >= 10 && arc.development.end <= 50,
            "{arc:?}"
        );
    }

    #[test]
    fn what_only_falls_or_is_too_short_or_empty_has_no_arc() {
        let falling: Vec<f64> = (0..60).map(|i| -10.0 * f64::from(i)).collect();
        let flat = vec![1.0; 60];
        for (register, density, shortest) in [
            (&falling[..], &flat[..], 5),
            (&flat[..], &flat[..], 5),
            (&falling[..14], &flat[..14], 5),
            (&[], &[], 5),
            (&[], &[], 0),
            (&falling[..], &flat[..], usize::MAX / 4),
        ] {
            assert_eq!(arc(register, density, shortest), None);
        }
    }
}
