//! The digest of a table's files, computed as they are read: of the rows, one clip's are in memory.

use std::path::PathBuf;

use super::digest::{Chunk, Columns, chunk_of, columns_of, digest_of_chunks, key, table_digest};
use super::reader::{SMALL, TableReader};
use super::table::Table;
use crate::error::{Error, Result};
use crate::store::Digest;
use crate::text::printable;

/// The digest of the table `name` whose rows are in these files.
///
/// taqsim writes the rows of a clip one after the other. Files of others need not: those are read whole, as far as
/// that takes little memory.
///
/// # Errors
/// When a file cannot be read or is damaged; of the kind "differs" where it holds no such table.
pub(super) fn digest_of_files(files: &[PathBuf], name: &str) -> Result<Digest> {
    let mut gathered = Gathered::default();
    for path in files {
        let mut reader = TableReader::open(path, name)?;
        gathered.begin(reader.none())?;
        while let Some(piece) = reader.next()? {
            gathered.add(&piece).ok_or_else(|| other_columns(name))?;
        }
    }
    match gathered.finish() {
        Some(digest) => Ok(digest),
        None => digest_of_scattered(files, name, SMALL),
    }
}

/// The chunks of the files read so far.
#[derive(Default)]
struct Gathered {
    columns: Columns,
    chunks: Vec<Chunk>,
    /// The last clip's rows, of which more may follow.
    open: Option<Table>,
}

impl Gathered {
    /// Begins another file, with the columns of `none`.
    fn begin(&mut self, none: Table) -> Result<()> {
        let columns = columns_of(&none);
        match &self.open {
            None => {
                self.columns = columns;
                self.open = Some(none);
            }
            Some(_) if self.columns == columns => {}
            Some(_) => return Err(other_columns(&none.name)),
        }
        Ok(())
    }

    fn add(&mut self, piece: &Table) -> Option<()> {
        let open = self.open.as_mut()?;
        open.append(piece)?;
        let clips = open.texts("clip_id");
        let mut rows: Vec<usize> = (0..open.frame.n_rows).collect();
        let mut runs: Vec<&mut [usize]> =
            rows.chunk_by_mut(|a, b| key(clips, *a) == key(clips, *b)).collect();
        let last = runs.pop().map(|run| run[0]).unwrap_or_default();
        if last > 0 {
            self.chunks.extend(runs.into_iter().map(|run| chunk_of(open, run)));
            let mut rest = open.none();
            rest.append_rows(open, last..open.frame.n_rows)?;
            *open = rest;
        }
        Some(())
    }

    /// The digest; none where a clip's rows do not lie together.
    fn finish(mut self) -> Option<Digest> {
        if let Some(open) = self.open.filter(|open| open.frame.n_rows > 0) {
            self.chunks.push(chunk_of(&open, &mut (0..open.frame.n_rows).collect::<Vec<_>>()));
        }
        self.chunks.sort_by(|a, b| a.clip.cmp(&b.clip));
        let is_whole = self.chunks.windows(2).all(|pair| pair[0].clip != pair[1].clip);
        is_whole.then(|| digest_of_chunks(&self.columns, self.chunks.iter().map(|chunk| &chunk.digest)))
    }
}

fn digest_of_scattered(files: &[PathBuf], name: &str, max_bytes: u64) -> Result<Digest> {
    let mut whole: Option<Table> = None;
    let mut n_bytes = 0;
    for path in files {
        let mut reader = TableReader::open(path, name)?;
        let whole = whole.get_or_insert_with(|| reader.none());
        while let Some(piece) = reader.next()? {
            if n_bytes + reader.n_bytes() > max_bytes {
                let name = printable(name);
                return Err(Error::differs(format!("the rows of a clip lie scattered in table `{name}`")));
            }
            whole.append(&piece).ok_or_else(|| other_columns(name))?;
        }
        n_bytes += reader.n_bytes();
    }
    Ok(whole.map_or_else(|| Digest::of(b""), |whole| table_digest(&whole)))
}

