//! What a map was fitted to: enough to place new rows on it, and to leave the old ones where they are.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Scale;
use super::making::Making;
use super::map::{Figures, Map};
use super::matrix::{Rows, Scaling, Stacked};
use crate::error::{Error, Result};
use crate::signal::{Neighbours, Points, SplitMix};
use crate::stages::{Context, Frame, Inputs, Params, Values};

/// A map, and what it was fitted to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Fitted {
    /// The kind of step: `pca`, `tsne` or `umap`.
    pub kind: String,
    /// The parameters that it was fitted with, each as JSON, by name: those that differ from their defaults and change a place.
    pub params: BTreeMap<String, String>,
    /// Numbers of a row.
    pub dim: usize,
    /// Dimensions of the map.
    pub dims: usize,
    /// What scales the columns of its rows, and those of new ones.
    pub scaling: Scaling,
    /// Of a projection, what is then taken from each column; else nothing.
    pub centre: Vec<f64>,
    /// Of a projection its axes, unit vectors laid end to end; else nothing.
    pub axes: Vec<f64>,
    /// Which clip each row is of, counted from 0: those of one clip lie together.
    pub clips: Vec<u32>,
    /// The rows before their columns were scaled, laid end to end; none of a projection.
    pub rows: Vec<f32>,
    /// Where they lie: `dims` numbers of each.
    pub places: Vec<f32>,
}

/// A new row as a map sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewRow<'a> {
    /// Its nearest rows of the map, nearest first.
    pub(super) ids: &'a [u32],
    /// How far they are.
    pub(super) distances: &'a [f32],
    /// A number that follows from the row's own.
    pub(super) mark: u64,
}

/// Parameters that change no place of a row that is there.
const BESIDES: [&str; 4] = ["fit", "grid", "near", "seed"];
/// New rows that are placed before the user may stop it again.
const CHUNK: usize = 256;
/// The column that says which rows lie where the map that was given has them.
const IS_FITTED: &str = "is_fitted";

