//! kmeans: seeded k-means++ and Lloyd iterations.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Weights;
use super::matrix::Rows;
use crate::error::{Error, Result};
use crate::signal::{Matrix, Random, squared_distance};
use crate::stages::{Context, Frame, Inputs, Outputs, Stage, Values};

/// k-means clusters of the rows' `vector`: columns `cluster`, counted from 0, and `distance` to its centre, in the
/// units of the scaled columns.
///
/// Centres are drawn as k-means++ does (Arthur and Vassilvitskii 2007) and moved by Lloyd's algorithm until no row
/// changes its cluster, or 300 times; of `n_init` starts the one with the least inertia is kept, the first of
/// equals. Cluster 0 is the largest; of two equally large ones the one whose first row comes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kmeans {
    /// Number of clusters; at most as many as there are rows.
    #[schemars(range(min = 2))]
    pub k: u32,
    /// The seed of the random numbers.
    pub seed: u64,
    /// How many times to start anew; the best run is kept.
    #[schemars(range(min = 1, max = 1000))]
    pub n_init: u32,
    /// What is done to the columns first.
    pub scale: super::Scale,
    /// The blocks that make up a row instead of `vector`, and how much each counts: `{ maqam = 1.0, timbre = 0.5 }`. Once
    /// scaled, a block's numbers are multiplied by its weight over the square root of how many they are; with `l2` by its weight.
    pub weights: Weights,
}

impl Default for Kmeans {
    fn default() -> Self {
        Self { k: 8, seed: 0, n_init: 10, scale: super::Scale::Zscore, weights: Weights::new() }
    }
}

impl Stage for Kmeans {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        &["features"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        let rows = Rows::stack(inputs.all("features"), self.scale, &self.weights, context)?;
        self.check(rows.len())?;
        let mut random = Random::new(self.seed);
        let mut best = Clustering::find(&rows, self.k as usize, &mut random, context)?;
        for _ in 1..self.n_init {
            let next = Clustering::find(&rows, self.k as usize, &mut random, context)?;
            if next.inertia() < best.inertia() {
                best = next;
            }
        }
        Ok(vec![("rows", best.into_frame().to_bytes())])
    }
}

impl Kmeans {
    fn check(&self, n_rows: usize) -> Result<()> {
        let refuse = |cause: &str| Error::usage(format!("cannot find `k = {}` clusters: {cause}", self.k));
        match (self.k, self.n_init) {
            (0 | 1, _) => Err(refuse("there must be at least 2")),
            (_, 0) => Err(refuse("`n_init` is 0, so nothing would be tried")),
            (k, _) if k as usize > n_rows => {
                let hint = format!("set `k` to at most {n_rows}, or add clips");
                Err(refuse(&format!("there are only {n_rows} rows")).hint(hint))
            }
            _ => Ok(()),
        }
    }
}

/// Lloyd iterations of one start.
const MAX_ITERATIONS: usize = 300;

/// For each row its cluster and the square of the distance to that cluster's centre.
struct Clustering(Vec<(usize, f64)>);

impl Clustering {
    fn find(rows: &Rows, k: usize, random: &mut Random, context: &Context) -> Result<Self> {
        let mut clustering = Self::nearest(rows, &draw_centres(rows, k, random));
        for _ in 0..MAX_ITERATIONS {
            context.check()?;
            let next = Self::nearest(rows, &clustering.centres(rows, k));
            let is_settled = next.clusters().eq(clustering.clusters());
            clustering = next;
            if is_settled {
                break;
            }
        }
        Ok(clustering)
    }

    /// Each row to its nearest centre, the first of equally near ones.
    fn nearest(rows: &Rows, centres: &Matrix) -> Self {
        Self(for_each_row(rows, |row| {
            let distances = centres.rows().map(|centre| squared_distance(row, centre)).enumerate();
            distances.fold((0, f64::INFINITY), |best, next| if next.1 < best.1 { next } else { best })
        }))
    }

