//! HE-AAC that its header takes for AAC-LC: every packet carries the upper half of the spectrum in a fill element,
//! which a decoder of AAC-LC passes over.

use super::cannot;
use crate::error::Error;

/// Looks at the first packets of an AAC track for what only HE-AAC has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Suspicion {
    n_seen: u32,
    n_in_a_row: u32,
}

/// So many packets are looked at, and so many of them that follow each other have to carry it. One packet of AAC-LC
/// in 20 looks like that by chance, hence eight in a row among 64 no more than once in a billion files.
const PACKETS: u32 = 64;
const SURE: u32 = 8;
/// No packet of AAC-LC with two channels is longer, bytes (ISO/IEC 14496-3, 4.5.1.1: 6144 bits a channel).
const LONGEST: usize = 2 * 6144 / 8;

/// The elements of a packet (ISO/IEC 14496-3, table 4.85) that can follow the channels.
const DATA: usize = 4;
const FILL: usize = 6;
const END: usize = 7;
/// What a fill element can hold (table 4.121): spectral band replication, without and with a checksum.
const REPLICATION: [usize; 2] = [0b1101, 0b1110];

impl Suspicion {
    /// Looks at the next packet.
    ///
    /// # Errors
    /// As soon as it is sure that this is HE-AAC.
    pub(super) fn look_at(&mut self, packet: &[u8]) -> Result<(), Error> {
        if self.n_seen == PACKETS {
            return Ok(());
        }
        self.n_seen += 1;
        self.n_in_a_row = if carries_replication(packet) { self.n_in_a_row + 1 } else { 0 };
        if self.n_in_a_row < SURE { Ok(()) } else { Err(error()) }
    }
}

fn error() -> Error {
    cannot("codec `aac` is not supported: it is HE-AAC, whose upper half would be missing; AAC is read as AAC-LC")
        .hint("convert the source to FLAC or WAV")
}

/// Whether a packet ends with elements one of which holds spectral band replication. Where the channels before them end,
/// only decoding them tells; so this goes from the packet's end to its start, and asks at every bit whether elements that
/// begin there end where the packet does.
fn carries_replication(packet: &[u8]) -> bool {
    if packet.len() > LONGEST {
        return false;
    }
    let n_bits = 8 * packet.len();
    let mut fits = vec![false; n_bits];
    for at in (0..n_bits).rev() {
        let Some(element) = Element::at(packet, at) else { continue };
        fits[at] = match element {
            Element::End => n_bits - (at + 3) < 8,
            Element::Other { after, .. } => fits.get(after) == Some(&true),
        };
        if fits[at] && matches!(element, Element::Other { is_replication: true, .. }) {
            return true;
        }
    }
    false
}

enum Element {
    End,
    Other { after: usize, is_replication: bool },
}

impl Element {
    /// The element that begins at a bit, if one of these does.
    fn at(packet: &[u8], at: usize) -> Option<Self> {
        match bits(packet, at, 3)? {
            END => Some(Self::End),
            FILL => {
                let (count, begin) = count(packet, at + 3, 4, 1)?;
                let is_replication = count > 0 && REPLICATION.contains(&bits(packet, begin, 4)?);
                Some(Self::Other { after: begin + 8 * count, is_replication })
            }
            DATA => {
                let (count, begin) = count(packet, at + 8, 8, 0)?;
                let is_aligned = bits(packet, at + 7, 1)? == 1;
                let begin = if is_aligned { begin.next_multiple_of(8) } else { begin };
                Some(Self::Other { after: begin + 8 * count, is_replication: false })
            }
            _ => None,
        }
    }
}

/// A count of bytes that is written in `width` bits, and where these end; the largest one is followed by eight bits more,
/// of which `less` is taken.
fn count(packet: &[u8], at: usize, width: usize, less: usize) -> Option<(usize, usize)> {
    let (count, end) = (bits(packet, at, width)?, at + width);
    if count + 1 < 1 << width {
        return Some((count, end));
    }
    Some((count + bits(packet, end, 8)? - less, end + 8))
}

fn bits(packet: &[u8], at: usize, width: usize) -> Option<usize> {
    let bit = |at: usize| Some(usize::from(packet.get(at / 8)? >> (7 - at % 8) & 1));
    (at..at + width).try_fold(0, |bits, at| Some(bits << 1 | bit(at)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of these bits, filled up with zeros to a whole byte.
    fn packet(bits: &str) -> Vec<u8> {
        let bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
        let byte = |bits: &[u8]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << (7 - at));
        bits.chunks(8).map(byte).collect()
    }

    #[test]
    fn replication_is_found_among_the_elements_after_the_channels() {
        let channels = "000 0101 1011";
        let long = format!("110 1111 00000011 1110 {:0132}", 0);
        for (rest, expected) in [
            ("110 0001 1101 0110 111", true),
            ("110 0010 1110 0110 10101010 111", true),
            (&format!("{long} 111"), true),
            ("110 0001 1101 0110 110 0001 0000 0000 111", true),
            ("110 0001 1101 0110 100 0000 0 00000001 01010101 111", true),
            ("110 0001 0000 0000 111", false),
            ("110 0000 111", false),
            ("111", false),
            ("110 0001 1101 0110", false),
            ("110 1000 1101 0110 111", false),
        ] {
            assert_eq!(carries_replication(&packet(&format!("{channels} {rest}"))), expected, "{rest}");
        }
    }

    #[test]
    fn no_packet_is_too_strange_to_look_at() {
        for byte in [0x00, 0xff, 0xdb, 0x92, 0x6d, 0xc0] {
            for length in [0, 1, 2, 3, 100, LONGEST, LONGEST + 1] {
                let _ = carries_replication(&vec![byte; length]);
            }
        }
    }

    #[test]
    fn a_few_packets_that_look_like_it_are_chance() {
        let (suspect, other) = (packet("110 0001 1101 0110 111"), packet("111"));
        let mut suspicion = Suspicion::default();
        for _ in 0..100 {
            (1..SURE).for_each(|_| assert!(suspicion.look_at(&suspect).is_ok()));
            assert!(suspicion.look_at(&other).is_ok());
        }
        let mut suspicion = Suspicion::default();
        assert!((0..SURE).any(|_| suspicion.look_at(&suspect).is_err()));
    }
}
