//! pca: principal components, as scikit-learn computes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Weights;
use super::fitted::Fitted;
use super::map::{Map, check_dims, check_grid};
use super::matrix::{Rows, Scaling, Stacked};
use super::metric::Metric;
use super::neighbors::near_of;
use crate::error::Result;
use crate::signal::{Matrix, covariance, gram, largest_eigenpairs};
use crate::stages::{Context, Frame, Inputs, Outputs, Stage, non_default_params};

/// Principal component analysis of the rows' `vector`: columns `x`, `y` and, with three dimensions, `z`.
///
/// The columns are centred in any case. The sign of a component is scikit-learn's (from 1.5 on): its loading of
/// greatest magnitude is positive. Where the rows do not span so many dimensions, the rest is 0. `trustworthiness`, `continuity` and `recall`
/// (of the 15 nearest rows) are a number for each row, whose mean is the map's; it has no seed, so that nothing needs to be stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pca {
    /// Number of components: 2 or 3.
    #[schemars(range(min = 2, max = 3))]
    pub dims: u32,
    /// What is done to the columns first.
    pub scale: super::Scale,
    /// How many of the nearest others of each row are given besides, as by `neighbors`, before the map: column `neighbors`, beside `x`
    /// and `y` as Embedding Atlas wants it; 0: none.
    #[schemars(range(max = 1000))]
    pub near: u32,
    /// Whether each row also gets a cell of a grid, near where it lies, for sprite sheets and pads: columns `grid_x`, from the left, and
    /// `grid_y`, from the top. Of a map of 2 dimensions.
    pub grid: bool,
    /// The file of a map that `taqsim export map` has written, by its path from the manifest's folder: rows are projected as
    /// its rows were, and nothing moves. Without it the step makes a map of its own.
    pub fit: String,
    /// The blocks that make up a row instead of `vector`, and how much each counts: `{ maqam = 1.0, timbre = 0.5 }`. Once
    /// scaled, a block's numbers are multiplied by its weight over the square root of how many they are; with `l2` by its weight.
    pub weights: Weights,
}

impl Default for Pca {
    fn default() -> Self {
        Self {
            dims: 2,
            scale: super::Scale::Zscore,
            near: 0,
            grid: false,
            fit: String::new(),
            weights: Weights::new(),
        }
    }
}

impl Stage for Pca {
    fn version(&self) -> u32 {
        2
    }

    fn reads(&self) -> &'static [&'static str] {
        if self.fit.is_empty() { &["features"] } else { &["features", "map"] }
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        check_dims(self.dims)?;
        check_grid(self.grid, self.dims)?;
        let stacked = Stacked::of(inputs.all("features"), &self.weights, context)?;
        let (rows, projection) = self.projected(stacked, inputs)?;
        let dims = self.dims as usize;
        let map = Map { dims, places: places_along(&rows, &projection.axes, dims) };
        context.check()?;
        let mut figures = map.fidelity(&rows, context)?;
        figures.extend(map.cells(self.grid, context)?);
        figures.extend(near_of(&rows, Metric::Euclidean, self.near, context)?);
        Ok(vec![("rows", map.into_frame(figures).to_bytes())])
    }
}

/// How rows become places.
struct Projection {
    scaling: Scaling,
    /// What is taken from each column then.
    centre: Vec<f64>,
    axes: Vec<Vec<f64>>,
}

impl Pca {
    /// The rows scaled and centred, and how they are projected: along their own axes, or those of the map that is given.
    fn projected(&self, stacked: Stacked, inputs: &Inputs) -> Result<(Rows, Projection)> {
        let Some(fitted) = Fitted::given(inputs, "pca", &non_default_params(self))? else {
            let scaling = stacked.scaling(self.scale);
            let mut rows = stacked.scaled(self.scale, &self.weights, &scaling);
            let centre = rows.centre();
            let axes = components(&rows, self.dims as usize);
            return Ok((rows, Projection { scaling, centre, axes }));
        };
        fitted.check_dim(&stacked.rows)?;
        let axes = fitted.axes.chunks_exact(fitted.dim).map(<[f64]>::to_vec).collect();
        let projection = Projection { scaling: fitted.scaling, centre: fitted.centre, axes };
        let mut rows = stacked.scaled(self.scale, &self.weights, &projection.scaling);
        rows.take_away(&projection.centre);
        Ok((rows, projection))
    }

    /// What a map was fitted to that this step has made of these inputs: its axes, without the rows.
    pub(super) fn fitted(&self, inputs: &Inputs, map: &Frame, context: &Context) -> Result<Fitted> {
        let stacked = Stacked::of(inputs.all("features"), &self.weights, context)?;
        let (_, Projection { scaling, centre, axes }) = self.projected(stacked.clone(), inputs)?;
        let fitted = Fitted::of("pca", &non_default_params(self), &stacked, scaling, map)?;
        Ok(Fitted { rows: Vec::new(), centre, axes: axes.concat(), ..fitted })
    }
}

/// A variance this small beside the greatest one is what rounding to f32 leaves where there is none.
const NEGLIGIBLE: f64 = 1e-10;

/// The first principal axes, unit vectors; fewer than `count` where the rows span fewer dimensions.
fn components(rows: &Rows, count: usize) -> Vec<Vec<f64>> {
    let is_wide = rows.len() < rows.dim;
    let products = if is_wide { gram(&rows.data, rows.dim) } else { covariance(&rows.data, rows.dim) };
    let (values, vectors) = largest_eigenpairs(products, count);
    let negligible = values.first().map_or(0.0, |greatest| greatest * NEGLIGIBLE);
    let spanned = values.iter().take_while(|value| **value > negligible).count();
    let axis = |i| if is_wide { unit_axis(rows, &vectors, i) } else { vectors.row(i).to_vec() };
    (0..spanned).map(|i| with_fixed_sign(axis(i))).collect()
}

