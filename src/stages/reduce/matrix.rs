//! All rows of one embed step as one matrix, scaled.

use serde::{Deserialize, Serialize};

use super::{Scale, Weights};
use crate::error::{Error, Result};
use crate::signal::Points;
use crate::stages::{Context, Frame, Input, Values};

/// The `vector` of every row of every frame, or the blocks that have weights laid end to end, in order. In f32, for there may be millions of rows; what is summed
/// over them is summed in f64.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rows {
    /// Numbers of a row.
    pub(super) dim: usize,
    /// The rows laid end to end.
    pub(super) data: Vec<f32>,
}

/// The rows of some frames as they are, before their columns are scaled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stacked {
    pub(super) rows: Rows,
    /// Numbers of each block of a row.
    dims: Vec<usize>,
    /// Of each frame, how many rows there are up to its last one.
    pub(super) ends: Vec<usize>,
}

/// What takes the columns to mean 0 and standard deviation 1; nothing, where they stay as they are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Scaling {
    /// What is taken from each column.
    pub means: Vec<f64>,
    /// What each is multiplied by then.
    pub factors: Vec<f64>,
}

impl Stacked {
    /// Stacks the frames.
    ///
    /// # Errors
    /// When a frame has no such columns, they differ in length, a number is not finite, or a weight is not one from 0 on.
    pub(super) fn of(frames: &[Input], weights: &Weights, context: &Context) -> Result<Self> {
        if let Some((block, weight)) = weights.iter().find(|(_, weight)| !(0.0..=1e6).contains(*weight)) {
            let cause = "a weight is from 0 to 1,000,000";
            return Err(Error::usage(format!("cannot weigh `{block}` by `{weight}`: {cause}")));
        }
        let mut rows = Rows { dim: 0, data: Vec::new() };
        let (mut dims, mut ends) = (Vec::new(), Vec::new());
        for (input, frame) in frames.iter().enumerate() {
            context.check()?;
            let frame = Frame::read(frame)?;
            let lists = lists(&frame, weights)?;
            check_finite(&lists, weights).map_err(|error| error.of_input(input))?;
            dims = lists.iter().map(|(dim, _)| *dim).collect();
            rows.append(&lists, frame.n_rows).map_err(|error| error.of_input(input))?;
            ends.push(rows.len());
        }
        Ok(Self { rows, dims, ends })
    }

    /// What scales the columns by all rows.
    pub(super) fn scaling(&self, scale: Scale) -> Scaling {
        if scale == Scale::Zscore { self.rows.standardising() } else { Scaling::default() }
    }

    /// The rows with their columns scaled, and those of each named block multiplied by its weight over the square root of
    /// their number, so that blocks of equal weight count the same whatever their sizes. Those of length 1 do so already.
    pub(super) fn scaled(self, scale: Scale, weights: &Weights, scaling: &Scaling) -> Rows {
        let Self { mut rows, dims, .. } = self;
        match scale {
            Scale::Zscore => rows.scale_columns(&scaling.means, &scaling.factors),
            Scale::L2 => rows.shorten(&dims),
            Scale::None => {}
        }
        rows.weigh(&dims, weights, scale);
        rows
    }
}

impl Rows {
    /// Stacks the frames, and scales the columns by all rows.
    ///
    /// # Errors
    /// As [`Stacked::of`].
    pub(super) fn stack(
        frames: &[Input],
        scale: Scale,
        weights: &Weights,
        context: &Context,
    ) -> Result<Self> {
        let stacked = Stacked::of(frames, weights, context)?;
        let scaling = stacked.scaling(scale);
        Ok(stacked.scaled(scale, weights, &scaling))
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.data.len() / self.dim.max(1)
    }

