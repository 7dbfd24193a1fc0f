//! The digest of a table: over what it says, never over how its file spells it. `docs/DIGESTS.md` is its standard.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::table::Table;
use crate::stages::Values;
use crate::store::Digest;

/// Starts what is hashed of a table: a change of format changes it, and so every table's digest.
const TABLE: &[u8] = b"taqsim table v1\n";
/// Starts what is hashed of a chunk.
const CHUNK: &[u8] = b"taqsim chunk v1\n";

/// The names and types of a table's columns, in the order of the file.
pub(super) type Columns = Vec<(String, String)>;

/// The rows of one clip in a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Chunk {
    /// The clip's id in NFC; none for the rows without one.
    pub(super) clip: Option<String>,
    /// How many rows it has.
    pub(super) n_rows: usize,
    /// The digest of its content.
    pub(super) digest: Digest,
}

/// The digest of a table's logical content.
///
/// It changes with the names, the types, the order of the columns and with every value; it does not change
/// with the order of the rows, the compression, the metadata, the bits of a NaN, the sign of a zero, or the way
/// in which Unicode spells the same text.
pub fn table_digest(table: &Table) -> Digest {
    digest_of_chunks(&columns_of(table), chunks_of(table).iter().map(|chunk| &chunk.digest))
}

/// The digest of a table with these columns and these chunks, which are sorted by clip.
pub(super) fn digest_of_chunks<'a>(
    columns: &[(String, String)],
    chunks: impl Iterator<Item = &'a Digest>,
) -> Digest {
    let mut bytes = TABLE.to_vec();
    push_count(&mut bytes, columns.len());
    for (name, type_name) in columns {
        push_text(&mut bytes, name);
        push_text(&mut bytes, type_name);
    }
    let place_of_count = bytes.len();
    push_count(&mut bytes, 0);
    let mut n_chunks: u64 = 0;
    for chunk in chunks {
        n_chunks += 1;
        bytes.extend_from_slice(chunk.as_bytes());
    }
    bytes[place_of_count..place_of_count + 8].copy_from_slice(&n_chunks.to_le_bytes());
    Digest::of(&bytes)
}

/// The names and types of a table's columns.
pub(super) fn columns_of(table: &Table) -> Columns {
    table.frame.columns.iter().map(|(name, values)| (name.clone(), type_name(values))).collect()
}

/// A table with these columns, without rows; none where there is no such type.
pub(super) fn table_without_rows(name: &str, columns: &[(String, String)]) -> Option<Table> {
    let values = |type_name: &str| {
        Some(match type_name {
            "float32" => Values::Singles(Vec::new()),
            "float64" => Values::Floats(Vec::new()),
            "int64" => Values::Ints(Vec::new()),
            "text" => Values::Texts(Vec::new()),
            "bool" => Values::Bools(Vec::new()),
            "neighbors" => Values::Neighbors(Vec::new()),
            lists => {
                let dim = lists.strip_prefix("float32[")?.strip_suffix(']')?.parse().ok()?;
                Values::Lists { dim, data: Vec::new() }
            }
        })
    };
    let column = |(name, type_name): &(String, String)| Some((name.clone(), values(type_name)?));
    Table::new(name, columns.iter().map(column).collect::<Option<_>>()?).ok()
}

/// The rows of each clip, by clip id. A table without clips is one chunk.
pub(super) fn chunks_of(table: &Table) -> Vec<Chunk> {
    let clips = table.texts("clip_id");
    let clip = |row: &usize| key(clips, *row);
    let mut rows: Vec<usize> = (0..table.frame.n_rows).collect();
    rows.sort_by(|a, b| clip(a).cmp(&clip(b)));
    rows.chunk_by_mut(|a, b| clip(a) == clip(b)).map(|rows| chunk_of(table, rows)).collect()
}

