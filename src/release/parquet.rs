//! Writing tables as Parquet files, piece by piece: the same pieces give the same bytes.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Int64Builder, ListBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, RecordBatch,
    StringArray, StructArray,
};
use arrow_schema::{DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::table::{Identity, Table};
use crate::error::{Error, Result};
use crate::stages::Values;
use crate::text::printable;

/// Rows of a row group at most: a reader that wants few rows decodes at most these ...
const GROUP_ROWS: usize = 65_536;
/// ... and about this many bytes of values: whoever writes or reads a row group has it in memory.
const GROUP_BYTES: usize = 32 << 20;
/// The name of a list's elements, as pyarrow has it.
const ITEM: &str = "item";

/// Writes a whole table.
///
/// # Errors
/// When writing fails.
pub fn write_table(table: &Table, identity: &Identity, to: impl Write + Send) -> Result<()> {
    let mut writer = TableWriter::new(table, identity, to)?;
    writer.append(table)?;
    writer.finish()
}

/// A table's file while it is being written: zstd, row groups of 65,536 rows or 32 MB, an `ARROW:schema` footer (it
/// is what makes fixed-size lists of Parquet's lists), and the metadata key `taqsim` with dataset, version and
/// table as JSON.
///
/// Lists are `FixedSizeList<Float32>`, texts plain Utf8. Only columns that are keys forbid
/// nulls: Hugging Face `datasets` ignores feature types of columns that do.
pub(super) struct TableWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: Arc<Schema>,
    file: String,
    /// Rows and bytes of the row group so far.
    group: (usize, usize),
}

impl<W: Write + Send> TableWriter<W> {
    /// Begins a file with the columns of `like`, without its rows.
    pub(super) fn new(like: &Table, identity: &Identity, to: W) -> Result<Self> {
        let file = like.file();
        let begin = || {
            let about = about(like, identity);
            // Readers that restore the Arrow schema take its metadata, the others that of Parquet.
            let metadata = BTreeMap::from([("taqsim".to_owned(), about.clone())]);
            let schema = Arc::new(Schema::new_with_metadata(fields(like), metadata));
            let writer = ArrowWriter::try_new(to, schema.clone(), Some(properties(like, about)?))?;
            Ok((writer, schema))
        };
        let (writer, schema) = begin().map_err(|cause: ParquetError| Error::cannot_write(&file, cause))?;
        Ok(Self { writer, schema, file, group: (0, 0) })
    }

    /// Writes more rows.
    ///
    /// # Errors
    /// When the columns are others than before, or writing fails.
    pub(super) fn append(&mut self, more: &Table) -> Result<()> {
        if self.schema.fields()[..] != *fields(more).into_iter().map(Arc::new).collect::<Vec<_>>() {
            return Err(other_columns(more));
        }
        self.write(more).map_err(|cause| Error::cannot_write(&self.file, cause))
    }

    /// Ends the file.
    pub(super) fn finish(self) -> Result<()> {
        self.writer.close().map(drop).map_err(|cause| Error::cannot_write(self.file, cause))
    }

    fn write(&mut self, table: &Table) -> ParquetResult<()> {
        let row_bytes = n_bytes(table).div_ceil(table.frame.n_rows.max(1)).max(1);
        let mut start = 0;
        while start < table.frame.n_rows {
            let n = self.room(row_bytes).min(table.frame.n_rows - start);
            if n == 0 {
                self.writer.flush()?;
                self.group = (0, 0);
                continue;
            }
            let columns = table.frame.columns.iter().map(|(_, values)| to_arrow(values, start, n));
            let columns = columns.collect::<ParquetResult<_>>()?;
            self.writer.write(&RecordBatch::try_new(self.schema.clone(), columns)?)?;
            self.group = (self.group.0 + n, self.group.1 + n * row_bytes);
            start += n;
        }
        Ok(())
    }

    /// How many rows of this size the row group still takes; at least one where it has none.
    fn room(&self, row_bytes: usize) -> usize {
        let (rows, bytes) = self.group;
        let room = (GROUP_ROWS - rows).min(GROUP_BYTES.saturating_sub(bytes) / row_bytes);
        if rows == 0 { room.max(1) } else { room }
    }
}

/// Tables of a part whose clips have other columns than those before them.
pub(super) fn other_columns(table: &Table) -> Error {
    let name = printable(&table.name);
    let clip = table.texts("clip_id").and_then(|clips| clips.first()?.as_deref()).unwrap_or("");
    Error::world(format!(
        "cannot make table `{name}`: clip `{}` has other columns than those before it",
        printable(clip)
    ))
}

