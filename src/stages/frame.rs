//! A frame: named columns of equal length, the rows that embed and reduce produce.

use serde::{Deserialize, Serialize};

use super::Input;
use crate::error::{Error, Result};

/// Named columns of equal length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    /// Number of rows of every column.
    pub n_rows: usize,
    /// The columns in order, by name.
    pub columns: Vec<(String, Values)>,
}

/// The values of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Fixed-size lists, row after row: `n_rows * dim` numbers.
    Lists {
        /// Numbers in each list.
        dim: usize,
        /// All lists laid end to end.
        data: Vec<f32>,
    },
    /// 32-bit numbers.
    Singles(Vec<f32>),
    /// 64-bit numbers, or nothing.
    Floats(Vec<Option<f64>>),
    /// Whole numbers, or nothing.
    Ints(Vec<Option<i64>>),
    /// Text, or nothing.
    Texts(Vec<Option<String>>),
    /// Truth values, or nothing.
    Bools(Vec<Option<bool>>),
    /// For each row some others, as their places among all rows, each with its distance.
    Neighbors(Vec<Vec<(u32, f32)>>),
}

impl Values {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Lists { dim, data } => data.len() / (*dim).max(1),
            Self::Singles(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Ints(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Bools(values) => values.len(),
            Self::Neighbors(values) => values.len(),
        }
    }
}

/// What stands before the raw numbers: everything but the numbers of lists, as one line of JSON.
#[derive(Serialize, Deserialize)]
struct Header {
    n_rows: usize,
    columns: Vec<(String, HeaderValues)>,
}

#[derive(Serialize, Deserialize)]
enum HeaderValues {
    Lists(usize),
    Singles,
    Floats(Vec<Option<f64>>),
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bools(Vec<Option<bool>>),
    /// How many each row has.
    Neighbors(Vec<usize>),
}

impl Frame {
    /// The frame as bytes: a line of JSON, then the numbers of all lists and singles as little-endian f32; of neighbours each
    /// place as little-endian u32, and its distance.
    pub fn to_bytes(&self) -> Vec<u8> {
        let columns = self.columns.iter().map(|(name, values)| (name.clone(), header_of(values))).collect();
        let header = Header { n_rows: self.n_rows, columns };
        let mut bytes = serde_json::to_vec(&header).expect("a header has only string keys");
        bytes.push(b'\n');
        for (_, values) in &self.columns {
            match values {
                Values::Lists { data, .. } | Values::Singles(data) => {
                    bytes.extend(data.iter().flat_map(|number| number.to_le_bytes()));
                }
                Values::Neighbors(rows) => {
                    let pair =
                        |(id, distance): &(u32, f32)| [id.to_le_bytes(), distance.to_le_bytes()].concat();
                    bytes.extend(rows.iter().flatten().flat_map(pair));
                }
                _ => {}
            }
        }
        bytes
    }

    /// Reads a frame back.
    ///
    /// # Errors
    /// When the bytes are not a frame, or its columns differ in length.
    pub fn read(input: &Input) -> Result<Self> {
        parse(&input.read()?).ok_or_else(|| Error::cannot_read("frame", "these bytes are no frame"))
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Values> {
        self.columns.iter().find(|(column, _)| column == name).map(|(_, values)| values)
    }
}

fn header_of(values: &Values) -> HeaderValues {
    match values.clone() {
        Values::Lists { dim, .. } => HeaderValues::Lists(dim),
        Values::Singles(_) => HeaderValues::Singles,
        Values::Floats(values) => HeaderValues::Floats(values),
        Values::Ints(values) => HeaderValues::Ints(values),
        Values::Texts(values) => HeaderValues::Texts(values),
        Values::Bools(values) => HeaderValues::Bools(values),
        Values::Neighbors(rows) => HeaderValues::Neighbors(rows.iter().map(Vec::len).collect()),
    }
}

fn parse(bytes: &[u8]) -> Option<Frame> {
    let line_end = bytes.iter().position(|byte| *byte == b'\n')?;
    let header: Header = serde_json::from_slice(&bytes[..line_end]).ok()?;
    let mut numbers = &bytes[line_end + 1..];
    let mut columns = Vec::with_capacity(header.columns.len());
    for (name, values) in header.columns {
        let values = match values {
            HeaderValues::Lists(dim) => {
                Values::Lists { dim, data: take_numbers(&mut numbers, header.n_rows.checked_mul(dim)?)? }
            }
            HeaderValues::Singles => Values::Singles(take_numbers(&mut numbers, header.n_rows)?),
            HeaderValues::Floats(values) => Values::Floats(values),
            HeaderValues::Ints(values) => Values::Ints(values),
            HeaderValues::Texts(values) => Values::Texts(values),
            HeaderValues::Bools(values) => Values::Bools(values),
            HeaderValues::Neighbors(counts) => Values::Neighbors(
                counts.into_iter().map(|count| take_pairs(&mut numbers, count)).collect::<Option<_>>()?,
            ),
        };
        if values.n_rows() != header.n_rows {
            return None;
        }
        columns.push((name, values));
    }
    numbers.is_empty().then_some(Frame { n_rows: header.n_rows, columns })
}

fn take_pairs(bytes: &mut &[u8], n: usize) -> Option<Vec<(u32, f32)>> {
    let (taken, rest) = bytes.split_at_checked(n.checked_mul(8)?)?;
    *bytes = rest;
    let pair = |eight: &[u8]| {
        let number = |at: usize| [eight[at], eight[at + 1], eight[at + 2], eight[at + 3]];
        (u32::from_le_bytes(number(0)), f32::from_le_bytes(number(4)))
    };
    Some(taken.chunks_exact(8).map(pair).collect())
}

fn take_numbers(bytes: &mut &[u8], n: usize) -> Option<Vec<f32>> {
    let (taken, rest) = bytes.split_at_checked(n.checked_mul(4)?)?;
    *bytes = rest;
    Some(taken.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_from_its_bytes_and_damage_is_noticed() {
        let frame = Frame {
            n_rows: 2,
            columns: vec![
                ("vector".into(), Values::Lists { dim: 3, data: vec![1.0, -0.0, 2.5, 4.0, 5.0, f32::MIN] }),
                ("cluster".into(), Values::Ints(vec![Some(7), None])),
                ("x".into(), Values::Singles(vec![0.1, 0.2])),
                ("near".into(), Values::Neighbors(vec![vec![(7, 0.5), (u32::MAX, 2.0)], vec![]])),
                ("note".into(), Values::Texts(vec![Some("İ ع\n".into()), None])),
            ],
        };
        let bytes = frame.to_bytes();
        assert_eq!(Frame::read(&Input::bytes(bytes.clone())).unwrap(), frame);
        assert!(Frame::read(&Input::bytes(&bytes[..bytes.len() - 1])).is_err());
        assert!(Frame::read(&Input::bytes(&b"nonsense"[..])).is_err());
    }
}
