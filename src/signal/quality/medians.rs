//! Medians of sliding windows, eight of them side by side, for the two filters that tell tones from strokes.

use crate::signal::Lanes;

/// Values under the filter, as librosa's default `kernel_size` has it.
pub(super) const KERNEL: usize = 31;
/// Windows whose medians are found together.
pub(super) const TOGETHER: usize = 16;
/// Values that so many windows see.
pub(super) const SEEN: usize = KERNEL + TOGETHER - 1;

/// The medians of [`TOGETHER`] windows of [`KERNEL`] values, each one value further on than the one before.
///
/// What all windows have in common is sorted once. Half of the windows have another half as many values in common: these are
/// merged in, and what can no more be a median of any of them is left out. So it goes on to the single window (after
/// Adams, "Fast Median Filters using Separable Sorting Networks", 2021, in one dimension). The order in which values are compared
/// does not depend on them.
pub(super) fn medians(seen: &[Lanes; SEEN]) -> [Lanes; TOGETHER] {
    let mut common = [Lanes::ZERO; TOGETHER];
    common.copy_from_slice(&seen[TOGETHER - 1..KERNEL]);
    sort(&mut common);
    let mut medians = [Lanes::ZERO; TOGETHER];
    narrow(seen, &common, &mut medians);
    medians
}

/// The medians of as many windows as there are values, sorted, that can still be one of them.
fn narrow(seen: &[Lanes], candidates: &[Lanes], medians: &mut [Lanes]) {
    let half = medians.len() / 2;
    if half == 0 {
        medians.copy_from_slice(candidates);
        return;
    }
    // The first half of the windows begins earlier, the second ends later.
    let added = [&seen[half - 1..2 * half - 1], &seen[KERNEL..KERNEL + half]];
    for (nth, (added, medians)) in added.into_iter().zip(medians.chunks_exact_mut(half)).enumerate() {
        let (mut new, mut kept) = ([Lanes::ZERO; TOGETHER / 2], [Lanes::ZERO; TOGETHER / 2]);
        let (new, kept) = (&mut new[..half], &mut kept[..half]);
        new.copy_from_slice(added);
        sort(new);
        // Of all values together, as many are left out below as above: half of the candidates each.
        let (low, high) = candidates.split_at(half);
        for (((kept, low), high), new) in kept.iter_mut().zip(low).zip(high).zip(new.iter().rev()) {
            *kept = low.max(high.min(*new));
        }
        sort_bitonic(kept);
        narrow(&seen[nth * half..], kept, medians);
    }
}

/// Sorts in each lane a number of values that is a power of two.
fn sort(values: &mut [Lanes]) {
    if values.len() < 2 {
        return;
    }
    let (low, high) = values.split_at_mut(values.len() / 2);
    sort(low);
    sort(high);
    low.iter_mut().zip(high.iter_mut().rev()).for_each(|(a, b)| order(a, b));
    sort_bitonic(low);
    sort_bitonic(high);
}

/// Sorts values that rise and then fall, or the other way round, wherever they begin.
fn sort_bitonic(values: &mut [Lanes]) {
    let mut stride = values.len() / 2;
    while stride > 0 {
        for block in values.chunks_exact_mut(2 * stride) {
            let (low, high) = block.split_at_mut(stride);
            low.iter_mut().zip(high).for_each(|(a, b)| order(a, b));
        }
        stride /= 2;
    }
}

#[inline]
fn order(a: &mut Lanes, b: &mut Lanes) {
    (*a, *b) = (a.min(*b), a.max(*b));
}

/// The index of a value beyond the ends of `n` values, which are mirrored there (`mode="reflect"` of scipy: the last
/// value stands twice).
pub(super) fn mirrored(index: isize, n: usize) -> usize {
    let around = index.rem_euclid(2 * n.max(1) as isize) as usize;
    if around < n { around } else { 2 * n - 1 - around }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;

    #[test]
    fn every_window_has_its_median() {
        let mut random = Random::new(6);
        for steps in [2.0, 9.0, 1e6] {
            // Few values, so that many are alike, and many.
            let mut value = || (random.uniform() * steps).floor() as f32;
            let seen: [Lanes; SEEN] = std::array::from_fn(|_| Lanes(std::array::from_fn(|_| value())));
            for (window, found) in seen.windows(KERNEL).zip(medians(&seen)) {
                for (lane, found) in found.0.iter().enumerate() {
                    let mut sorted: Vec<f32> = window.iter().map(|lanes| lanes.0[lane]).collect();
                    sorted.sort_unstable_by(f32::total_cmp);
                    assert_eq!(*found, sorted[KERNEL / 2], "{lane}");
                }
            }
        }
    }

    #[test]
    fn beyond_the_ends_values_are_mirrored() {
        let mirror = |range: std::ops::Range<isize>, n| range.map(|i| mirrored(i, n)).collect::<Vec<_>>();
        assert_eq!(mirror(-4..7, 3), [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
        assert_eq!(mirror(-3..3, 1), [0; 6]);
    }
}
