//! What can become of a file: cut short, numbers in its header changed, bits turned over, parts lost or doubled.

use crate::files::File;

/// The bytes from the start that hold headers, in nearly all containers.
const HEADERS: usize = 512;
/// What is written over the numbers of a header, from its most significant byte.
const NUMBERS: [[u8; 4]; 7] = [
    [0, 0, 0, 0],
    [0, 0, 0, 1],
    [0xff, 0xff, 0xff, 0xff],
    [0x7f, 0xff, 0xff, 0xff],
    [0x80, 0, 0, 0],
    [0xee, 0x6b, 0x28, 0],
    [0, 0, 0xff, 0xff],
];

/// Cut off everywhere in the headers, and at `cuts` more places.
pub(crate) fn truncated((name, file): &File, cuts: usize) -> impl Iterator<Item = File> {
    let places = (0..HEADERS.min(file.len())).chain((0..file.len()).step_by(file.len() / cuts + 1));
    places.map(move |end| (format!("{name}, cut at {end}"), file[..end].to_vec()))
}

/// A number of two or four bytes anywhere in the headers made zero, one, huge or negative.
pub(crate) fn with_wrong_numbers((name, file): &File) -> impl Iterator<Item = File> {
    let last = file.len().saturating_sub(4);
    // The headers of MP4 and Ogg stand at the end too.
    let places = (0..HEADERS.min(last)).chain(last.saturating_sub(2 * HEADERS).max(HEADERS).min(last)..last);
    places.flat_map(move |at| {
        let whole = NUMBERS.map(move |number| (at, number.to_vec()));
        let half = [vec![0, 0], vec![0xff, 0xff], vec![0x80, 0]].map(move |number| (at, number));
        whole.into_iter().chain(half).map(move |(at, number)| {
            let mut damaged = file.clone();
            damaged[at..at + number.len()].copy_from_slice(&number);
            (format!("{name}, {number:02x?} at {at}"), damaged)
        })
    })
}

/// Random damage from a fixed seed.
pub(crate) struct Mutations(pub(crate) u64);

impl Mutations {
    /// `file` with one to eight random changes.
    pub(crate) fn next(&mut self, (name, file): &File) -> File {
        let seed = self.0;
        let mut damaged = file.clone();
        for _ in 0..=self.below(8) {
            self.change(&mut damaged);
        }
        (format!("{name}, mutation {seed}"), damaged)
    }

    fn change(&mut self, file: &mut Vec<u8>) {
        // Half of all changes hit the headers.
        let reach = if self.below(2) == 0 { file.len().min(HEADERS) } else { file.len() };
        let (at, length) = (self.below(reach.max(1)), 1 + self.below(64));
        let part = at.min(file.len())..(at + length).min(file.len());
        match self.below(7) {
            0 => part.take(4).for_each(|n| file[n] = self.below(256) as u8),
            1 => part.take(1).for_each(|n| file[n] ^= 1 << self.below(8)),
            2 => part.take(4).for_each(|n| file[n] = 0xff),
            3 => part.for_each(|n| file[n] = 0),
            4 => drop(file.drain(part)),
            5 => {
                let copy = file[part.clone()].to_vec();
                file.splice(part.start..part.start, copy);
            }
            _ => file.truncate(file.len() - file.len() / (2 + self.below(40))),
        }
    }

    /// A number from 0 to `end` - 1 (Knuth's linear congruential generator).
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}
