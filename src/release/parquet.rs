//! Tables as Parquet files: the same table gives the same bytes, and no file makes the reader fall over.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::table::{Identity, Table, append, none_of};
use crate::error::{Error, Result};
use crate::stages::Values;
use crate::text::printable;

/// Rows of a row group: a reader that wants few rows decodes at most these.
const ROW_GROUP: usize = 65_536;
/// Rows that are decoded at once.
const BATCH: usize = 8_192;
/// Bytes of lists that are decoded at once, where a single row does not have more.
const BATCH_BYTES: usize = 1 << 26;
/// The longest list that is read.
const MAX_DIM: i32 = 1 << 20;
/// The name of a list's elements, as pyarrow has it.
const ITEM: &str = "item";
/// A file may hold this many bytes of values, whatever its size ...
const SMALL: u64 = 256 << 20;
/// ... or else this many times its size: no honest table compresses better, and a bomb does.
const MAX_RATIO: u64 = 1024;

/// Writes a table: zstd, row groups of 65,536 rows, an `ARROW:schema` footer (it is what makes fixed-size lists
/// of Parquet's lists), and the metadata key `taqsim` with dataset, version and table as JSON.
///
/// Lists are `FixedSizeList<Float32>`, texts plain Utf8. Only the columns `clip_id` and `segment_id` forbid
/// nulls: Hugging Face `datasets` ignores feature types of columns that do.
///
/// # Errors
/// When writing fails.
pub fn write_table(table: &Table, identity: &Identity, to: impl Write + Send) -> Result<()> {
    write(table, identity, to).map_err(|cause| Error::cannot_write(table.file(), cause))
}

