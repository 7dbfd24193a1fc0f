//! Files of vectors that were computed elsewhere: Parquet, text and NumPy's format, read with bounded memory.

mod columns;
mod npy;
mod parquet;
mod text;

use std::collections::BTreeMap;
use std::fs::File;

use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};
use crate::stages::embed::Import;
use crate::stages::{Frame, Values};
use crate::text::printable;

/// No file gives more numbers: they are in memory at once, as 32-bit ones.
const MOST_NUMBERS: usize = 1 << 29;
/// No file gives more rows.
const MOST_ROWS: usize = 1 << 24;
/// No row has more numbers.
const MOST_IN_A_ROW: usize = 1 << 20;

/// What a file gives: an id for each row, and the rows laid end to end.
#[derive(Debug, Default, PartialEq)]
struct Raw {
    ids: Vec<String>,
    dim: usize,
    data: Vec<f32>,
}

/// What is wrong with a file, and what to do about it.
#[derive(Debug, PartialEq)]
struct Fault {
    cause: String,
    hint: Option<String>,
}

/// The vectors of a file by whose they are.
#[derive(Debug, PartialEq)]
pub(super) struct Vectors {
    pub(super) dim: usize,
    data: Vec<f32>,
    /// The rows of each clip: with the place of their segment, or those of the clip as a whole, sorted.
    clips: BTreeMap<String, Vec<(Option<String>, usize)>>,
    /// The ids that are no clip's and no segment's of the step that the vectors are for.
    pub(super) others: Vec<String>,
}

impl Vectors {
    /// Reads the file of an import step whose segments are those of `segmenter`; `open` opens a file by its name.
    ///
    /// # Errors
    /// When a file cannot be read, is too large, or does not give a vector of finite numbers for each of its ids.
    pub(super) fn read(
        import: &Import,
        segmenter: &str,
        open: &impl Fn(&str) -> Result<File>,
    ) -> Result<Self> {
        let raw = match extension(&import.file) {
            "parquet" => {
                parquet::read(open(&import.file)?, import).map_err(|fault| fault.of(&import.file))?
            }
            "npy" => {
                let (dim, data) = npy::read(open(&import.file)?).map_err(|fault| fault.of(&import.file))?;
                let ids = text::ids(open(&import.ids)?, &import.ids, &import.id);
                let ids = ids.map_err(|fault| fault.of(&import.ids))?;
                Raw { ids, dim, data }
            }
            _ => text::read(open(&import.file)?, import).map_err(|fault| fault.of(&import.file))?,
        };
        Self::of(raw, segmenter).map_err(|fault| fault.of(&import.file))
    }

    /// The clips that have vectors, by id, and how many.
    pub(super) fn clips(&self) -> impl Iterator<Item = (&str, usize)> {
        self.clips.iter().map(|(id, rows)| (id.as_str(), rows.len()))
    }

    /// The vectors of a clip with the places of their segments: the same whatever the clip and its segment step are called,
    /// and wherever its rows stand in the file.
    pub(super) fn of_clip(&self, id: &str) -> Frame {
        let rows = self.clips.get(id).map_or(&[][..], Vec::as_slice);
        let vector = |row: &usize| &self.data[row * self.dim..(row + 1) * self.dim];
        let data = rows.iter().flat_map(|(_, row)| vector(row)).copied().collect();
        let columns = vec![
            ("place".to_owned(), Values::Texts(rows.iter().map(|(place, _)| place.clone()).collect())),
            ("vector".to_owned(), Values::Lists { dim: self.dim, data }),
        ];
        Frame { n_rows: rows.len(), columns }
    }

    fn of(raw: Raw, segmenter: &str) -> std::result::Result<Self, Fault> {
        let Raw { ids, dim, data } = raw;
        if ids.len().checked_mul(dim) != Some(data.len()) || dim == 0 {
            let n_rows = data.len() / dim.max(1);
            let cause = format!("it has {n_rows} rows, but there are {} ids for them", ids.len());
            return Err(Fault::new(cause).hint("give an id for each row, in the order of the rows"));
        }
        if let Some(at) = data.iter().position(|number| !number.is_finite()) {
            let (row, number) = (at / dim, at % dim);
            let id = printable(&ids[row]);
            let cause = format!("number {number} of row {row}, `{id}`, is not finite");
            return Err(Fault::new(cause).hint("leave the row out, or compute it again"));
        }
        let (mut clips, mut others) = (BTreeMap::<String, Vec<_>>::new(), Vec::new());
        for (row, id) in ids.iter().enumerate() {
            let id: String = id.nfc().collect();
            match whose(&id, segmenter) {
                Some((clip, place)) => {
                    clips.entry(clip.to_owned()).or_default().push((place.map(str::to_owned), row));
                }
                None => others.push(id),
            }
        }
        for rows in clips.values_mut() {
            rows.sort();
            if let Some(same) = rows.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                let [first, again] = [same[0].1, same[1].1];
                let id = printable(&ids[again]);
                return Err(Fault::new(format!("rows {first} and {again} have the same id, `{id}`"))
                    .hint("an id has one vector: leave one of the rows out"));
            }
        }
        Ok(Self { dim, data, clips, others })
    }
}

