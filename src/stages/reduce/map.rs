//! A map of rows, and how far it can be believed.

use super::matrix::Rows;
use crate::error::{Error, Result};
use crate::signal::{Cell, Fidelity, Neighbours, Points, Searcher, fidelity, grid, overlap};
use crate::stages::{Context, Frame, Values};

/// Where each row lies in 2 or 3 dimensions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Map {
    pub(super) dims: usize,
    /// Their coordinates, row after row.
    pub(super) places: Vec<f32>,
}

/// What the figures of one map are called and hold: a number for each row, or nothing.
pub(super) type Figures = Vec<(String, Values)>;

const AXES: [&str; 3] = ["x", "y", "z"];
/// Neighbours that a map is judged by.
const K: usize = 15;
/// About so many rows are judged where there are more, evenly spread: each costs a comparison with all others.
const JUDGED: usize = 2_000;
/// Maps of other seeds that a map is compared with.
const OTHER_SEEDS: u64 = 4;
/// Maps that are made of a step with a seed: its own, and those of other seeds.
const N_MAPS: u64 = 1 + OTHER_SEEDS;
/// Rows that are judged before the user may stop it again.
const CHUNK: usize = 64;

/// Refuses a map of other than 2 or 3 dimensions.
pub(super) fn check_dims(dims: u32) -> Result<()> {
    if (2..=3).contains(&dims) {
        return Ok(());
    }
    Err(Error::usage(format!("cannot project with `dims = {dims}`: a map has 2 or 3 dimensions")))
}

/// Refuses a grid of a map that does not lie flat.
pub(super) fn check_grid(grid: bool, dims: u32) -> Result<()> {
    if !grid || dims == 2 {
        return Ok(());
    }
    Err(Error::usage(format!("cannot lay a map of `dims = {dims}` out in a grid: a grid has 2 dimensions"))
        .hint("set `dims = 2`, or leave `grid` out"))
}

impl Map {
    /// The map that `map_of` makes of rows with the step's seed (0), with its fidelity, and its stability beside those that
    /// it makes with the seeds after that (from 1 on).
    ///
    /// # Errors
    /// When `map_of` fails, or the user cancelled.
    pub(super) fn seeded(
        rows: &Rows,
        context: &Context,
        map_of: impl Fn(&Rows, u64, &Context) -> Result<Self>,
    ) -> Result<(Self, Figures)> {
        let map = map_of(rows, 0, &context.part(0, N_MAPS))?;
        let mut figures = map.fidelity(rows, context)?;
        let again = |rows: &Rows, other: u64| map_of(rows, other, &context.part(other.max(1), N_MAPS));
        figures.extend(map.stability(rows, again)?);
        Ok((map, figures))
    }

    /// The map's columns `x`, `y` and, with three dimensions, `z`, and its figures.
    pub(super) fn into_frame(self, figures: Figures) -> Frame {
        let column = |axis: usize| self.places.iter().skip(axis).step_by(self.dims).copied().collect();
        let axes = AXES.iter().take(self.dims).enumerate();
        let mut columns: Figures =
            axes.map(|(axis, name)| ((*name).to_owned(), Values::Singles(column(axis)))).collect();
        columns.extend(figures);
        Frame { n_rows: self.n_rows(), columns }
    }

    /// `grid_x` and `grid_y` of each row, if they are asked for.
    ///
    /// # Errors
    /// When the user cancelled.
    pub(super) fn cells(&self, are_wanted: bool, context: &Context) -> Result<Figures> {
        if !are_wanted {
            return Ok(Figures::new());
        }
        let cells = grid(&self.places, || context.check())?;
        let column = |of: fn(&Cell) -> usize| {
            Values::Ints(cells.iter().map(|cell| i64::try_from(of(cell)).ok()).collect())
        };
        let columns = [("grid_x", column(|cell| cell.column)), ("grid_y", column(|cell| cell.row))];
        Ok(columns.map(|(name, values)| (name.to_owned(), values)).into())
    }

    /// `trustworthiness`, `continuity` and `recall` of each row that is judged.
    ///
    /// # Errors
    /// When the user cancelled.
    pub(super) fn fidelity(&self, rows: &Rows, context: &Context) -> Result<Figures> {
        let judged: Vec<usize> = (0..self.n_rows()).step_by(step(self.n_rows())).collect();
        let mut figures = Vec::with_capacity(judged.len());
        for some in judged.chunks(CHUNK) {
            context.check()?;
            figures.extend(fidelity(rows.points(), self.points(), k_of(self.n_rows()), some));
        }
        let column = |figure: fn(&Fidelity) -> f64| {
            self.spread_out(figures.iter().map(figure).map(|x| (x * 1e6).round() / 1e6))
        };
        Ok([
            ("trustworthiness", column(|row| row.trustworthiness)),
            ("continuity", column(|row| row.continuity)),
            ("recall", column(|row| row.recall)),
        ]
        .map(|(name, values)| (name.to_owned(), values))
        .into())
    }

