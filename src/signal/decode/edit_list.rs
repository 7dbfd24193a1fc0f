//! The edit list of an MP4 file: which part of a track is meant to be heard (ISO/IEC 14496-12, 8.6.6).
//!
//! Encoders put their priming at the front of a track and say here how much of it to skip. The reader that
//! decodes the packets passes edit lists over, so they are read here, from the few atoms that matter.

use std::io::{Read, Seek, SeekFrom};

/// The part of one track that is meant to be heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edit {
    /// The track's number in its header.
    pub(super) track: u32,
    /// The first tick of the track that is heard.
    pub(super) start: u64,
    /// For how long, in ticks of the movie; 0 for all that follows.
    pub(super) length: u64,
    /// Ticks of the movie a second.
    pub(super) movie_scale: u32,
}

/// What an MP4 file says of itself beyond its packets.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Movie {
    /// The edits of the tracks that have just one: the only ones that trim and do not rearrange. Empty
    /// edits, which delay a track against a picture, count as none.
    pub(super) edits: Vec<Edit>,
    /// Its audio comes in fragments, of which its header does not know how many there are.
    pub(super) fragmented: bool,
    /// What iTunes wrote of its priming: the frames to skip, and how many follow that are heard.
    pub(super) itunes: Option<(u64, u64)>,
    /// A track is encrypted: its samples are `drms` (iTunes) or `enca` (ISO/IEC 14496-12, 8.12).
    pub(super) protected: bool,
}

/// Where a fragment says how many packets it has.
const RUNS: [&[u8; 4]; 3] = [b"moof", b"traf", b"trun"];

/// Bytes of the note that iTunes leaves, and more.
const LONGEST_NOTE: u64 = 400;
/// Frames; encoders prime with some thousands.
const MOST_PRIMING: u64 = 1 << 20;

/// Neither files nor atoms of music files come near to this many children.
const MOST_ATOMS: usize = 4096;

/// Whether a fragment declares more packets than the file has bytes; its reader would count them all.
pub(super) fn is_endless(stream: &mut (impl Read + Seek), length: u64) -> bool {
    let file = Atom { kind: *b"file", start: 0, end: length };
    read_at::<4>(stream, 4) == Some(*b"ftyp") && most_packets(stream, file, &RUNS) > length
}

/// What the file says; nothing where it is no MP4, or a damaged one.
pub(super) fn read(stream: &mut (impl Read + Seek), length: u64) -> Movie {
    read_movie(stream, length).unwrap_or_default()
}

#[derive(Debug, Clone, Copy)]
struct Atom {
    kind: [u8; 4],
    start: u64,
    end: u64,
}

fn read_movie(stream: &mut (impl Read + Seek), length: u64) -> Option<Movie> {
    let file = Atom { kind: *b"file", start: 0, end: length };
    if read_at::<4>(stream, 4)? != *b"ftyp" {
        return None;
    }
    let movie = child(stream, file, b"moov")?;
    let header = child(stream, movie, b"mvhd")?;
    let movie_scale = if version(stream, header)? == 1 { 20 } else { 12 };
    let movie_scale = u32::from_be_bytes(read_at(stream, header.start + movie_scale)?);
    let parts = children(stream, movie);
    let fragmented = parts.iter().any(|atom| atom.kind == *b"mvex");
    let tracks: Vec<Atom> = parts.into_iter().filter(|atom| atom.kind == *b"trak").collect();
    let protected = tracks.iter().any(|track| is_protected(stream, *track));
    let edits = tracks.into_iter().filter_map(|track| read_track(stream, track, movie_scale)).collect();
    Some(Movie { edits, fragmented, protected, itunes: read_itunes(stream, movie) })
}