/// The chunk that these rows of a table are, which have one `clip_id`; sorts them by the first column.
pub(super) fn chunk_of(table: &Table, rows: &mut [usize]) -> Chunk {
    let keys = table.frame.columns.first().and_then(|(name, _)| table.texts(name));
    rows.sort_by(|a, b| key(keys, *a).cmp(&key(keys, *b)));
    let clip = rows.first().and_then(|row| key(table.texts("clip_id"), *row)).map(Cow::into_owned);
    Chunk { clip, n_rows: rows.len(), digest: chunk_digest(table, rows) }
}

/// What rows are sorted by: a text in NFC, and nothing where there is none.
pub(super) fn key(texts: Option<&[Option<String>]>, row: usize) -> Option<Cow<'_, str>> {
    texts?.get(row)?.as_deref().map(nfc)
}

fn chunk_digest(table: &Table, rows: &[usize]) -> Digest {
    let mut bytes = CHUNK.to_vec();
    push_count(&mut bytes, rows.len());
    for (_, values) in &table.frame.columns {
        rows.iter().for_each(|row| push_value(&mut bytes, values, *row));
    }
    Digest::of(&bytes)
}

fn type_name(values: &Values) -> String {
    match values {
        Values::Lists { dim, .. } => format!("float32[{dim}]"),
        Values::Singles(_) => "float32".to_owned(),
        Values::Floats(_) => "float64".to_owned(),
        Values::Ints(_) => "int64".to_owned(),
        Values::Texts(_) => "text".to_owned(),
        Values::Bools(_) => "bool".to_owned(),
        Values::Neighbors(_) => "neighbors".to_owned(),
    }
}

fn push_value(bytes: &mut Vec<u8>, values: &Values, row: usize) {
    let present = match values {
        Values::Lists { .. } | Values::Singles(_) | Values::Neighbors(_) => true,
        Values::Floats(values) => values[row].is_some(),
        Values::Ints(values) => values[row].is_some(),
        Values::Texts(values) => values[row].is_some(),
        Values::Bools(values) => values[row].is_some(),
    };
    bytes.push(u8::from(present));
    match values {
        Values::Lists { dim, data } => {
            data[row * dim..(row + 1) * dim].iter().for_each(|number| push_single(bytes, *number));
        }
        Values::Singles(values) => push_single(bytes, values[row]),
        Values::Floats(values) => bytes.extend(values[row].iter().flat_map(|number| float_bytes(*number))),
        Values::Ints(values) => bytes.extend(values[row].iter().flat_map(|number| number.to_le_bytes())),
        Values::Texts(values) => values[row].iter().for_each(|text| push_text(bytes, text)),
        Values::Bools(values) => bytes.extend(values[row].iter().map(|truth| u8::from(*truth))),
        Values::Neighbors(values) => {
            push_count(bytes, values[row].len());
            for (id, distance) in &values[row] {
                bytes.extend_from_slice(&i64::from(*id).to_le_bytes());
                push_single(bytes, *distance);
            }
        }
    }
}

