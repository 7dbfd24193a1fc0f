//! umap: Uniform Manifold Approximation and Projection.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Weights;
use super::fitted::{Fitted, NewRow};
use super::making::Making;
use super::map::{Figures, Map, check_dims, check_grid};
use super::matrix::{Rows, Stacked};
use super::metric::Metric;
use super::neighbors::near_of;
use crate::error::{Error, Result};
use crate::signal::Graph;
use crate::signal::umap::{Layout, Placing, Shape, fuzzy_graph, start_of};
use crate::stages::{Context, Frame, Inputs, Outputs, Stage, non_default_params};

/// A map by UMAP (McInnes, Healy and Melville 2018), to umap-learn's definitions: columns `x`, `y` and, with three dimensions,
/// `z`, and how far the map can be believed.
///
/// Rows are laid out in an order that no number of threads changes, so that the same seed gives the same map everywhere;
/// `trustworthiness`, `continuity`, `recall` (of the 15 nearest rows) and `stability` over five seeds are a number for each row, whose mean is the
/// map's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Umap {
    /// Number of dimensions: 2 or 3.
    #[schemars(range(min = 2, max = 3))]
    pub dims: u32,
    /// Rows that count as the surroundings of a row, itself among them: few show what is near, many how all lies. All rows where
    /// there are fewer.
    #[schemars(range(min = 2, max = 1000))]
    pub neighbors: u32,
    /// How near two rows may lie on the map.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub min_dist: f64,
    /// The scale on which rows lie apart on the map; at least `min_dist`.
    #[schemars(range(min = 0.001, max = 1000.0))]
    pub spread: f64,
    /// How often the map is gone through; 0: 500 times up to 10,000 rows, else 200 times.
    #[schemars(range(max = 100_000))]
    pub epochs: u32,
    /// The seed of the random numbers.
    pub seed: u64,
    /// How far two rows are from each other.
    pub metric: Metric,
    /// What is done to the columns first.
    pub scale: super::Scale,
    /// How many of the nearest others of each row are given besides, as by `neighbors`, before the map: column `neighbors`, beside `x`
    /// and `y` as Embedding Atlas wants it; 0: none.
    #[schemars(range(max = 1000))]
    pub near: u32,
    /// Whether each row also gets a cell of a grid, near where it lies, for sprite sheets and pads: columns `grid_x`, from the left, and
    /// `grid_y`, from the top. Of a map of 2 dimensions.
    pub grid: bool,
    /// The file of a map that `taqsim export map` has written, by its path from the manifest's folder: rows that it has lie where it has
    /// them (`is_fitted`), others are placed on it, and nothing moves. Without it the step makes a map of its own.
    pub fit: String,
    /// The blocks that make up a row instead of `vector`, and how much each counts: `{ maqam = 1.0, timbre = 0.5 }`. Once
    /// scaled, a block's numbers are multiplied by its weight over the square root of how many they are; with `l2` by its weight.
    pub weights: Weights,
}

impl Default for Umap {
    fn default() -> Self {
        Self {
            dims: 2,
            neighbors: 15,
            min_dist: 0.1,
            spread: 1.0,
            epochs: 0,
            seed: 0,
            metric: Metric::Euclidean,
            scale: super::Scale::Zscore,
            near: 0,
            grid: false,
            fit: String::new(),
            weights: Weights::new(),
        }
    }
}

impl Stage for Umap {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        if self.fit.is_empty() { &["features"] } else { &["features", "map"] }
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        self.check()?;
        let map_of = |rows: &Rows, other, context: &Context| self.map_of(rows, other, context);
        let placed_on = |fitted: &Fitted, stacked| self.placed_on(fitted, stacked, context);
        let step = ("umap", &non_default_params(self));
        let (rows, map, mut figures) = self.making().map(step, inputs, context, placed_on, map_of)?;
        figures.extend(map.cells(self.grid, context)?);
        figures.extend(near_of(&rows, self.metric, self.near, context)?);
        Ok(vec![("rows", map.into_frame(figures).to_bytes())])
    }
}