/// The axis in the space of columns that belongs to an eigenvector in the space of rows.
fn unit_axis(rows: &Rows, vectors: &Matrix, i: usize) -> Vec<f64> {
    let mut axis = vec![0.0; rows.dim];
    for (row, weight) in rows.iter().zip(vectors.row(i)) {
        axis.iter_mut().zip(row).for_each(|(out, value)| *out += weight * f64::from(*value));
    }
    let norm = axis.iter().map(|x| x * x).sum::<f64>().sqrt();
    axis.iter().map(|x| x / norm).collect()
}

fn with_fixed_sign(mut axis: Vec<f64>) -> Vec<f64> {
    let greatest =
        axis.iter().fold(0.0_f64, |greatest, x| if x.abs() > greatest.abs() { *x } else { greatest });
    if greatest < 0.0 {
        axis.iter_mut().for_each(|x| *x = -*x);
    }
    axis
}

/// Where each row lies along the first principal axes: `dims` numbers a row.
pub(super) fn principal_places(centred: &Rows, dims: usize) -> Vec<f32> {
    places_along(centred, &components(centred, dims), dims)
}

/// Where each row lies along some axes: `dims` numbers a row, 0 where there are fewer axes.
fn places_along(centred: &Rows, axes: &[Vec<f64>], dims: usize) -> Vec<f32> {
    let along = |row: &[f32], axis: &Vec<f64>| {
        row.iter().zip(axis).map(|(value, weight)| f64::from(*value) * weight).sum::<f64>() as f32
    };
    let place = |row| (0..dims).map(move |i| axes.get(i).map_or(0.0, |axis| along(row, axis)));
    centred.iter().flat_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::super::matrix::tests::{features, reduce};
    use super::*;
    use crate::stages::{Input, Values};

    fn some_rows(n_rows: usize, dim: usize) -> Input {
        let value = |i: usize, j: usize| ((i * 7 + j * 13 + i * j * 5 + i * i * 3) % 11) as f32;
        let rows: Vec<Vec<f32>> = (0..n_rows).map(|i| (0..dim).map(|j| value(i, j)).collect()).collect();
        features(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>(), dim)
    }

    fn map_of(rows: Input, dims: u32, scale: Scale) -> Vec<Vec<f32>> {
        let frame = reduce(&Pca { dims, scale, ..Pca::default() }, &[rows]).unwrap();
        let axes = frame.columns.into_iter().filter_map(|(_, values)| match values {
            Values::Singles(values) => Some(values),
            _ => None,
        });
        axes.collect()
    }

    #[test]
    fn components_are_scikit_learns_signs_included() {
        // scikit-learn 1.9.1: PCA(3, svd_solver="full").fit_transform(X).T, where scaled of StandardScaler's X
        #[rustfmt::skip]
        let cases = [
            (some_rows(7, 4), Scale::Zscore, vec![
                vec![-1.8251982, 1.1357762, -0.2619975, -0.27574, 2.437954, -1.2333213, 0.022527],
                vec![-1.1114991, -1.7766552, -0.4119349, 1.4825077, 0.7314656, 1.2085132, -0.1223973],
                vec![0.4138402, -0.614387, 0.4708158, -1.765422, 1.0199515, 1.1208344, -0.6456328],
            ]),
            (some_rows(7, 4), Scale::None, vec![
                vec![-5.3380302, 5.651673, -0.6507998, -2.2371688, 7.2043202, -5.4339315, 0.8039372],
                vec![-4.2988076, -3.7677864, -1.5858571, 4.9350131, 2.550582, 1.8855339, 0.2813221],
                vec![0.3976898, -2.3909416, 1.1462568, -4.3011402, 3.8236643, 3.5031816, -2.1787106],
            ]),
            (some_rows(4, 6), Scale::Zscore, vec![
                vec![2.0931544, -2.4355683, 1.5228971, -1.1804833],
                vec![0.6652846, 1.6301772, -0.048787, -2.2466748],
                vec![-0.8361595, 0.0427609, 1.0323934, -0.2389948],
            ]),
        ];
        for (rows, scale, want) in cases {
            for (got, want) in map_of(rows, 3, scale).iter().flatten().zip(want.iter().flatten()) {
                assert!((got - want).abs() < 1e-5, "{got} {want}");
            }
        }
    }

    #[test]
    fn dimensions_that_the_rows_do_not_span_are_zero() {
        for (rows, spanned) in [
            (features(&[&[0.1, 2.0, 3.0], &[0.1, 4.0, 9.0], &[0.1, 6.0, 15.0]], 3), 1),
            (features(&[&[1.0, 2.0], &[2.0, 1.0]], 2), 1),
            (features(&[&[1.0], &[2.0], &[7.0]], 1), 1),
            (features(&[&[1.0, 2.0]], 2), 0),
            (features(&[[0.7_f32, 0.1].as_slice(); 6], 2), 0),
            (features(&[], 2), 0),
        ] {
            let map = map_of(rows, 3, Scale::Zscore);
            for (axis, values) in map.iter().enumerate() {
                assert_eq!(values.iter().any(|x| *x != 0.0), axis < spanned, "{map:?}");
            }
        }
    }

    #[test]
    fn a_map_has_two_or_three_dimensions() {
        assert_eq!(map_of(some_rows(5, 4), 2, Scale::None).len(), 2);
        for dims in [0, 1, 4, u32::MAX] {
            assert!(reduce(&Pca { dims, scale: Scale::None, ..Pca::default() }, &[some_rows(5, 4)]).is_err());
        }
    }
}
