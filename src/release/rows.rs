//! The growing rows of a table with a row per segment.

use super::segments::Segment;
use super::table::{Table, append, none_of};
use crate::error::{Error, Result};
use crate::stages::{Frame, Values};

/// The growing rows of a table with a row per segment.
pub(super) struct Rows {
    table: String,
    ids: Vec<Option<String>>,
    clip_ids: Vec<Option<String>>,
    columns: Vec<(String, Values)>,
}

impl Rows {
    /// A table without rows, and so far without columns.
    pub(super) fn new(table: String) -> Self {
        Self { table, ids: Vec::new(), clip_ids: Vec::new(), columns: Vec::new() }
    }

    /// Appends the rows of `frame` from `first` on, one for each of `segments`.
    pub(super) fn append(
        &mut self,
        clip: &str,
        segments: &[Segment],
        frame: &Frame,
        first: usize,
    ) -> Result<()> {
        if self.ids.is_empty() {
            self.columns = columns_like(frame);
        }
        if segments.is_empty() {
            return Ok(());
        }
        let n_columns = (self.columns.len(), frame.columns.len());
        let mut alike = n_columns.0 == n_columns.1;
        for ((name, values), (more_name, more)) in self.columns.iter_mut().zip(&frame.columns) {
            alike =
                alike && name == more_name && append(values, more, first..first + segments.len()).is_some();
        }
        self.ids.extend(segments.iter().map(|segment| Some(segment.id.clone())));
        self.clip_ids.extend(segments.iter().map(|_| Some(clip.to_owned())));
        if alike { Ok(()) } else { Err(self.unlike(clip)) }
    }

    fn unlike(&self, clip: &str) -> Error {
        let table = &self.table;
        Error::world(format!(
            "cannot make table `{table}`: clip `{clip}` has other columns or rows than it should"
        ))
    }

    /// The error of a table that has another number of rows than it should.
    pub(super) fn miscounted(&self, expected: usize, found: usize) -> Error {
        let table = &self.table;
        Error::world(format!("cannot make table `{table}`: it should have {expected} rows, but has {found}"))
    }

    /// The table.
    pub(super) fn into_table(self) -> Result<Table> {
        let mut columns = vec![
            ("segment_id".to_owned(), Values::Texts(self.ids)),
            ("clip_id".to_owned(), Values::Texts(self.clip_ids)),
        ];
        columns.extend(self.columns);
        Table::new(self.table, columns)
    }
}

/// Columns as `frame` has them, without rows. Where nothing told how long its lists are, a list is left out.
fn columns_like(frame: &Frame) -> Vec<(String, Values)> {
    let is_known = |values: &Values| frame.n_rows > 0 || !matches!(values, Values::Lists { dim: 0, .. });
    let columns = frame.columns.iter().filter(|(_, values)| is_known(values));
    columns.map(|(name, values)| (name.clone(), none_of(values))).collect()
}