/// Reads the table `name` from a Parquet file, whoever wrote it.
///
/// # Errors
/// When the file cannot be read or is damaged, unpacks to far more than it should, or (an error of the kind
/// "differs") has a column of a type that no table has.
pub fn read_table(path: &Path, name: &str) -> Result<Table> {
    let cannot = |cause: String| Error::cannot_read(path.display(), printable(&cause));
    let file = File::open(path).map_err(|cause| cannot(cause.to_string()))?;
    let n_bytes = file.metadata().map_err(|cause| cannot(cause.to_string()))?.len();
    let max_bytes = n_bytes.saturating_mul(MAX_RATIO).max(SMALL);
    // The decoder is known to panic on some damaged files; nothing of it outlives the call.
    match catch_unwind(AssertUnwindSafe(|| read(file, max_bytes))) {
        Ok(Ok(columns)) => Table::new(name, columns),
        Ok(Err(Unread::Damaged(cause))) => Err(cannot(cause.to_string())),
        Ok(Err(Unread::Foreign(column))) => {
            let column = printable(&column);
            Err(Error::differs(format!(
                "column `{column}` of `{}` is of a type that no table has",
                path.display()
            )))
        }
        Err(_) => Err(cannot("it is damaged".to_owned())),
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

fn write(table: &Table, identity: &Identity, to: impl Write + Send) -> ParquetResult<()> {
    let fields = table.frame.columns.iter().map(|(name, values)| field(name, values)).collect::<Vec<_>>();
    let about = about(table, identity);
    // Readers that restore the Arrow schema take its metadata, the others that of Parquet.
    let metadata = BTreeMap::from([("taqsim".to_owned(), about.clone())]);
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let mut writer = ArrowWriter::try_new(to, schema.clone(), Some(properties(table, about)?))?;
    for start in (0..table.frame.n_rows).step_by(ROW_GROUP) {
        let n = ROW_GROUP.min(table.frame.n_rows - start);
        let columns = table.frame.columns.iter().map(|(_, values)| to_arrow(values, start, n));
        writer.write(&RecordBatch::try_new(schema.clone(), columns.collect::<ParquetResult<_>>()?)?)?;
    }
    writer.close()?;
    Ok(())
}

/// JSON, with the names sorted.
fn about(table: &Table, identity: &Identity) -> String {
    let Identity { dataset, version } = identity;
    let pairs = [("dataset", dataset), ("table", &table.name), ("version", version)];
    serde_json::to_string(&BTreeMap::from(pairs)).expect("its keys are strings")
}

fn properties(table: &Table, about: String) -> ParquetResult<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_created_by("taqsim".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_key_value_metadata(Some(vec![KeyValue::new("taqsim".to_owned(), about)]));
    for (name, values) in &table.frame.columns {
        if let Values::Lists { .. } = values {
            // The numbers of a vector hardly repeat, and nobody looks for the least of them.
            let path = ColumnPath::new(vec![name.clone(), "list".to_owned(), ITEM.to_owned()]);
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    Ok(properties.build())
}

fn field(name: &str, values: &Values) -> Field {
    let data_type = match values {
        Values::Lists { dim, .. } => DataType::FixedSizeList(item(), i32::try_from(*dim).unwrap_or(i32::MAX)),
        Values::Singles(_) => DataType::Float32,
        Values::Floats(_) => DataType::Float64,
        Values::Ints(_) => DataType::Int64,
        Values::Texts(_) => DataType::Utf8,
        Values::Bools(_) => DataType::Boolean,
    };
    Field::new(name, data_type, !matches!(name, "clip_id" | "segment_id"))
}

fn item() -> Arc<Field> {
    Arc::new(Field::new(ITEM, DataType::Float32, true))
}

fn to_arrow(values: &Values, start: usize, n: usize) -> ParquetResult<ArrayRef> {
    let end = start + n;
    Ok(match values {
        Values::Lists { dim, data } => {
            let numbers = Arc::new(Float32Array::from(data[start * dim..end * dim].to_vec()));
            let size = i32::try_from(*dim).map_err(|cause| ParquetError::General(cause.to_string()))?;
            Arc::new(FixedSizeListArray::try_new(item(), size, numbers, None)?)
        }
        Values::Singles(values) => Arc::new(Float32Array::from(values[start..end].to_vec())),
        Values::Floats(values) => Arc::new(Float64Array::from(values[start..end].to_vec())),
        Values::Ints(values) => Arc::new(Int64Array::from(values[start..end].to_vec())),
        Values::Texts(values) => {
            Arc::new(values[start..end].iter().map(Option::as_deref).collect::<StringArray>())
        }
        Values::Bools(values) => Arc::new(BooleanArray::from(values[start..end].to_vec())),
    })
}

fn read(file: File, max_bytes: u64) -> std::result::Result<Vec<(String, Values)>, Unread> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let mut columns = Vec::new();
    for field in builder.schema().fields() {
        let values = empty(field.data_type()).ok_or_else(|| Unread::Foreign(field.name().clone()))?;
        columns.push((field.name().clone(), values));
    }
    let mut n_bytes = 0;
    for batch in builder.with_batch_size(batch_rows(&columns)).build()? {
        let batch = batch?;
        n_bytes += batch.get_array_memory_size() as u64;
        if n_bytes > max_bytes {
            return Err(ParquetError::General("it unpacks to far more than its size".to_owned()).into());
        }
        for ((name, values), array) in columns.iter_mut().zip(batch.columns()) {
            let more = from_arrow(array, values).ok_or_else(|| Unread::Foreign(name.clone()))?;
            append(values, &more, 0..more.n_rows()).ok_or_else(|| Unread::Foreign(name.clone()))?;
        }
    }
    Ok(columns)
}

/// As many rows as keep a batch of long lists small.
fn batch_rows(columns: &[(String, Values)]) -> usize {
    let dim = |values: &Values| if let Values::Lists { dim, .. } = values { *dim } else { 0 };
    let dims: usize = columns.iter().map(|(_, values)| dim(values)).sum();
    (BATCH_BYTES / (4 * dims + 1)).clamp(1, BATCH)
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
        Values::Texts(values) => {
            let texts = array.downcast_ref::<StringArray>()?.iter();
            *values = texts.map(|text| text.map(str::to_owned)).collect();
        }
    }
    Some(values)
}

fn singles(array: &Float32Array) -> Option<Vec<f32>> {
    (array.null_count() == 0).then(|| array.values().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{fixture, table_digest};

    fn identity() -> Identity {
        Identity { dataset: "oud".into(), version: "0.1.0".into() }
    }

    fn bytes(table: &Table) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_table(table, &identity(), &mut bytes).unwrap();
        bytes
    }

    fn read_bytes(bytes: &[u8]) -> Result<Table> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        read_table(file.path(), "clips")
    }

    fn wide_table(n_rows: usize) -> Table {
        let texts = (0..n_rows).map(|row| Some(format!("{row:07}"))).collect();
        let data = (0..n_rows * 3).map(|number| number as f32).collect();
        let columns = [("clip_id", Values::Texts(texts)), ("vector", Values::Lists { dim: 3, data })];
        Table::new("clips", columns.map(|(name, values)| (name.to_owned(), values)).to_vec()).unwrap()
    }

    fn with_codec(table: &Table, compression: Compression) -> Vec<u8> {
        let fields = table.frame.columns.iter().map(|(name, values)| field(name, values)).collect::<Vec<_>>();
        let n_rows = table.frame.n_rows;
        let columns =
            table.frame.columns.iter().map(|(_, values)| to_arrow(values, 0, n_rows).unwrap()).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        let properties = WriterProperties::builder().set_compression(compression).build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    #[test]
    fn a_table_comes_back_from_its_file_and_gives_the_same_bytes_again() {
        let mut tables = fixture::tables();
        tables.extend([wide_table(0), wide_table(ROW_GROUP + BATCH + 1)]);
        for table in tables {
            let bytes = bytes(&table);
            let again = read_bytes(&bytes).unwrap();
            // Compared as text, for a NaN is not equal to itself.
            assert_eq!(format!("{:?}", again.frame), format!("{:?}", table.frame));
            assert_eq!(table_digest(&again), table_digest(&table));
            assert_eq!(super::tests::bytes(&table), bytes);
        }
    }

    #[test]
    fn another_compression_changes_the_file_and_not_the_digest() {
        let table = wide_table(1000);
        let other = with_codec(&table, Compression::UNCOMPRESSED);
        assert_ne!(other, bytes(&table));
        assert_eq!(table_digest(&read_bytes(&other).unwrap()), table_digest(&table));
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
