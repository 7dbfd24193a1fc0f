//! Laying out a map by gradient descent, with momentum and gains for each coordinate.

use rayon::prelude::*;

use super::tree::Tree;
use crate::signal::{Graph, LANES};

/// How much more rows pull each other at first, and for how many steps ...
const EXAGGERATION: f32 = 12.0;
const EARLY_STEPS: usize = 250;
/// ... and for how many more they pull as they should.
const LATE_STEPS: usize = 500;
const MOMENTUM: f32 = 0.8;
/// No row goes farther in a step.
const LONGEST_STEP: f32 = 5.0;
const LEAST_GAIN: f32 = 0.01;

/// A map of `D` dimensions that is being laid out, on openTSNE's schedule: 250 steps of twelvefold pull, then 500; the learning
/// rate is the number of rows over the exaggeration.
#[derive(Debug, Clone)]
pub struct Descent<'a, const D: usize> {
    affinities: &'a Graph,
    step: usize,
    places: Vec<[f32; D]>,
    speeds: Vec<[f32; D]>,
    gains: Vec<[f32; D]>,
}

impl<'a, const D: usize> Descent<'a, D> {
    /// A map that begins with `start`: `D` numbers for each row.
    pub fn new(affinities: &'a Graph, start: &[f32]) -> Self {
        let place = |place: &[f32]| std::array::from_fn(|axis| place[axis]);
        let places: Vec<[f32; D]> = start.chunks_exact(D).take(affinities.n_rows()).map(place).collect();
        let n_rows = places.len();
        Self { affinities, step: 0, places, speeds: vec![[0.0; D]; n_rows], gains: vec![[1.0; D]; n_rows] }
    }

    /// Whether all steps are done.
    pub fn is_done(&self) -> bool {
        self.step >= EARLY_STEPS + LATE_STEPS || self.places.is_empty()
    }

    /// How much is done, 0 to 1.
    pub fn progress(&self) -> f64 {
        self.step as f64 / (EARLY_STEPS + LATE_STEPS) as f64
    }

    /// Moves every row once.
    pub fn step(&mut self) {
        if self.step == EARLY_STEPS {
            self.speeds.fill([0.0; D]);
            self.gains.fill([1.0; D]);
        }
        let exaggeration = if self.step < EARLY_STEPS { EXAGGERATION } else { 1.0 };
        let rate = self.places.len() as f32 / exaggeration;
        let gradients = self.gradients(exaggeration);
        let rows = self.places.par_iter_mut().zip(&mut self.speeds).zip(&mut self.gains).zip(&gradients);
        rows.with_min_len(1024).for_each(|(((place, speed), gain), gradient)| {
            accelerate(speed, gain, gradient, rate);
            place.iter_mut().zip(speed).for_each(|(x, speed)| *x += *speed);
        });
        self.centre();
        self.step += 1;
    }

    /// Where the rows are: their coordinates, row after row.
    pub fn places(&self) -> Vec<f32> {
        self.places.iter().flatten().copied().collect()
    }

    fn gradients(&self, exaggeration: f32) -> Vec<[f32; D]> {
        let (pushes, sum) = self.pushes();
        let gradient = |row: usize| {
            let pull = self.pull(row);
            std::array::from_fn(|axis| {
                let push = f64::from(pushes[row][axis]) / sum;
                (f64::from(exaggeration * pull[axis]) - push) as f32
            })
        };
        (0..self.places.len()).into_par_iter().with_min_len(64).map(gradient).collect()
    }

    /// The sum of p q (y - y') over the rows that a row is joined to.
    fn pull(&self, row: usize) -> [f32; D] {
        let own = self.places[row];
        let mut pull = [0.0; D];
        for (end, affinity) in self.affinities.joints(row) {
            let other = &self.places[end as usize];
            let difference: [f32; D] = std::array::from_fn(|axis| own[axis] - other[axis]);
            let square = difference.iter().fold(0.0, |sum, x| sum + x * x);
            let weight = affinity / (1.0 + square);
            pull.iter_mut().zip(difference).for_each(|(pull, x)| *pull += weight * x);
        }
        pull
    }

    /// The sum of q² (y - y') of each row, and the sum of q over all pairs of rows.
    fn pushes(&self) -> (Vec<[f32; D]>, f64) {
        let tree = Tree::of(&self.places);
        let n_rows = self.places.len();
        let groups: Vec<_> = (0..n_rows.div_ceil(LANES))
            .into_par_iter()
            .with_min_len(8)
            .map(|i| tree.pushes(i * LANES))
            .collect();
        let mut pushes = vec![[0.0; D]; n_rows];
        // Each row is among those that push it, with a q of 1.
        let mut sum = -(n_rows as f64);
        for (i, row) in tree.order.iter().enumerate() {
            let group = &groups[i / LANES];
            pushes[*row as usize] = std::array::from_fn(|axis| group.forces[axis].0[i % LANES]);
            sum += f64::from(group.sum.0[i % LANES]);
        }
        (pushes, sum.max(f64::MIN_POSITIVE))
    }

    /// Takes the mean from each axis.
    fn centre(&mut self) {
        let n_rows = self.places.len() as f64;
        for axis in 0..D {
            let mean = self.places.iter().map(|place| f64::from(place[axis])).sum::<f64>() / n_rows;
            self.places.iter_mut().for_each(|place| place[axis] = (f64::from(place[axis]) - mean) as f32);
        }
    }
}

fn accelerate<const D: usize>(speed: &mut [f32; D], gain: &mut [f32; D], gradient: &[f32; D], rate: f32) {
    follow(speed, gain, gradient, rate);
    let length = speed.iter().fold(0.0, |sum, x| sum + x * x).sqrt();
    if length > LONGEST_STEP {
        speed.iter_mut().for_each(|speed| *speed *= LONGEST_STEP / length);
    }
}

/// Turns speeds down the gradient, with gains that grow where it turns.
pub(super) fn follow<const D: usize>(
    speed: &mut [f32; D],
    gain: &mut [f32; D],
    gradient: &[f32; D],
    rate: f32,
) {
    for ((speed, gain), gradient) in speed.iter_mut().zip(gain).zip(gradient) {
        let turns = sign(*speed) != sign(*gradient);
        *gain = if turns { *gain + 0.2 } else { *gain * 0.8 + LEAST_GAIN };
        *speed = MOMENTUM * *speed - rate * *gain * gradient;
    }
}

/// -1, 0 or 1.
fn sign(x: f32) -> i8 {
    i8::from(x > 0.0) - i8::from(x < 0.0)
}