impl Fitted {
    /// The value as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("it has nothing that postcard lacks")
    }

    /// Whether its parts fit together, and all of its numbers are finite.
    pub fn is_whole(&self) -> bool {
        let n_rows = self.clips.len();
        let is_for_columns = |numbers: &[f64]| numbers.is_empty() || numbers.len() == self.dim;
        let Scaling { means, factors } = &self.scaling;
        let wide = [means, factors, &self.centre, &self.axes].into_iter().flatten();
        self.dim > 0
            && (2..=3).contains(&self.dims)
            && n_rows > 0
            && n_rows.checked_mul(self.dims) == Some(self.places.len())
            && (n_rows.checked_mul(self.dim) == Some(self.rows.len()) || self.rows.is_empty())
            && means.len() == factors.len()
            && [means, factors, &self.centre].into_iter().all(|numbers| is_for_columns(numbers))
            && self.axes.len().is_multiple_of(self.dim)
            && self.axes.len() / self.dim <= self.dims
            && wide.into_iter().all(|number| number.is_finite())
            && self.rows.iter().chain(&self.places).all(|number| number.is_finite())
    }

    /// The map that rows are placed on, if one is given; it must be one of this kind, with these parameters.
    ///
    /// # Errors
    /// When it is another one.
    pub(super) fn given(inputs: &Inputs, kind: &str, params: &Params) -> Result<Option<Self>> {
        let Some(input) = inputs.all("map").first() else { return Ok(None) };
        let fitted: Option<Self> = postcard::from_bytes(&input.read()?).ok();
        let fitted = fitted.filter(Self::is_whole);
        let fitted = fitted.ok_or_else(|| Error::cannot_read("map", "these bytes are no map"))?;
        if fitted.kind != kind {
            return Err(refused(&format!("it is one of `{}`, not of `{kind}`", fitted.kind))
                .hint("name with `fit` a map that was exported of a step of this kind"));
        }
        let here = that_matter(params);
        let names = here.keys().chain(fitted.params.keys());
        let value = |params: &BTreeMap<String, String>, name: &str| {
            params.get(name).cloned().unwrap_or_else(|| "its default".to_owned())
        };
        if let Some(name) = names.into_iter().find(|name| here.get(*name) != fitted.params.get(*name)) {
            let (ours, its) = (value(&here, name), value(&fitted.params, name));
            return Err(refused(&format!("`{name}` is {ours} here, and {its} in the map"))
                .hint("give the step the parameters that the map was made with, or leave `fit` out"));
        }
        Ok(Some(fitted))
    }

    /// What a step of this kind was fitted to that has made these places of these rows.
    ///
    /// # Errors
    /// When there are no rows, or other ones.
    pub(super) fn of(
        kind: &str,
        params: &Params,
        stacked: &Stacked,
        scaling: Scaling,
        map: &Frame,
    ) -> Result<Self> {
        let axes = ["x", "y", "z"].map(|axis| map.column(axis));
        let axes = axes.iter().map_while(|column| match column {
            Some(Values::Singles(numbers)) => Some(numbers.as_slice()),
            _ => None,
        });
        let axes: Vec<&[f32]> = axes.collect();
        let place = |row: usize| axes.iter().filter_map(move |axis| axis.get(row).copied());
        let fitted = Self {
            kind: kind.to_owned(),
            params: that_matter(params),
            dim: stacked.rows.dim,
            dims: axes.len(),
            scaling,
            clips: clips_of(&stacked.ends),
            rows: stacked.rows.data.clone(),
            places: (0..map.n_rows).flat_map(place).collect(),
            ..Self::default()
        };
        if fitted.is_whole() {
            return Ok(fitted);
        }
        Err(Error::world("cannot export a map: it has no rows").hint("export one of a dataset with segments"))
    }

    /// Refuses rows of another length.
    pub(super) fn check_dim(&self, rows: &Rows) -> Result<()> {
        if rows.len() == 0 || rows.dim == self.dim {
            return Ok(());
        }
        Err(refused(&format!("they have {} numbers each, its rows {}", rows.dim, self.dim))
            .hint("the map was made of another embed step, or of other parameters of it"))
    }

    /// Places rows on the map. A row that it has lies where it has it; `place` says where the others do, of which each sees its
    /// `k` nearest rows of the map. The rows as they are compared, where they lie, and the map's figures, with which rows it has.
    ///
    /// # Errors
    /// When rows have other numbers than the map's, cannot be compared, or the user cancelled.
    pub(super) fn place(
        &self,
        mut stacked: Stacked,
        making: Making<'_>,
        k: usize,
        context: &Context,
        place: impl Fn(NewRow<'_>) -> Vec<f32> + Sync,
    ) -> Result<(Rows, Map, Figures)> {
        self.check_dim(&stacked.rows)?;
        if self.rows.is_empty() || (making.scale == Scale::Zscore && self.scaling.means.is_empty()) {
            return Err(refused("it is incomplete").hint("export it again"));
        }
        let known = Known::of(self).find(&stacked);
        let new: Vec<usize> = (0..known.len()).filter(|row| known[*row].is_none()).collect();
        let marks: Vec<u64> = stacked.rows.iter().map(mark).collect();
        // Together, for how rows are compared may depend on whether one of all is zero.
        stacked.rows.dim = self.dim;
        stacked.rows.data.splice(0..0, self.rows.iter().copied());
        let mut fitted =
            making.metric.prepare(stacked.scaled(making.scale, making.weights, &self.scaling))?;
        let rows = Rows { dim: fitted.dim, data: fitted.data.split_off(self.clips.len() * fitted.dim) };
        let mut map = Map { dims: self.dims, places: vec![0.0; known.len() * self.dims] };
        for (row, old) in known.iter().enumerate() {
            old.iter().for_each(|old| map.put(row, &self.places[old * self.dims..][..self.dims]));
        }
        for (nth, some) in new.chunks(CHUNK).enumerate() {
            context.at(nth as f64 * CHUNK as f64 / new.len() as f64)?;
            let numbers: Vec<f32> = some.iter().flat_map(|row| rows.of(*row)).copied().collect();
            let points = Points { numbers: &fitted.data, dim: fitted.dim };
            let near = making.metric.nearest_among(points, &numbers, k, context)?;
            let marks: Vec<u64> = some.iter().map(|row| marks[*row]).collect();
            for (row, found) in some.iter().zip(placed(&near, &marks, &place)) {
                map.put(*row, &found);
            }
        }
        let is_known = known.iter().map(|old| Some(old.is_some())).collect();
        let mut figures = map.fidelity(&rows, context)?;
        figures.push((IS_FITTED.to_owned(), Values::Bools(is_known)));
        Ok((rows, map, figures))
    }
}

