//! A part of the tables: joined batch by batch, each table written to its file, each clip's chunk digested.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::answers::Answers;
use super::digest::{Chunk, chunks_of, columns_of, key};
use super::files::{file_digest, make_folder};
use super::parquet::{TableWriter, other_columns};
use super::parts::Layout;
use super::record::{Record, TableRecord};
use super::table::{Identity, Table};
use super::tables::{Batch, Joiner};
use crate::error::{Error, Result};
use crate::store::Digest;

/// A part of the tables of a group.
pub(super) struct Part {
    /// What is remembered of it.
    pub(super) record: Record,
    /// The digests of the bytes of its files, by table; a table without rows may have none.
    pub(super) files: BTreeMap<String, Digest>,
}

/// Where a part is written, and as what.
pub(super) struct Place<'a> {
    pub(super) folder: &'a Path,
    pub(super) identity: &'a Identity,
    pub(super) layout: Layout,
    pub(super) part: usize,
}

/// Joins the rows of `clips` in the tables of clips, or in that of a reduce step where there are `answers`, and
/// writes them.
///
/// # Errors
/// When a result is missing, rows do not fit together, or writing fails.
pub(super) fn make_part(
    joiner: &Joiner,
    answers: Option<&Answers>,
    clips: &[usize],
    place: &Place,
) -> Result<Part> {
    let mut growing: Vec<Growing> = Vec::new();
    let mut rest = clips;
    loop {
        let batch;
        (batch, rest) = joiner.batch(rest)?;
        let tables = match answers {
            Some(answers) => vec![joiner.answers_table(answers, &batch)?],
            None => joiner.tables(&batch)?,
        };
        growing.resize_with(tables.len(), || Growing::new(place));
        for (growing, table) in growing.iter_mut().zip(&tables) {
            growing.append(table, joiner, &batch)?;
        }
        if rest.is_empty() {
            break;
        }
    }
    let mut part = Part { record: Record { tables: Vec::new() }, files: BTreeMap::new() };
    for growing in growing {
        growing.finish(&mut part)?;
    }
    Ok(part)
}

/// A part of a table while it is being made.
struct Growing<'a> {
    place: &'a Place<'a>,
    writer: Option<(TableWriter<File>, File, PathBuf)>,
    /// The table without rows.
    none: Option<Table>,
    n_rows: Vec<u32>,
    chunks: Vec<Digest>,
}

impl<'a> Growing<'a> {
    fn new(place: &'a Place<'a>) -> Self {
        Self { place, writer: None, none: None, n_rows: Vec::new(), chunks: Vec::new() }
    }

    fn append(&mut self, table: &Table, joiner: &Joiner, batch: &Batch) -> Result<()> {
        let mut chunks: BTreeMap<Option<String>, Chunk> =
            chunks_of(table).into_iter().map(|chunk| (chunk.clip.clone(), chunk)).collect();
        for clip in &batch.clips {
            let ids = [Some(joiner.manifest.clips[*clip].id.clone())];
            let chunk = chunks.remove(&key(Some(&ids), 0).map(String::from));
            let n_rows = chunk.as_ref().map_or(0, |chunk| chunk.n_rows);
            self.n_rows.push(u32::try_from(n_rows).map_err(|_| other_columns(table))?);
            self.chunks.extend(chunk.map(|chunk| chunk.digest));
        }
        if table.frame.n_rows == 0 {
            if self.writer.is_none() {
                self.none = Some(table.none());
            }
            return Ok(());
        }
        self.write(table)
    }

    fn write(&mut self, table: &Table) -> Result<()> {
        if self.writer.is_none() {
            self.writer = Some(begin(self.place, table)?);
            self.none = Some(table.none());
        }
        self.writer.as_mut().map_or(Ok(()), |(writer, ..)| writer.append(table))
    }

    fn finish(mut self, part: &mut Part) -> Result<()> {
        let Some(none) = self.none.take() else { return Ok(()) };
        if self.writer.is_none() && !self.place.layout.has_folders() {
            self.writer = Some(begin(self.place, &none)?);
        }
        if let Some(writer) = self.writer {
            part.files.insert(none.name.clone(), end(writer)?);
        }
        let (name, columns) = (none.name.clone(), columns_of(&none));
        part.record.tables.push(TableRecord { name, columns, n_rows: self.n_rows, chunks: self.chunks });
        Ok(())
    }
}

/// Writes a file with all rows of a table, also where there are none: readers of a folder look for the columns in its
/// files.
///
/// # Errors
/// When writing fails.
pub(super) fn write_whole(table: &Table, place: &Place) -> Result<Digest> {
    let mut begun = begin(place, table)?;
    if table.frame.n_rows > 0 {
        begun.0.append(table)?;
    }
    end(begun)
}

type Begun = (TableWriter<File>, File, PathBuf);

fn begin(place: &Place, table: &Table) -> Result<Begun> {
    let path = place.folder.join(place.layout.file(&table.name, place.part));
    let cannot = |cause| Error::cannot_write(path.display(), cause);
    path.parent().map_or(Ok(()), make_folder)?;
    let file = File::create_new(&path).map_err(cannot)?;
    let handle = file.try_clone().map_err(cannot)?;
    Ok((TableWriter::new(table, place.identity, file)?, handle, path))
}

/// The digest of the file's bytes, which are on the disk by then.
fn end((writer, file, path): Begun) -> Result<Digest> {
    writer.finish()?;
    file.sync_all().map_err(|cause| Error::cannot_write(path.display(), cause))?;
    file_digest(&path)
}
