//! A trial: how many rows were recognised, how sure that is, and how often chance does as well.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{Nearest, balanced_accuracy};
use crate::signal::Random;

/// Rows with the class that each truly has, in recordings. What is drawn by chance are recordings and never single rows,
/// for rows of one recording resemble each other whatever their class.
#[derive(Debug, Clone)]
pub struct Trial {
    /// None where the class is not known: such a row is no part of the trial.
    classes: Vec<Option<usize>>,
    n_classes: usize,
    /// The rows of each recording.
    recordings: Vec<Vec<usize>>,
}

impl Trial {
    /// A trial of these rows; `recordings` numbers the recording of each.
    pub fn of(classes: &[Option<usize>], recordings: &[usize]) -> Self {
        let n_classes = classes.iter().flatten().max().map_or(0, |most| most + 1);
        let n_recordings = recordings.iter().max().map_or(0, |most| most + 1);
        let mut rows = vec![Vec::new(); n_recordings];
        for (row, recording) in recordings.iter().enumerate().filter(|(row, _)| classes[*row].is_some()) {
            rows[*recording].push(row);
        }
        rows.retain(|rows| !rows.is_empty());
        Self { classes: classes.to_vec(), n_classes, recordings: rows }
    }

    /// How many rows of each class were taken for each class, by the true one and the one that was told; none where
    /// nothing could be told. Pairs that do not occur are left out.
    pub fn confusion(&self, told: &[Option<usize>]) -> BTreeMap<(usize, Option<usize>), u64> {
        let mut counts = BTreeMap::new();
        for row in self.recordings.iter().flatten() {
            if let Some(class) = self.classes[*row] {
                *counts.entry((class, told[*row])).or_default() += 1;
            }
        }
        counts
    }

    /// The balanced accuracy of what was told; none where there is no row.
    pub fn accuracy(&self, told: &[Option<usize>]) -> Option<f64> {
        self.accuracy_of(&self.classes, told)
    }

    /// The interval that holds the middle `share` of the balanced accuracies of `n` samples of as many recordings,
    /// drawn with replacement (the percentile bootstrap; Efron 1979), interpolated as `numpy.quantile` does.
    ///
    /// None where there is no row.
    pub fn interval(&self, told: &[Option<usize>], share: f64, n: usize, seed: u64) -> Option<(f64, f64)> {
        let of_recording =
            |rows: &Vec<usize>| rows.iter().filter_map(|row| tally(*row, &self.classes, told)).collect();
        let parts: Vec<Vec<Tally>> = self.recordings.iter().map(of_recording).collect();
        let score = |random: &mut Random| {
            let drawn = (0..parts.len()).map(|_| &parts[random.below(parts.len() as u64) as usize]);
            balanced_accuracy(&summed(self.n_classes, drawn.flatten().copied()))
        };
        interval(score, share, n, seed)
    }

    /// The interval of the mean of numbers that rows have, in the same way.
    pub fn interval_of_mean(
        &self,
        numbers: &[Option<f64>],
        share: f64,
        n: usize,
        seed: u64,
    ) -> Option<(f64, f64)> {
        let of_recording = |rows: &Vec<usize>| {
            let numbers = rows.iter().filter_map(|row| numbers[*row]);
            numbers.fold((0.0, 0_u64), |(sum, n), number| (sum + number, n + 1))
        };
        let parts: Vec<(f64, u64)> = self.recordings.iter().map(of_recording).collect();
        let score = |random: &mut Random| {
            let drawn = (0..parts.len()).map(|_| parts[random.below(parts.len() as u64) as usize]);
            let (sum, n) = drawn.fold((0.0, 0), |(sum, n), part| (sum + part.0, n + part.1));
            (n > 0).then(|| sum / n as f64)
        };
        interval(score, share, n, seed)
    }

