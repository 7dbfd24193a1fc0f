//! Laying out a map: near rows pull each other, others push them away.

use rayon::prelude::*;

use super::curve::power;
use super::{Curve, Shape};
use crate::signal::{Graph, LANES, Random, SplitMix};

/// Rows drawn at random that push a row away each time another pulls it.
pub(super) const PUSHES: usize = 5;
/// No pull or push is greater along an axis.
const GREATEST: f32 = 4.0;
/// So much is added to the square of a distance before a push.
const SOFTENING: f32 = 1e-3;
/// Blocks that the rows are dealt to, in turn; an even number. Half as many threads find work.
const N_BLOCKS: usize = 16;

/// A map of `D` dimensions that is being laid out, by umap-learn's stochastic gradient descent.
///
/// Joints of disjoint pairs of blocks of rows are gone through at the same time, those of one pair one after another, until every
/// pair had its turn (stratified descent, Gemulla et al. 2011). So two rows always pull each other from where they are, and no row is
/// moved by two threads. Only those that push stand where they stood before the epoch.
#[derive(Debug, Clone)]
pub struct Layout<const D: usize> {
    forces: Forces,
    n_rows: usize,
    n_epochs: usize,
    epoch: usize,
    blocks: Vec<Block<D>>,
    /// By pair of blocks, the lesser first.
    joints: Vec<Vec<Joint>>,
}

/// The rows whose number leaves the same rest.
#[derive(Debug, Clone, Default)]
struct Block<const D: usize> {
    places: Vec<[f32; D]>,
    random: Vec<SplitMix>,
}

#[derive(Debug, Clone, Copy)]
struct Joint {
    head: u32,
    tail: u32,
    /// In what share of the epochs it pulls, of 2³².
    rate: u64,
}

/// The gradient's parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forces {
    pub(super) a: f32,
    pub(super) b: f32,
    /// How far a row follows a force: from 1 down to 0.
    pub(super) alpha: f32,
}

impl<const D: usize> Layout<D> {
    /// A map that begins with `start`: `D` numbers for each row.
    pub fn new(graph: &Graph, shape: &Shape, start: &[f32]) -> Self {
        let curve = Curve::fit(shape.min_dist, shape.spread);
        let n_rows = graph.n_rows();
        let mut blocks = vec![Block::default(); N_BLOCKS];
        let mut seeds = Random::new(shape.seed);
        for (row, place) in start.chunks_exact(D).take(n_rows).enumerate() {
            blocks[row % N_BLOCKS].places.push(std::array::from_fn(|axis| place[axis]));
            blocks[row % N_BLOCKS].random.push(SplitMix(seeds.bits()));
        }
        Self {
            forces: Forces { a: curve.a as f32, b: curve.b as f32, alpha: 1.0 },
            n_rows,
            n_epochs: shape.n_epochs(n_rows),
            epoch: 0,
            blocks,
            joints: joints_by_pair(graph),
        }
    }

    /// Whether all epochs are over.
    pub fn is_done(&self) -> bool {
        self.epoch + 1 >= self.n_epochs
    }

    /// How much is done, 0 to 1.
    pub fn progress(&self) -> f64 {
        self.epoch as f64 / self.n_epochs.max(1) as f64
    }

    /// Goes through all joints that are due once.
    pub fn step(&mut self) {
        self.epoch += 1;
        self.forces.alpha = 1.0 - self.epoch as f32 / self.n_epochs as f32;
        let before = self.places();
        for round in 0..N_BLOCKS {
            let mut taken: Vec<Pair<D>> = pairs_of_round(round)
                .into_iter()
                .map(|(a, b)| Pair { a, b, blocks: [self.take(a), self.take(b)] })
                .collect();
            taken.par_iter_mut().for_each(|pair| {
                pair.go_through(&self.joints[pair.a * N_BLOCKS + pair.b], self.epoch, self.forces, &before);
            });
            for pair in taken {
                let [a, b] = pair.blocks;
                if pair.b != pair.a {
                    self.blocks[pair.b] = b;
                }
                self.blocks[pair.a] = a;
            }
        }
    }

    /// Where the rows are: their coordinates, row after row.
    pub fn places(&self) -> Vec<f32> {
        let place = |row: usize| self.blocks[row % N_BLOCKS].places[row / N_BLOCKS];
        (0..self.n_rows).flat_map(place).collect()
    }

    fn take(&mut self, block: usize) -> Block<D> {
        std::mem::take(&mut self.blocks[block])
    }
}

fn joints_by_pair(graph: &Graph) -> Vec<Vec<Joint>> {
    let greatest = graph.weights.iter().fold(f32::MIN_POSITIVE, |greatest, weight| weight.max(greatest));
    let mut joints = vec![Vec::new(); N_BLOCKS * N_BLOCKS];
    for head in 0..graph.n_rows() {
        for (tail, weight) in graph.joints(head) {
            let blocks = (head % N_BLOCKS, tail as usize % N_BLOCKS);
            let rate = (f64::from(weight / greatest) * (1_u64 << 32) as f64) as u64;
            let pair = blocks.0.min(blocks.1) * N_BLOCKS + blocks.0.max(blocks.1);
            joints[pair].push(Joint { head: head as u32, tail, rate });
        }
    }
    joints
}

