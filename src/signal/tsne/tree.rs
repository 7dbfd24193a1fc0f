//! A tree of cells, halved along every axis until each holds a few rows: what is far is seen as one.

use crate::signal::{LANES, Lanes};

/// A cell is seen as one from where its width is less than this part of the distance.
const THETA: f32 = 0.5;
/// Rows of the least cells.
const LEAF: usize = 4;
/// Bits of a place along each axis.
const BITS: u32 = 20;

/// The cells that hold the rows of a map, each before the cells inside it.
#[derive(Debug, Clone)]
pub(super) struct Tree<const D: usize> {
    /// The rows along a curve on which neighbours are near: in the order of their cells.
    pub(super) order: Vec<u32>,
    /// Their places, in that order.
    pub(super) places: Vec<[f32; D]>,
    cells: Vec<Cell<D>>,
}

#[derive(Debug, Clone)]
struct Cell<const D: usize> {
    /// The mean of its rows.
    centre: [f32; D],
    /// The square of the distance from which it is seen as one.
    far: f32,
    /// Its rows, in the tree's order.
    rows: (u32, u32),
    /// The next cell that is not inside.
    next: u32,
    is_leaf: bool,
}

/// What pushes eight rows: the sums of q² (y - y') for each axis, and of q, over all rows; q is 1 / (1 + |y - y'|²).
#[derive(Debug, Clone, Copy)]
pub(super) struct Pushes<const D: usize> {
    pub(super) forces: [Lanes; D],
    pub(super) sum: Lanes,
}

impl<const D: usize> Tree<D> {
    pub(super) fn of(places: &[[f32; D]]) -> Self {
        let (low, width) = bounds(places);
        let mut coded: Vec<(u64, u32)> =
            places.iter().enumerate().map(|(row, place)| (code(place, &low, width), row as u32)).collect();
        coded.sort_unstable();
        let order: Vec<u32> = coded.iter().map(|(_, row)| *row).collect();
        let sorted = order.iter().map(|row| places[*row as usize]).collect();
        let codes: Vec<u64> = coded.into_iter().map(|(code, _)| code).collect();
        let mut tree = Self { order, places: sorted, cells: Vec::with_capacity(places.len()) };
        tree.divide(&codes, (0, places.len()), BITS, width);
        tree
    }

    /// Adds the cell of these rows, whose codes agree in all but the last `bits` of each axis, and the cells inside it.
    fn divide(&mut self, codes: &[u64], (start, end): (usize, usize), bits: u32, width: f32) {
        let is_leaf = end - start <= LEAF || bits == 0;
        let far = (width / THETA) * (width / THETA);
        let cell =
            Cell { centre: self.centre(start, end), far, rows: (start as u32, end as u32), next: 0, is_leaf };
        let own = self.cells.len();
        self.cells.push(cell);
        if !is_leaf {
            let child = |code: u64| code >> ((bits - 1) * D as u32);
            let mut first = start;
            while first < end {
                let last =
                    first + codes[first..end].partition_point(|code| child(*code) <= child(codes[first]));
                self.divide(codes, (first, last), bits - 1, width / 2.0);
                first = last;
            }
        }
        self.cells[own].next = self.cells.len() as u32;
    }