    /// How often chance does as well as the nearest neighbours do, by balanced accuracy: see
    /// [`p_value_of`](Self::p_value_of).
    pub fn p_value(&self, nearest: &Nearest, n: usize, seed: u64) -> Option<f64> {
        self.p_value_of_told(|classes| nearest.tell(classes), n, seed)
    }

    /// The same of anything that tells a class of each row, given those of the others.
    pub fn p_value_of_told(
        &self,
        tell: impl Fn(&[Option<usize>]) -> Vec<Option<usize>> + Sync,
        n: usize,
        seed: u64,
    ) -> Option<f64> {
        self.p_value_of(|classes| self.accuracy_of(classes, &tell(classes)), n, seed)
    }

    /// How often chance does as well: the share of `n` permutations, the true classes counted among them, whose score is
    /// not less (Phipson and Smyth 2010).
    ///
    /// Where each recording has one class, recordings change their classes; else rows change them within their
    /// recording, so that what is tested is not which recording it is. None where there is no row.
    pub fn p_value_of(
        &self,
        score: impl Fn(&[Option<usize>]) -> Option<f64> + Sync,
        n: usize,
        seed: u64,
    ) -> Option<f64> {
        let found = score(&self.classes)?;
        let is_as_good = |number: &usize| {
            let permuted = self.permuted(&mut Random::new(seed_of(seed, *number)));
            score(&permuted).is_some_and(|score| score >= found)
        };
        let n_as_good = (0..n).into_par_iter().filter(is_as_good).count();
        Some((n_as_good + 1) as f64 / (n + 1) as f64)
    }

    fn accuracy_of(&self, classes: &[Option<usize>], told: &[Option<usize>]) -> Option<f64> {
        let tallies = self.recordings.iter().flatten().filter_map(|row| tally(*row, classes, told));
        balanced_accuracy(&summed(self.n_classes, tallies))
    }

    fn permuted(&self, random: &mut Random) -> Vec<Option<usize>> {
        let mut classes = self.classes.clone();
        let is_of_one =
            |rows: &Vec<usize>| rows.iter().all(|row| self.classes[*row] == self.classes[rows[0]]);
        if self.recordings.iter().all(is_of_one) {
            let mut drawn: Vec<Option<usize>> =
                self.recordings.iter().map(|rows| self.classes[rows[0]]).collect();
            shuffle(&mut drawn, random);
            for (rows, class) in self.recordings.iter().zip(drawn) {
                rows.iter().for_each(|row| classes[*row] = class);
            }
            return classes;
        }
        for rows in &self.recordings {
            let mut drawn: Vec<Option<usize>> = rows.iter().map(|row| self.classes[*row]).collect();
            shuffle(&mut drawn, random);
            rows.iter().zip(drawn).for_each(|(row, class)| classes[*row] = class);
        }
        classes
    }
}

/// The class of a row, and whether it was recognised.
type Tally = (usize, bool);

fn tally(row: usize, classes: &[Option<usize>], told: &[Option<usize>]) -> Option<Tally> {
    classes[row].map(|class| (class, told[row] == Some(class)))
}

/// Of each class, how many of its rows were recognised, and how many there are.
fn summed(n_classes: usize, tallies: impl Iterator<Item = Tally>) -> Vec<(u64, u64)> {
    let mut sums = vec![(0, 0); n_classes];
    for (class, is_right) in tallies {
        sums[class] = (sums[class].0 + u64::from(is_right), sums[class].1 + 1);
    }
    sums
}

/// The interval that holds the middle `share` of the scores of `n` samples.
fn interval(
    score: impl Fn(&mut Random) -> Option<f64> + Sync,
    share: f64,
    n: usize,
    seed: u64,
) -> Option<(f64, f64)> {
    let sample = |number: usize| score(&mut Random::new(seed_of(seed, number)));
    let mut scores: Vec<f64> = (0..n).into_par_iter().filter_map(sample).collect();
    scores.sort_by(f64::total_cmp);
    let tail = (1.0 - share) / 2.0;
    Some((quantile(&scores, tail)?, quantile(&scores, 1.0 - tail)?))
}