/// Where new rows lie, in their order.
fn placed(
    near: &Neighbours,
    marks: &[u64],
    place: &(impl Fn(NewRow<'_>) -> Vec<f32> + Sync),
) -> Vec<Vec<f32>> {
    let one = |(row, mark): (usize, &u64)| {
        let (ids, distances) = near.of(row);
        place(NewRow { ids, distances, mark: *mark })
    };
    marks.par_iter().enumerate().map(one).collect()
}

/// The rows of a map in the order of their numbers, to find them by these.
struct Known<'f> {
    fitted: &'f Fitted,
    /// The rows of each clip.
    clips: Vec<Range<usize>>,
    rows: Vec<usize>,
}

impl<'f> Known<'f> {
    fn of(fitted: &'f Fitted) -> Self {
        let mut clips: Vec<Range<usize>> = Vec::new();
        for (row, clip) in fitted.clips.iter().enumerate() {
            match clips.last_mut().filter(|last| fitted.clips[last.start] == *clip) {
                Some(last) => last.end = row + 1,
                None => clips.push(row..row + 1),
            }
        }
        let mut known = Self { fitted, clips: Vec::new(), rows: (0..fitted.clips.len()).collect() };
        clips.sort_by(|a, b| compare(known.numbers(a), known.numbers(b)));
        let by_numbers =
            |a: &usize, b: &usize| compare(known.numbers(&(*a..a + 1)), known.numbers(&(*b..b + 1)));
        let mut rows: Vec<usize> = (0..fitted.clips.len()).collect();
        rows.sort_by(by_numbers);
        (known.clips, known.rows) = (clips, rows);
        known
    }

    /// Which row of the map each row is, if any: that of a clip whose rows are all the same, or else the first that is the same.
    /// Clips that are the same are taken in their order, the last one for all that are more.
    fn find(&self, stacked: &Stacked) -> Vec<Option<usize>> {
        let mut taken = vec![0; self.clips.len()];
        let mut found = Vec::with_capacity(stacked.rows.len());
        let mut start = 0;
        for end in stacked.ends.iter().copied().filter(|_| stacked.rows.dim == self.fitted.dim) {
            let numbers = &stacked.rows.data[start * stacked.rows.dim..end * stacked.rows.dim];
            match self.clip(numbers, &mut taken) {
                Some(clip) => found.extend(clip.map(Some)),
                None => found.extend(numbers.chunks_exact(self.fitted.dim).map(|row| self.row(row))),
            }
            start = end;
        }
        found
    }

    fn clip(&self, numbers: &[f32], taken: &mut [usize]) -> Option<Range<usize>> {
        let first = self.clips.partition_point(|clip| compare(self.numbers(clip), numbers).is_lt());
        let same = self.clips[first..].partition_point(|clip| compare(self.numbers(clip), numbers).is_le());
        let last = same.checked_sub(1)?;
        let nth = taken[first].min(last);
        taken[first] += 1;
        Some(self.clips[first + nth].clone())
    }

    fn row(&self, numbers: &[f32]) -> Option<usize> {
        let of = |row: &usize| self.numbers(&(*row..row + 1));
        let first = self.rows.partition_point(|row| compare(of(row), numbers).is_lt());
        self.rows.get(first).copied().filter(|row| compare(of(row), numbers).is_eq())
    }

    fn numbers(&self, rows: &Range<usize>) -> &'f [f32] {
        &self.fitted.rows[rows.start * self.fitted.dim..rows.end * self.fitted.dim]
    }
}

/// The order of the numbers' bits: any will do.
fn compare(a: &[f32], b: &[f32]) -> Ordering {
    a.iter().map(|x| x.to_bits()).cmp(b.iter().map(|x| x.to_bits()))
}

fn mark(row: &[f32]) -> u64 {
    row.iter().fold(0, |mark, x| SplitMix(mark ^ u64::from(x.to_bits())).bits())
}

fn clips_of(ends: &[usize]) -> Vec<u32> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let sizes = starts.zip(ends).map(|(start, end)| end - start);
    sizes.zip(0..).flat_map(|(size, clip)| std::iter::repeat_n(clip, size)).collect()
}

fn that_matter(params: &Params) -> BTreeMap<String, String> {
    let matter = params.iter().filter(|(name, _)| !BESIDES.contains(&name.as_str()));
    matter.map(|(name, value)| (name.clone(), value.to_string())).collect()
}

