//! tsne: t-distributed stochastic neighbour embedding.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Weights;
use super::fitted::{Fitted, NewRow};
use super::making::Making;
use super::map::{Figures, Map, check_dims, check_grid};
use super::matrix::{Rows, Stacked};
use super::metric::Metric;
use super::neighbors::near_of;
use super::pca::principal_places;
use crate::error::{Error, Result};
use crate::signal::tsne::{Descent, Placing, affinities};
use crate::signal::{Graph, Random};
use crate::stages::{Context, Frame, Inputs, Outputs, Stage, non_default_params};

/// A map by t-SNE (van der Maaten and Hinton 2008), by Barnes and Hut's method, to openTSNE's definitions and on its schedule: columns
/// `x`, `y` and, with three dimensions, `z`, and how far the map can be believed.
///
/// It begins with the principal components, at a standard deviation of 1e-4: 250 steps with twelvefold pull, then 500. The same
/// seed gives the same map with any number of threads. `trustworthiness`, `continuity`, `recall` (of the 15 nearest rows) and `stability` over
/// five seeds are a number for each row, whose mean is the map's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tsne {
    /// Number of dimensions: 2 or 3.
    #[schemars(range(min = 2, max = 3))]
    pub dims: u32,
    /// About how many rows a row sees: it is computed from its three times as many nearest. A third of the other rows where there
    /// are fewer than that.
    #[schemars(range(min = 1.0, max = 1000.0))]
    pub perplexity: f64,
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

impl Default for Tsne {
    fn default() -> Self {
        Self {
            dims: 2,
            perplexity: 30.0,
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

/// The standard deviation of the start along its first axis, and that of what is added to it.
const WIDTH: f64 = 1e-4;
const JITTER: f64 = 1e-6;

impl Stage for Tsne {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        if self.fit.is_empty() { &["features"] } else { &["features", "map"] }
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        check_dims(self.dims)?;
        check_grid(self.grid, self.dims)?;
        if !(1.0..=1000.0).contains(&self.perplexity) {
            let cause = "it is from 1 to 1,000";
            return Err(Error::usage(format!(
                "cannot project with `perplexity = {}`: {cause}",
                self.perplexity
            )));
        }
        let map_of = |rows: &Rows, other, context: &Context| self.map_of(rows, other, context);
        let placed_on = |fitted: &Fitted, stacked| self.placed_on(fitted, stacked, context);
        let step = ("tsne", &non_default_params(self));
        let (rows, map, mut figures) = self.making().map(step, inputs, context, placed_on, map_of)?;
        figures.extend(map.cells(self.grid, context)?);
        figures.extend(near_of(&rows, self.metric, self.near, context)?);
        Ok(vec![("rows", map.into_frame(figures).to_bytes())])
    }
}

impl Tsne {
    /// Rows on a map that is given, with its figures.
    fn placed_on(
        &self,
        fitted: &Fitted,
        stacked: Stacked,
        context: &Context,
    ) -> Result<(Rows, Map, Figures)> {
        let (two, three) = match fitted.dims {
            2 => (Some(Placing::<2>::new(&fitted.places)), None),
            _ => (None, Some(Placing::<3>::new(&fitted.places))),
        };
        let place = |NewRow { ids, distances, .. }: NewRow<'_>| {
            let flat = two.iter().flat_map(|map| map.place(ids, distances));
            flat.chain(three.iter().flat_map(|map| map.place(ids, distances))).collect()
        };
        let k = Placing::<2>::N_NEIGHBOURS;
        fitted.place(stacked, self.making(), k, context, place)
    }

    /// What a map was fitted to that this step has made of these inputs.
    pub(super) fn fitted(&self, inputs: &Inputs, map: &Frame, context: &Context) -> Result<Fitted> {
        self.making().fitted(("tsne", &non_default_params(self)), inputs, map, context)
    }

    fn making(&self) -> Making<'_> {
        Making { scale: self.scale, weights: &self.weights, metric: self.metric }
    }