/// A seed of its own for every sample, so that they can be drawn in any order.
fn seed_of(seed: u64, number: usize) -> u64 {
    Random::new(seed).bits() ^ Random::new(number as u64).bits()
}

fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for at in (1..items.len()).rev() {
        items.swap(at, random.below(at as u64 + 1) as usize);
    }
}

fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let (below, rest) = (place.floor(), place - place.floor());
    let (low, high) = (sorted[below as usize], sorted[(place.ceil() as usize).min(sorted.len() - 1)]);
    Some(low + (high - low) * rest)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::noise;
    use super::super::{LeastSquares, folds};
    use super::*;
    use crate::signal::Matrix;

    /// Recordings of three rows each, which lie near each other; recordings have nothing in common.
    fn recordings(n: usize, seed: u64) -> (Matrix, Vec<usize>) {
        let centres = noise(n, 4, seed);
        let apart = noise(3 * n, 4, seed + 1);
        let mut rows = Matrix::zeros(3 * n, 4);
        for row in 0..3 * n {
            let near = centres.row(row / 3).iter().zip(apart.row(row));
            rows.row_mut(row)
                .iter_mut()
                .zip(near)
                .for_each(|(out, (centre, noise))| *out = centre + 0.1 * noise);
        }
        (rows, (0..3 * n).map(|row| row / 3).collect())
    }

    fn p_value(rows: &Matrix, classes: &[Option<usize>], recordings: &[usize], seed: u64) -> f64 {
        let nearest = Nearest::of(rows, recordings, 5);
        Trial::of(classes, recordings).p_value(&nearest, 99, seed).unwrap()
    }

    fn p_value_of_probe(rows: &Matrix, classes: &[Option<usize>], recordings: &[usize], seed: u64) -> f64 {
        let which: Vec<usize> = (0..classes.len()).collect();
        let heaps: Vec<Option<usize>> = folds(recordings, 5, seed).into_iter().map(Some).collect();
        let probe = LeastSquares::of(rows, &which, &heaps, 1.0).unwrap();
        Trial::of(classes, recordings).p_value_of_told(|classes| probe.tell(classes), 99, seed).unwrap()
    }

    #[test]
    fn shuffled_labels_are_seldom_taken_for_real_ones() {
        // With p <= 0.05 as the limit, 7 % of 200 is what a right test exceeds in one case of ten.
        for of_one_class in [true, false] {
            let is_found = |seed: &u64| {
                let (rows, recordings) = recordings(20, 1000 + 7 * seed);
                let mut random = Random::new(*seed);
                let mut drawn: Vec<Option<usize>> = (0..60).map(|row| Some(row / 3 % 4)).collect();
                if of_one_class {
                    let mut classes: Vec<usize> = (0..20).map(|recording| recording % 4).collect();
                    shuffle(&mut classes, &mut random);
                    drawn.iter_mut().enumerate().for_each(|(row, class)| *class = Some(classes[row / 3]));
                } else {
                    shuffle(&mut drawn, &mut random);
                }
                let by_neighbours = p_value(&rows, &drawn, &recordings, *seed) <= 0.05;
                (by_neighbours, p_value_of_probe(&rows, &drawn, &recordings, *seed) <= 0.05)
            };
            let found: Vec<(bool, bool)> = (0..200).collect::<Vec<u64>>().par_iter().map(is_found).collect();
            for n_found in [found.iter().filter(|it| it.0).count(), found.iter().filter(|it| it.1).count()] {
                assert!(n_found <= 14, "{n_found} of 200, {of_one_class}");
            }
        }
    }

    #[test]
    fn real_labels_are_found() {
        let classes: Vec<usize> = (0..60).map(|row| row / 3 % 4).collect();
        let (mut rows, recordings) = recordings(20, 9);
        classes.iter().enumerate().for_each(|(row, class)| rows.row_mut(row)[*class] += 3.0);
        let some: Vec<Option<usize>> = classes.iter().map(|class| Some(*class)).collect();
        assert_eq!(p_value(&rows, &some, &recordings, 1), 0.01);
        assert_eq!(p_value_of_probe(&rows, &some, &recordings, 1), 0.01);
        let trial = Trial::of(&some, &recordings);
        let told = Nearest::of(&rows, &folds(&recordings, 10, 0), 5).tell(&some);
        let accuracy = trial.accuracy(&told).unwrap();
        let (low, high) = trial.interval(&told, 0.95, 999, 0).unwrap();
        assert!(0.5 < low && low <= accuracy && accuracy <= high && high <= 1.0, "{low} {accuracy} {high}");
        assert_eq!(trial.interval(&told, 0.95, 999, 0), Some((low, high)));
    }

    #[test]
    fn the_same_numbers_come_from_any_number_of_threads() {
        let (rows, recordings) = recordings(20, 5);
        let classes: Vec<Option<usize>> = (0..60).map(|row| Some(row / 3 % 4)).collect();
        let all = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| {
                let nearest = Nearest::of(&rows, &recordings, 5);
                let trial = Trial::of(&classes, &recordings);
                let told = nearest.tell(&classes);
                (trial.p_value(&nearest, 99, 3), trial.interval(&told, 0.95, 99, 3), told)
            })
        };
        assert_eq!(all(1), all(3));
    }

    #[test]
    fn one_recording_one_class_and_missing_labels_have_an_answer() {
        let (rows, _) = recordings(2, 1);
        let none = Trial::of(&[None; 6], &[0; 6]);
        let nearest = Nearest::of(&rows, &[0; 6], 5);
        let told = nearest.tell(&[None; 6]);
        assert_eq!((none.confusion(&told), none.interval(&told, 0.95, 9, 0)), (BTreeMap::new(), None));
        assert_eq!(none.p_value(&nearest, 9, 0), None);
        // Of one recording nothing can be told: there is no other to compare it with.
        let one = Trial::of(&[Some(0), Some(0), Some(1), None, None, None], &[0; 6]);
        assert_eq!(one.confusion(&told), [((0, None), 2), ((1, None), 1)].into());
        assert_eq!(
            (one.interval(&told, 0.95, 9, 0), one.p_value(&nearest, 9, 0)),
            (Some((0.0, 0.0)), Some(1.0))
        );
        // One class cannot be missed, and so proves nothing.
        let same = Trial::of(&[Some(0); 6], &[0, 0, 0, 1, 1, 1]);
        let nearest = Nearest::of(&rows, &[0, 0, 0, 1, 1, 1], 5);
        assert_eq!(same.p_value(&nearest, 9, 0), Some(1.0));
    }

    #[test]
    fn the_mean_of_every_sample_is_drawn_from_recordings() {
        let trial = Trial::of(&[Some(0); 6], &[0, 0, 1, 1, 2, 2]);
        let numbers = [Some(1.0), None, Some(2.0), Some(2.0), None, None];
        assert_eq!(trial.interval_of_mean(&numbers, 0.95, 999, 0), Some((1.0, 2.0)));
        assert_eq!(trial.interval_of_mean(&[None; 6], 0.95, 99, 0), None);
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy 2.4.6: np.quantile([1, 2, 4, 8], [0, 0.025, 0.5, 0.975, 1])
        let expected = [1.0, 1.075, 3.0, 7.7, 8.0];
        for (share, expected) in [0.0, 0.025, 0.5, 0.975, 1.0].into_iter().zip(expected) {
            assert!((quantile(&[1.0, 2.0, 4.0, 8.0], share).unwrap() - expected).abs() < 1e-12);
        }
        assert_eq!(quantile(&[], 0.5), None);
    }
}
