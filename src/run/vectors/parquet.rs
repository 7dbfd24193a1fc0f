//! Vectors in Parquet: a column of ids, and a column of lists or numbered columns.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::columns::{id_column, numbered_columns};
use super::{Fault, MOST_NUMBERS, Raw, check_size};
use crate::stages::embed::Import;
use crate::text::printable;

/// Rows that are decoded at once.
const PIECE: usize = 1_024;
/// A file may hold this many bytes of values, whatever its size ...
const SMALL: u64 = 256 << 20;
/// ... or else this many times its size: no honest table compresses better, and a bomb does.
const MAX_RATIO: u64 = 1_024;

/// The columns that are read, by their places in the file.
struct Columns {
    id: usize,
    /// One of lists, or many of numbers.
    numbers: Vec<usize>,
}

pub(super) fn read(file: File, import: &Import) -> Result<Raw, Fault> {
    // The decoder is known to panic on some damaged files; nothing of it outlives the call.
    let read = catch_unwind(AssertUnwindSafe(|| read_all(file, import)));
    read.unwrap_or_else(|_| Err(Fault::new("it is damaged")))
}

fn read_all(file: File, import: &Import) -> Result<Raw, Fault> {
    let n_bytes = file.metadata().map_or(0, |file| file.len());
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
    let columns = columns_of(builder.schema(), import)?;
    let groups = builder.metadata().row_groups().iter();
    let sizes = groups.flat_map(|group| group.columns()).map(|column| column.uncompressed_size());
    let unpacked = sizes.map(|size| u64::try_from(size).unwrap_or(u64::MAX)).fold(0, u64::saturating_add);
    let most = n_bytes.saturating_mul(MAX_RATIO).max(SMALL).min(16 * MOST_NUMBERS as u64);
    if unpacked > most {
        return Err(Fault::new("it unpacks to far more than its size, or than fits"));
    }
    let wanted = columns.numbers.iter().copied().chain([columns.id]);
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    let names: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let pieces = builder.with_projection(mask).with_batch_size(PIECE).build().map_err(damaged)?;
    let mut raw = Raw::default();
    for piece in pieces {
        append(&mut raw, &piece.map_err(damaged)?, &columns, &names)?;
    }
    Ok(raw)
}

fn columns_of(schema: &Schema, import: &Import) -> Result<Columns, Fault> {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let id = id_column(&names, &import.id)?;
    let is_list = |place: &usize| {
        matches!(
            schema.field(*place).data_type(),
            DataType::FixedSizeList(..) | DataType::List(_) | DataType::LargeList(_)
        )
    };
    let lists: Vec<usize> = (0..names.len()).filter(is_list).collect();
    let asked = |name: &str| lists.iter().copied().find(|place| names[*place] == name);
    let numbers = match (import.vector.as_str(), lists.as_slice()) {
        ("", []) => numbered_columns(&names, id, "")?,
        ("", [list]) => vec![*list],
        ("", several) => vec![asked("vector").ok_or_else(|| {
            let names: Vec<String> = several.iter().map(|place| printable(names[*place])).collect();
            Fault::new(format!("it has several columns of lists: `{}`", names.join("`, `")))
                .hint("name the one that you mean with `vector`")
        })?],
        (name, _) => match asked(name) {
            Some(list) => vec![list],
            None => numbered_columns(&names, id, name)?,
        },
    };
    Ok(Columns { id, numbers })
}

fn append(raw: &mut Raw, piece: &RecordBatch, columns: &Columns, names: &[String]) -> Result<(), Fault> {
    let column = |place: usize| {
        piece.column_by_name(&names[place]).ok_or_else(|| Fault::new("two of its columns have one name"))
    };
    let first = raw.ids.len();
    push_ids(&mut raw.ids, column(columns.id)?, first)?;
    let (dim, data) = match columns.numbers.as_slice() {
        [single] if is_list(column(*single)?) => list(column(*single)?, first, &names[*single])?,
        many => {
            let arrays: Vec<Vec<f32>> = many
                .iter()
                .map(|place| numbers(column(*place)?, first, 1, &names[*place]))
                .collect::<Result<_, _>>()?;
            let rows = 0..piece.num_rows();
            (many.len(), rows.flat_map(|row| arrays.iter().map(move |array| array[row])).collect())
        }
    };
    if first == 0 {
        raw.dim = dim;
    }
    if raw.dim != dim {
        return Err(ragged(first, dim, raw.dim));
    }
    check_size(raw.ids.len(), dim)?;
    raw.data.extend(data);
    Ok(())
}

