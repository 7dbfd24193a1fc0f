//! The nearest neighbours of very many rows, nearly all of them: a forest of random cuts, then the neighbours of neighbours.

use rayon::prelude::*;

use super::{LANES, Neighbours, Points, SplitMix, squared_distance};
use crate::error::Result;

/// Trees of random cuts.
const N_TREES: u64 = 10;
/// A tree's parts are cut in two until they have at most so many rows.
const LEAF: usize = 50;
/// How often the neighbours of neighbours are looked through ...
const ROUNDS: usize = 2;
/// ... and of how many of a row's nearest, either way, how many each.
const NEAREST: usize = 24;

/// The neighbours that a row has so far: the squares of their distances, and which they are, nearest first.
type Found = Vec<(f32, u32)>;

/// The `k` nearest others of each row by Euclidean distance, but for a few in a hundred.
///
/// Rows that fall into one part of a tree whose parts are cut by random hyperplanes (Dasgupta and Freund 2008) are compared, then each row with
/// the neighbours of its neighbours (Dong, Moses and Li 2011). Each round sees only what the one before it found, so that
/// nothing depends on the number of threads. `check` is asked between rounds whether to go on.
///
/// # Errors
/// When `check` says so.
pub fn most_neighbours(points: Points, k: usize, check: impl Fn() -> Result<()>) -> Result<Neighbours> {
    let n_rows = points.numbers.len() / points.dim.max(1);
    let k = k.min(n_rows.saturating_sub(1));
    if k == 0 {
        return Ok(Neighbours::default());
    }
    let trees: Vec<Tree> = (0..N_TREES).into_par_iter().map(|seed| Tree::grow(points, seed)).collect();
    check()?;
    let from_leaves = |row: usize| trees.iter().flat_map(|tree| tree.leaf(row)).copied().collect();
    let mut found = nearest_of_all(points, k, n_rows, from_leaves);
    drop(trees);
    for _ in 0..ROUNDS {
        check()?;
        let reverse = reversed(&found);
        found = nearest_of_all(points, k, n_rows, |row| neighbours_of_neighbours(&found, &reverse, row));
    }
    Ok(measured(points, k, &found))
}

/// The rows in an order in which the rows of a leaf stand together.
struct Tree {
    order: Vec<u32>,
    /// Of each row, where its leaf begins and ends.
    leaves: Vec<(u32, u32)>,
}

impl Tree {
    fn grow(points: Points, seed: u64) -> Self {
        let n_rows = points.numbers.len() / points.dim;
        let mut random = SplitMix(seed);
        let mut tree = Self { order: (0..n_rows as u32).collect(), leaves: vec![(0, 0); n_rows] };
        let mut open = vec![(0, n_rows)];
        while let Some((start, end)) = open.pop() {
            if end - start <= LEAF {
                for row in &tree.order[start..end] {
                    tree.leaves[*row as usize] = (start as u32, end as u32);
                }
                continue;
            }
            let middle = start + cut(points, &mut tree.order[start..end], &mut random);
            open.extend([(start, middle), (middle, end)]);
        }
        tree
    }

    fn leaf(&self, row: usize) -> &[u32] {
        let (start, end) = self.leaves[row];
        &self.order[start as usize..end as usize]
    }
}

/// Puts the rows on one side of the plane between two of them first, and says how many they are; half of them where the plane
/// leaves nearly all on one side.
fn cut(points: Points, rows: &mut [u32], random: &mut SplitMix) -> usize {
    let mut any = || row_of(points, rows[random.below(rows.len() as u32) as usize]);
    let (a, b) = (any(), any());
    let normal: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let middle: f32 = a.iter().zip(b).zip(&normal).map(|((a, b), normal)| 0.5 * (a + b) * normal).sum();
    let is_first = |row: &u32| dot(row_of(points, *row), &normal) < middle;
    let (first, second): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| is_first(row));
    let n_first = first.len();
    rows.iter_mut().zip(first.into_iter().chain(second)).for_each(|(out, row)| *out = row);
    let least = rows.len() / 20;
    if n_first < least || rows.len() - n_first < least { rows.len() / 2 } else { n_first }
}

fn row_of(points: Points<'_>, row: u32) -> &[f32] {
    &points.numbers[row as usize * points.dim..(row as usize + 1) * points.dim]
}

/// For each row the nearest of its candidates.
fn nearest_of_all(
    points: Points,
    k: usize,
    n_rows: usize,
    candidates: impl Fn(usize) -> Vec<u32> + Sync,
) -> Vec<Found> {
    let nearest = |row: usize| {
        let mut rows = candidates(row);
        rows.sort_unstable();
        rows.dedup();
        let own = row_of(points, row as u32);
        let others = rows.into_iter().filter(|other| *other as usize != row);
        let mut found: Found = others.map(|other| (square(own, row_of(points, other)), other)).collect();
        if found.len() > k {
            found.select_nth_unstable_by(k - 1, order);
            found.truncate(k);
        }
        found.sort_unstable_by(order);
        found
    };
    (0..n_rows).into_par_iter().with_min_len(64).map(nearest).collect()
}

