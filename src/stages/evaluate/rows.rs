//! The rows that are compared: which segments, where in their performance, and their numbers.

use super::super::reduce::Scale;
use super::super::{Context, Frame, Input, Inputs, Pieces, Spans, Values};
use super::Truth;
use crate::error::{Error, Result};
use crate::signal::{Matrix, Random};

/// A segment that is compared with others.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Which of the clips it is of, in the order in which they are read.
    pub(super) clip: usize,
    /// Which row of its clip.
    pub(super) of_clip: usize,
    /// Which row of all.
    pub(super) of_all: usize,
    /// The range of the clip that it lies in.
    pub(super) range: usize,
    /// Where its middle lies on the clip's ranges laid end to end, 0-1.
    pub(super) position: f64,
    /// Which recording it is of.
    pub(super) recording: usize,
}

/// All segments, but of each recording no more than leaves at most `most` rows together, as far apart as they can be.
///
/// # Errors
/// When a value cannot be read.
pub(super) fn rows(inputs: &Inputs, truth: &Truth, most: usize, seed: u64) -> Result<Vec<Row>> {
    let clips = inputs.all("spans").iter().zip(inputs.all("ranges")).zip(&truth.clips);
    let mut rows = Vec::new();
    for (clip, ((spans, ranges), of_clip)) in clips.enumerate() {
        let (spans, pieces) = (Spans::read(spans)?, Pieces::read(ranges)?);
        let end = pieces.pieces.last().map_or(0, |piece| piece.end).max(1) as f64;
        let first = rows.len();
        rows.extend(spans.spans.iter().enumerate().map(|(nth, span)| Row {
            clip,
            of_clip: nth,
            of_all: first + nth,
            range: span.range,
            position: (span.start as f64 / 2.0 + span.end as f64 / 2.0) / end,
            recording: of_clip.recording,
        }));
    }
    Ok(sample(rows, most, seed))
}

/// As many rows of each recording as leave at most `most` together; where there are more recordings than that, one
/// each of some, drawn by chance.
fn sample(rows: Vec<Row>, most: usize, seed: u64) -> Vec<Row> {
    if rows.len() <= most {
        return rows;
    }
    let mut of_recordings: Vec<Vec<Row>> = Vec::new();
    for row in rows {
        if of_recordings.len() <= row.recording {
            of_recordings.resize_with(row.recording + 1, Vec::new);
        }
        of_recordings[row.recording].push(row);
    }
    of_recordings.retain(|rows| !rows.is_empty());
    let n_with = |each: usize| of_recordings.iter().map(|rows| rows.len().min(each)).sum::<usize>();
    let each = (1..=most).take_while(|each| n_with(*each) <= most).last().unwrap_or(1);
    if of_recordings.len() > most {
        let mut random = Random::new(seed);
        for at in 0..most {
            let other = at + random.below((of_recordings.len() - at) as u64) as usize;
            of_recordings.swap(at, other);
        }
        of_recordings.truncate(most);
    }
    let apart = |rows: Vec<Row>| {
        let n = rows.len().min(each);
        (0..n).map(|nth| rows[nth * rows.len() / n].clone()).collect::<Vec<Row>>()
    };
    let mut sampled: Vec<Row> = of_recordings.into_iter().flat_map(apart).collect();
    sampled.sort_by_key(|row| row.of_all);
    sampled
}

/// The numbers of these rows, scaled over them.
///
/// # Errors
/// When a frame has no `vector`, has another number of rows or columns than it should, or a number is not finite.
pub(super) fn numbers(frames: &[Input], rows: &[Row], scale: Scale, context: &Context) -> Result<Matrix> {
    let mut matrix = Matrix::zeros(0, 1);
    let mut at = 0;
    for of_clip in rows.chunk_by(|a, b| a.clip == b.clip) {
        context.check()?;
        let clip = of_clip[0].clip;
        let frame = frames.get(clip).ok_or_else(|| Error::world("cannot evaluate: a clip has no rows"))?;
        let frame = Frame::read(frame)?;
        let (dim, data) = vectors(&frame).map_err(|error| error.of_input(clip))?;
        if matrix.n_rows() == 0 {
            matrix = Matrix::zeros(rows.len(), dim);
        }
        for row in of_clip {
            let numbers = data.get(row.of_clip * dim..(row.of_clip + 1) * dim).unwrap_or(&[]);
            set_row(matrix.row_mut(at), numbers, row.of_clip).map_err(|error| error.of_input(clip))?;
            at += 1;
        }
    }
    match scale {
        Scale::Zscore => standardise(&mut matrix),
        Scale::L2 => (0..matrix.n_rows()).for_each(|row| shorten(matrix.row_mut(row))),
        Scale::None => {}
    }
    Ok(matrix)
}

