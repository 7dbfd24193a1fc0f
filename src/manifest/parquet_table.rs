//! Clip tables in Parquet, as the CSV that says the same: then there is one way to read a table.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::basic::Type as PhysicalType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};

use super::cells::push_cell;
use super::names::quoted;
use crate::text::printable;

/// No text of a table is longer, and no file may unpack to more.
const MAX_BYTES: usize = 1 << 29;

/// A file may unpack to this many bytes, whatever its size ...
const SMALL: u64 = 64 << 20;
/// ... or else this many times its size: no honest table compresses better, and a bomb does.
const MAX_RATIO: u64 = 1024;

const MS_PER_DAY: i64 = 86_400_000;

/// The table as CSV: a header, then one line per row; none means empty.
pub(super) fn as_csv(bytes: Vec<u8>) -> Result<String, String> {
    // The decoder is known to panic on some damaged files; nothing of it outlives the call.
    catch_unwind(AssertUnwindSafe(|| read(bytes))).unwrap_or_else(|_| Err("it is damaged".to_owned()))
}

fn read(bytes: Vec<u8>) -> Result<String, String> {
    let damaged = |cause: ParquetError| printable(&cause.to_string());
    let most = (bytes.len() as u64).saturating_mul(MAX_RATIO).clamp(SMALL, MAX_BYTES as u64);
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(damaged)?;
    let sizes = reader.metadata().row_groups().iter().flat_map(|group| group.columns());
    let unpacked = sizes.map(|column| u64::try_from(column.uncompressed_size()).unwrap_or(u64::MAX));
    if unpacked.fold(0, u64::saturating_add) > most {
        return Err("it unpacks to far more than its size".to_owned());
    }
    let mut text = header(&reader)?;
    let is_single = reader.metadata().file_metadata().schema().get_fields().len() == 1;
    for row in reader.get_row_iter(None).map_err(damaged)? {
        push_row(&mut text, &row.map_err(damaged)?, is_single)?;
        if text.len() as u64 > most {
            return Err("it unpacks to far more than its size".to_owned());
        }
    }
    // What ends the last line is no part of its row.
    text.pop();
    Ok(text)
}

/// The names of the columns, each of one value a row.
fn header(reader: &SerializedFileReader<Bytes>) -> Result<String, String> {
    let mut text = String::new();
    for column in reader.metadata().file_metadata().schema().get_fields() {
        if !column.is_primitive() || column.get_physical_type() == PhysicalType::INT96 {
            return Err(foreign(column.name()));
        }
        if !text.is_empty() {
            text.push(',');
        }
        push_cell(&mut text, column.name(), b',');
    }
    text.push('\n');
    Ok(text)
}

fn push_row(text: &mut String, row: &Row, is_single: bool) -> Result<(), String> {
    let start = text.len();
    for (nth, (name, field)) in row.get_column_iter().enumerate() {
        if nth > 0 {
            text.push(',');
        }
        match field {
            Field::Str(value) => push_cell(text, value, b','),
            other => push_cell(text, &value(other).ok_or_else(|| foreign(name))?, b','),
        }
    }
    if is_single && text.len() == start {
        // An empty line would be no row.
        text.push_str("\"\"");
    }
    text.push('\n');
    Ok(())
}

/// The value as the cell of a CSV has it.
fn value(field: &Field) -> Option<String> {
    Some(match field {
        Field::Null => String::new(),
        Field::Bool(truth) => truth.to_string(),
        Field::Byte(number) => number.to_string(),
        Field::Short(number) => number.to_string(),
        Field::Int(number) => number.to_string(),
        Field::Long(number) => number.to_string(),
        Field::UByte(number) => number.to_string(),
        Field::UShort(number) => number.to_string(),
        Field::UInt(number) => number.to_string(),
        Field::ULong(number) => number.to_string(),
        Field::Float(number) => format!("{number:?}"),
        Field::Double(number) => format!("{number:?}"),
        Field::Date(days) => date(i64::from(*days)),
        Field::TimestampMillis(ms) => day_or_text(*ms, field),
        Field::TimestampMicros(us) => day_or_text(us.div_euclid(1000), field),
        Field::Decimal(_) => field.to_string(),
        _ => return None,
    })
}

/// A time at midnight is a day: some tools know no dates without times.
fn day_or_text(ms: i64, field: &Field) -> String {
    if ms.rem_euclid(MS_PER_DAY) == 0 { date(ms.div_euclid(MS_PER_DAY)) } else { field.to_string() }
}

/// The day of the Gregorian calendar that is so many days after 1970-01-01 (Hinnant's `civil_from_days`).
fn date(days: i64) -> String {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn foreign(column: &str) -> String {
    format!("the column {} holds neither text, numbers, dates nor truth values", quoted(column))
}
