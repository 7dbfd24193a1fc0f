//! What embedders share: segments at one sample rate in, rows of named columns out.

use std::fmt::Display;

use crate::error::{Error, Result};
use crate::signal::Matrix;
use crate::signal::resample::Resampler;
use crate::stages::{Context, Frame, Inputs, Master, Outputs, Spans, Values};

/// What descriptors are computed at, Hz: the rate that librosa loads at.
pub(super) const SAMPLE_RATE: u32 = 22_050;

/// A column of an embedder's table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    name: &'static str,
    dim: usize,
    is_number: bool,
    is_in_vector: bool,
}

impl Column {
    /// A list of `dim` numbers that is a part of `vector`.
    pub(super) fn block(name: &'static str, dim: usize) -> Self {
        Self { name, dim, is_number: false, is_in_vector: true }
    }

    /// A list of `dim` numbers that `vector` leaves out.
    pub(super) fn beside(name: &'static str, dim: usize) -> Self {
        Self { name, dim, is_number: false, is_in_vector: false }
    }

    /// One number, that `vector` leaves out.
    pub(super) fn number(name: &'static str) -> Self {
        Self { name, dim: 1, is_number: true, is_in_vector: false }
    }

    /// The same column as a part of `vector`.
    pub(super) fn in_vector(self) -> Self {
        Self { is_in_vector: true, ..self }
    }
}

/// A row: the numbers of each column, in the order of the columns.
pub(super) type Row = Vec<Vec<f64>>;

/// Describes every segment by itself, at [`SAMPLE_RATE`]: `vector`, then `columns`.
///
/// Segments are cut, and padded, before they are resampled, so that no row depends on the audio around it.
pub(super) fn describe_segments(
    inputs: &Inputs,
    context: &Context,
    columns: &[Column],
    mut describe: impl FnMut(&[f64]) -> Result<Row>,
) -> Result<Outputs> {
    let master = Master::read(inputs.one("audio")?)?;
    let Spans { spans, padded_to } = Spans::read(inputs.one("spans")?)?;
    let resampler = Resampler::new(master.sample_rate(), SAMPLE_RATE);
    let mut table = Table::new(columns);
    for span in &spans {
        context.check()?;
        let mut samples = master.mono(span.start, span.end)?;
        samples.resize(samples.len().max(padded_to as usize), 0.0);
        table.push(&describe(&resampler.resample(samples))?);
    }
    Ok(vec![("features", table.into_frame(spans.len()).to_bytes())])
}

/// The error of a parameter that makes no sense: `what` cannot be described with it.
pub(super) fn refused(what: &str, parameter: &str, value: impl Display, cause: &str) -> Error {
    Error::usage(format!("cannot describe {what} with `{parameter} = {value}`: {cause}"))
}

/// A number's mean and standard deviation over the frames.
pub(super) type Summary = (f64, f64);