/// The pairs of blocks that are gone through at the same time: each block with itself first, then as in a tournament where each
/// meets each other once.
fn pairs_of_round(round: usize) -> Vec<(usize, usize)> {
    if round == 0 {
        return (0..N_BLOCKS).map(|block| (block, block)).collect();
    }
    let others = N_BLOCKS - 1;
    let pair = |k: usize| ((round + k) % others, (round + others - k) % others);
    let pairs = (1..N_BLOCKS / 2).map(pair).chain([(round % others, others)]);
    pairs.map(|(a, b)| (a.min(b), a.max(b))).collect()
}

/// Two blocks, or one and nothing.
struct Pair<const D: usize> {
    a: usize,
    b: usize,
    blocks: [Block<D>; 2],
}

impl<const D: usize> Pair<D> {
    fn go_through(&mut self, joints: &[Joint], epoch: usize, forces: Forces, before: &[f32]) {
        let n_rows = (before.len() / D) as u32;
        for joint in joints.iter().filter(|joint| joint.is_due(epoch)) {
            let (mut head, mut tail) = (*self.place(joint.head), *self.place(joint.tail));
            forces.pull(&mut head, &mut tail);
            *self.place(joint.tail) = tail;
            let random = self.random(joint.head);
            let others: [usize; PUSHES] = std::array::from_fn(|_| random.below(n_rows) as usize);
            forces.push(&mut head, others, before);
            *self.place(joint.head) = head;
        }
    }

    fn block(&mut self, row: u32) -> &mut Block<D> {
        &mut self.blocks[usize::from(row as usize % N_BLOCKS != self.a)]
    }

    fn place(&mut self, row: u32) -> &mut [f32; D] {
        &mut self.block(row).places[row as usize / N_BLOCKS]
    }

    fn random(&mut self, row: u32) -> &mut SplitMix {
        &mut self.block(row).random[row as usize / N_BLOCKS]
    }
}

impl Joint {
    /// Whether it pulls in this epoch, counted from 1: evenly spread over all of them.
    fn is_due(&self, epoch: usize) -> bool {
        u64::from((epoch as u64 * self.rate) as u32) < self.rate
    }
}

impl Forces {
    #[inline]
    pub(super) fn pull<const D: usize>(&self, head: &mut [f32; D], tail: &mut [f32; D]) {
        let difference = difference(head, tail);
        let square = square(&difference);
        if square > 0.0 {
            let raised = self.a * power(square, self.b);
            let by = -2.0 * self.b * raised / (square * (raised + 1.0));
            self.shift(head, by, &difference);
            self.shift(tail, -by, &difference);
        }
    }

    /// Pushes a row away from others, all at the same time; from itself it is not pushed.
    #[inline]
    pub(super) fn push<const D: usize>(&self, head: &mut [f32; D], others: [usize; PUSHES], places: &[f32]) {
        let mut differences = [[0.0; LANES]; D];
        for (lane, other) in others.into_iter().enumerate() {
            let place = &places[other * D..(other + 1) * D];
            (0..D).for_each(|axis| differences[axis][lane] = head[axis] - place[axis]);
        }
        let squares: [f32; LANES] =
            std::array::from_fn(|i| differences.iter().fold(0.0, |sum, x| sum + x[i] * x[i]));
        let by = squares
            .map(|square| 2.0 * self.b / ((SOFTENING + square) * (self.a * power(square, self.b) + 1.0)));
        for (x, difference) in head.iter_mut().zip(differences) {
            let pushes: [f32; LANES] =
                std::array::from_fn(|i| (by[i] * difference[i]).clamp(-GREATEST, GREATEST));
            *x += self.alpha * pushes.iter().take(PUSHES).sum::<f32>();
        }
    }

    #[inline]
    fn shift<const D: usize>(&self, place: &mut [f32; D], by: f32, difference: &[f32; D]) {
        for (x, difference) in place.iter_mut().zip(difference) {
            *x += self.alpha * (by * difference).clamp(-GREATEST, GREATEST);
        }
    }
}

#[inline]
fn difference<const D: usize>(a: &[f32; D], b: &[f32; D]) -> [f32; D] {
    std::array::from_fn(|axis| a[axis] - b[axis])
}

#[inline]
fn square<const D: usize>(difference: &[f32; D]) -> f32 {
    difference.iter().fold(0.0, |sum, x| sum + x * x)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_pair_of_blocks_has_its_turn_and_none_is_taken_twice_at_a_time() {
        let mut met = BTreeSet::new();
        for round in 0..N_BLOCKS {
            let pairs = pairs_of_round(round);
            let blocks: BTreeSet<usize> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
            assert_eq!(blocks.len(), N_BLOCKS);
            met.extend(pairs);
        }
        assert_eq!(met.len(), N_BLOCKS * (N_BLOCKS + 1) / 2);
    }

    #[test]
    fn a_joint_is_due_in_its_share_of_the_epochs() {
        for (rate, n_times) in [(1_u64 << 32, 500), (1 << 31, 250), (1 << 22, 0), (1 << 24, 1)] {
            let joint = Joint { head: 0, tail: 1, rate };
            assert_eq!((1..=500).filter(|epoch| joint.is_due(*epoch)).count(), n_times, "{rate}");
        }
    }
}