    /// The rows in order.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.data.chunks_exact(self.dim.max(1))
    }

    /// The numbers of one row.
    pub(super) fn of(&self, row: usize) -> &[f32] {
        &self.data[row * self.dim..(row + 1) * self.dim]
    }

    /// Every `step`th row, from the first on.
    pub(super) fn every(&self, step: usize) -> Self {
        Self { dim: self.dim, data: self.iter().step_by(step.max(1)).flatten().copied().collect() }
    }

    /// The rows, to be compared with each other.
    pub(super) fn points(&self) -> Points<'_> {
        Points { numbers: &self.data, dim: self.dim }
    }

    /// Takes each column's mean from it; the means.
    pub(super) fn centre(&mut self) -> Vec<f64> {
        let means = self.means();
        self.take_away(&means);
        means
    }

    /// Takes a number from each column.
    pub(super) fn take_away(&mut self, numbers: &[f64]) {
        self.scale_columns(numbers, &vec![1.0; self.dim]);
    }

    fn append(&mut self, lists: &[(usize, &[f32])], n_rows: usize) -> Result<()> {
        if n_rows == 0 {
            return Ok(());
        }
        let dim: usize = lists.iter().map(|(dim, _)| dim).sum();
        if self.data.is_empty() {
            self.dim = dim;
        }
        if self.dim != dim || dim == 0 {
            let message = format!("cannot reduce these rows: one has {} numbers, another {dim}", self.dim);
            return Err(Error::world(message));
        }
        for row in 0..n_rows {
            for (dim, data) in lists {
                self.data.extend(data.get(row * dim..(row + 1) * dim).unwrap_or(&[]));
            }
        }
        Ok(())
    }

    /// Each block of each row to length 1.
    fn shorten(&mut self, dims: &[usize]) {
        for row in self.data.chunks_exact_mut(self.dim.max(1)) {
            let mut rest = row;
            for dim in dims {
                let (block, others) = rest.split_at_mut((*dim).min(rest.len()));
                let length = block.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
                if length > 0.0 {
                    block.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
                }
                rest = others;
            }
        }
    }

    fn weigh(&mut self, dims: &[usize], weights: &Weights, scale: Scale) {
        if weights.is_empty() {
            return;
        }
        let size = |dim: &usize| if scale == Scale::L2 { 1.0 } else { (*dim as f64).sqrt() };
        let factor = |(dim, weight): (&usize, &f64)| (*dim, weight / size(dim));
        let blocks = dims.iter().zip(weights.values()).map(factor);
        let factors: Vec<f64> = blocks.flat_map(|(dim, factor)| std::iter::repeat_n(factor, dim)).collect();
        if factors.len() == self.dim {
            self.scale_columns(&vec![0.0; self.dim], &factors);
        }
    }

    /// What takes each column to mean 0 and standard deviation 1 (ddof = 0), as scikit-learn's `StandardScaler`, and a constant
    /// one to 0 exactly.
    fn standardising(&self) -> Scaling {
        let means = self.means();
        let mut squares = vec![0.0; self.dim];
        for row in self.iter() {
            for ((square, value), mean) in squares.iter_mut().zip(row).zip(&means) {
                let deviation = f64::from(*value) - mean;
                *square += deviation * deviation;
            }
        }
        let n = self.len() as f64;
        let varies = self.varies();
        let factor = |(square, varies): (&f64, bool)| if varies { 1.0 / (square / n).sqrt() } else { 0.0 };
        let factors = squares.iter().zip(varies).map(factor).collect();
        Scaling { means, factors }
    }

    fn means(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.dim];
        for row in self.iter() {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let n = self.len().max(1) as f64;
        sums.iter().map(|sum| sum / n).collect()
    }

    /// Whether each column holds two different numbers: rounding makes a variance of 0 unreliable.
    fn varies(&self) -> Vec<bool> {
        let mut varies = vec![false; self.dim];
        let first = self.data.get(..self.dim).unwrap_or(&[]);
        for row in self.iter() {
            varies
                .iter_mut()
                .zip(row)
                .zip(first)
                .for_each(|((varies, value), first)| *varies |= value != first);
        }
        varies
    }

    fn scale_columns(&mut self, means: &[f64], factors: &[f64]) {
        for row in self.data.chunks_exact_mut(self.dim.max(1)) {
            for ((value, mean), factor) in row.iter_mut().zip(means).zip(factors) {
                *value = ((f64::from(*value) - mean) * factor) as f32;
            }
        }
    }
}

/// Refuses what no distance can be computed from.
fn check_finite(lists: &[(usize, &[f32])], weights: &Weights) -> Result<()> {
    let names = weights.keys().map(String::as_str).chain(weights.is_empty().then_some("vector"));
    for (name, (dim, data)) in names.zip(lists) {
        if let Some(at) = data.iter().position(|number| !number.is_finite()) {
            let (row, number) = (at / dim.max(&1), at % dim.max(&1));
            let cause = format!("number {number} of `{name}` in row {row} is not finite");
            return Err(Error::world(format!("cannot reduce these rows: {cause}")));
        }
    }
    Ok(())
}