fn push_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend_from_slice(&(count as u64).to_le_bytes());
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    let text = nfc(text);
    push_count(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// One NaN, one zero.
fn push_single(bytes: &mut Vec<u8>, number: f32) {
    let bits = if number.is_nan() { 0x7fc0_0000 } else { (number + 0.0).to_bits() };
    bytes.extend_from_slice(&bits.to_le_bytes());
}

/// One NaN, one zero.
fn float_bytes(number: f64) -> [u8; 8] {
    let bits = if number.is_nan() { 0x7ff8_0000_0000_0000 } else { (number + 0.0).to_bits() };
    bits.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[Option<&str>]) -> Values {
        Values::Texts(texts.iter().map(|text| text.map(str::to_owned)).collect())
    }

    fn digest(columns: Vec<(&str, Values)>) -> Digest {
        let columns = columns.into_iter().map(|(name, values)| (name.to_owned(), values)).collect();
        table_digest(&Table::new("t", columns).unwrap())
    }

    fn rows(clips: [&str; 3], segments: [&str; 3], numbers: [f32; 3]) -> Digest {
        digest(vec![
            ("segment_id", texts(&segments.map(Some))),
            ("clip_id", texts(&clips.map(Some))),
            ("x", Values::Singles(numbers.to_vec())),
        ])
    }

    #[test]
    fn what_means_the_same_has_the_same_digest() {
        let (nan, other_nan) = (f32::NAN, f32::from_bits(0xffc1_2345));
        let pairs = [
            (vec![("x", Values::Singles(vec![nan]))], vec![("x", Values::Singles(vec![other_nan]))]),
            (vec![("x", Values::Singles(vec![0.0]))], vec![("x", Values::Singles(vec![-0.0]))]),
            (vec![("x", Values::Floats(vec![Some(0.0)]))], vec![("x", Values::Floats(vec![Some(-0.0)]))]),
            (vec![("é", texts(&[Some("ş")]))], vec![("e\u{301}", texts(&[Some("s\u{327}")]))]),
        ];
        for (left, right) in pairs {
            assert_eq!(digest(left.clone()), digest(right.clone()), "{left:?} {right:?}");
        }
        let in_order = rows(["a", "a", "b"], ["a/1", "a/2", "b/1"], [1.0, 2.0, 3.0]);
        assert_eq!(in_order, rows(["b", "a", "a"], ["b/1", "a/2", "a/1"], [3.0, 2.0, 1.0]));
    }

    #[test]
    fn what_means_something_else_has_another_digest() {
        let zero_ints = Values::Ints(vec![Some(0)]);
        let all = [
            digest(vec![("x", texts(&[None]))]),
            digest(vec![("x", texts(&[Some("")]))]),
            digest(vec![("y", texts(&[Some("")]))]),
            digest(vec![("x", texts(&[]))]),
            digest(vec![("x", texts(&[Some("\0")]))]),
            digest(vec![("x", zero_ints.clone())]),
            digest(vec![("x", Values::Ints(vec![None]))]),
            digest(vec![("x", Values::Floats(vec![Some(0.0)]))]),
            digest(vec![("x", Values::Floats(vec![Some(f64::NAN)]))]),
            digest(vec![("x", Values::Floats(vec![None]))]),
            digest(vec![("x", Values::Bools(vec![Some(false)]))]),
            digest(vec![("x", Values::Singles(vec![0.0]))]),
            digest(vec![("x", Values::Lists { dim: 1, data: vec![0.0] })]),
            digest(vec![("x", Values::Lists { dim: 1, data: vec![0.0; 2] })]),
            digest(vec![("x", Values::Lists { dim: 2, data: vec![0.0; 2] })]),
            digest(vec![("x", zero_ints.clone()), ("y", zero_ints.clone())]),
            digest(vec![("y", zero_ints.clone()), ("x", zero_ints)]),
            rows(["a", "a", "b"], ["a/1", "a/2", "b/1"], [1.0, 2.0, 3.0]),
            rows(["a", "b", "b"], ["a/1", "a/2", "b/1"], [1.0, 2.0, 3.0]),
            rows(["a", "a", "b"], ["a/1", "a/2", "b/1"], [2.0, 1.0, 3.0]),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn texts_do_not_run_together() {
        let (left, right) = (["ab", "c"], ["a", "bc"]);
        assert_ne!(digest(vec![("x", texts(&left.map(Some)))]), digest(vec![("x", texts(&right.map(Some)))]));
    }

    #[test]
    fn the_format_is_the_one_of_its_document() {
        // From tests/python/table_digest.py, which follows docs/DIGESTS.md and nothing else.
        let pinned = [
            "860bce6dbf239af72ef7004517dc4a9a5b8e6975e7dfdf42f4740fb9dad134e5",
            "25c14f2f584b50c7bd0848cc7dcbb54cb7074a206052dc09bae19fd00b92e236",
            "00c9e5437cd7cf7bc988121922c4e2921eeddc07c1ab35e1e8cbe28bd6942816",
            "6504e4287ca199fe15059b20c6bc4e2091b1bcf14bb2d9cdbb06e6a2fea934dc",
        ];
        let digests =
            crate::release::fixture::tables().into_iter().map(|table| table_digest(&table).to_string());
        assert_eq!(digests.collect::<Vec<_>>(), pinned);
    }
}