fn other_columns(name: &str) -> Error {
    Error::differs(format!("the files of table `{}` have different columns", printable(name)))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::*;
    use crate::error::Kind;
    use crate::release::{Identity, write_table};
    use crate::stages::Values;

    fn table(clips: &[&str], x: &[f32]) -> Table {
        let ids = (0..clips.len()).map(|row| Some(format!("{}/{}", clips[row], x[row]))).collect();
        let clips = clips.iter().map(|clip| Some((*clip).to_owned())).collect();
        let columns = [
            ("segment_id", Values::Texts(ids)),
            ("clip_id", Values::Texts(clips)),
            ("x", Values::Singles(x.to_vec())),
        ];
        Table::new("embed/t", columns.map(|(name, values)| (name.to_owned(), values)).to_vec()).unwrap()
    }

    fn write(folder: &Path, tables: &[&Table]) -> Vec<PathBuf> {
        let identity = Identity { dataset: "oud".into(), version: "0.1.0".into() };
        let file = |(index, table): (usize, &&Table)| {
            let path = folder.join(format!("{index}.parquet"));
            write_table(table, &identity, File::create(&path).unwrap()).unwrap();
            path
        };
        tables.iter().enumerate().map(file).collect()
    }

    #[test]
    fn a_table_has_one_digest_in_one_file_or_many_and_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let whole = table(&["a", "a", "b", "e\u{301}", "é"], &[1.0, 2.0, 3.0, 4.0, 5.0]);
        let digest = table_digest(&whole);
        let cases: [&[&Table]; 5] = [
            &[&whole],
            &[&table(&["é", "b"], &[5.0, 3.0]), &table(&["a", "a", "é"], &[2.0, 1.0, 4.0])],
            &[&table(&["b", "é", "é", "a", "a"], &[3.0, 5.0, 4.0, 2.0, 1.0]), &table(&[], &[])],
            &[&table(&["a", "b", "é"], &[1.0, 3.0, 4.0]), &table(&["é", "a"], &[5.0, 2.0])],
            &[&table(&["a", "b", "a", "é", "é"], &[1.0, 3.0, 2.0, 4.0, 5.0])],
        ];
        for (case, tables) in cases.iter().enumerate() {
            assert_eq!(digest_of_files(&write(folder.path(), tables), "embed/t").unwrap(), digest, "{case}");
        }
        let other = write(folder.path(), &[&table(&["a"], &[1.0]), &table(&["a"], &[1.0])]);
        assert_ne!(digest_of_files(&other, "embed/t").unwrap(), digest);
    }

    #[test]
    fn a_clip_and_a_table_longer_than_a_piece_have_the_digest_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let clips: Vec<&str> = ["a", "b", "c"].iter().flat_map(|clip| [*clip; 9_000]).collect();
        let x: Vec<f32> = (0..clips.len()).map(|row| row as f32).collect();
        let whole = table(&clips, &x);
        let mut without_clips = whole.clone();
        without_clips.frame.columns.remove(1);
        for table in [whole, without_clips] {
            let found = digest_of_files(&write(folder.path(), &[&table]), "embed/t").unwrap();
            assert_eq!(found, table_digest(&table));
        }
    }

    #[test]
    fn scattered_rows_are_read_whole_only_where_that_takes_little_memory() {
        let folder = tempfile::tempdir().unwrap();
        let scattered = write(folder.path(), &[&table(&["a", "b", "a"], &[1.0, 2.0, 3.0])]);
        assert!(digest_of_scattered(&scattered, "embed/t", 1 << 20).is_ok());
        let error = digest_of_scattered(&scattered, "embed/t", 10).unwrap_err();
        assert_eq!((error.kind, error.message.contains("scattered")), (Kind::Differs, true));
    }

    #[test]
    fn files_with_different_columns_are_no_table() {
        let folder = tempfile::tempdir().unwrap();
        let (left, mut right) = (table(&["a"], &[1.0]), table(&["b"], &[2.0]));
        right.frame.columns[2].0 = "y".into();
        let error = digest_of_files(&write(folder.path(), &[&left, &right]), "embed/t").unwrap_err();
        assert_eq!(error.kind, Kind::Differs);
    }
}