/// The lists that make up a row, each with the numbers of one: `vector`, or the blocks that have weights.
fn lists<'f>(frame: &'f Frame, weights: &Weights) -> Result<Vec<(usize, &'f [f32])>> {
    let list = |name: &str| match frame.column(name) {
        Some(Values::Lists { dim, data }) => Ok((*dim, data.as_slice())),
        Some(Values::Singles(data)) => Ok((1, data.as_slice())),
        _ => Err(Error::world(format!("cannot reduce these rows: they have no column `{name}` of numbers"))
            .hint("`taqsim explain` names the columns of a kind of step")),
    };
    if weights.is_empty() {
        return Ok(vec![list("vector")?]);
    }
    weights.keys().map(|name| list(name)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::signal::SplitMix;
    use crate::stages::{Inputs, Stage};

    /// A frame of these rows.
    pub(in crate::stages::reduce) fn features(rows: &[&[f32]], dim: usize) -> Input {
        let columns = vec![("vector".to_owned(), Values::Lists { dim, data: rows.concat() })];
        Input::bytes(Frame { n_rows: rows.len(), columns }.to_bytes())
    }

    /// So many rows in four groups, the same each time.
    pub(in crate::stages::reduce) fn some_rows(n_rows: usize, dim: usize) -> Input {
        let mut random = SplitMix(n_rows as u64);
        let rows: Vec<Vec<f32>> = (0..n_rows)
            .map(|i| (0..dim).map(|j| (random.uniform() + (i % 4 * (j + 1)) as f64) as f32).collect())
            .collect();
        features(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>(), dim)
    }

    /// What `stage` makes of the rows of these frames.
    pub(in crate::stages::reduce) fn reduce(stage: &dyn Stage, frames: &[Input]) -> Result<Frame> {
        let mut inputs = Inputs::default();
        frames.iter().for_each(|frame| inputs.push("features", frame.clone()));
        let outputs = stage.run(&inputs, &Context::new(&AtomicBool::new(false)))?;
        Frame::read(&Input::bytes(outputs[0].1.as_slice()))
    }

    fn stack(frames: &[Input], scale: Scale) -> Result<Rows> {
        weighed(frames, scale, &[])
    }

    fn weighed(frames: &[Input], scale: Scale, weights: &[(&str, f64)]) -> Result<Rows> {
        let weights = weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
        Rows::stack(frames, scale, &weights, &Context::new(&AtomicBool::new(false)))
    }

    /// Two rows: `vector`, and the blocks `wide` of four numbers and `one`.
    fn blocks() -> Input {
        let list =
            |name: &str, dim, data: &[f32]| (name.to_owned(), Values::Lists { dim, data: data.to_vec() });
        let wide = list("wide", 4, &[1.0, 1.0, 1.0, 1.0, 3.0, 5.0, 1.0, 3.0]);
        let one = ("one".to_owned(), Values::Singles(vec![10.0, 20.0]));
        let columns = vec![list("vector", 1, &[1.0, 2.0]), wide, one];
        Input::bytes(Frame { n_rows: 2, columns }.to_bytes())
    }

    #[test]
    fn named_blocks_are_joined_scaled_and_weighed_by_their_sizes() {
        let weights = [("wide", 2.0), ("one", 3.0)];
        // In the order of their names, each number to a standard deviation of 1; 2 over the root of 4 is 1.
        let got = weighed(&[blocks()], Scale::Zscore, &weights).unwrap();
        assert_eq!(got.data, [-3.0, -1.0, -1.0, 0.0, -1.0, 3.0, 1.0, 1.0, 0.0, 1.0]);
        assert_eq!(weighed(&[blocks()], Scale::None, &[("one", 0.5)]).unwrap().data, [5.0, 10.0]);
        assert_eq!(weighed(&[blocks()], Scale::None, &[]).unwrap().data, [1.0, 2.0]);
        let got = weighed(&[blocks()], Scale::L2, &weights).unwrap();
        assert_eq!(got.data[..5], [3.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(weighed(&[blocks()], Scale::L2, &[]).unwrap().data, [1.0, 1.0]);
        for weights in [[("absent", 1.0)], [("one", -1.0)], [("one", f64::NAN)]] {
            assert!(weighed(&[blocks()], Scale::None, &weights).is_err());
        }
        assert_eq!(weighed(&[], Scale::Zscore, &weights).unwrap().len(), 0);
    }

    #[test]
    fn frames_are_stacked_in_order_and_scaled_over_all_rows() {
        let frames =
            [features(&[&[1.0, 0.1], &[3.0, 0.1]], 2), features(&[], 2), features(&[&[5.0, 0.1]], 2)];
        let plain = stack(&frames, Scale::None).unwrap();
        assert_eq!(plain.data, [1.0, 0.1, 3.0, 0.1, 5.0, 0.1]);
        let scaled = stack(&frames, Scale::Zscore).unwrap();
        let z = 1.5_f32.sqrt();
        assert_eq!(scaled.data, [-z, 0.0, 0.0, 0.0, z, 0.0]);
    }

    #[test]
    fn rows_that_cannot_be_compared_are_errors() {
        let no_vector = Input::bytes(Frame::default().to_bytes());
        let pair = features(&[&[1.0, 2.0]], 2);
        for frames in [
            vec![no_vector],
            vec![pair.clone(), features(&[&[1.0]], 1)],
            vec![pair, features(&[&[1.0, f32::NAN]], 2)],
        ] {
            assert!(stack(&frames, Scale::Zscore).is_err());
        }
        assert_eq!(stack(&[], Scale::Zscore).unwrap().len(), 0);
    }

    #[test]
    fn a_number_that_is_none_is_named_by_frame_row_and_column() {
        let frames = [features(&[&[1.0, 2.0]], 2), features(&[&[1.0, 2.0], &[1.0, f32::INFINITY]], 2)];
        let error = stack(&frames, Scale::Zscore).unwrap_err();
        assert_eq!(error.message, "cannot reduce these rows: number 1 of `vector` in row 1 is not finite");
        assert_eq!(error.input, Some(1));
    }
}
