//! The nearest neighbours of rows: exact, by brute force, eight distances side by side.

use std::ops::Range;

use rayon::prelude::*;

use super::{LANES, Lanes, squared_distance};

/// For each of some rows its nearest others, nearest first; of equally near ones the earlier one first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Neighbours {
    /// How many each row has.
    pub k: usize,
    /// Which rows, counted from 0: `k` of each row, row after row.
    pub ids: Vec<u32>,
    /// How far they are, in the order of `ids`.
    pub distances: Vec<f32>,
}

impl Neighbours {
    /// Those of one row.
    pub fn of(&self, row: usize) -> (&[u32], &[f32]) {
        let range = row * self.k..(row + 1) * self.k;
        (&self.ids[range.clone()], &self.distances[range])
    }

    /// Of how many rows.
    pub fn n_rows(&self) -> usize {
        self.ids.len() / self.k.max(1)
    }

    /// Those of further rows, with as many for each.
    pub fn append(&mut self, more: Self) {
        self.k = more.k;
        self.ids.extend(more.ids);
        self.distances.extend(more.distances);
    }
}

/// Rows of numbers, laid out so that eight of them can be compared with another at a time.
///
/// Which are nearest is found in f32, from the sums of squared differences; how far they are, in f64. Nothing depends on
/// the number of threads.
#[derive(Debug, Clone)]
pub struct Searcher<'a> {
    rows: &'a [f32],
    dim: usize,
    /// Number `j` of rows 8 p to 8 p + 7 is at `p * dim + j`; where there is no row, nothing is near.
    panels: Vec<Lanes>,
}

/// Rows that are compared with all others while some of these are in the nearest cache.
const QUERIES: usize = 32;
/// So many numbers of rows to compare with stay in the cache: 128 KiB.
const LANES_OF_A_TILE: usize = 1 << 12;
/// Rows that are compared with a panel at one time, so that the panel is loaded once.
const AT_ONCE: usize = 4;

impl<'a> Searcher<'a> {
    /// Rows of `dim` numbers laid end to end.
    pub fn new(rows: &'a [f32], dim: usize) -> Self {
        let dim = dim.max(1);
        let mut panels = vec![Lanes([f32::NAN; LANES]); (rows.len() / dim).div_ceil(LANES) * dim];
        for (row, numbers) in rows.chunks_exact(dim).enumerate() {
            let panel = &mut panels[row / LANES * dim..][..dim];
            panel.iter_mut().zip(numbers).for_each(|(lanes, number)| lanes.0[row % LANES] = *number);
        }
        Self { rows, dim, panels }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.rows.len() / self.dim
    }

    /// The nearest others of some of the rows, by Euclidean distance: `k` of each, or all where there are fewer.
    pub fn among(&self, rows: Range<usize>, k: usize) -> Neighbours {
        let k = k.min(self.n_rows().saturating_sub(1));
        self.search(&self.rows[rows.start * self.dim..rows.end * self.dim], Some(rows.start), k)
    }

    /// The rows nearest to other ones, of as many numbers: `k` of each, or all where there are fewer.
    pub fn near(&self, others: &[f32], k: usize) -> Neighbours {
        self.search(others, None, k.min(self.n_rows()))
    }

    /// `first` is which of the rows the first query is: no row is its own neighbour.
    fn search(&self, queries: &[f32], first: Option<usize>, k: usize) -> Neighbours {
        if k == 0 {
            return Neighbours::default();
        }
        let found: Vec<(Vec<u32>, Vec<f32>)> = queries
            .par_chunks(QUERIES * self.dim)
            .enumerate()
            .map(|(i, chunk)| self.nearest_of_each(chunk, first.map(|first| first + i * QUERIES), k))
            .collect();
        let mut neighbours = Neighbours { k, ids: Vec::new(), distances: Vec::new() };
        for (ids, distances) in found {
            neighbours.ids.extend(ids);
            neighbours.distances.extend(distances);
        }
        neighbours
    }

    fn nearest_of_each(&self, queries: &[f32], first: Option<usize>, k: usize) -> (Vec<u32>, Vec<f32>) {
        let mut nearest: Vec<Nearest> = queries
            .chunks_exact(self.dim)
            .enumerate()
            .map(|(i, _)| Nearest::new(k, first.map(|first| first + i)))
            .collect();
        let panels_of_a_tile = (LANES_OF_A_TILE / self.dim).max(1);
        for (tile, panels) in self.panels.chunks(panels_of_a_tile * self.dim).enumerate() {
            let groups = queries.chunks(AT_ONCE * self.dim).zip(nearest.chunks_mut(AT_ONCE));
            groups.for_each(|(group, nearest)| {
                compare(group, self.dim, panels, tile * panels_of_a_tile * LANES, nearest);
            });
        }
        let exact = nearest.into_iter().zip(queries.chunks_exact(self.dim));
        exact.flat_map(|(nearest, query)| self.measured(query, nearest)).unzip()
    }

    /// The rows that were found, with their distances in f64 and in the order of those.
    fn measured(&self, query: &[f32], nearest: Nearest) -> Vec<(u32, f32)> {
        let wide = |row: &[f32]| row.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        let query = wide(query);
        let square = |id: u32| {
            squared_distance(&query, &wide(&self.rows[id as usize * self.dim..(id as usize + 1) * self.dim]))
        };
        let mut found: Vec<(f64, u32)> = nearest.found.iter().map(|(_, id)| (square(*id), *id)).collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        found.into_iter().map(|(square, id)| (id, square.sqrt() as f32)).collect()
    }
}

