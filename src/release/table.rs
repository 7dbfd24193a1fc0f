//! A table: named columns that are published as one Parquet file.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::stages::{Frame, Values};
use crate::text::printable;

/// A table of a release.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// `clips`, `segments`, `embed/NAME`, `reduce/NAME` or `clusters/NAME`.
    pub name: String,
    /// Its columns. Where its rows are of clips, the first is the key: text, and never null.
    pub frame: Frame,
}

/// What every Parquet file of a release says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name of the dataset.
    pub dataset: String,
    /// The version of the release.
    pub version: String,
}

impl Table {
    /// A table of these columns, which are equally long, named once each, and hold no empty lists.
    ///
    /// # Errors
    /// When they are not.
    pub fn new(name: impl Into<String>, columns: Vec<(String, Values)>) -> Result<Self> {
        let name = name.into();
        let n_rows = columns.first().map_or(0, |(_, values)| values.n_rows());
        let mut seen = BTreeSet::new();
        for (column, values) in &columns {
            let wrong = if !seen.insert(column) {
                "is there twice"
            } else if matches!(values, Values::Lists { dim: 0, .. }) {
                "has lists without numbers"
            } else if values.n_rows() != n_rows {
                "is not as long as the others"
            } else {
                continue;
            };
            let column = printable(column);
            return Err(Error::world(format!(
                "cannot make table `{}`: column `{column}` {wrong}",
                printable(&name)
            )));
        }
        Ok(Self { name, frame: Frame { n_rows, columns } })
    }

    /// Its file's path in the release's folder, with `/`.
    pub fn file(&self) -> String {
        format!("{}.parquet", self.name)
    }

    /// Appends the rows of `more`; none where it has other columns.
    pub(super) fn append(&mut self, more: &Self) -> Option<()> {
        self.append_rows(more, 0..more.frame.n_rows)
    }

    /// Appends some rows of `more`; none where it has other columns, or not these rows.
    pub(super) fn append_rows(&mut self, more: &Self, rows: Range<usize>) -> Option<()> {
        if self.frame.columns.len() != more.frame.columns.len() {
            return None;
        }
        for ((name, values), (more_name, more)) in self.frame.columns.iter_mut().zip(&more.frame.columns) {
            append(values, more, rows.clone()).filter(|()| name == more_name)?;
        }
        self.frame.n_rows += rows.len();
        Some(())
    }

    /// The same columns, without rows.
    pub(super) fn none(&self) -> Self {
        let columns = self.frame.columns.iter().map(|(name, values)| (name.clone(), none_of(values)));
        Self { name: self.name.clone(), frame: Frame { n_rows: 0, columns: columns.collect() } }
    }

    /// The texts of the column called `name`, where there is one.
    pub(super) fn texts(&self, name: &str) -> Option<&[Option<String>]> {
        match self.frame.column(name) {
            Some(Values::Texts(texts)) => Some(texts),
            _ => None,
        }
    }
}

/// No rows, in the type of `values`.
pub(super) fn none_of(values: &Values) -> Values {
    match values {
        Values::Lists { dim, .. } => Values::Lists { dim: *dim, data: Vec::new() },
        Values::Singles(_) => Values::Singles(Vec::new()),
        Values::Floats(_) => Values::Floats(Vec::new()),
        Values::Ints(_) => Values::Ints(Vec::new()),
        Values::Texts(_) => Values::Texts(Vec::new()),
        Values::Bools(_) => Values::Bools(Vec::new()),
        Values::Neighbors(_) => Values::Neighbors(Vec::new()),
    }
}

/// Appends the rows `rows` of `more`; none where the types differ or `more` has no such rows.
pub(super) fn append(values: &mut Values, more: &Values, rows: Range<usize>) -> Option<()> {
    match (values, more) {
        (Values::Lists { dim, data }, Values::Lists { dim: more_dim, data: more }) if dim == more_dim => {
            data.extend_from_slice(more.get(rows.start * *dim..rows.end * *dim)?);
        }
        (Values::Singles(values), Values::Singles(more)) => values.extend_from_slice(more.get(rows)?),
        (Values::Floats(values), Values::Floats(more)) => values.extend_from_slice(more.get(rows)?),
        (Values::Ints(values), Values::Ints(more)) => values.extend_from_slice(more.get(rows)?),
        (Values::Texts(values), Values::Texts(more)) => values.extend_from_slice(more.get(rows)?),
        (Values::Bools(values), Values::Bools(more)) => values.extend_from_slice(more.get(rows)?),
        (Values::Neighbors(values), Values::Neighbors(more)) => values.extend_from_slice(more.get(rows)?),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_columns_of_one_length_and_of_different_names() {
        let texts = |n: usize| Values::Texts(vec![None; n]);
        let cases = [
            (vec![("a", texts(1)), ("b", texts(2))], "as long"),
            (vec![("a", texts(1)), ("a", texts(1))], "twice"),
            (vec![("a", Values::Lists { dim: 0, data: vec![] })], "without numbers"),
        ];
        for (columns, cause) in cases {
            let columns = columns.into_iter().map(|(name, values)| (name.to_owned(), values)).collect();
            let error = Table::new("clips", columns).unwrap_err();
            assert!(error.message.contains(cause), "{error}");
        }
    }
}