    fn centre(&self, start: usize, end: usize) -> [f32; D] {
        let mut sums = [0.0_f64; D];
        for place in &self.places[start..end] {
            sums.iter_mut().zip(place).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        sums.map(|sum| (sum / (end - start).max(1) as f64) as f32)
    }

    /// What pushes the eight rows from `first` on, in the tree's order; the last one stands for those that are not there.
    pub(super) fn pushes(&self, first: usize) -> Pushes<D> {
        let last = self.places.len() - 1;
        let own: [Lanes; D] = std::array::from_fn(|axis| {
            Lanes(std::array::from_fn(|i| self.places[(first + i).min(last)][axis]))
        });
        self.pushes_on(own)
    }

    /// What pushes eight rows that lie at these places.
    pub(super) fn pushes_on(&self, own: [Lanes; D]) -> Pushes<D> {
        let mut pushes = Pushes { forces: [Lanes::ZERO; D], sum: Lanes::ZERO };
        let mut at = 0;
        while let Some(cell) = self.cells.get(at) {
            let (differences, squares) = differences(&own, &cell.centre);
            if squares.0.iter().all(|square| *square > cell.far) {
                pushes.add(&differences, squares, (cell.rows.1 - cell.rows.0) as f32);
                at = cell.next as usize;
            } else if cell.is_leaf {
                for place in &self.places[cell.rows.0 as usize..cell.rows.1 as usize] {
                    let (differences, squares) = self::differences(&own, place);
                    pushes.add(&differences, squares, 1.0);
                }
                at = cell.next as usize;
            } else {
                at += 1;
            }
        }
        pushes
    }
}

impl<const D: usize> Pushes<D> {
    #[inline]
    fn add(&mut self, differences: &[Lanes; D], squares: Lanes, n_rows: f32) {
        let nearness = Lanes(squares.0.map(|square| 1.0 / (1.0 + square)));
        let counted = nearness * n_rows;
        self.sum += counted;
        let push = counted * nearness;
        self.forces.iter_mut().zip(differences).for_each(|(force, difference)| *force += push * *difference);
    }
}

#[inline]
fn differences<const D: usize>(own: &[Lanes; D], other: &[f32; D]) -> ([Lanes; D], Lanes) {
    let differences: [Lanes; D] = std::array::from_fn(|axis| own[axis] - Lanes([other[axis]; LANES]));
    (differences, differences.iter().fold(Lanes::ZERO, |sum, x| sum + *x * *x))
}

/// The corner of a cube that holds all rows, and its width.
fn bounds<const D: usize>(places: &[[f32; D]]) -> ([f32; D], f32) {
    let (mut low, mut high) = ([f32::INFINITY; D], [f32::NEG_INFINITY; D]);
    for place in places {
        for axis in 0..D {
            low[axis] = low[axis].min(place[axis]);
            high[axis] = high[axis].max(place[axis]);
        }
    }
    let width = low.iter().zip(&high).fold(f32::MIN_POSITIVE, |width, (low, high)| width.max(high - low));
    (low, width)
}

/// The bits of all axes in turn, the highest ones first (Morton 1966).
fn code<const D: usize>(place: &[f32; D], low: &[f32; D], width: f32) -> u64 {
    let most = (1_u64 << BITS) - 1;
    let steps: [u64; D] =
        std::array::from_fn(|axis| (((place[axis] - low[axis]) / width * most as f32) as u64).min(most));
    (0..BITS).rev().fold(0, |code, bit| steps.iter().fold(code, |code, step| code << 1 | (step >> bit & 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::SplitMix;

    fn check<const D: usize>(n_rows: usize) {
        let mut random = SplitMix(n_rows as u64);
        let places: Vec<[f32; D]> = (0..n_rows)
            .map(|_| std::array::from_fn(|_| (random.uniform() * random.uniform() * 60.0) as f32))
            .collect();
        let tree = Tree::of(&places);
        for first in (0..n_rows).step_by(LANES) {
            let pushes = tree.pushes(first);
            for lane in 0..LANES.min(n_rows - first) {
                let own = tree.places[first + lane];
                let (mut sum, mut force, mut total) = (0.0, 0.0, 0.0_f32);
                for other in &places {
                    let square: f32 =
                        (0..D).map(|axis| (own[axis] - other[axis]) * (own[axis] - other[axis])).sum();
                    sum += 1.0 / (1.0 + square);
                    let push = (own[0] - other[0]) / ((1.0 + square) * (1.0 + square));
                    force += push;
                    total += push.abs();
                }
                assert!((pushes.sum.0[lane] / sum - 1.0).abs() < 0.03, "{} {sum}", pushes.sum.0[lane]);
                assert!((pushes.forces[0].0[lane] - force).abs() < 0.03 * (total + 1e-3));
            }
        }
    }

    #[test]
    fn pushes_are_nearly_those_of_all_rows_one_by_one() {
        for n_rows in [1, 7, 300, 2000] {
            check::<2>(n_rows);
            check::<3>(n_rows);
        }
    }

    #[test]
    fn rows_at_one_place_share_a_cell() {
        let tree = Tree::of(&[[1.0_f32, 2.0]; 50]);
        assert_eq!(tree.pushes(0).sum.0, [50.0; LANES]);
        assert_eq!(tree.pushes(48).forces[0].0, [0.0; LANES]);
    }
}