fn is_list(array: &ArrayRef) -> bool {
    matches!(array.data_type(), DataType::FixedSizeList(..) | DataType::List(_) | DataType::LargeList(_))
}

fn push_ids(ids: &mut Vec<String>, array: &ArrayRef, first: usize) -> Result<(), Fault> {
    if let Some(row) = (0..array.len()).find(|row| array.is_null(*row)) {
        return Err(Fault::new(format!("row {} has no id", first + row)));
    }
    match array.data_type() {
        DataType::Utf8 => ids.extend(array.as_string::<i32>().iter().flatten().map(str::to_owned)),
        DataType::LargeUtf8 => ids.extend(array.as_string::<i64>().iter().flatten().map(str::to_owned)),
        DataType::Utf8View => ids.extend(array.as_string_view().iter().flatten().map(str::to_owned)),
        DataType::Int32 => ids.extend(array.as_primitive::<Int32Type>().values().iter().map(i32::to_string)),
        DataType::Int64 => ids.extend(array.as_primitive::<Int64Type>().values().iter().map(i64::to_string)),
        other => {
            let cause = format!("its ids are of the type {}, not text", printable(&other.to_string()));
            return Err(Fault::new(cause).hint("write them as text"));
        }
    }
    Ok(())
}

/// How many numbers each list has, and all of them.
fn list(array: &ArrayRef, first: usize, name: &str) -> Result<(usize, Vec<f32>), Fault> {
    if let Some(row) = (0..array.len()).find(|row| array.is_null(*row)) {
        return Err(Fault::new(format!("row {} has no vector", first + row)).hint("leave the row out"));
    }
    if let DataType::FixedSizeList(_, dim) = array.data_type() {
        let dim = usize::try_from(*dim).unwrap_or(0);
        return Ok((dim, numbers(array.as_fixed_size_list().values(), first, dim, name)?));
    }
    let (ends, values) = match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            (list.value_offsets().iter().map(|end| i64::from(*end)).collect(), list.values())
        }
        _ => {
            let list = array.as_list::<i64>();
            (list.value_offsets().to_vec(), list.values())
        }
    };
    let ends: Vec<usize> = ends.into_iter().map(|end: i64| usize::try_from(end).unwrap_or(0)).collect();
    let lengths: Vec<usize> = ends.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    let dim = lengths.first().copied().unwrap_or(0);
    if let Some(row) = lengths.iter().position(|length| *length != dim) {
        return Err(ragged(first + row, lengths[row], dim));
    }
    let (start, end) = (ends.first().copied().unwrap_or(0), ends.last().copied().unwrap_or(0));
    Ok((dim, numbers(&values.slice(start, end.saturating_sub(start)), first, dim, name)?))
}

/// The numbers of rows of `dim`, the first of which is row `first` of the file.
fn numbers(array: &ArrayRef, first: usize, dim: usize, name: &str) -> Result<Vec<f32>, Fault> {
    let numbers = match array.data_type() {
        DataType::Float32 => array.as_primitive::<Float32Type>().values().to_vec(),
        DataType::Float64 => {
            array.as_primitive::<Float64Type>().values().iter().map(|number| *number as f32).collect()
        }
        other => {
            let (name, kind) = (printable(name), printable(&other.to_string()));
            return Err(Fault::new(format!(
                "the numbers of `{name}` are of the type {kind}, not 32-bit or 64-bit floats"
            ))
            .hint("convert them to float32 before writing the file"));
        }
    };
    if let Some(at) = (0..array.len()).find(|at| array.is_null(*at)) {
        let (row, name) = (first + at / dim.max(1), printable(name));
        return Err(
            Fault::new(format!("a number of `{name}` in row {row} is missing")).hint("leave the row out")
        );
    }
    Ok(numbers)
}

fn ragged(row: usize, dim: usize, expected: usize) -> Fault {
    Fault::new(format!("row {row} has {dim} numbers, the rows before it {expected}"))
        .hint("all vectors of a step are equally long")
}

