//! Folds: rows in as many heaps as are tested in turn, without parting what belongs together.

use crate::signal::Random;

/// The fold of each row: each unit falls, with all its rows, into one of `n_folds`; as many units into each as possible.
/// Where there are no more units than folds, each is tested by itself.
///
/// Which units stand together is drawn from the seed.
pub fn folds(units: &[usize], n_folds: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = units.to_vec();
    order.sort_unstable();
    order.dedup();
    let mut random = Random::new(seed);
    for at in (1..order.len()).rev() {
        order.swap(at, random.below(at as u64 + 1) as usize);
    }
    let mut fold_of: Vec<(usize, usize)> =
        order.into_iter().enumerate().map(|(place, unit)| (unit, place % n_folds.max(1))).collect();
    fold_of.sort_unstable();
    let find = |unit: &usize| fold_of.binary_search_by(|(known, _)| known.cmp(unit)).unwrap_or(0);
    units.iter().map(|unit| fold_of[find(unit)].1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_never_parted_and_folds_are_equally_large() {
        let units: Vec<usize> = (0..100).map(|row| row * row % 37).collect();
        let folds = folds(&units, 5, 3);
        let mut of_unit = std::collections::BTreeMap::new();
        for (unit, fold) in units.iter().zip(&folds) {
            assert_eq!(of_unit.entry(unit).or_insert(fold), &fold);
        }
        let size = |fold: usize| of_unit.values().filter(|other| ***other == fold).count();
        let sizes: Vec<usize> = (0..5).map(size).collect();
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
        assert_ne!(super::folds(&units, 5, 4), folds);
    }

    #[test]
    fn few_units_are_tested_each_by_itself() {
        let mut few = folds(&[5, 9, 5, 7], 10, 0);
        assert_eq!(few[0], few[2]);
        few.sort_unstable();
        few.dedup();
        assert_eq!(few.len(), 3);
        assert_eq!(folds(&[], 3, 0), Vec::<usize>::new());
    }
}
