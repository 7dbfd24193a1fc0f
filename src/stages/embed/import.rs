//! import: vectors that were computed elsewhere, joined to clips or segments by id.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stages::{Context, Frame, Inputs, Joined, Outputs, Pieces, Span, Spans, Stage, Values, places_of};

/// Vectors computed elsewhere, joined by id: column `vector`.
///
/// A row whose id is a segment's (`clip/segmenter/start-end`, as in segments.parquet) is that segment's; one whose id is a clip's
/// is that of all its segments that have none of their own. A segment without a vector is in none of the tables of this step and
/// of those that are of it; how many there are is said, and so is which rows are nobody's. The file is hashed like a source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Import {
    /// The file that has the vectors, by its path from the manifest's folder: `.parquet`, `.csv`, `.tsv` or `.npy`. Numbers are
    /// kept as 32-bit ones.
    pub file: String,
    /// Of a `.npy` file, which has no ids: the file that names its rows in their order, an id a line, or `.csv` or `.tsv`.
    pub ids: String,
    /// The column of the ids; without it `segment_id`, `clip_id` or `id`, the first that there is.
    pub id: String,
    /// The column of the vectors in a `.parquet` file, or what stands before the numbers in the names of numbered columns:
    /// `emb_` for `emb_0`, `emb_1`, ... Without it what there is, where there is but one such.
    pub vector: String,
}

/// So many places are kept of those that do not fit; of the others their number.
const SHOWN: usize = 3;

impl Stage for Import {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        &["ranges", "spans", "vectors"]
    }

    fn run(&self, inputs: &Inputs, _: &Context) -> Result<Outputs> {
        let spans = Spans::read(inputs.one("spans")?)?;
        let pieces = Pieces::read(inputs.one("ranges")?)?;
        let places = places_of(&pieces, &spans.spans).ok_or_else(|| {
            Error::world("cannot import vectors: a segment lies in none of the clip's ranges")
        })?;
        let vectors = Frame::read(inputs.one("vectors")?)?;
        let (Some(Values::Texts(of)), Some(Values::Lists { dim, data })) =
            (vectors.column("place"), vectors.column("vector"))
        else {
            return Err(Error::cannot_read("vectors", "they have no columns `place` and `vector`"));
        };
        let rows: BTreeMap<Option<&str>, usize> =
            of.iter().enumerate().map(|(row, place)| (place.as_deref(), row)).collect();
        let row_of = |place: &str| rows.get(&Some(place)).or(rows.get(&None)).copied();
        let found: Vec<Option<usize>> = places.iter().map(|place| row_of(place)).collect();
        let rows_found = found.iter().flatten();
        let data = rows_found.flat_map(|row| &data[row * dim..(row + 1) * dim]).copied().collect();
        let features = Values::Lists { dim: *dim, data };
        let n_rows = found.iter().flatten().count();
        let frame = Frame { n_rows, columns: vec![("vector".to_owned(), features)] };
        let known = found.iter().zip(&spans.spans).filter(|(row, _)| row.is_some());
        let known: Vec<Span> = known.map(|(_, span)| *span).collect();
        Ok(vec![
            ("features", frame.to_bytes()),
            ("joined", joined(&places, &found, of).to_bytes()),
            ("spans", Spans { spans: known, ..spans }.to_bytes()),
        ])
    }
}

fn joined(places: &[String], found: &[Option<usize>], of: &[Option<String>]) -> Joined {
    let missing: Vec<&String> =
        places.iter().zip(found).filter(|(_, row)| row.is_none()).map(|(place, _)| place).collect();
    let known: BTreeSet<&String> = places.iter().collect();
    let surplus: Vec<&String> = of.iter().flatten().filter(|place| !known.contains(place)).collect();
    let first = |places: &[&String]| places.iter().take(SHOWN).map(|place| (*place).clone()).collect();
    Joined {
        n_missing: missing.len(),
        missing: first(&missing),
        n_surplus: surplus.len(),
        surplus: first(&surplus),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::stages::{Input, RangeOfMaster};

    /// Three segments of a second each, at 0, 1 and 2 s.
    fn run(rows: &[(Option<&str>, f32)]) -> (Vec<f32>, Vec<u64>, Joined) {
        let pieces =
            Pieces { sample_rate: 10, pieces: vec![RangeOfMaster { source_start: 0.0, start: 0, end: 30 }] };
        let spans = (0..3).map(|i| Span { range: 0, start: 10 * i, end: 10 * (i + 1) }).collect();
        let places = rows.iter().map(|(place, _)| place.map(str::to_owned)).collect();
        let data = rows.iter().flat_map(|(_, x)| [*x, -x]).collect();
        let columns = vec![
            ("place".to_owned(), Values::Texts(places)),
            ("vector".to_owned(), Values::Lists { dim: 2, data }),
        ];
        let mut inputs = Inputs::default();
        inputs.push("ranges", Input::bytes(pieces.to_bytes()));
        inputs.push("spans", Input::bytes(Spans { spans, padded_to: 0 }.to_bytes()));
        inputs.push("vectors", Input::bytes(Frame { n_rows: rows.len(), columns }.to_bytes()));
        let outputs = Import::default().run(&inputs, &Context::new(&AtomicBool::new(false))).unwrap();
        let input = |name: &str| {
            let (_, bytes) = outputs.iter().find(|(output, _)| *output == name).unwrap();
            Input::bytes(bytes.clone())
        };
        let frame = Frame::read(&input("features")).unwrap();
        let Some(Values::Lists { dim: 2, data }) = frame.column("vector") else { panic!("no vector") };
        let starts = Spans::read(&input("spans")).unwrap().spans.iter().map(|span| span.start).collect();
        (data.iter().step_by(2).copied().collect(), starts, Joined::read(&input("joined")).unwrap())
    }

    #[test]
    fn a_segment_takes_its_own_row_or_its_clips_or_is_missing() {
        let (first, second, last) = (Some("0-1000"), Some("1000-2000"), Some("2000-3000"));
        let (vectors, starts, joined) = run(&[(last, 3.0), (first, 1.0), (second, 2.0)]);
        assert_eq!((vectors, starts), (vec![1.0, 2.0, 3.0], vec![0, 10, 20]));
        assert_eq!(joined, Joined::default());

        let (vectors, starts, joined) = run(&[(None, 9.0), (second, 2.0)]);
        assert_eq!((vectors, starts), (vec![9.0, 2.0, 9.0], vec![0, 10, 20]));
        assert_eq!(joined, Joined::default());

        let (vectors, starts, joined) = run(&[(second, 2.0), (Some("5-6"), 7.0)]);
        assert_eq!((vectors, starts), (vec![2.0], vec![10]));
        assert_eq!((joined.n_missing, joined.missing), (2, vec!["0-1000".into(), "2000-3000".into()]));
        assert_eq!((joined.n_surplus, joined.surplus), (1, vec!["5-6".into()]));

        let (vectors, starts, joined) = run(&[]);
        assert_eq!((vectors.len(), starts.len(), joined.n_missing), (0, 0, 3));
    }
}
