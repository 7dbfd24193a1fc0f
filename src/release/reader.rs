//! Reading Parquet files, whoever wrote them, piece by piece: no file makes the reader fall over.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, ListArray,
    StringArray, StructArray,
};
use arrow_schema::{DataType, Field, Fields};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use super::table::{Table, none_of};
use crate::error::{Error, Result};
use crate::stages::Values;
use crate::text::printable;

/// Rows that are decoded at once.
const PIECE: usize = 8_192;
/// Bytes of lists that are decoded at once, where a single row does not have more.
const PIECE_BYTES: usize = 1 << 24;
/// The longest list that is read.
const MAX_DIM: i32 = 1 << 20;
/// A file may hold this many bytes of values, whatever its size ...
pub(super) const SMALL: u64 = 256 << 20;
/// ... or else this many times its size: no honest table compresses better, and a bomb does.
const MAX_RATIO: u64 = 1024;

/// Reads the whole table `name` from a Parquet file.
///
/// # Errors
/// When the file cannot be read or is damaged, unpacks to far more than it should, or (an error of the kind
/// "differs") has a column of a type that no table has.
pub fn read_table(path: &Path, name: &str) -> Result<Table> {
    let mut reader = TableReader::open(path, name)?;
    let mut whole = reader.none();
    while let Some(more) = reader.next()? {
        whole.append(&more).ok_or_else(|| reader.cannot("its pieces do not fit together"))?;
    }
    Ok(whole)
}

/// A table's file while it is being read.
pub(super) struct TableReader {
    path: PathBuf,
    name: String,
    pieces: ParquetRecordBatchReader,
    /// The columns, without rows.
    columns: Vec<(String, Values)>,
    /// How many bytes of values were read, and how many may be.
    n_bytes: u64,
    max_bytes: u64,
}

impl TableReader {
    /// Opens the file of the table `name`.
    ///
    /// # Errors
    /// As [`read_table`].
    pub(super) fn open(path: &Path, name: &str) -> Result<Self> {
        let cannot = |cause: String| cannot_read(path, &cause);
        let file = File::open(path).map_err(|cause| cannot(cause.to_string()))?;
        let n_bytes = file.metadata().map_err(|cause| cannot(cause.to_string()))?.len();
        // The decoder is known to panic on some damaged files; nothing of it outlives the call.
        match catch_unwind(AssertUnwindSafe(|| begin(file))) {
            Ok(Ok((pieces, columns))) => Ok(Self {
                path: path.to_owned(),
                name: Table::new(name, columns.clone())?.name,
                pieces,
                columns,
                n_bytes: 0,
                max_bytes: n_bytes.saturating_mul(MAX_RATIO).max(SMALL),
            }),
            Ok(Err(Unread::Damaged(cause))) => Err(cannot(cause.to_string())),
            Ok(Err(Unread::Foreign(column))) => Err(foreign(path, &column)),
            Err(_) => Err(cannot("it is damaged".to_owned())),
        }
    }

    /// The table without its rows.
    pub(super) fn none(&self) -> Table {
        let columns = self.columns.iter().map(|(name, values)| (name.clone(), none_of(values))).collect();
        Table { name: self.name.clone(), frame: crate::stages::Frame { n_rows: 0, columns } }
    }

    /// How many bytes of values were read.
    pub(super) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// The next rows; none at the end.
    ///
    /// # Errors
    /// As [`read_table`].
    pub(super) fn next(&mut self) -> Result<Option<Table>> {
        match catch_unwind(AssertUnwindSafe(|| self.piece())) {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(Unread::Damaged(cause))) => Err(self.cannot(&cause.to_string())),
            Ok(Err(Unread::Foreign(column))) => Err(foreign(&self.path, &column)),
            Err(_) => Err(self.cannot("it is damaged")),
        }
    }

    fn piece(&mut self) -> std::result::Result<Option<Table>, Unread> {
        let Some(piece) = self.pieces.next() else { return Ok(None) };
        let piece = piece.map_err(ParquetError::from)?;
        self.n_bytes = self.n_bytes.saturating_add(piece.get_array_memory_size() as u64);
        if self.n_bytes > self.max_bytes {
            return Err(ParquetError::General("it unpacks to far more than its size".to_owned()).into());
        }
        let mut table = self.none();
        table.frame.n_rows = piece.num_rows();
        for ((name, values), array) in table.frame.columns.iter_mut().zip(piece.columns()) {
            *values = from_arrow(array, values).ok_or_else(|| Unread::Foreign(name.clone()))?;
        }
        Ok(Some(table))
    }

    fn cannot(&self, cause: &str) -> Error {
        cannot_read(&self.path, cause)
    }
}

/// Why a file gave no table.
enum Unread {
    Damaged(ParquetError),
    Foreign(String),
}

impl<E: Into<ParquetError>> From<E> for Unread {
    fn from(cause: E) -> Self {
        Self::Damaged(cause.into())
    }
}

fn cannot_read(path: &Path, cause: &str) -> Error {
    Error::cannot_read(printable(&path.display().to_string()), printable(cause))
}

fn foreign(path: &Path, column: &str) -> Error {
    let (path, column) = (printable(&path.display().to_string()), printable(column));
    Error::differs(format!("column `{column}` of `{path}` is of a type that no table has"))
}

/// The file's pieces, and its columns without rows.
type Begun = (ParquetRecordBatchReader, Vec<(String, Values)>);

fn begin(file: File) -> std::result::Result<Begun, Unread> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let mut columns = Vec::new();
    for field in builder.schema().fields() {
        let values = empty(field.data_type()).ok_or_else(|| Unread::Foreign(field.name().clone()))?;
        columns.push((field.name().clone(), values));
    }
    let pieces = builder.with_batch_size(piece_rows(&columns)).build()?;
    Ok((pieces, columns))
}