/// The clip that an id is of, and the place of its segment, if it is a segment's.
fn whose<'i>(id: &'i str, segmenter: &str) -> Option<(&'i str, Option<&'i str>)> {
    let mut parts = id.split('/');
    match (parts.next()?, parts.next(), parts.next(), parts.next()) {
        (clip, None, None, None) if !clip.is_empty() => Some((clip, None)),
        (clip, Some(of), Some(place), None) if of == segmenter => Some((clip, Some(place))),
        _ => None,
    }
}

/// What a file's name ends with.
fn extension(file: &str) -> &str {
    file.rsplit_once('.').map_or("", |(_, extension)| extension)
}

impl Fault {
    fn new(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    fn of(self, file: &str) -> Error {
        let error = Error::world(format!("cannot import vectors from `{}`: {}", printable(file), self.cause));
        self.hint.into_iter().fold(error, Error::hint)
    }
}

/// Refuses what would not fit into memory.
fn check_size(n_rows: usize, dim: usize) -> std::result::Result<(), Fault> {
    if dim > MOST_IN_A_ROW {
        return Err(Fault::new(format!("a row has {dim} numbers, more than {MOST_IN_A_ROW}")));
    }
    if n_rows > MOST_ROWS || n_rows.checked_mul(dim).is_none_or(|numbers| numbers > MOST_NUMBERS) {
        return Err(Fault::new(format!("it has more than {MOST_ROWS} rows or {MOST_NUMBERS} numbers")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(ids: &[&str], dim: usize, data: &[f32]) -> Raw {
        Raw { ids: ids.iter().map(|id| (*id).to_owned()).collect(), dim, data: data.to_vec() }
    }

    #[test]
    fn rows_go_to_their_clips_wherever_they_stand_and_whatever_the_clip_is_called() {
        let ids = [
            "b",
            "cafe\u{301}/w/10-20",
            "caf\u{e9}/w/0-10",
            "a/other/0-1",
            "a/w/0-1/2",
            "/w/0-1",
            "c/w/0-10",
        ];
        let got = Vectors::of(raw(&ids, 1, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), "w").unwrap();
        assert_eq!(got.clips().collect::<Vec<_>>(), [("", 1), ("b", 1), ("c", 1), ("caf\u{e9}", 2)]);
        assert_eq!(got.others, ["a/other/0-1", "a/w/0-1/2"]);
        let frame = got.of_clip("caf\u{e9}");
        assert_eq!(frame.column("vector"), Some(&Values::Lists { dim: 1, data: vec![3.0, 2.0] }));
        let renamed = Vectors::of(raw(&["x/v/0-10", "x/v/10-20"], 1, &[3.0, 2.0]), "v").unwrap();
        assert_eq!(renamed.of_clip("x"), frame);
        assert_eq!(got.of_clip("absent").n_rows, 0);
    }

    #[test]
    fn rows_that_cannot_be_joined_are_named() {
        for (raw, cause) in [
            (raw(&["a"], 2, &[1.0, 2.0, 3.0, 4.0]), "it has 2 rows, but there are 1 ids for them"),
            (raw(&["a", "b"], 2, &[1.0, 2.0, 3.0, f32::NAN]), "number 1 of row 1, `b`, is not finite"),
            (raw(&["a", "b", "a"], 1, &[1.0, 2.0, 3.0]), "rows 0 and 2 have the same id, `a`"),
        ] {
            let fault = Vectors::of(raw, "w").unwrap_err();
            assert_eq!(fault.cause, cause);
            assert!(fault.hint.is_some());
        }
        assert!(check_size(MOST_ROWS + 1, 1).is_err() && check_size(1 << 20, 1 << 10).is_err());
        assert!(check_size(1, MOST_IN_A_ROW + 1).is_err() && check_size(usize::MAX, 2).is_err());
    }
}