/// The free-form item `iTunSMPB`: in hexadecimal, nothing, the priming, the padding and the frames that are heard.
fn read_itunes(stream: &mut (impl Read + Seek), movie: Atom) -> Option<(u64, u64)> {
    let users = children(stream, movie).into_iter().filter(|atom| atom.kind == *b"udta");
    let note = users.filter_map(|user| read_note(stream, user)).next()?;
    let mut numbers = note.split_ascii_whitespace().map(|word| u64::from_str_radix(word, 16));
    let (priming, frames) = (numbers.nth(1)?.ok()?, numbers.nth(1)?.ok()?);
    (frames > 0 && priming < MOST_PRIMING).then_some((priming, frames))
}

fn read_note(stream: &mut (impl Read + Seek), user: Atom) -> Option<String> {
    let metadata = child(stream, user, b"meta")?;
    // Its children come after its version and flags.
    let list = child(stream, Atom { start: metadata.start + 4, ..metadata }, b"ilst")?;
    let items = children(stream, list).into_iter().filter(|item| item.kind == *b"----");
    items.filter_map(|item| read_item(stream, item, b"iTunSMPB")).next()
}

/// The text of the item called `name`.
fn read_item(stream: &mut (impl Read + Seek), item: Atom, name: &[u8; 8]) -> Option<String> {
    let called = child(stream, item, b"name")?;
    if read_at::<8>(stream, called.start + 4)? != *name {
        return None;
    }
    let data = child(stream, item, b"data")?;
    stream.seek(SeekFrom::Start(data.start + 8)).ok()?;
    let mut text = String::new();
    stream
        .take((data.end - data.start).saturating_sub(8).min(LONGEST_NOTE))
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

fn is_protected(stream: &mut (impl Read + Seek), track: Atom) -> bool {
    let path = [b"mdia", b"minf", b"stbl", b"stsd"];
    let table = path.iter().try_fold(track, |parent, kind| child(stream, parent, kind));
    // The entries of the table come after its version, flags and count; the kind of each after its size.
    let kind = table.and_then(|table| read_at::<4>(stream, table.start + 12));
    kind.is_some_and(|kind| [*b"drms", *b"enca"].contains(&kind))
}

fn read_track(stream: &mut (impl Read + Seek), track: Atom, movie_scale: u32) -> Option<Edit> {
    let header = child(stream, track, b"tkhd")?;
    let number = if version(stream, header)? == 1 { 20 } else { 12 };
    let number = u32::from_be_bytes(read_at(stream, header.start + number)?);
    let edits = child(stream, track, b"edts")?;
    let list = child(stream, edits, b"elst")?;
    let mut heard = read_list(stream, list)?.into_iter().filter_map(|(length, start)| {
        let start = u64::try_from(start).ok()?;
        Some(Edit { track: number, start, length, movie_scale })
    });
    let only = heard.next()?;
    heard.next().is_none().then_some(only)
}

/// The lengths, in ticks of the movie, and first ticks of the track; -1 for an empty edit.
fn read_list(stream: &mut (impl Read + Seek), list: Atom) -> Option<Vec<(u64, i64)>> {
    let long = version(stream, list)? == 1;
    let count = u32::from_be_bytes(read_at(stream, list.start + 4)?);
    let size = if long { 20 } else { 12 };
    let entries = (0..u64::from(count.min(64))).map(|n| list.start + 8 + n * size);
    entries.take_while(|at| at + size <= list.end).map(|at| read_entry(stream, at, long)).collect()
}

fn read_entry(stream: &mut (impl Read + Seek), at: u64, long: bool) -> Option<(u64, i64)> {
    if long {
        return Some((
            u64::from_be_bytes(read_at(stream, at)?),
            i64::from_be_bytes(read_at(stream, at + 8)?),
        ));
    }
    let length = u32::from_be_bytes(read_at(stream, at)?);
    let start = i32::from_be_bytes(read_at(stream, at + 4)?);
    Some((u64::from(length), i64::from(start)))
}

/// The largest count at the end of `path`, also in atoms that are cut short.
fn most_packets(stream: &mut (impl Read + Seek), parent: Atom, path: &[&[u8; 4]]) -> u64 {
    let Some((kind, rest)) = path.split_first() else {
        return read_at(stream, parent.start + 4).map_or(0, |count| u64::from(u32::from_be_bytes(count)));
    };
    let (mut most, mut at) = (0, parent.start);
    while let Some(atom) = read_header(stream, at, parent.end) {
        at = atom.end;
        if atom.kind == **kind {
            let within = Atom { end: atom.end.min(parent.end), ..atom };
            most = most.max(most_packets(stream, within, rest));
        }
    }
    most
}

fn child(stream: &mut (impl Read + Seek), parent: Atom, kind: &[u8; 4]) -> Option<Atom> {
    children(stream, parent).into_iter().find(|atom| atom.kind == *kind)
}

fn children(stream: &mut (impl Read + Seek), parent: Atom) -> Vec<Atom> {
    let mut atoms = Vec::new();
    let mut at = parent.start;
    while atoms.len() < MOST_ATOMS {
        let atom = read_header(stream, at, parent.end).filter(|atom| atom.end <= parent.end);
        let Some(atom) = atom else { break };
        at = atom.end;
        atoms.push(atom);
    }
    atoms
}

/// The atom whose header stands at `at`, wholly before `limit`.
fn read_header(stream: &mut (impl Read + Seek), at: u64, limit: u64) -> Option<Atom> {
    if at.checked_add(8)? > limit {
        return None;
    }
    let [a, b, c, d, kind @ ..] = read_at::<8>(stream, at)?;
    let (header, size) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (8, limit - at),
        1 => (16, u64::from_be_bytes(read_at(stream, at + 8)?)),
        size => (8, u64::from(size)),
    };
    let end = at.checked_add(size)?;
    (size >= header).then_some(Atom { kind, start: at + header, end })
}

