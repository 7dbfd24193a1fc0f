//! The padding at the end of a Matroska or WebM file (RFC 9559): the reader of its packets passes over it.

use std::io::{Read, Seek, SeekFrom};

const EBML: u32 = 0x1A45_DFA3;
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1F43_B675;
const BLOCK_GROUP: u32 = 0xA0;
const DISCARD_PADDING: u32 = 0x75A2;

/// More than a day of clusters of a second each, or the blocks of the longest cluster.
const MOST_ELEMENTS: usize = 100_000;

/// ns that the last group of blocks says are not to be heard; 0 where the file says nothing, or is no Matroska file.
pub(super) fn padding(stream: &mut (impl Read + Seek), length: u64) -> u64 {
    read_padding(stream, length).and_then(|padding| u64::try_from(padding).ok()).unwrap_or(0)
}

/// Where the body of an element starts and ends in the file.
#[derive(Debug, Clone, Copy)]
struct Element {
    id: u32,
    start: u64,
    end: u64,
}

fn read_padding(stream: &mut (impl Read + Seek), length: u64) -> Option<i64> {
    let file = Element { id: 0, start: 0, end: length };
    let header = element(stream, 0, file).filter(|header| header.id == EBML)?;
    let segment = element(stream, header.end, file).filter(|segment| segment.id == SEGMENT)?;
    let cluster = last(stream, segment, CLUSTER)?;
    let group = last(stream, cluster, BLOCK_GROUP)?;
    let padding = last(stream, group, DISCARD_PADDING)?;
    signed(&bytes(stream, padding)?)
}

/// The last child of `parent` that is called `id`.
fn last(stream: &mut (impl Read + Seek), parent: Element, id: u32) -> Option<Element> {
    let mut found = None;
    let mut at = parent.start;
    for _ in 0..MOST_ELEMENTS {
        let Some(child) = element(stream, at, parent) else { return found };
        at = child.end;
        if child.id == id {
            found = Some(child);
        }
    }
    None
}

/// The element that starts at `at`; none at the end of its parent, or where it makes no sense. One of unknown size, as
/// in a broadcast, reaches to its parent's end.
fn element(stream: &mut (impl Read + Seek), at: u64, parent: Element) -> Option<Element> {
    let mut head = Vec::with_capacity(12);
    stream.seek(SeekFrom::Start(at)).ok()?;
    stream.take(parent.end.checked_sub(at)?.min(12)).read_to_end(&mut head).ok()?;
    let id_length = head.first()?.leading_zeros() as usize + 1;
    let id = head.get(..id_length).filter(|_| id_length <= 4)?;
    let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let size_length = head.get(id_length)?.leading_zeros() as usize + 1;
    let size = head.get(id_length..id_length + size_length).filter(|_| size_length <= 8)?;
    let size = size.iter().fold(0, |size, byte| size << 8 | u64::from(*byte)) & !(1 << (7 * size_length));
    let start = at + (id_length + size_length) as u64;
    let is_unknown = size == (1 << (7 * size_length)) - 1;
    let end = if is_unknown { parent.end } else { start.checked_add(size)? };
    Some(Element { id, start, end }).filter(|element| element.end <= parent.end)
}

fn bytes(stream: &mut (impl Read + Seek), element: Element) -> Option<Vec<u8>> {
    let length = element.end - element.start;
    let mut bytes = Vec::new();
    stream.seek(SeekFrom::Start(element.start)).ok()?;
    stream.take(length.min(9)).read_to_end(&mut bytes).ok()?;
    Some(bytes).filter(|bytes| bytes.len() as u64 == length)
}

/// A number of at most eight bytes, the highest first.
fn signed(bytes: &[u8]) -> Option<i64> {
    let sign = bytes.first().map_or(0, |byte| i64::from(byte.cast_signed() >> 7));
    (bytes.len() <= 8).then(|| bytes.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn element_of(id: &[u8], body: &[u8]) -> Vec<u8> {
        [id, &[0x40 | (body.len() >> 8) as u8, body.len() as u8], body].concat()
    }

    /// A file with two clusters, whose last group has this padding.
    fn file(padding: &[u8]) -> Vec<u8> {
        let group = |padding: &[u8]| {
            element_of(
                &[0xA0],
                &[element_of(&[0xA1], &[1; 300]), element_of(&[0x75, 0xA2], padding)].concat(),
            )
        };
        let cluster = |padding: &[u8]| element_of(&CLUSTER.to_be_bytes(), &group(padding));
        let segment = [element_of(&[0xEC], &[0; 7]), cluster(&[1]), cluster(padding)].concat();
        [element_of(&EBML.to_be_bytes(), &[0; 20]), element_of(&SEGMENT.to_be_bytes(), &segment)].concat()
    }

    fn padding_of(file: &[u8]) -> u64 {
        padding(&mut Cursor::new(file), file.len() as u64)
    }

    #[test]
    fn the_last_group_says_what_is_not_heard() {
        for (bytes, expected) in
            [(&[][..], 0), (&[5], 5), (&[0x00, 0xD5, 0xA4, 0xE8], 14_001_384), (&[0xFF], 0), (&[1; 9], 0)]
        {
            assert_eq!(padding_of(&file(bytes)), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_segment_of_unknown_size_reaches_to_the_end() {
        let mut file = file(&[7]);
        let segment = file.windows(4).position(|id| id == SEGMENT.to_be_bytes()).unwrap();
        file[segment + 4..segment + 6].copy_from_slice(&[0x7F, 0xFF]);
        assert_eq!(padding_of(&file), 7);
    }

    #[test]
    fn what_makes_no_sense_has_no_padding() {
        let whole = file(&[7]);
        for length in 0..whole.len() {
            assert_eq!(padding_of(&whole[..length]), 0, "cut at {length}");
        }
        assert_eq!(padding_of(b"RIFF....WAVEfmt "), 0);
        assert_eq!(padding_of(&[0; 64]), 0);
    }
}
