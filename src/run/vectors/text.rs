//! Vectors, or ids alone, in CSV, TSV or lines of text.

use std::io::Read;

use super::columns::{id_column, numbered_columns};
use super::{Fault, Raw, check_size, extension};
use crate::manifest::{Cell, CellRows};
use crate::stages::embed::Import;
use crate::text::printable;

/// No text is longer, for it is in memory whole.
const MOST_BYTES: u64 = 1 << 31;

/// The rows of a table whose first row names its columns.
pub(super) fn read(file: impl Read, import: &Import) -> Result<Raw, Fault> {
    let text = whole(file)?;
    let (mut rows, mut cells) = (Table::of(&text, &import.file)?, Vec::new());
    let names: Vec<&str> = rows.names.iter().map(String::as_str).collect();
    let id = id_column(&names, &import.id)?;
    let numbers = numbered_columns(&names, id, &import.vector)?;
    let n_columns = names.len();
    let mut raw = Raw { dim: numbers.len(), ..Raw::default() };
    while rows.cells.next(&mut cells, n_columns).is_some() {
        let row = raw.ids.len();
        if cells.len() != n_columns {
            let cause = format!("row {row} has {} cells, the first line has {n_columns}", cells.len());
            return Err(Fault::new(cause).hint("every row has a cell for every column"));
        }
        check_size(row + 1, raw.dim)?;
        raw.ids.push(id_of(&cells[id], row)?);
        for column in &numbers {
            raw.data.push(number(&cells[*column], row, &rows.names[*column])?);
        }
    }
    Ok(raw)
}

/// The ids of rows that stand elsewhere: a column of a table, or a line each.
pub(super) fn ids(file: impl Read, name: &str, column: &str) -> Result<Vec<String>, Fault> {
    let text = whole(file)?;
    if !matches!(extension(name), "csv" | "tsv") {
        return Ok(text.lines().map(str::to_owned).collect());
    }
    let (mut rows, mut cells, mut ids) = (Table::of(&text, name)?, Vec::new(), Vec::new());
    let names: Vec<&str> = rows.names.iter().map(String::as_str).collect();
    let id = id_column(&names, column)?;
    while rows.cells.next(&mut cells, rows.names.len()).is_some() {
        let row = ids.len();
        check_size(row + 1, 1)?;
        let missing = || Fault::new(format!("row {row} has no cell for its id"));
        ids.push(id_of(cells.get(id).ok_or_else(missing)?, row)?);
    }
    Ok(ids)
}

/// A table after its first row.
struct Table<'t> {
    names: Vec<String>,
    cells: CellRows<'t>,
}

impl<'t> Table<'t> {
    fn of(text: &'t str, name: &str) -> Result<Self, Fault> {
        let delimiter = if extension(name) == "tsv" { b'\t' } else { b',' };
        let mut cells = CellRows::new(text, delimiter);
        let mut first = Vec::new();
        let most = super::MOST_IN_A_ROW;
        if cells.next(&mut first, most).is_none() {
            return Err(Fault::new("it is empty").hint("its first line names the columns"));
        }
        check_size(1, first.len())?;
        Ok(Self { names: first.iter().map(|cell| cell.value.trim().to_owned()).collect(), cells })
    }
}

fn id_of(cell: &Cell, row: usize) -> Result<String, Fault> {
    match cell.value.as_ref() {
        _ if !cell.is_whole => Err(Fault::new(format!("the quotes in row {row} are not closed"))),
        "" => Err(Fault::new(format!("row {row} has no id"))),
        id => Ok(id.to_owned()),
    }
}

fn number(cell: &Cell, row: usize, column: &str) -> Result<f32, Fault> {
    cell.value.trim().parse().map_err(|_| {
        let cause = format!("`{}` in row {row}, column `{}`", printable(&cell.value), printable(column));
        Fault::new(format!("{cause}, is no number")).hint("numbers are written as 1.5 or 1.5e-3")
    })
}

fn whole(file: impl Read) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    let read = file.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|cause| Fault::new(printable(&cause.to_string())))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Fault::new(format!("it has more than {MOST_BYTES} bytes")).hint("write it as Parquet"));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| Fault::new("it is no text in UTF-8"))?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(file: &str) -> Import {
        Import { file: file.to_owned(), ..Import::default() }
    }

    #[test]
    fn a_table_gives_its_ids_and_its_numbers_in_the_order_of_their_names() {
        let want = Raw { ids: vec!["a".into(), "b,c".into()], dim: 2, data: vec![1.0, 2.0, -0.5, 3e-3] };
        for (file, text) in [
            ("v.csv", "\u{feff}id,artist,v1,v0\r\na,x,2,1\r\n\"b,c\",,3e-3,-0.5\r\n"),
            ("v.tsv", "v0\tv1\tclip_id\n1\t 2\ta\n\n-.5\t.003\tb,c"),
        ] {
            assert_eq!(
                read(text.as_bytes(), &import(file)),
                Ok(Raw { ids: want.ids.clone(), data: want.data.clone(), ..want })
            );
        }
        assert_eq!(ids(&b"a\nb,c\n"[..], "ids.txt", ""), Ok(want.ids.clone()));
        assert_eq!(ids(&b"n,id\n0,a\n1,\"b,c\"\n"[..], "ids.csv", ""), Ok(want.ids));
    }

    #[test]
    fn a_row_that_is_none_is_named() {
        for (text, cause) in [
            ("", "it is empty"),
            ("id,v0,v1\na,1\n", "row 0 has 2 cells, the first line has 3"),
            ("id,v0,v1\na,1,2\nb,1,2,3\n", "row 1 has 4 cells, the first line has 3"),
            ("id,v0\na,1\nb,x\n", "`x` in row 1, column `v0`, is no number"),
            ("id,v0\na,\n", "`` in row 0, column `v0`, is no number"),
            ("id,v0\n,1\n", "row 0 has no id"),
            ("id,v0\n\"a,1\n", "row 0 has 1 cells, the first line has 2"),
            ("id,v0\n\"a\"b,1\n", "the quotes in row 0 are not closed"),
        ] {
            assert_eq!(read(text.as_bytes(), &import("v.csv")).unwrap_err().cause, cause, "{text}");
        }
        assert_eq!(
            read(&b"id,v0\n\xff,1"[..], &import("v.csv")).unwrap_err().cause,
            "it is no text in UTF-8"
        );
        assert_eq!(ids(&b"n,id\n0\n"[..], "i.csv", "").unwrap_err().cause, "row 0 has no cell for its id");
    }
}