impl Umap {
    /// Rows on a map that is given, with its figures.
    fn placed_on(
        &self,
        fitted: &Fitted,
        stacked: Stacked,
        context: &Context,
    ) -> Result<(Rows, Map, Figures)> {
        let shape = self.shape(self.seed);
        let (two, three) =
            (Placing::<2>::new(&fitted.places, &shape), Placing::<3>::new(&fitted.places, &shape));
        let place = |row: NewRow<'_>| match fitted.dims {
            2 => two.place(row.ids, row.distances, row.mark).to_vec(),
            _ => three.place(row.ids, row.distances, row.mark).to_vec(),
        };
        let k = self.neighbors as usize;
        fitted.place(stacked, self.making(), k, context, place)
    }

    /// What a map was fitted to that this step has made of these inputs.
    pub(super) fn fitted(&self, inputs: &Inputs, map: &Frame, context: &Context) -> Result<Fitted> {
        self.making().fitted(("umap", &non_default_params(self)), inputs, map, context)
    }

    fn making(&self) -> Making<'_> {
        Making { scale: self.scale, weights: &self.weights, metric: self.metric }
    }

    fn check(&self) -> Result<()> {
        check_dims(self.dims)?;
        check_grid(self.grid, self.dims)?;
        let refuse =
            |what: String, cause: &str| Error::usage(format!("cannot project with `{what}`: {cause}"));
        if !(2..=1000).contains(&self.neighbors) {
            return Err(refuse(format!("neighbors = {}", self.neighbors), "there are from 2 to 1,000"));
        }
        if !(0.001..=1000.0).contains(&self.spread) {
            return Err(refuse(format!("spread = {}", self.spread), "it is from 0.001 to 1,000"));
        }
        if !(0.0..=self.spread).contains(&self.min_dist) {
            return Err(refuse(format!("min_dist = {}", self.min_dist), "it is from 0 to `spread`"));
        }
        if self.epochs > 100_000 {
            return Err(refuse(format!("epochs = {}", self.epochs), "there are at most 100,000"));
        }
        Ok(())
    }

    fn shape(&self, seed: u64) -> Shape {
        Shape {
            dims: self.dims as usize,
            min_dist: self.min_dist,
            spread: self.spread,
            epochs: self.epochs as usize,
            seed,
        }
    }

    /// The map of rows that the metric has prepared, with the step's seed or one of those after it.
    fn map_of(&self, rows: &Rows, other: u64, context: &Context) -> Result<Map> {
        let dims = self.dims as usize;
        if rows.len() < 2 {
            return Ok(Map { dims, places: vec![0.0; rows.len() * dims] });
        }
        let neighbours = self.metric.nearest(rows, self.neighbors as usize - 1, context)?;
        let graph = fuzzy_graph(&neighbours);
        context.check()?;
        let shape = self.shape(self.seed.wrapping_add(other));
        let start = start_of(&graph, rows.points(), dims, shape.seed);
        let places = match dims {
            2 => lay_out::<2>(&graph, &shape, &start, context)?,
            _ => lay_out::<3>(&graph, &shape, &start, context)?,
        };
        Ok(Map { dims, places })
    }
}