fn version(stream: &mut (impl Read + Seek), atom: Atom) -> Option<u8> {
    read_at::<1>(stream, atom.start).map(|[version]| version)
}

fn read_at<const N: usize>(stream: &mut (impl Read + Seek), at: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    stream.seek(SeekFrom::Start(at)).ok()?;
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Made by ffmpeg 5.1.9, `-c:a aac`, from 72,765 frames at 22,050 Hz.
    const CHIRP: &[u8] = include_bytes!("../../../tests/fixtures/audio/chirp.m4a");

    fn edits(bytes: &[u8]) -> Vec<Edit> {
        let movie = read(&mut Cursor::new(bytes), bytes.len() as u64);
        assert!(!movie.fragmented);
        movie.edits
    }

    #[test]
    fn the_edit_skips_the_encoders_priming() {
        assert_eq!(edits(CHIRP), [Edit { track: 1, start: 1024, length: 3300, movie_scale: 1000 }]);
    }

    #[test]
    fn other_files_and_damaged_ones_have_no_edits() {
        assert_eq!(edits(b""), []);
        assert_eq!(edits(b"RIFF....WAVEfmt "), []);
        for end in 0..CHIRP.len() - 1100 {
            assert_eq!(edits(&CHIRP[..end]), [], "cut at {end}");
        }
    }

    #[test]
    fn a_file_whose_header_announces_fragments_is_fragmented() {
        let mut file = CHIRP.to_vec();
        let at = file.windows(4).position(|kind| kind == b"udta").unwrap();
        file[at..at + 4].copy_from_slice(b"mvex");
        assert!(read(&mut Cursor::new(&file), file.len() as u64).fragmented);
    }

    #[test]
    fn a_file_under_drm_says_so() {
        for kind in [b"drms", b"enca"] {
            let mut file = CHIRP.to_vec();
            let at = file.windows(4).position(|kind| kind == b"mp4a").unwrap();
            file[at..at + 4].copy_from_slice(kind);
            assert!(read(&mut Cursor::new(&file), file.len() as u64).protected);
        }
    }

    #[test]
    fn no_damage_makes_it_run_away() {
        for at in (0..28).chain(CHIRP.len() - 1018..CHIRP.len()) {
            for bits in [0x01, 0x80, 0xff] {
                let mut damaged = CHIRP.to_vec();
                damaged[at] ^= bits;
                let _ = read(&mut Cursor::new(&damaged), damaged.len() as u64);
            }
        }
    }
}
