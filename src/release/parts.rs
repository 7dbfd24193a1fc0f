//! The parts of a table: up to 10,000 clips it is one file, above a folder with a file for each part of the clips.

use crate::manifest::Clip;
use crate::store::Digest;

/// Up to this many clips a table is one file, and the lock has a line for each clip.
pub(super) const MOST_IN_A_FILE: usize = 10_000;
/// A part has at most this many clips on average.
const CLIPS_OF_A_PART: usize = 1_024;

/// How the tables of a release lie on disk. Which part a clip is in follows from its id alone, so that no other
/// clip moves where one is added or removed, until there are twice as many parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// There are two to the power of this many parts; none where a table is one file.
    bits: Option<u32>,
}

impl Layout {
    /// A table is a file.
    pub(super) const ONE_FILE: Self = Self { bits: None };

    /// The layout of a release with this many clips.
    pub(super) fn of(n_clips: usize) -> Self {
        if n_clips <= MOST_IN_A_FILE { Self::ONE_FILE } else { Self::folders(n_clips, CLIPS_OF_A_PART) }
    }

    /// Folders with at most this many clips a file on average.
    pub(super) fn folders(n_clips: usize, clips_of_a_part: usize) -> Self {
        let n_parts = n_clips.div_ceil(clips_of_a_part.max(1)).next_power_of_two();
        Self { bits: Some(n_parts.trailing_zeros()) }
    }

    /// Whether a table is a folder.
    pub(super) fn has_folders(self) -> bool {
        self.bits.is_some()
    }

    /// How many parts there are.
    pub(super) fn n_parts(self) -> usize {
        1 << self.bits.unwrap_or(0)
    }

    /// The part that a clip is in: the leading bits of the BLAKE3 digest of its id.
    pub(super) fn part_of(self, id: &str) -> usize {
        let [a, b, c, d, ..] = *Digest::of(id.as_bytes()).as_bytes();
        let leading = u64::from(u32::from_be_bytes([a, b, c, d]));
        (leading >> (32 - self.bits.unwrap_or(0).min(32))) as usize
    }

    /// The clips of each part, by their index and in their order.
    pub(super) fn clips_of_parts(self, clips: &[Clip]) -> Vec<Vec<usize>> {
        let mut parts = vec![Vec::new(); self.n_parts()];
        if self.bits.is_none() {
            parts[0] = (0..clips.len()).collect();
        } else {
            clips.iter().enumerate().for_each(|(index, clip)| parts[self.part_of(&clip.id)].push(index));
        }
        parts
    }

    /// The file of a part of a table, from the release's folder.
    pub(super) fn file(self, table: &str, part: usize) -> String {
        match self.bits {
            None => format!("{table}.parquet"),
            Some(bits) => {
                let width = bits.div_ceil(4).max(1) as usize;
                format!("{table}.parquet/{part:0width$x}.parquet")
            }
        }
    }

    /// The pattern that a table's files match, from the release's folder.
    pub(super) fn pattern(self, table: &str) -> String {
        if self.has_folders() { format!("{table}.parquet/*.parquet") } else { format!("{table}.parquet") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_at_most_1024_clips_on_average() {
        let cases = [(0, 1), (10_000, 1), (10_001, 16), (16_384, 16), (16_385, 32), (100_000, 128)];
        for (n_clips, n_parts) in cases {
            let layout = Layout::of(n_clips);
            assert_eq!((layout.n_parts(), layout.has_folders()), (n_parts, n_clips > 10_000), "{n_clips}");
        }
    }

    #[test]
    fn a_clip_stays_in_its_part_or_goes_to_one_of_its_halves() {
        let (few, many) = (Layout::of(100_000), Layout::of(200_000));
        // `printf a | b3sum` starts with 17762f.
        assert_eq!((Layout::of(1).part_of("a"), few.part_of("a"), many.part_of("a")), (0, 0x0b, 0x17));
        for id in (0..1_000).map(|clip| format!("clip-{clip}")) {
            assert_eq!(many.part_of(&id) / 2, few.part_of(&id));
        }
    }

    #[test]
    fn files_are_numbered_in_hexadecimal_digits_of_one_width() {
        assert_eq!(Layout::of(5).file("clips", 0), "clips.parquet");
        assert_eq!(Layout::of(100_000).file("embed/mfcc", 127), "embed/mfcc.parquet/7f.parquet");
        assert_eq!(Layout::folders(1, 1).file("clips", 0), "clips.parquet/0.parquet");
        assert_eq!(Layout::of(100_000).pattern("clips"), "clips.parquet/*.parquet");
    }
}
