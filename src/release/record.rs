//! What is remembered of a part's tables: the digest of every clip's chunk, so that nobody joins it again to know.

use serde::{Deserialize, Serialize};

use super::digest::Columns;
use crate::store::Digest;

/// The tables that were made in one go of the clips of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// In the order in which they were made.
    pub(super) tables: Vec<TableRecord>,
}

/// A part of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableRecord {
    /// The name of the table.
    pub(super) name: String,
    /// Its columns, as far as the part's clips show them.
    pub(super) columns: Columns,
    /// How many rows each clip of the part has.
    pub(super) n_rows: Vec<u32>,
    /// The digest of the chunk of each clip that has rows.
    pub(super) chunks: Vec<Digest>,
}

/// What stands before the numbers, as one line of JSON.
#[derive(Serialize, Deserialize)]
struct Header {
    n_clips: usize,
    tables: Vec<(String, Columns)>,
}

impl Record {
    /// The record as bytes: a line of JSON, then for each table its numbers of rows (32 bits, little-endian) and its
    /// digests.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let tables = self.tables.iter().map(|table| (table.name.clone(), table.columns.clone())).collect();
        let n_clips = self.tables.first().map_or(0, |table| table.n_rows.len());
        let mut bytes =
            serde_json::to_vec(&Header { n_clips, tables }).expect("a header has only string keys");
        bytes.push(b'\n');
        for table in &self.tables {
            table.n_rows.iter().for_each(|n| bytes.extend_from_slice(&n.to_le_bytes()));
            table.chunks.iter().for_each(|chunk| bytes.extend_from_slice(chunk.as_bytes()));
        }
        bytes
    }

    /// Reads a record of a part with this many clips; none where the bytes are none.
    pub(super) fn read(bytes: &[u8], n_clips: usize) -> Option<Self> {
        let line_end = bytes.iter().position(|byte| *byte == b'\n')?;
        let header: Header = serde_json::from_slice(&bytes[..line_end]).ok()?;
        let mut rest = &bytes[line_end + 1..];
        let mut tables = Vec::with_capacity(header.tables.len());
        for (name, columns) in header.tables {
            let numbers = take(&mut rest, n_clips, 4)?;
            let n_rows: Vec<u32> = numbers
                .chunks_exact(4)
                .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                .collect();
            let digests = take(&mut rest, n_rows.iter().filter(|n| **n > 0).count(), 32)?;
            let chunks =
                digests.as_chunks::<32>().0.iter().map(|digest| Digest::from_bytes(*digest)).collect();
            tables.push(TableRecord { name, columns, n_rows, chunks });
        }
        (rest.is_empty() && header.n_clips == n_clips).then_some(Self { tables })
    }
}

impl TableRecord {
    /// How many rows the part has.
    pub(super) fn sum_of_rows(&self) -> u64 {
        self.n_rows.iter().map(|n| u64::from(*n)).sum()
    }
}

fn take<'a>(bytes: &mut &'a [u8], n: usize, size: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(n.checked_mul(size)?)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_from_its_bytes_and_damage_is_noticed() {
        let table = |name: &str, n_rows: [u32; 3]| TableRecord {
            name: name.into(),
            columns: vec![("clip_id".into(), "text".into())],
            n_rows: n_rows.to_vec(),
            chunks: n_rows.iter().filter(|n| **n > 0).map(|n| Digest::of(&n.to_le_bytes())).collect(),
        };
        let record = Record { tables: vec![table("clips", [1, 1, 1]), table("embed/a", [0, 7, 0])] };
        let bytes = record.to_bytes();
        assert_eq!(Record::read(&bytes, 3), Some(record));
        assert_eq!(Record::read(&bytes, 2), None);
        for n_bytes in 0..bytes.len() {
            assert_eq!(Record::read(&bytes[..n_bytes], 3), None, "{n_bytes}");
        }
    }
}