fn order(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

/// For each row the rows that it is among the nearest of, the nearest ones first.
fn reversed(found: &[Found]) -> Vec<Found> {
    let mut reverse = vec![Found::new(); found.len()];
    for (row, near) in found.iter().enumerate() {
        near.iter()
            .take(NEAREST)
            .for_each(|(square, other)| reverse[*other as usize].push((*square, row as u32)));
    }
    reverse.par_iter_mut().for_each(|near| {
        near.sort_unstable_by(order);
        near.truncate(NEAREST);
    });
    reverse
}

fn neighbours_of_neighbours(found: &[Found], reverse: &[Found], row: usize) -> Vec<u32> {
    let near = found[row].iter().take(NEAREST).chain(&reverse[row]);
    let mut rows: Vec<u32> = found[row].iter().map(|(_, other)| *other).collect();
    for (_, other) in near {
        rows.push(*other);
        rows.extend(found[*other as usize].iter().take(NEAREST).map(|(_, next)| *next));
    }
    rows
}

fn measured(points: Points, k: usize, found: &[Found]) -> Neighbours {
    let wide = |row: u32| row_of(points, row).iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let measure = |(row, near): (usize, &Found)| {
        let own = wide(row as u32);
        let mut exact: Vec<(f64, u32)> =
            near.iter().map(|(_, other)| (squared_distance(&own, &wide(*other)), *other)).collect();
        exact.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        exact
    };
    let exact: Vec<Vec<(f64, u32)>> = found.par_iter().enumerate().map(measure).collect();
    Neighbours {
        k,
        ids: exact.iter().flatten().map(|(_, id)| *id).collect(),
        distances: exact.iter().flatten().map(|(square, _)| square.sqrt() as f32).collect(),
    }
}

fn square(a: &[f32], b: &[f32]) -> f32 {
    sum_in_lanes(a, b, |a, b| (a - b) * (a - b))
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_in_lanes(a, b, |a, b| a * b)
}

#[inline]
fn sum_in_lanes(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| term(*a, *b)).sum();
    let mut lanes = [0.0; LANES];
    for (a, b) in a.zip(b) {
        (0..LANES).for_each(|i| lanes[i] += term(a[i], b[i]));
    }
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Searcher, overlap};

    /// 20 groups of rows of ten numbers, each near a plane.
    fn some_rows(n_rows: usize) -> Vec<f32> {
        let mut random = SplitMix(3);
        let row = |i: usize| {
            let [u, v] = [0; 2].map(|_| random.uniform() * 4.0);
            let group = (i % 20) as f64;
            std::array::from_fn::<f32, 10, _>(|j| {
                let j = j as f64 + 1.0;
                (libm::sin(group * j) * 3.0
                    + u * libm::cos(j)
                    + v * libm::sin(3.0 * j)
                    + random.uniform() * 0.3) as f32
            })
        };
        (0..n_rows).flat_map(row).collect()
    }

    #[test]
    fn nearly_all_neighbours_are_found_whatever_the_number_of_threads() {
        let rows = some_rows(4_000);
        let exact = Searcher::new(&rows, 10).among(0..4_000, 15);
        let points = Points { numbers: &rows, dim: 10 };
        let on = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| most_neighbours(points, 15, || Ok(())).unwrap())
        };
        let found = on(1);
        assert_eq!(on(3), found);
        let recall: f64 = (0..4_000).map(|row| overlap(&exact, &found, row)).sum::<f64>() / 4_000.0;
        assert!(recall >= 0.95, "{recall}");
    }

    #[test]
    fn few_rows_and_equal_rows_have_all_their_neighbours_and_who_stops_stops() {
        for n_rows in [0, 1, 2, 30] {
            let rows = some_rows(n_rows);
            let points = Points { numbers: &rows, dim: 10 };
            let exact = Searcher::new(&rows, 10).among(0..n_rows, 15);
            assert_eq!(most_neighbours(points, 15, || Ok(())).unwrap(), exact);
        }
        let equal = Points { numbers: &[1.0; 600], dim: 2 };
        let found = most_neighbours(equal, 5, || Ok(())).unwrap();
        assert_eq!((found.n_rows(), found.distances), (300, vec![0.0; 1500]));
        assert!(most_neighbours(equal, 5, || Err(crate::error::Error::interrupted())).is_err());
    }
}