/// As many rows as keep a piece of long lists small.
fn piece_rows(columns: &[(String, Values)]) -> usize {
    let dim = |values: &Values| if let Values::Lists { dim, .. } = values { *dim } else { 0 };
    let dims: usize = columns.iter().map(|(_, values)| dim(values)).sum();
    (PIECE_BYTES / (4 * dims + 1)).clamp(1, PIECE)
}

fn empty(data_type: &DataType) -> Option<Values> {
    Some(match data_type {
        DataType::FixedSizeList(item, size)
            if *item.data_type() == DataType::Float32 && (1..=MAX_DIM).contains(size) =>
        {
            Values::Lists { dim: usize::try_from(*size).ok()?, data: Vec::new() }
        }
        DataType::Float32 => Values::Singles(Vec::new()),
        DataType::Float64 => Values::Floats(Vec::new()),
        DataType::Int64 => Values::Ints(Vec::new()),
        DataType::Utf8 => Values::Texts(Vec::new()),
        DataType::Boolean => Values::Bools(Vec::new()),
        DataType::Struct(fields) if is_of_neighbors(fields) => Values::Neighbors(Vec::new()),
        _ => return None,
    })
}

/// The array's values in the type of `like`; none where it has another, or a null where no table has one.
fn from_arrow(array: &ArrayRef, like: &Values) -> Option<Values> {
    let array = array.as_any();
    let mut values = none_of(like);
    match &mut values {
        Values::Lists { data, .. } => {
            let lists = array.downcast_ref::<FixedSizeListArray>()?;
            *data = singles(lists.values().as_any().downcast_ref()?).filter(|_| lists.null_count() == 0)?;
        }
        Values::Singles(values) => *values = singles(array.downcast_ref()?)?,
        Values::Floats(values) => *values = array.downcast_ref::<Float64Array>()?.iter().collect(),
        Values::Ints(values) => *values = array.downcast_ref::<Int64Array>()?.iter().collect(),
        Values::Bools(values) => *values = array.downcast_ref::<BooleanArray>()?.iter().collect(),
        Values::Neighbors(values) => *values = neighbors(array.downcast_ref()?)?,
        Values::Texts(values) => {
            let texts = array.downcast_ref::<StringArray>()?.iter();
            *values = texts.map(|text| text.map(str::to_owned)).collect();
        }
    }
    Some(values)
}

/// Whether a struct is one of neighbours: their places and their distances.
fn is_of_neighbors(fields: &Fields) -> bool {
    let is_list = |field: &Field, name: &str, of: &DataType| {
        field.name() == name && matches!(field.data_type(), DataType::List(item) if item.data_type() == of)
    };
    matches!(&fields[..], [ids, distances]
        if is_list(ids, "ids", &DataType::Int64) && is_list(distances, "distances", &DataType::Float32))
}

fn neighbors(array: &StructArray) -> Option<Vec<Vec<(u32, f32)>>> {
    let list = |nth: usize| array.column(nth).as_any().downcast_ref::<ListArray>();
    let (ids, distances) = (list(0)?, list(1)?);
    if array.null_count() + ids.null_count() + distances.null_count() > 0
        || ids.offsets() != distances.offsets()
    {
        return None;
    }
    let (starts, n_rows) = (ids.value_offsets(), array.len());
    let places = ids.values().as_any().downcast_ref::<Int64Array>().filter(|ids| ids.null_count() == 0)?;
    let far = singles(distances.values().as_any().downcast_ref()?)?;
    let pair = |at: usize| Some((u32::try_from(*places.values().get(at)?).ok()?, *far.get(at)?));
    let row = |row: usize| {
        let [start, end] = [starts[row], starts[row + 1]].map(|at| usize::try_from(at).unwrap_or(0));
        (start..end).map(pair).collect()
    };
    (0..n_rows).map(row).collect()
}

fn singles(array: &Float32Array) -> Option<Vec<f32>> {
    (array.null_count() == 0).then(|| array.values().to_vec())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use arrow_schema::Schema;
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::release::{Identity, fixture, table_digest, write_table};

    fn bytes(table: &Table) -> Vec<u8> {
        let mut bytes = Vec::new();
        let identity = Identity { dataset: "oud".into(), version: "0.1.0".into() };
        write_table(table, &identity, &mut bytes).unwrap();
        bytes
    }

    fn read_bytes(bytes: &[u8]) -> Result<Table> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        read_table(file.path(), "clips")
    }

    #[test]
    fn a_column_of_a_foreign_type_differs_and_a_bomb_is_refused() {
        let fields = Arc::new(Schema::new(vec![Field::new("a", DataType::Int32, true)]));
        let mut foreign = Vec::new();
        ArrowWriter::try_new(&mut foreign, fields, None).unwrap().close().unwrap();
        assert_eq!(read_bytes(&foreign).unwrap_err().kind, crate::error::Kind::Differs);

        let text = Some("a".repeat(60_000));
        let bomb = Table::new("clips", vec![("a".to_owned(), Values::Texts(vec![text; 6_000]))]).unwrap();
        assert!(read_bytes(&bytes(&bomb)).unwrap_err().message.contains("far more"));
    }

    #[test]
    fn a_damaged_file_is_an_error_or_another_table_but_no_panic() {
        let whole = bytes(&fixture::tables()[2]);
        for n_bytes in (0..whole.len()).step_by(7) {
            assert!(read_bytes(&whole[..n_bytes]).is_err(), "{n_bytes} bytes");
        }
        for place in 0..whole.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[place] ^= flip;
                let _ = read_bytes(&damaged).map(|table| table_digest(&table));
            }
        }
    }
}