    /// The mean of each cluster; an empty one moves to the row farthest from its centre.
    fn centres(&self, rows: &Rows, k: usize) -> Matrix {
        let (mut sums, mut sizes) = (Matrix::zeros(k, rows.dim), vec![0_usize; k]);
        for (row, cluster) in rows.iter().zip(self.clusters()) {
            sizes[cluster] += 1;
            sums.row_mut(cluster).iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let mut farthest = if sizes.contains(&0) { self.farthest_first() } else { Vec::new() }.into_iter();
        for (cluster, size) in sizes.into_iter().enumerate() {
            let centre = sums.row_mut(cluster);
            if size > 0 {
                centre.iter_mut().for_each(|sum| *sum /= size as f64);
            } else if let Some(row) = farthest.next() {
                copy_row(rows, row, centre);
            }
        }
        sums
    }

    /// The rows, those farthest from their centre first.
    fn farthest_first(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.0.len()).collect();
        order.sort_by(|a, b| self.0[*b].1.total_cmp(&self.0[*a].1));
        order
    }

    fn clusters(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|(cluster, _)| *cluster)
    }

    /// The sum of all squared distances.
    fn inertia(&self) -> f64 {
        self.0.iter().map(|(_, square)| square).sum()
    }

    fn into_frame(self) -> Frame {
        let numbers = numbers_by_size(self.clusters().enumerate());
        let clusters =
            self.clusters().map(|cluster| numbers.get(&cluster).map(|number| *number as i64)).collect();
        let distances = self.0.iter().map(|(_, square)| square.sqrt() as f32).collect();
        let columns = vec![
            ("cluster".to_owned(), Values::Ints(clusters)),
            ("distance".to_owned(), Values::Singles(distances)),
        ];
        Frame { n_rows: self.0.len(), columns }
    }
}

/// What each cluster is called: its place when they are ordered by size, then by first row. `rows` are rows and their clusters,
/// in order.
pub(super) fn numbers_by_size(rows: impl Iterator<Item = (usize, usize)>) -> BTreeMap<usize, usize> {
    let mut seen: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (row, cluster) in rows {
        seen.entry(cluster).or_insert((0, row)).0 += 1;
    }
    let mut order: Vec<_> = seen.into_iter().collect();
    order.sort_by_key(|(_, (size, first))| (Reverse(*size), *first));
    order.into_iter().enumerate().map(|(number, (cluster, _))| (cluster, number)).collect()
}

/// k-means++: each next centre is a row, drawn with the square of its distance to the nearest one as its weight.
fn draw_centres(rows: &Rows, k: usize, random: &mut Random) -> Matrix {
    let mut centres = Matrix::zeros(k, rows.dim);
    let mut squares = vec![1.0; rows.len()];
    for i in 0..k {
        let row = draw(&squares, random);
        copy_row(rows, row, centres.row_mut(i));
        let centre = centres.row(i);
        let to_this = for_each_row(rows, |row| squared_distance(row, centre));
        let nearest =
            |(square, next): (&mut f64, f64)| *square = if i == 0 { next } else { square.min(next) };
        squares.iter_mut().zip(to_this).for_each(nearest);
    }
    centres
}

/// An index with a probability in proportion to its weight; any of them where all weights are 0.
fn draw(weights: &[f64], random: &mut Random) -> usize {
    let target = random.uniform() * weights.iter().sum::<f64>();
    let mut sum = 0.0;
    let reached = weights.iter().position(|weight| {
        sum += weight;
        sum > target
    });
    reached.unwrap_or_else(|| random.below(weights.len() as u64) as usize)
}

/// What `compute` gives for each row, in order, on as many threads as there are.
fn for_each_row<T: Send>(rows: &Rows, compute: impl Fn(&[f64]) -> T + Sync) -> Vec<T> {
    let in_double = |buffer: &mut Vec<f64>, row: &[f32]| {
        buffer.clear();
        buffer.extend(row.iter().map(|value| f64::from(*value)));
        compute(buffer)
    };
    rows.data.par_chunks_exact(rows.dim.max(1)).with_min_len(256).map_init(Vec::new, in_double).collect()
}