fn vectors(frame: &Frame) -> Result<(usize, &[f32])> {
    match frame.column("vector") {
        Some(Values::Lists { dim, data }) => Ok((*dim, data)),
        _ => Err(Error::world("cannot evaluate these rows: they have no column `vector` of numbers")),
    }
}

fn set_row(to: &mut [f64], numbers: &[f32], nth: usize) -> Result<()> {
    if to.len() != numbers.len() {
        let message =
            format!("cannot evaluate these rows: one has {} numbers, another {}", to.len(), numbers.len());
        return Err(Error::world(message));
    }
    if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
        let cause = format!("number {at} of `vector` in row {nth} is not finite");
        return Err(Error::world(format!("cannot evaluate these rows: {cause}")));
    }
    to.iter_mut().zip(numbers).for_each(|(to, number)| *to = f64::from(*number));
    Ok(())
}

/// Each column to mean 0 and standard deviation 1 (ddof = 0); a constant column becomes 0 exactly.
fn standardise(matrix: &mut Matrix) {
    let n = matrix.n_rows().max(1) as f64;
    let of_column = |column: usize| {
        let values = matrix.column(column);
        let mean = values.clone().sum::<f64>() / n;
        let square: f64 = values.clone().map(|value| (value - mean) * (value - mean)).sum();
        let first = values.clone().next().unwrap_or(0.0);
        let varies = values.clone().any(|value| value != first);
        (mean, if varies && square > 0.0 { 1.0 / (square / n).sqrt() } else { 0.0 })
    };
    let factors: Vec<(f64, f64)> = (0..matrix.n_cols()).map(of_column).collect();
    for row in 0..matrix.n_rows() {
        let values = matrix.row_mut(row).iter_mut().zip(&factors);
        values.for_each(|(value, (mean, factor))| *value = (*value - mean) * factor);
    }
}

/// To length 1; zeros stay as they are.
fn shorten(row: &mut [f64]) {
    let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|value| *value /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(of_all: usize, recording: usize) -> Row {
        Row { clip: recording, of_clip: 0, of_all, range: 0, position: 0.0, recording }
    }

    #[test]
    fn of_too_many_rows_each_recording_gives_as_many_from_beginning_to_end() {
        // Recordings of 100, 10 and 2 rows.
        let recording = |row| if row < 100 { 0 } else { 1 + usize::from(row >= 110) };
        let rows: Vec<Row> = (0..112).map(|at| row(at, recording(at))).collect();
        assert_eq!(sample(rows.clone(), 112, 0).len(), 112);
        let kept: Vec<usize> = sample(rows.clone(), 12, 0).iter().map(|row| row.of_all).collect();
        assert_eq!(kept, [0, 20, 40, 60, 80, 100, 102, 104, 106, 108, 110, 111]);
        let few = sample(rows, 2, 3);
        assert_eq!(few.len(), 2);
        assert_ne!(few[0].recording, few[1].recording);
    }

    #[test]
    fn columns_are_scaled_as_scikit_learn_scales_them() {
        let mut matrix = Matrix::zeros(3, 2);
        matrix.data_mut().copy_from_slice(&[1.0, 0.1, 3.0, 0.1, 5.0, 0.1]);
        standardise(&mut matrix);
        let z = 1.5_f64.sqrt();
        for (found, expected) in matrix.data().iter().zip([-z, 0.0, 0.0, 0.0, z, 0.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
    }
}
