//! A linear probe: multinomial logistic regression, fitted by a solver that has no choice to make.

use crate::signal::{Matrix, dot};

/// A linear classifier: for each class a weight for each column, and one more that stands alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Class after class: the weights, then the intercept.
    weights: Vec<f64>,
    n_classes: usize,
    n_cols: usize,
}

const MOST_ITERATIONS: usize = 100;
/// The fit ends once no derivative of the mean loss is larger.
const TOLERANCE: f64 = 1e-10;

impl Probe {
    /// Fits the classes of these rows: the least `sum of -ln(p of the class) + |weights|² / (2 c)`, the intercepts being
    /// free, as scikit-learn's `LogisticRegression(C=c)` for three classes or more. Two classes have weights each, too.
    ///
    /// The loss is convex, so there is one answer. It is found by Newton's method from zero, its directions by conjugate
    /// gradients (Nocedal and Wright 2006, 7.1), with a step that is halved until the loss falls enough, until no
    /// derivative is above 1e-10; all sums are in the order of the rows.
    pub fn fit(rows: &Matrix, which: &[usize], classes: &[usize], n_classes: usize, c: f64) -> Self {
        let n_cols = rows.n_cols();
        let start = Self { weights: vec![0.0; n_classes * (n_cols + 1)], n_classes, n_cols };
        if which.is_empty() {
            return start;
        }
        let scale = 1.0 / which.len() as f64;
        let problem = Problem { rows, which, classes, scale, penalty: scale / c };
        let mut point = problem.point(start);
        for _ in 0..MOST_ITERATIONS {
            if point.gradient.iter().all(|slope| slope.abs() <= TOLERANCE) {
                break;
            }
            let Some(next) = problem.step(&point, &problem.direction(&point)) else { break };
            point = next;
        }
        point.probe
    }

    /// The most likely class of a row; of equally likely ones the first.
    pub fn tell(&self, row: &[f64]) -> usize {
        let scores = self.scores(row);
        let best = |best: usize, class: usize| if scores[class] > scores[best] { class } else { best };
        (0..self.n_classes).fold(0, best)
    }

    /// The probability of each class.
    pub fn probabilities(&self, row: &[f64]) -> Vec<f64> {
        let mut scores = self.scores(row);
        soft_max(&mut scores);
        scores
    }

    fn scores(&self, row: &[f64]) -> Vec<f64> {
        let of_class = |weights: &[f64]| dot(&weights[..self.n_cols], row) + weights[self.n_cols];
        self.weights.chunks_exact(self.n_cols + 1).map(of_class).collect()
    }
}

/// What is fitted.
struct Problem<'a> {
    rows: &'a Matrix,
    which: &'a [usize],
    classes: &'a [usize],
    /// One over the number of rows.
    scale: f64,
    penalty: f64,
}

/// Weights, and what the loss is there.
struct Point {
    probe: Probe,
    loss: f64,
    gradient: Vec<f64>,
    /// Row after row, the probability of each class.
    shares: Vec<f64>,
}