fn n_bytes(table: &Table) -> usize {
    let bytes = |values: &Values| match values {
        Values::Lists { data, .. } => 4 * data.len(),
        Values::Texts(texts) => texts.iter().map(|text| 4 + text.as_ref().map_or(0, String::len)).sum(),
        Values::Singles(values) => 4 * values.len(),
        Values::Floats(_) | Values::Ints(_) => 8 * values.n_rows(),
        Values::Bools(values) => values.len(),
        Values::Neighbors(rows) => rows.iter().map(|row| 4 + 12 * row.len()).sum(),
    };
    table.frame.columns.iter().map(|(_, values)| bytes(values)).sum()
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
        .set_max_row_group_row_count(Some(GROUP_ROWS))
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

/// The keys of rows: no label may be called like one of them.
const KEYS: [&str; 5] = ["clip_id", "segment_id", "evaluation_id", "confusion_id", "composition_id"];

fn fields(table: &Table) -> Vec<Field> {
    table.frame.columns.iter().map(|(name, values)| field(name, values)).collect()
}

fn field(name: &str, values: &Values) -> Field {
    let data_type = match values {
        Values::Lists { dim, .. } => DataType::FixedSizeList(item(), i32::try_from(*dim).unwrap_or(i32::MAX)),
        Values::Singles(_) => DataType::Float32,
        Values::Floats(_) => DataType::Float64,
        Values::Ints(_) => DataType::Int64,
        Values::Texts(_) => DataType::Utf8,
        Values::Bools(_) => DataType::Boolean,
        Values::Neighbors(_) => DataType::Struct(neighbor_fields()),
    };
    Field::new(name, data_type, !KEYS.contains(&name))
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
        Values::Neighbors(rows) => neighbors_to_arrow(&rows[start..end])?,
    })
}

/// The layout that Embedding Atlas opens: `ids` are the numbers of rows of the table, counted from 0.
fn neighbor_fields() -> Fields {
    let list = |name: &str, item: DataType| {
        Field::new(name, DataType::List(Arc::new(Field::new(ITEM, item, true))), true)
    };
    Fields::from(vec![list("ids", DataType::Int64), list("distances", DataType::Float32)])
}

fn neighbors_to_arrow(rows: &[Vec<(u32, f32)>]) -> ParquetResult<ArrayRef> {
    let item = |item: DataType| Arc::new(Field::new(ITEM, item, true));
    let mut ids = ListBuilder::new(Int64Builder::new()).with_field(item(DataType::Int64));
    let mut distances = ListBuilder::new(Float32Builder::new()).with_field(item(DataType::Float32));
    for row in rows {
        ids.append_value(row.iter().map(|(id, _)| Some(i64::from(*id))));
        distances.append_value(row.iter().map(|(_, distance)| Some(*distance)));
    }
    let lists: Vec<ArrayRef> = vec![Arc::new(ids.finish()), Arc::new(distances.finish())];
    Ok(Arc::new(StructArray::try_new_with_length(neighbor_fields(), lists, None, rows.len())?))
}

#[cfg(test)]
mod tests {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;
    use crate::release::{fixture, read_table, table_digest};

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
        tables.extend([wide_table(0), wide_table(GROUP_ROWS + 8_193)]);
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
    fn a_row_group_ends_at_its_rows_or_its_bytes() {
        let lists = |n_rows: usize, dim: usize| {
            let columns = vec![("v".to_owned(), Values::Lists { dim, data: vec![0.5; n_rows * dim] })];
            Table::new("clips", columns).unwrap()
        };
        let cases: [(Vec<Table>, &[i64]); 4] = [
            (vec![lists(GROUP_ROWS, 1), lists(1, 1)], &[65_536, 1]),
            (vec![lists(5, GROUP_BYTES / 8)], &[2, 2, 1]),
            (vec![lists(3, 1 + GROUP_BYTES / 4)], &[1, 1, 1]),
            (vec![lists(40_000, 8), lists(40_000, 8)], &[65_536, 14_464]),
        ];
        for (pieces, expected) in cases {
            let mut bytes = Vec::new();
            let mut writer = TableWriter::new(&pieces[0], &identity(), &mut bytes).unwrap();
            pieces.iter().for_each(|piece| writer.append(piece).unwrap());
            writer.finish().unwrap();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            let groups: Vec<i64> =
                reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
            assert_eq!(groups, expected);
        }
    }

    #[test]
    fn pieces_with_other_columns_are_refused() {
        let (table, mut other) = (wide_table(2), wide_table(2));
        other.frame.columns[1].0 = "other".into();
        let mut writer = TableWriter::new(&table, &identity(), Vec::new()).unwrap();
        writer.append(&table).unwrap();
        let error = writer.append(&other).unwrap_err();
        assert_eq!(
            error.message,
            "cannot make table `clips`: clip `0000000` has other columns than those before it"
        );
    }
}