fn lay_out<const D: usize>(
    graph: &Graph,
    shape: &Shape,
    start: &[f32],
    context: &Context,
) -> Result<Vec<f32>> {
    let mut layout = Layout::<D>::new(graph, shape, start);
    while !layout.is_done() {
        context.at(layout.progress())?;
        layout.step();
    }
    Ok(layout.places())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::super::Scale;
    use super::super::matrix::tests::{features, reduce, some_rows};
    use super::*;
    use crate::stages::{Input, Values};

    fn map_of(stage: &Umap, rows: Input) -> Frame {
        reduce(stage, &[rows]).unwrap()
    }

    fn singles(frame: &Frame, name: &str) -> Vec<f32> {
        match frame.column(name) {
            Some(Values::Singles(values)) => values.clone(),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_map_on_any_number_of_threads_and_another_one_another() {
        let stage = Umap { epochs: 40, ..Umap::default() };
        let on = |stage: &Umap, n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| map_of(stage, some_rows(300, 5)))
        };
        assert_eq!(on(&stage, 1), on(&stage, 3));
        let other = Umap { seed: 1, ..stage.clone() };
        assert_ne!(on(&stage, 1), on(&other, 1));
    }

    #[test]
    fn groups_stay_together_with_every_metric_and_in_three_dimensions() {
        for metric in [Metric::Euclidean, Metric::Cosine, Metric::Hellinger] {
            let stage = Umap { metric, dims: 3, scale: Scale::None, epochs: 100, ..Umap::default() };
            let frame = map_of(&stage, some_rows(80, 5));
            let axes = ["x", "y", "z"].map(|axis| singles(&frame, axis));
            assert!(axes.iter().flatten().all(|x| x.is_finite()));
            let Some(Values::Floats(trust)) = frame.column("trustworthiness") else { panic!("no figures") };
            let mean = trust.iter().flatten().sum::<f64>() / 80.0;
            assert!(mean > 0.8, "{metric:?} {mean}");
        }
    }

    #[test]
    fn few_rows_equal_rows_and_constant_columns_have_a_map() {
        for n_rows in [0_usize, 1, 2, 3, 4, 7, 16] {
            let frame = map_of(&Umap { epochs: 20, ..Umap::default() }, some_rows(n_rows, 2));
            assert_eq!(frame.n_rows, n_rows);
            assert!(singles(&frame, "x").iter().all(|x| x.is_finite()), "{n_rows}: {frame:?}");
        }
        let equal = features(&[[0.7_f32, 0.1].as_slice(); 40], 2);
        for metric in [Metric::Euclidean, Metric::Cosine] {
            let frame = map_of(&Umap { epochs: 20, metric, ..Umap::default() }, equal.clone());
            assert!(singles(&frame, "y").iter().all(|y| y.is_finite()), "{frame:?}");
        }
    }

    #[test]
    fn parts_that_nothing_joins_are_laid_out_apart() {
        let far = |i: usize| [(i % 3 * 1000) as f32 + (i * 7 % 13) as f32, (i * 5 % 11) as f32];
        let rows: Vec<[f32; 2]> = (0..90).map(far).collect();
        let rows = features(&rows.iter().map(<[f32; 2]>::as_slice).collect::<Vec<_>>(), 2);
        let stage = Umap { neighbors: 6, epochs: 50, scale: Scale::None, ..Umap::default() };
        let frame = map_of(&stage, rows);
        let (x, y) = (singles(&frame, "x"), singles(&frame, "y"));
        let distance = |i: usize, j: usize| libm::hypot(f64::from(x[i] - x[j]), f64::from(y[i] - y[j]));
        let nearest = |i: usize| {
            let others = (0..90).filter(|j| *j != i);
            others.min_by(|a, b| distance(i, *a).total_cmp(&distance(i, *b))).unwrap()
        };
        assert!((0..90).all(|i| nearest(i) % 3 == i % 3));
    }

    #[test]
    fn absurd_parameters_are_errors_and_a_cancelled_map_stops() {
        for stage in [
            Umap { dims: 1, ..Umap::default() },
            Umap { neighbors: 1, ..Umap::default() },
            Umap { spread: f64::NAN, ..Umap::default() },
            Umap { min_dist: 1.5, ..Umap::default() },
            Umap { epochs: u32::MAX, ..Umap::default() },
        ] {
            assert!(reduce(&stage, &[some_rows(5, 2)]).is_err(), "{stage:?}");
        }
        let mut inputs = Inputs::default();
        inputs.push("features", some_rows(50, 2));
        let cancelled = AtomicBool::new(true);
        assert!(Umap::default().run(&inputs, &Context::new(&cancelled)).is_err());
    }
}