fn copy_row(rows: &Rows, row: usize, to: &mut [f64]) {
    let from = &rows.data[row * rows.dim..(row + 1) * rows.dim];
    to.iter_mut().zip(from).for_each(|(out, value)| *out = f64::from(*value));
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::super::matrix::tests::{features, reduce};
    use super::*;
    use crate::stages::Input;

    /// Four groups of 10, 11, 12 and 13 points.
    fn groups() -> Vec<[f32; 3]> {
        let point =
            |c: usize, i: usize| [c % 2 * 20 + (i * i * 3 + i) % 5, c / 2 * 30 + i * 7 % 6, i * 3 % 4];
        (0..4).flat_map(|c| (0..10 + c).map(move |i| point(c, i).map(|x| x as f32))).collect()
    }

    fn as_frames(points: &[[f32; 3]]) -> Vec<Input> {
        points.iter().map(|point| features(&[point], 3)).collect()
    }

    fn clusters_and_inertia(stage: &Kmeans, points: &[[f32; 3]]) -> (Vec<i64>, f64) {
        let frame = reduce(stage, &as_frames(points)).unwrap();
        let Some(Values::Ints(clusters)) = frame.column("cluster") else { panic!("no clusters") };
        let Some(Values::Singles(distances)) = frame.column("distance") else { panic!("no distances") };
        let inertia = distances.iter().map(|d| f64::from(*d) * f64::from(*d)).sum();
        (clusters.iter().map(|cluster| cluster.unwrap()).collect(), inertia)
    }

    #[test]
    fn groups_are_found_largest_first_with_scikit_learns_inertia() {
        // scikit-learn 1.9.1: KMeans(4, n_init=10, random_state=0).fit(X).inertia_, and of StandardScaler's X
        for (scale, want) in [(Scale::None, 341.483_916_084), (Scale::Zscore, 47.899_410_072)] {
            let (clusters, inertia) =
                clusters_and_inertia(&Kmeans { k: 4, scale, ..Kmeans::default() }, &groups());
            let expected: Vec<i64> =
                [3, 2, 1, 0].into_iter().zip(10..).flat_map(|(c, n)| vec![c; n]).collect();
            assert_eq!(clusters, expected);
            assert!((inertia / want - 1.0).abs() < 1e-6, "{inertia} {want}");
        }
    }

    #[test]
    fn without_groups_the_inertia_is_as_good_as_scikit_learns() {
        let points: Vec<[f32; 3]> =
            (0..300).map(|i: u32| [i * 37 % 101, i * 53 % 103, i * i * 7 % 97].map(|x| x as f32)).collect();
        let (_, inertia) = clusters_and_inertia(&Kmeans { scale: Scale::None, ..Kmeans::default() }, &points);
        // scikit-learn 1.9.1: KMeans(8, n_init=10, random_state=s) gives 170145 to 170891 for s = 0 to 5.
        assert!((169_000.0..172_000.0).contains(&inertia), "{inertia}");
    }

    #[test]
    fn the_same_rows_and_seed_give_the_same_clusters_on_any_number_of_threads() {
        let points: Vec<[f32; 3]> =
            (0..2000).map(|i: u32| [i * 37 % 101, i * 53 % 103, i * 7 % 97].map(|x| x as f32)).collect();
        let on = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| reduce(&Kmeans { n_init: 2, ..Kmeans::default() }, &as_frames(&points)).unwrap())
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn equal_rows_share_a_cluster_even_when_more_were_asked_for() {
        let (clusters, inertia) = clusters_and_inertia(&Kmeans { k: 3, ..Kmeans::default() }, &[[1.0; 3]; 5]);
        assert_eq!((clusters, inertia), (vec![0; 5], 0.0));
    }

    #[test]
    fn absurd_parameters_are_errors_and_too_many_clusters_have_a_hint() {
        for stage in [Kmeans { k: 1, ..Kmeans::default() }, Kmeans { n_init: 0, k: 2, ..Kmeans::default() }] {
            assert!(reduce(&stage, &as_frames(&groups())).is_err(), "{stage:?}");
        }
        let error = reduce(&Kmeans { k: 47, ..Kmeans::default() }, &as_frames(&groups())).unwrap_err();
        assert_eq!(error.hints, ["set `k` to at most 46, or add clips"]);
    }
}