/// The summary of each column of a matrix with a row per frame.
pub(super) fn summarise_columns(matrix: &Matrix) -> Vec<Summary> {
    let n = matrix.n_rows().max(1) as f64;
    let mut means = vec![0.0; matrix.n_cols()];
    // Row after row, for a column's numbers lie far apart; every sum is in the order of the rows either way.
    for row in matrix.rows() {
        means.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    means.iter_mut().for_each(|mean| *mean /= n);
    let mut squares = vec![0.0; matrix.n_cols()];
    for row in matrix.rows() {
        let deviations = row.iter().zip(&means).map(|(value, mean)| value - mean);
        squares.iter_mut().zip(deviations).for_each(|(sum, deviation)| *sum += deviation * deviation);
    }
    means.into_iter().zip(squares).map(|(mean, sum)| (mean, (sum / n).sqrt())).collect()
}

/// The mean, and the standard deviation of the values that are there (ddof = 0).
pub(super) fn summarise(values: impl ExactSizeIterator<Item = f64> + Clone) -> Summary {
    let n = values.len().max(1) as f64;
    let mean = values.clone().sum::<f64>() / n;
    let variance = values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// A block: all means, then all standard deviations.
pub(super) fn means_then_deviations(summaries: &[Summary]) -> Vec<f64> {
    let means = summaries.iter().map(|(mean, _)| *mean);
    means.chain(summaries.iter().map(|(_, deviation)| *deviation)).collect()
}

/// The rows so far.
struct Table<'a> {
    columns: &'a [Column],
    vector: Vec<f32>,
    lists: Vec<Vec<f32>>,
}

impl<'a> Table<'a> {
    fn new(columns: &'a [Column]) -> Self {
        Self { columns, vector: Vec::new(), lists: vec![Vec::new(); columns.len()] }
    }

    fn push(&mut self, row: &[Vec<f64>]) {
        for ((column, list), numbers) in self.columns.iter().zip(&mut self.lists).zip(row) {
            debug_assert_eq!(column.dim, numbers.len(), "{}", column.name);
            let start = list.len();
            list.extend(numbers.iter().map(|number| *number as f32));
            if column.is_in_vector {
                self.vector.extend(&list[start..]);
            }
        }
    }

    fn into_frame(self, n_rows: usize) -> Frame {
        let in_vector = self.columns.iter().filter(|column| column.is_in_vector);
        let dim = in_vector.map(|column| column.dim).sum();
        let mut columns = vec![("vector".to_owned(), Values::Lists { dim, data: self.vector })];
        for (column, data) in self.columns.iter().zip(self.lists) {
            let values = if column.is_number {
                Values::Singles(data)
            } else {
                Values::Lists { dim: column.dim, data }
            };
            columns.push((column.name.to_owned(), values));
        }
        Frame { n_rows, columns }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::signal::Random;
    use crate::stages::master::tests::wav;
    use crate::stages::{Embed, Input, Span, Stage};

    /// The table that `stage` makes of these segments of these samples, at [`SAMPLE_RATE`].
    pub(in crate::stages::embed) fn features(
        stage: &dyn Stage,
        samples: &[i32],
        spans: &[(u64, u64)],
    ) -> Result<Frame> {
        features_at(SAMPLE_RATE, stage, samples, spans)
    }

    /// The table that `stage` makes of these segments of these samples.
    pub(in crate::stages::embed) fn features_at(
        rate: u32,
        stage: &dyn Stage,
        samples: &[i32],
        spans: &[(u64, u64)],
    ) -> Result<Frame> {
        let spans = spans.iter().map(|&(start, end)| Span { range: 0, start, end }).collect();
        let mut inputs = Inputs::default();
        inputs.push("audio", Input::bytes(wav(rate, samples)));
        inputs.push("spans", Input::bytes(Spans { spans, ..Spans::default() }.to_bytes()));
        let outputs = stage.run(&inputs, &Context::new(&AtomicBool::new(false)))?;
        Frame::read(&Input::bytes(outputs[0].1.as_slice()))
    }

    /// The dimension and the numbers of a column.
    pub(in crate::stages::embed) fn numbers<'a>(frame: &'a Frame, name: &str) -> (usize, &'a [f32]) {
        match frame.column(name) {
            Some(Values::Lists { dim, data }) => (*dim, data),
            Some(Values::Singles(data)) => (1, data),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Noise that grows for two seconds, its samples at most `level`.
    pub(in crate::stages::embed) fn noise(level: i32) -> Vec<i32> {
        let mut random = Random::new(1);
        let n = 2 * SAMPLE_RATE as i32;
        let sample =
            |i: i32| ((random.uniform() - 0.5) * 2.0 * f64::from(i) / f64::from(n) * f64::from(level)) as i32;
        (0..n).map(sample).collect()
    }

    /// A sine of this frequency (Hz) and amplitude, two seconds long.
    pub(in crate::stages::embed) fn sine(frequency: f64, amplitude: f64) -> Vec<i32> {
        let angle = |i: u32| std::f64::consts::TAU * frequency * f64::from(i) / f64::from(SAMPLE_RATE);
        (0..2 * SAMPLE_RATE).map(|i| (libm::sin(angle(i)) * amplitude) as i32).collect()
    }

    /// Every kind that describes a segment by itself; the others hear where it lies or need a model, and have their own tests.
    fn every_stage() -> Vec<Embed> {
        let reads_more =
            |kind: &Embed| kind.stage().reads().iter().any(|name| matches!(*name, "ranges" | "weights"));
        Embed::every_kind().into_iter().filter(|kind| !reads_more(kind)).collect()
    }

    #[test]
    fn short_and_silent_segments_have_finite_numbers_in_every_kind() {
        let samples = vec![0; 44_100];
        for kind in every_stage() {
            for audio in [&samples, &noise(1 << 20), &noise(2)] {
                for end in [0, 1, 2, 511, 1024, 3000, 5000, 44_100] {
                    let frame = features(kind.stage(), audio, &[(0, end)]).unwrap();
                    for (name, _) in &frame.columns {
                        let is_finite = numbers(&frame, name).1.iter().all(|x| x.is_finite());
                        assert!(is_finite, "{} {end} {name}", kind.kind());
                    }
                }
            }
        }
    }

    #[test]
    fn a_segment_is_described_by_itself_in_every_kind() {
        let samples = noise(1 << 20);
        for kind in every_stage() {
            let alone = features(kind.stage(), &samples, &[(10_000, 44_100)]).unwrap();
            let second = features(kind.stage(), &samples, &[(0, 30_000), (10_000, 44_100)]).unwrap();
            for (name, _) in &alone.columns {
                let ((dim, alone), (_, both)) = (numbers(&alone, name), numbers(&second, name));
                assert_eq!(both[dim..], *alone, "{} {name}", kind.kind());
            }
        }
    }

    #[test]
    fn a_padded_segment_is_described_with_silence_after_it_in_every_kind() {
        let mut samples = noise(1 << 20);
        samples[20_000..30_000].fill(0);
        for kind in every_stage() {
            let with = |spans| {
                let mut inputs = Inputs::default();
                inputs.push("audio", Input::bytes(wav(SAMPLE_RATE, &samples)));
                inputs.push("spans", Input::bytes(Spans::to_bytes(&spans)));
                kind.stage().run(&inputs, &Context::new(&AtomicBool::new(false))).unwrap()
            };
            let span = |end| vec![Span { range: 0, start: 10_000, end }];
            let padded = with(Spans { spans: span(20_000), padded_to: 20_000 });
            assert_eq!(padded, with(Spans { spans: span(30_000), padded_to: 0 }), "{}", kind.kind());
            assert_ne!(padded, with(Spans { spans: span(20_000), padded_to: 0 }), "{}", kind.kind());
        }
    }

    #[test]
    fn the_vector_is_the_blocks_that_the_columns_name_in_every_kind() {
        for kind in every_stage() {
            let frame = features(kind.stage(), &noise(1 << 20), &[(0, 30_000), (10_000, 44_100)]).unwrap();
            let (dim, vector) = numbers(&frame, "vector");
            assert_eq!(vector.len(), 2 * dim, "{}", kind.kind());
            let first: Vec<f32> = frame.columns[1..]
                .iter()
                .flat_map(|(name, _)| {
                    let (dim, data) = numbers(&frame, name);
                    data[..dim].to_vec()
                })
                .collect();
            assert_eq!(first[..dim], vector[..dim], "{}", kind.kind());
        }
    }

    #[test]
    fn no_segments_are_no_rows_in_every_kind() {
        for kind in every_stage() {
            let frame = features(kind.stage(), &[0; 10], &[]).unwrap();
            assert_eq!((frame.n_rows, numbers(&frame, "vector").1.len()), (0, 0), "{}", kind.kind());
        }
    }

    #[test]
    fn a_gain_changes_no_vector() {
        let (loud, quiet): (Vec<i32>, Vec<i32>) =
            (noise(1 << 22), noise(1 << 22).iter().map(|s| s / 4).collect());
        for kind in every_stage() {
            let loud = features(kind.stage(), &loud, &[(0, 44_100)]).unwrap();
            let quiet = features(kind.stage(), &quiet, &[(0, 44_100)]).unwrap();
            for (a, b) in numbers(&loud, "vector").1.iter().zip(numbers(&quiet, "vector").1) {
                assert!((a - b).abs() <= 1e-3 * a.abs().max(1.0), "{}: {a} {b}", kind.kind());
            }
        }
    }

    #[test]
    fn segments_that_are_not_there_are_errors_in_every_kind() {
        for kind in every_stage() {
            assert!(features(kind.stage(), &[0; 10], &[(0, 11)]).is_err(), "{}", kind.kind());
        }
    }
}