impl Problem<'_> {
    fn point(&self, probe: Probe) -> Point {
        let (mut loss, mut gradient) = (0.0, vec![0.0; probe.weights.len()]);
        let mut shares = Vec::with_capacity(self.which.len() * probe.n_classes);
        for row in self.which {
            let class = self.classes[*row];
            let mut of_row = probe.scores(self.rows.row(*row));
            let score = of_row[class];
            loss += (soft_max(&mut of_row) - score) * self.scale;
            shares.extend_from_slice(&of_row);
            of_row[class] -= 1.0;
            self.add_row(&mut gradient, *row, &of_row);
        }
        loss += self.penalise(&probe, &probe.weights, &mut gradient) / 2.0;
        Point { probe, loss, gradient, shares }
    }

    /// The curvature of the loss in a direction: the Hessian times it.
    fn curvature(&self, point: &Point, direction: &[f64]) -> Vec<f64> {
        let (n_classes, n_cols) = (point.probe.n_classes, point.probe.n_cols);
        let along = Probe { weights: direction.to_vec(), n_classes, n_cols };
        let mut curvature = vec![0.0; direction.len()];
        for (row, shares) in self.which.iter().zip(point.shares.chunks_exact(n_classes)) {
            let mut changes = along.scores(self.rows.row(*row));
            let mean = dot(&changes, shares);
            changes.iter_mut().zip(shares).for_each(|(change, share)| *change = share * (*change - mean));
            self.add_row(&mut curvature, *row, &changes);
        }
        self.penalise(&point.probe, direction, &mut curvature);
        curvature
    }

    /// Adds a row, times a factor for each class, to that class.
    fn add_row(&self, to: &mut [f64], row: usize, factors: &[f64]) {
        let values = self.rows.row(row);
        for (to, factor) in to.chunks_exact_mut(values.len() + 1).zip(factors) {
            let factor = factor * self.scale;
            add(&mut to[..values.len()], factor, values);
            to[values.len()] += factor;
        }
    }

    /// Adds the penalty's part of a gradient; the penalty of these weights, twice.
    fn penalise(&self, probe: &Probe, weights: &[f64], gradient: &mut [f64]) -> f64 {
        let (stride, mut sum) = (probe.n_cols + 1, 0.0);
        for (slopes, weights) in gradient.chunks_exact_mut(stride).zip(weights.chunks_exact(stride)) {
            let weights = &weights[..probe.n_cols];
            add(&mut slopes[..probe.n_cols], self.penalty, weights);
            sum += self.penalty * dot(weights, weights);
        }
        sum
    }

    /// Where Newton's method goes from here: what the curvature turns into the opposite of the gradient, as nearly as
    /// the distance to the end makes worth while.
    fn direction(&self, point: &Point) -> Vec<f64> {
        let mut direction = vec![0.0; point.gradient.len()];
        let mut left: Vec<f64> = point.gradient.iter().map(|slope| -slope).collect();
        let mut conjugate = left.clone();
        let mut square = dot(&left, &left);
        let enough = square.sqrt() * square.sqrt().sqrt().min(0.25);
        for _ in 0..2 * direction.len() {
            let curvature = self.curvature(point, &conjugate);
            let bend = dot(&conjugate, &curvature);
            if bend <= f64::EPSILON * f64::EPSILON * square {
                break;
            }
            let length = square / bend;
            add(&mut direction, length, &conjugate);
            add(&mut left, -length, &curvature);
            let before = std::mem::replace(&mut square, dot(&left, &left));
            if square.sqrt() <= enough {
                break;
            }
            let share = square / before;
            conjugate.iter_mut().zip(&left).for_each(|(value, left)| *value = left + share * *value);
        }
        direction
    }

    /// A step downhill; none where rounding leaves none.
    fn step(&self, point: &Point, direction: &[f64]) -> Option<Point> {
        const ENOUGH: f64 = 1e-4;
        // So near the end that rounding hides how the loss falls, its slope still tells (Hager and Zhang 2005, 4.1).
        const ROUNDING: f64 = 1e-12;
        let slope = dot(&point.gradient, direction);
        let mut length = 1.0;
        for _ in 0..60 {
            let mut weights = point.probe.weights.clone();
            add(&mut weights, length, direction);
            let next = self.point(Probe { weights, ..point.probe });
            let falls = next.loss <= point.loss + ENOUGH * length * slope;
            let is_level = next.loss <= point.loss + ROUNDING * point.loss.abs()
                && dot(&next.gradient, direction) <= (2.0 * ENOUGH - 1.0) * slope;
            if falls || is_level {
                return Some(next);
            }
            length /= 2.0;
        }
        None
    }
}

/// Turns scores into probabilities; the logarithm of what their exponentials make together.
fn soft_max(scores: &mut [f64]) -> f64 {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|score| *score = libm::exp(*score - most));
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
    most + libm::log(sum)
}

fn add(to: &mut [f64], factor: f64, values: &[f64]) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to += factor * value);
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{GOLDEN, labels, rows};
    use super::*;

    fn fit(rows: &Matrix, labels: &[usize], c: f64) -> Probe {
        let which: Vec<usize> = (0..labels.len()).collect();
        Probe::fit(rows, &which, labels, labels.iter().max().map_or(1, |most| most + 1), c)
    }

    #[test]
    fn the_probabilities_are_those_of_scikit_learn() {
        for golden in &GOLDEN {
            let labels = labels(golden.n, golden.n_classes);
            let rows = rows(&labels, golden.n_cols);
            let found = fit(&rows, &labels, 0.5).probabilities(rows.row(3));
            for (found, expected) in found.iter().zip(golden.probabilities) {
                assert!((found - expected).abs() < 1e-8, "{found} {expected}");
            }
        }
    }

    #[test]
    fn one_class_and_no_rows_have_an_answer() {
        let labels = labels(20, 2);
        let rows = rows(&labels, 3);
        assert_eq!(Probe::fit(&rows, &[], &labels, 2, 1.0).tell(rows.row(0)), 0);
        let one = fit(&rows, &[0; 20], 1.0);
        assert_eq!((one.tell(rows.row(0)), one.probabilities(rows.row(0))), (0, vec![1.0]));
    }
}
