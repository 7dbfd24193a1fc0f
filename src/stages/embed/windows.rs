//! What embedders of neural networks share: windows over a segment, and one row of all their frames.

use super::layers::{Pool, Tail};

/// Where the windows over `n` samples begin and end, each of `length` and beginning `hop` after the one before; a segment that is no longer than one is one.
pub(super) fn windows(n: usize, length: usize, hop: usize, tail: Tail) -> Vec<(usize, usize)> {
    let (length, hop) = (length.max(1), hop.max(1));
    if n <= length {
        return vec![(0, n)];
    }
    let n_whole = (n - length) / hop + 1;
    let mut windows: Vec<(usize, usize)> = (0..n_whole).map(|k| (k * hop, k * hop + length)).collect();
    let end = (n_whole - 1) * hop + length;
    if end < n {
        match tail {
            Tail::Shift => windows.push((n - length, n)),
            Tail::Keep => windows.push(((n_whole * hop).min(n - 1), n)),
            Tail::Drop => {}
        }
    }
    windows
}

/// What is known of some frames, enough to pool them with others. All sums are 64-bit, in the order of the frames.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Summary {
    n: f64,
    means: Vec<f64>,
    /// Of each number the sum of its squared deviations from its mean.
    squares: Vec<f64>,
    largest: Vec<f32>,
}

impl Summary {
    /// Of frames of `dim` numbers each, one after the other; there is at least one.
    pub(super) fn of(frames: &[f32], dim: usize) -> Self {
        let n = (frames.len() / dim.max(1)) as f64;
        let (mut means, mut squares) = (vec![0.0; dim], vec![0.0; dim]);
        let mut largest = vec![f32::NEG_INFINITY; dim];
        for frame in frames.chunks_exact(dim.max(1)) {
            means.iter_mut().zip(frame).for_each(|(sum, x)| *sum += f64::from(*x));
            largest.iter_mut().zip(frame).for_each(|(most, x)| *most = most.max(*x));
        }
        means.iter_mut().for_each(|mean| *mean /= n);
        for frame in frames.chunks_exact(dim.max(1)) {
            let deviations = frame.iter().zip(&means).map(|(x, mean)| f64::from(*x) - mean);
            squares.iter_mut().zip(deviations).for_each(|(sum, deviation)| *sum += deviation * deviation);
        }
        Self { n, means, squares, largest }
    }

    /// Of these frames and those after them (Chan, Golub and LeVeque, 1979).
    pub(super) fn and(mut self, after: &Self) -> Self {
        let n = self.n + after.n;
        for (k, mean) in self.means.iter_mut().enumerate() {
            let apart = after.means[k] - *mean;
            *mean += apart * after.n / n;
            self.squares[k] += after.squares[k] + apart * apart * self.n * after.n / n;
            self.largest[k] = self.largest[k].max(after.largest[k]);
        }
        Self { n, ..self }
    }

    /// One row of them.
    pub(super) fn pooled(&self, pool: Pool) -> Vec<f32> {
        let means = self.means.iter().map(|mean| *mean as f32);
        match pool {
            Pool::Mean => means.collect(),
            Pool::MeanStd => {
                means.chain(self.squares.iter().map(|sum| (sum / self.n).sqrt() as f32)).collect()
            }
            Pool::Max => self.largest.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_a_segment_as_its_tail_says() {
        for (n, length, hop, tail, expected) in [
            (10, 20, 20, Tail::Shift, vec![(0, 10)]),
            (20, 20, 20, Tail::Drop, vec![(0, 20)]),
            (40, 20, 20, Tail::Shift, vec![(0, 20), (20, 40)]),
            (50, 20, 20, Tail::Shift, vec![(0, 20), (20, 40), (30, 50)]),
            (50, 20, 20, Tail::Keep, vec![(0, 20), (20, 40), (40, 50)]),
            (50, 20, 20, Tail::Drop, vec![(0, 20), (20, 40)]),
            (50, 20, 10, Tail::Shift, vec![(0, 20), (10, 30), (20, 40), (30, 50)]),
            (55, 20, 10, Tail::Keep, vec![(0, 20), (10, 30), (20, 40), (30, 50), (40, 55)]),
            (50, 10, 30, Tail::Keep, vec![(0, 10), (30, 40), (49, 50)]),
            (0, 10, 5, Tail::Shift, vec![(0, 0)]),
        ] {
            assert_eq!(windows(n, length, hop, tail), expected, "{n} {length} {hop} {tail:?}");
        }
    }

    #[test]
    fn pieces_pool_as_the_whole_does() {
        let frames: Vec<f32> = (0..60_u16).map(|i| f32::from(i * 37 % 101) / 10.0).collect();
        let whole = Summary::of(&frames, 3);
        let pieces = Summary::of(&frames[..15], 3)
            .and(&Summary::of(&frames[15..18], 3))
            .and(&Summary::of(&frames[18..], 3));
        for pool in [Pool::Mean, Pool::MeanStd, Pool::Max] {
            for (a, b) in whole.pooled(pool).iter().zip(pieces.pooled(pool)) {
                assert!((a - b).abs() < 1e-6, "{pool:?}: {a} {b}");
            }
        }
        assert_eq!(Summary::of(&[1.0, 3.0], 1).pooled(Pool::MeanStd), [2.0, 1.0]);
    }
}