    /// The map of rows that the metric has prepared, with the step's seed or one of those after it.
    fn map_of(&self, rows: &Rows, other: u64, context: &Context) -> Result<Map> {
        let dims = self.dims as usize;
        if rows.len() < 2 {
            return Ok(Map { dims, places: vec![0.0; rows.len() * dims] });
        }
        let perplexity = self.perplexity.min((rows.len() - 1) as f64 / 3.0).max(1.0);
        let neighbours = self.metric.nearest(rows, (3.0 * perplexity) as usize, context)?;
        let affinities = affinities(&neighbours, perplexity);
        let start = start_of(rows, dims, self.seed.wrapping_add(other));
        context.check()?;
        let places = match dims {
            2 => lay_out::<2>(&affinities, &start, context)?,
            _ => lay_out::<3>(&affinities, &start, context)?,
        };
        Ok(Map { dims, places })
    }
}

/// The principal components, made small, and so little moved that no two rows lie at one place.
fn start_of(rows: &Rows, dims: usize, seed: u64) -> Vec<f32> {
    let mut centred = rows.clone();
    centred.centre();
    let places = principal_places(&centred, dims);
    let squares = places.iter().step_by(dims).map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
    let deviation = (squares / rows.len() as f64).sqrt();
    let factor = if deviation > 0.0 { WIDTH / deviation } else { 0.0 };
    let mut random = Random::new(seed);
    places.into_iter().map(|x| (f64::from(x) * factor + JITTER * random.normal()) as f32).collect()
}

fn lay_out<const D: usize>(affinities: &Graph, start: &[f32], context: &Context) -> Result<Vec<f32>> {
    let mut descent = Descent::<D>::new(affinities, start);
    while !descent.is_done() {
        context.at(descent.progress())?;
        descent.step();
    }
    Ok(descent.places())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::super::matrix::tests::{features, reduce, some_rows};
    use super::*;
    use crate::stages::Values;

    fn mean(frame: &Frame, name: &str) -> f64 {
        let Some(Values::Floats(figures)) = frame.column(name) else { panic!("no {name}") };
        figures.iter().flatten().sum::<f64>() / frame.n_rows as f64
    }

    fn is_finite(frame: &Frame) -> bool {
        frame.columns.iter().all(|(_, values)| match values {
            Values::Singles(values) => values.iter().all(|x| x.is_finite()),
            _ => true,
        })
    }

    #[test]
    fn the_same_seed_gives_the_same_map_on_any_number_of_threads() {
        let on = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| reduce(&Tsne::default(), &[some_rows(150, 5)]).unwrap())
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn groups_stay_together_in_two_and_three_dimensions() {
        for dims in [2, 3] {
            let frame =
                reduce(&Tsne { dims, perplexity: 10.0, ..Tsne::default() }, &[some_rows(120, 5)]).unwrap();
            assert!(is_finite(&frame));
            assert!(mean(&frame, "trustworthiness") > 0.9, "{dims}");
            assert!(mean(&frame, "stability") > 0.5, "{dims}");
        }
    }

    #[test]
    fn few_rows_equal_rows_and_constant_columns_have_a_map() {
        for n_rows in [0_usize, 1, 2, 3, 4, 7, 16] {
            let frame = reduce(&Tsne::default(), &[some_rows(n_rows, 2)]).unwrap();
            assert_eq!(frame.n_rows, n_rows);
            assert!(is_finite(&frame), "{frame:?}");
        }
        let equal = features(&[[0.7_f32, 0.1].as_slice(); 40], 2);
        for metric in [Metric::Euclidean, Metric::Cosine] {
            assert!(is_finite(
                &reduce(&Tsne { metric, ..Tsne::default() }, std::slice::from_ref(&equal)).unwrap()
            ));
        }
    }

    #[test]
    fn absurd_parameters_are_errors_and_a_cancelled_map_stops() {
        for stage in [
            Tsne { dims: 4, ..Tsne::default() },
            Tsne { perplexity: 0.5, ..Tsne::default() },
            Tsne { perplexity: f64::INFINITY, ..Tsne::default() },
        ] {
            assert!(reduce(&stage, &[some_rows(5, 2)]).is_err(), "{stage:?}");
        }
        let mut inputs = Inputs::default();
        inputs.push("features", some_rows(50, 2));
        let cancelled = AtomicBool::new(true);
        assert!(Tsne::default().run(&inputs, &Context::new(&cancelled)).is_err());
    }
}