fn damaged(cause: impl ToString) -> Fault {
    Fault::new(printable(&cause.to_string())).hint("it is no Parquet file, or was cut off: write it again")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use arrow_array::{
        FixedSizeListArray, Float32Array, Float64Array, Int64Array, ListArray, StringArray, builder,
    };
    use arrow_schema::Field;
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn bytes(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
        let columns = columns.into_iter().map(|(name, array)| (name, array, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    }

    fn read_bytes(bytes: &[u8], import: &Import) -> Result<Raw, Fault> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        read(file, import)
    }

    fn ids(ids: &[&str]) -> (&'static str, ArrayRef) {
        ("clip_id", Arc::new(StringArray::from(ids.to_vec())))
    }

    fn fixed(numbers: Vec<f32>, dim: i32) -> ArrayRef {
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        Arc::new(FixedSizeListArray::new(item, dim, Arc::new(Float32Array::from(numbers)), None))
    }

    fn lists(rows: &[&[f64]]) -> ArrayRef {
        let mut lists = builder::ListBuilder::new(builder::Float64Builder::new());
        rows.iter().for_each(|row| lists.append_value(row.iter().copied().map(Some)));
        let lists: ListArray = lists.finish();
        Arc::new(lists)
    }

    #[test]
    fn lists_and_numbered_columns_give_the_same_rows() {
        let import = Import::default();
        let want = Raw { ids: vec!["a".into(), "b".into()], dim: 2, data: vec![1.0, 2.0, 3.0, 4.0] };
        let single = |numbers: [f32; 2]| -> ArrayRef { Arc::new(Float32Array::from(numbers.to_vec())) };
        let double = |numbers: [f64; 2]| -> ArrayRef { Arc::new(Float64Array::from(numbers.to_vec())) };
        let names = ids(&["a", "b"]);
        for columns in [
            vec![names.clone(), ("v", fixed(vec![1.0, 2.0, 3.0, 4.0], 2))],
            vec![("e", lists(&[&[1.0, 2.0], &[3.0, 4.0]])), names.clone()],
            vec![names.clone(), ("x1", single([2.0, 4.0])), ("x0", double([1.0, 3.0]))],
            vec![
                names.clone(),
                ("vector", fixed(vec![1.0, 2.0, 3.0, 4.0], 2)),
                ("w", fixed(vec![0.0; 2], 1)),
            ],
        ] {
            let Raw { ids, dim, data } = read_bytes(&bytes(columns), &import).unwrap();
            assert_eq!((&ids, dim, &data), (&want.ids, want.dim, &want.data));
        }
    }

    #[test]
    fn wrong_files_are_refused_with_their_reason() {
        let names = || ids(&["a", "b"]);
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let holes: ArrayRef = Arc::new(Float32Array::from(vec![Some(1.0), None]));
        let cases: Vec<(Vec<(&str, ArrayRef)>, &str)> = vec![
            (
                vec![names(), ("v", lists(&[&[1.0, 2.0], &[3.0]]))],
                "row 1 has 1 numbers, the rows before it 2",
            ),
            (
                vec![names(), ("v0", whole.clone())],
                "the numbers of `v0` are of the type Int64, not 32-bit or 64-bit floats",
            ),
            (vec![names(), ("v0", holes)], "a number of `v0` in row 1 is missing"),
            (vec![names()], "it has no numbered columns"),
            (
                vec![("x", whole), ("v", fixed(vec![0.0; 4], 2))],
                "it has no column `segment_id`, `clip_id` or `id`",
            ),
            (
                vec![names(), ("v", fixed(vec![0.0; 4], 2)), ("w", fixed(vec![0.0; 4], 2))],
                "it has several columns of lists: `v`, `w`",
            ),
        ];
        for (columns, cause) in cases {
            assert_eq!(read_bytes(&bytes(columns), &Import::default()).unwrap_err().cause, cause);
        }
        let sound = bytes(vec![names(), ("v", fixed(vec![0.0; 4], 2))]);
        for length in [0, 4, sound.len() / 2, sound.len() - 1] {
            assert!(read_bytes(&sound[..length], &Import::default()).is_err(), "{length}");
        }
        for at in 0..sound.len() {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x55;
            // Whatever comes of it: no panic, and no memory without end.
            let _ = read_bytes(&damaged, &Import::default());
        }
    }
}