    /// `stability` of each row that is judged: what share of its nearest rows in a map of one seed are its nearest in a map of
    /// another, over all pairs of five seeds. `again` makes a map of some rows with another seed.
    ///
    /// Where not all rows are judged, the five maps are of those that are.
    ///
    /// # Errors
    /// When `again` fails.
    pub(super) fn stability(
        &self,
        rows: &Rows,
        again: impl Fn(&Rows, u64) -> Result<Self>,
    ) -> Result<Figures> {
        let step = step(self.n_rows());
        let judged = rows.every(step);
        let k = k_of(judged.len());
        let mut maps = vec![if step == 1 { self.clone() } else { again(&judged, 0)? }];
        for other in (1..=OTHER_SEEDS).filter(|_| k > 0) {
            maps.push(again(&judged, other)?);
        }
        let near: Vec<Neighbours> = maps.iter().map(|map| map.nearest(k)).collect();
        let shares = (0..judged.len()).filter(|_| k > 0).map(|row| mean_overlap(&near, row));
        let stability = self.spread_out(shares.map(|x| (x * 1e6).round() / 1e6));
        Ok(vec![("stability".to_owned(), stability)])
    }

    /// Puts a row at a place.
    pub(super) fn put(&mut self, row: usize, place: &[f32]) {
        self.places[row * self.dims..][..self.dims].copy_from_slice(place);
    }

    fn n_rows(&self) -> usize {
        self.places.len() / self.dims.max(1)
    }

    fn points(&self) -> Points<'_> {
        Points { numbers: &self.places, dim: self.dims }
    }

    fn nearest(&self, k: usize) -> Neighbours {
        Searcher::new(&self.places, self.dims).among(0..self.n_rows(), k)
    }

    /// A column with a number for each row that is judged, and nothing for the others.
    fn spread_out(&self, numbers: impl Iterator<Item = f64>) -> Values {
        let mut column = vec![None; self.n_rows()];
        column.iter_mut().step_by(step(self.n_rows())).zip(numbers).for_each(|(out, x)| *out = Some(x));
        Values::Floats(column)
    }
}

/// Every how many rows one is judged.
fn step(n_rows: usize) -> usize {
    n_rows.div_ceil(JUDGED).max(1)
}

/// [`K`], or as many as the figures are defined for.
fn k_of(n_rows: usize) -> usize {
    K.min(n_rows.saturating_sub(1) / 2)
}

fn mean_overlap(near: &[Neighbours], row: usize) -> f64 {
    let pairs = near.iter().enumerate().flat_map(|(i, a)| near[..i].iter().map(move |b| (a, b)));
    let shares: Vec<f64> = pairs.map(|(a, b)| overlap(a, b, row)).collect();
    shares.iter().sum::<f64>() / shares.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn line(n_rows: usize) -> (Rows, Map) {
        let data: Vec<f32> = (0..n_rows).map(|i| (i * i) as f32).collect();
        let places = data.iter().flat_map(|x| [*x, 0.0]).collect();
        (Rows { dim: 1, data }, Map { dims: 2, places })
    }

    fn numbers<'f>(figures: &'f Figures, name: &str) -> &'f [Option<f64>] {
        match figures.iter().find(|(column, _)| column == name) {
            Some((_, Values::Floats(numbers))) => numbers,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn a_map_that_moves_nothing_is_perfect_and_of_many_rows_some_are_judged() {
        for (n_rows, n_judged) in [(100, 100), (2_000, 2_000), (2_001, 1_001)] {
            let (rows, map) = line(n_rows);
            let figures = map.fidelity(&rows, &Context::new(&AtomicBool::new(false))).unwrap();
            for name in ["trustworthiness", "continuity", "recall"] {
                let judged: Vec<f64> = numbers(&figures, name).iter().flatten().copied().collect();
                assert_eq!(judged, vec![1.0; n_judged], "{name}");
            }
        }
    }

    #[test]
    fn what_is_the_same_with_every_seed_is_stable_and_what_is_not_is_not() {
        let (rows, map) = line(100);
        let same = map.stability(&rows, |_, _| Ok(map.clone())).unwrap();
        assert_eq!(numbers(&same, "stability"), [Some(1.0); 100]);
        let other = |_: &Rows, seed: u64| {
            let place = |i: u64| ((i * 37 * (seed + 1)) % 101) as f32;
            Ok(Map { dims: 2, places: (0..100).flat_map(|i| [place(i), place(i + 50)]).collect() })
        };
        let mean: f64 = numbers(&map.stability(&rows, other).unwrap(), "stability").iter().flatten().sum();
        assert!(mean < 50.0, "{mean}");
    }

    #[test]
    fn too_few_rows_have_a_map_without_figures() {
        for n_rows in 0..3 {
            let (rows, map) = line(n_rows);
            let figures = map.fidelity(&rows, &Context::new(&AtomicBool::new(false))).unwrap();
            assert_eq!(numbers(&figures, "recall"), vec![None; n_rows]);
            let stability = map.stability(&rows, |_, _| Err(Error::world("not needed"))).unwrap();
            assert_eq!(numbers(&stability, "stability"), vec![None; n_rows]);
            assert_eq!(map.into_frame(figures).n_rows, n_rows);
        }
    }
}