/// The nearest rows seen so far, by the square of their distance.
struct Nearest {
    k: usize,
    itself: Option<usize>,
    found: Vec<(f32, u32)>,
    /// What a row must be nearer than to be one of them.
    farthest: f32,
}

impl Nearest {
    fn new(k: usize, itself: Option<usize>) -> Self {
        Self { k, itself, found: Vec::with_capacity(k + 1), farthest: f32::INFINITY }
    }

    #[inline]
    fn see(&mut self, first: usize, squares: Lanes) {
        for (lane, square) in squares.0.into_iter().enumerate() {
            if square < self.farthest {
                self.insert(square, first + lane);
            }
        }
    }

    fn insert(&mut self, square: f32, row: usize) {
        if self.itself == Some(row) {
            return;
        }
        let at = self.found.partition_point(|(other, _)| *other <= square);
        self.found.insert(at, (square, row as u32));
        self.found.truncate(self.k);
        if self.found.len() == self.k {
            self.farthest = self.found.last().map_or(f32::INFINITY, |(square, _)| *square);
        }
    }
}

/// Compares up to four queries with the rows of some panels, the first of which is row `first`.
fn compare(queries: &[f32], dim: usize, panels: &[Lanes], first: usize, nearest: &mut [Nearest]) {
    let query = |i: usize| queries.chunks_exact(dim).nth(i).unwrap_or(&queries[..dim]);
    let queries = std::array::from_fn(query);
    for (i, panel) in panels.chunks_exact(dim).enumerate() {
        let squares = four_squares(queries, panel);
        for (nearest, squares) in nearest.iter_mut().zip(squares) {
            nearest.see(first + i * LANES, squares);
        }
    }
}

/// The squares of the distances of four queries to the eight rows of a panel.
#[inline]
fn four_squares(queries: [&[f32]; AT_ONCE], panel: &[Lanes]) -> [Lanes; AT_ONCE] {
    let mut sums = [Lanes::ZERO; AT_ONCE];
    let [a, b, c, d] = queries.map(|query| query.iter());
    for ((((lanes, a), b), c), d) in panel.iter().zip(a).zip(b).zip(c).zip(d) {
        for (sum, number) in sums.iter_mut().zip([a, b, c, d]) {
            let difference = *lanes - Lanes([*number; LANES]);
            *sum += difference * difference;
        }
    }
    sums
}

/// What share of a row's neighbours in `a` are its neighbours in `b` too, 0 to 1.
pub fn overlap(a: &Neighbours, b: &Neighbours, row: usize) -> f64 {
    let (near, other) = (a.of(row).0, b.of(row).0);
    near.iter().filter(|id| other.contains(id)).count() as f64 / a.k.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;

    fn some_rows(n_rows: usize, dim: usize) -> Vec<f32> {
        let mut random = Random::new((n_rows * 31 + dim) as u64);
        (0..n_rows * dim).map(|_| (random.uniform() * 8.0) as f32).collect()
    }

    /// Sorted by distance, then by row.
    fn by_sorting(rows: &[f32], dim: usize, query: usize, k: usize) -> Vec<u32> {
        let row = |i: usize| rows[i * dim..(i + 1) * dim].iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        let mut all: Vec<(f64, u32)> = (0..rows.len() / dim)
            .filter(|i| *i != query)
            .map(|i| (squared_distance(&row(query), &row(i)), i as u32))
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all.into_iter().take(k).map(|(_, id)| id).collect()
    }

    #[test]
    fn neighbours_are_those_that_sorting_finds() {
        for (n_rows, dim, k) in [(2, 1, 1), (9, 3, 15), (100, 2, 15), (333, 65, 7), (200, 5000, 3)] {
            let rows = some_rows(n_rows, dim);
            let found = Searcher::new(&rows, dim).among(0..n_rows, k);
            assert_eq!((found.k, found.n_rows()), (k.min(n_rows - 1), n_rows));
            for row in 0..n_rows {
                assert_eq!(found.of(row).0, by_sorting(&rows, dim, row, k), "{n_rows} {dim} {k} {row}");
            }
        }
    }

    #[test]
    fn pieces_and_threads_change_nothing_and_other_rows_may_find_themselves() {
        let rows = some_rows(150, 4);
        let searcher = Searcher::new(&rows, 4);
        let whole = searcher.among(0..150, 5);
        let mut pieces = searcher.among(0..37, 5);
        pieces.append(searcher.among(37..150, 5));
        assert_eq!(pieces, whole);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(pool.install(|| searcher.among(0..150, 5)), whole);
        let near = searcher.near(&rows[40..48], 2);
        assert_eq!((near.of(0).0[0], near.of(1).0[0], near.of(1).1[0]), (10, 11, 0.0));
        assert_eq!(overlap(&whole, &whole, 7), 1.0);
    }

    #[test]
    fn of_equal_rows_the_earlier_ones_are_nearer_and_one_row_has_no_neighbour() {
        let rows = [1.0; 40];
        let found = Searcher::new(&rows, 2).among(0..20, 3);
        assert_eq!(
            (found.of(0).0, found.of(1).0, found.of(19).0),
            (&[1, 2, 3][..], &[0, 2, 3][..], &[0, 1, 2][..])
        );
        assert!(found.distances.iter().all(|distance| *distance == 0.0));
        for n_rows in [0, 1] {
            assert_eq!(Searcher::new(&rows[..n_rows], 1).among(0..n_rows, 3), Neighbours::default());
        }
    }
}
