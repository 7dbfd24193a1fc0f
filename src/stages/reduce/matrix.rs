//! All rows of one embed step as one matrix, scaled.

use super::Scale;
use crate::error::{Error, Result};
use crate::stages::{Context, Frame, Input, Values};

/// The `vector` of every row of every frame, in order. In f32, for there may be millions of rows; what is summed
/// over them is summed in f64.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rows {
    /// Numbers of a row.
    pub(super) dim: usize,
    /// The rows laid end to end.
    pub(super) data: Vec<f32>,
}

impl Rows {
    /// Stacks the frames and scales the columns.
    ///
    /// # Errors
    /// When a frame has no `vector`, the vectors differ in length, or a number is not finite.
    pub(super) fn stack(frames: &[Input], scale: Scale, context: &Context) -> Result<Self> {
        let mut rows = Self { dim: 0, data: Vec::new() };
        for frame in frames {
            context.check()?;
            rows.append(&Frame::read(frame)?)?;
        }
        if scale == Scale::Zscore {
            rows.standardise();
        }
        Ok(rows)
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.data.len() / self.dim.max(1)
    }

    /// The rows in order.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.data.chunks_exact(self.dim.max(1))
    }

    /// Takes each column's mean from it.
    pub(super) fn centre(&mut self) {
        let means = self.means();
        self.scale_columns(&means, &vec![1.0; self.dim]);
    }

    fn append(&mut self, frame: &Frame) -> Result<()> {
        let Some(Values::Lists { dim, data }) = frame.column("vector") else {
            return Err(Error::world("cannot reduce these rows: they have no column `vector`"));
        };
        if frame.n_rows == 0 {
            return Ok(());
        }
        if self.data.is_empty() {
            self.dim = *dim;
        }
        if self.dim != *dim || *dim == 0 {
            let message = format!("cannot reduce these rows: one has {} numbers, another {dim}", self.dim);
            return Err(Error::world(message));
        }
        if let Some(at) = data.iter().position(|number| !number.is_finite()) {
            let (row, column) = (self.len() + at / dim, at % dim);
            let cause = format!("number {column} of row {row} is not finite");
            return Err(Error::world(format!("cannot reduce these rows: {cause}")));
        }
        self.data.extend(data);
        Ok(())
    }

    /// Each column to mean 0 and standard deviation 1 (ddof = 0), as scikit-learn's `StandardScaler`; a constant
    /// column becomes 0 exactly.
    fn standardise(&mut self) {
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
        let factors: Vec<f64> = squares.iter().zip(varies).map(factor).collect();
        self.scale_columns(&means, &factors);
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

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::stages::{Inputs, Stage};

    /// A frame of these rows.
    pub(in crate::stages::reduce) fn features(rows: &[&[f32]], dim: usize) -> Input {
        let columns = vec![("vector".to_owned(), Values::Lists { dim, data: rows.concat() })];
        Input::bytes(Frame { n_rows: rows.len(), columns }.to_bytes())
    }

    /// What `stage` makes of the rows of these frames.
    pub(in crate::stages::reduce) fn reduce(stage: &dyn Stage, frames: &[Input]) -> Result<Frame> {
        let mut inputs = Inputs::default();
        frames.iter().for_each(|frame| inputs.push("features", frame.clone()));
        let outputs = stage.run(&inputs, &Context::new(&AtomicBool::new(false)))?;
        Frame::read(&Input::bytes(outputs[0].1.as_slice()))
    }

    fn stack(frames: &[Input], scale: Scale) -> Result<Rows> {
        Rows::stack(frames, scale, &Context::new(&AtomicBool::new(false)))
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
}