fn refused(cause: &str) -> Error {
    Error::usage(format!("cannot place rows on this map: {cause}"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::super::Weights;
    use super::super::matrix::tests::{features, reduce, some_rows};
    use super::super::{Pca, Tsne, Umap};
    use super::*;
    use crate::stages::{Input, Reduce};

    fn kinds() -> [Reduce; 3] {
        let fit = String::new;
        [
            Reduce::Pca(Pca { fit: fit(), ..Pca::default() }),
            Reduce::Umap(Umap { epochs: 60, ..Umap::default() }),
            Reduce::Tsne(Tsne { perplexity: 8.0, ..Tsne::default() }),
        ]
    }

    /// The same step, on a map.
    fn on_map(kind: &Reduce) -> Reduce {
        let fit = "maps/a.parquet".to_owned();
        match kind.clone() {
            Reduce::Pca(step) => Reduce::Pca(Pca { fit, ..step }),
            Reduce::Umap(step) => Reduce::Umap(Umap { fit, ..step }),
            Reduce::Tsne(step) => Reduce::Tsne(Tsne { fit, ..step }),
            other => other,
        }
    }

    fn inputs(frames: &[Input], map: Option<&Fitted>) -> Inputs {
        let mut inputs = Inputs::default();
        frames.iter().for_each(|frame| inputs.push("features", frame.clone()));
        map.iter().for_each(|map| inputs.push("map", Input::bytes(map.to_bytes())));
        inputs
    }

    fn map_of(kind: &Reduce, frames: &[Input], map: Option<&Fitted>) -> Result<Frame> {
        let outputs = kind.stage().run(&inputs(frames, map), &Context::new(&AtomicBool::new(false)))?;
        Frame::read(&Input::bytes(outputs[0].1.as_slice()))
    }

    fn fitted(kind: &Reduce, frames: &[Input], map: Option<&Fitted>) -> Fitted {
        let rows = map_of(kind, frames, map).unwrap();
        let cancelled = AtomicBool::new(false);
        kind.fitted(&inputs(frames, map), &rows, &Context::new(&cancelled)).unwrap()
    }

    fn places(frame: &Frame) -> Vec<[f32; 2]> {
        let axis = |name: &str| match frame.column(name) {
            Some(Values::Singles(numbers)) => numbers.clone(),
            other => panic!("{name}: {other:?}"),
        };
        axis("x").into_iter().zip(axis("y")).map(|(x, y)| [x, y]).collect()
    }

    /// The rows of a frame, in two.
    fn halves(frame: &Input, at: usize) -> [Input; 2] {
        let frame = Frame::read(frame).unwrap();
        let Some(Values::Lists { dim, data }) = frame.column("vector") else { panic!("no vector") };
        let (a, b) = data.split_at(at * dim);
        [a, b].map(|half| features(&half.chunks(*dim).collect::<Vec<_>>(), *dim))
    }

    #[test]
    fn old_rows_stay_where_they_are_and_new_ones_lie_where_they_do_whatever_others_there_are() {
        let [old, new] = halves(&some_rows(120, 5), 90);
        let [first, second] = halves(&new, 10);
        for kind in kinds() {
            let map = fitted(&kind, std::slice::from_ref(&old), None);
            let before = places(&map_of(&kind, std::slice::from_ref(&old), None).unwrap());
            let step = on_map(&kind);
            let on = |n_threads, frames: &[Input]| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
                pool.install(|| places(&map_of(&step, frames, Some(&map)).unwrap()))
            };
            assert_eq!(on(1, std::slice::from_ref(&old)), before);
            let grown = on(1, &[first.clone(), old.clone(), second.clone()]);
            assert_eq!(grown[10..100], before);
            assert_eq!(grown, on(3, &[first.clone(), old.clone(), second.clone()]));
            // Another order, and without some: each new row is where it was.
            assert_eq!(on(1, &[second.clone(), old.clone()])[..20], grown[100..]);
            assert!(grown.iter().flatten().all(|x| x.is_finite()));
            // A map that grew is a map: with its scaling, the others still lie where they did.
            let larger = fitted(&step, &[old.clone(), first.clone()], Some(&map));
            let again = map_of(&step, &[old.clone(), first.clone(), second.clone()], Some(&larger)).unwrap();
            assert_eq!(places(&again)[..90], before);
            assert_eq!(places(&again)[90..100], grown[..10]);
        }
    }

    #[test]
    fn a_row_that_changed_is_a_new_one_and_copies_lie_where_their_original_does() {
        let [old, _] = halves(&some_rows(60, 3), 59);
        let kind = &kinds()[1];
        let map = fitted(kind, std::slice::from_ref(&old), None);
        let before = places(&map_of(kind, std::slice::from_ref(&old), None).unwrap());
        let Frame { columns, n_rows } = Frame::read(&old).unwrap();
        let Some((_, Values::Lists { dim, data })) = columns.first() else { panic!("no vector") };
        let mut data = data.clone();
        data[7 * dim] += 0.25;
        let changed = features(&data.chunks(*dim).collect::<Vec<_>>(), *dim);
        let frame = map_of(&on_map(kind), &[old.clone(), changed, old.clone()], Some(&map)).unwrap();
        let now = places(&frame);
        assert_eq!((&now[..n_rows], &now[2 * n_rows..]), (&before[..], &before[..]));
        let Some(Values::Bools(kept)) = frame.column("is_fitted") else { panic!("nobody says what is new") };
        let moved: Vec<usize> = (0..n_rows).filter(|row| now[n_rows + row] != before[*row]).collect();
        assert_eq!(moved, [7]);
        assert_eq!(kept.iter().position(|kept| *kept == Some(false)), Some(n_rows + 7));
        assert_eq!(kept.iter().filter(|kept| **kept == Some(false)).count(), 1);
        assert!(frame.column("stability").is_none());
    }

    #[test]
    fn copies_that_lay_apart_stay_apart() {
        let copies = [features(&[&[1.0, 2.0], &[3.0, 4.0]], 2), features(&[&[1.0, 2.0], &[3.0, 4.0]], 2)];
        let fitted = Fitted {
            kind: "umap".into(),
            dim: 2,
            dims: 2,
            clips: vec![0, 0, 1, 1],
            rows: [1.0, 2.0, 3.0, 4.0].repeat(2),
            places: (0..8).map(|x| x as f32).collect(),
            ..Fitted::default()
        };
        let cancelled = AtomicBool::new(false);
        let context = Context::new(&cancelled);
        let [one, two] = copies.clone();
        let other = features(&[&[3.0, 4.0], &[9.0, 9.0]], 2);
        let stacked =
            Stacked::of(&[one.clone(), two.clone(), one, other], &Weights::new(), &context).unwrap();
        let found = Known::of(&fitted).find(&stacked);
        assert_eq!(
            found,
            [0, 1, 2, 3, 2, 3].map(Some).into_iter().chain([Some(1), None]).collect::<Vec<_>>()
        );
        assert!(fitted.is_whole());
    }

    #[test]
    fn a_map_of_something_else_is_refused_with_what_differs() {
        let rows = some_rows(40, 3);
        let [pca, umap, _] = kinds();
        let map = fitted(&umap, std::slice::from_ref(&rows), None);
        let error = |kind: &Reduce, rows: Input, map: &Fitted| {
            map_of(&on_map(kind), &[rows], Some(map)).unwrap_err().message
        };
        assert!(error(&pca, rows.clone(), &map).ends_with("it is one of `umap`, not of `pca`"));
        let other = Reduce::Umap(Umap { epochs: 60, neighbors: 9, ..Umap::default() });
        assert!(
            error(&other, rows.clone(), &map).ends_with("`neighbors` is 9 here, and its default in the map")
        );
        assert!(error(&umap, some_rows(5, 4), &map).ends_with("they have 4 numbers each, its rows 3"));
        let broken = Fitted { places: Vec::new(), ..map.clone() };
        assert!(error(&umap, rows.clone(), &broken).ends_with("these bytes are no map"));
        let without = Fitted { scaling: Scaling::default(), ..map.clone() };
        assert!(error(&umap, rows, &without).ends_with("it is incomplete"));
        // Whatever seed places new rows, and whatever is given besides.
        let besides = Reduce::Umap(Umap { epochs: 60, near: 2, grid: true, seed: 5, ..Umap::default() });
        assert!(map_of(&on_map(&besides), &[some_rows(9, 3)], Some(&map)).is_ok());
        assert_eq!(reduce(on_map(&umap).stage(), &[]).unwrap().n_rows, 0);
    }
}
