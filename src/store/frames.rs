//! Frames: how records lie in a log. Each carries a checksum; one that is damaged is passed over, and those
//! after it are found again by their mark.

/// Starts every frame. Its first byte is in no UTF-8 text.
const MARK: [u8; 4] = [0xf5, b't', b'q', b'r'];

/// Mark, length of the payload (u32), checksum (u64), both little-endian.
pub(super) const HEADER: usize = 16;

/// Appends `payload` as a frame.
pub(super) fn push(bytes: &mut Vec<u8>, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("no record is as long as 4 GB");
    bytes.extend_from_slice(&MARK);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&checksum(payload));
    bytes.extend_from_slice(payload);
}

/// How long the payload is of the frame that begins with these bytes; none where no frame does.
pub(super) fn payload_length(header: &[u8]) -> Option<usize> {
    let length = header.strip_prefix(&MARK)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*length)).ok()
}

/// The payload of the frame that `bytes` begin with, if it is whole and undamaged.
pub(super) fn payload(bytes: &[u8]) -> Option<&[u8]> {
    let length = payload_length(bytes)?;
    let payload = bytes.get(HEADER..)?.get(..length)?;
    (bytes[8..HEADER] == checksum(payload)).then_some(payload)
}

/// The frames of a log, each with the byte at which it begins.
#[derive(Debug)]
pub(super) struct Frames<'b> {
    bytes: &'b [u8],
    position: usize,
    /// How many bytes before the last frame made no sense.
    pub(super) n_dropped: usize,
    /// Where the last good frame ends. What is after it made no sense.
    pub(super) end: usize,
}

impl<'b> Frames<'b> {
    pub(super) fn of(bytes: &'b [u8]) -> Self {
        Self { bytes, position: 0, n_dropped: 0, end: 0 }
    }

    fn next_mark(&self, from: usize) -> Option<usize> {
        let rest = self.bytes.get(from..)?;
        rest.windows(MARK.len()).position(|window| window == MARK).map(|place| from + place)
    }
}

impl<'b> Iterator for Frames<'b> {
    type Item = (usize, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.next_mark(self.position)?;
            let Some(payload) = payload(&self.bytes[start..]) else {
                self.position = start + 1;
                continue;
            };
            self.n_dropped += start - self.end;
            self.end = start + HEADER + payload.len();
            self.position = self.end;
            return Some((start, payload));
        }
    }
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    *blake3::hash(payload).as_bytes().first_chunk().expect("a digest is longer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<u8> {
        let mut bytes = Vec::new();
        [&b"one"[..], b"two", b"three"].iter().for_each(|payload| push(&mut bytes, payload));
        bytes
    }

    fn texts(bytes: &[u8]) -> (Vec<String>, usize, usize) {
        let mut frames = Frames::of(bytes);
        let texts =
            frames.by_ref().map(|(_, payload)| String::from_utf8_lossy(payload).into_owned()).collect();
        (texts, frames.n_dropped, frames.end)
    }

    #[test]
    fn frames_cut_anywhere_keep_what_is_whole() {
        let whole = three();
        let ends = [0, HEADER + 3, 2 * (HEADER + 3), whole.len()];
        for n_bytes in 0..=whole.len() {
            let n_whole = ends.iter().filter(|end| **end <= n_bytes).count() - 1;
            let (texts, n_dropped, end) = texts(&whole[..n_bytes]);
            assert_eq!(texts, ["one", "two", "three"][..n_whole], "cut at byte {n_bytes}");
            assert_eq!((n_dropped, end), (0, ends[n_whole]));
        }
    }

    #[test]
    fn a_flipped_byte_costs_one_frame() {
        for place in 0..three().len() {
            let mut damaged = three();
            damaged[place] ^= 0x40;
            let (found, n_dropped, end) = texts(&damaged);
            let lost = place / (HEADER + 3);
            let expected: Vec<&str> = ["one", "two", "three"]
                .into_iter()
                .enumerate()
                .filter(|(nth, _)| *nth != lost.min(2))
                .map(|(_, text)| text)
                .collect();
            assert_eq!(found, expected, "flipped at byte {place}");
            assert_eq!(n_dropped + (damaged.len() - end), HEADER + expected_length(lost));
        }
    }

    fn expected_length(nth: usize) -> usize {
        [3, 3, 5][nth.min(2)]
    }

    #[test]
    fn garbage_before_between_and_after_is_passed_over() {
        let mut bytes = b"garbage".to_vec();
        push(&mut bytes, b"one");
        bytes.extend_from_slice(&MARK);
        bytes.extend_from_slice(&[0xff; 40]);
        push(&mut bytes, b"two");
        let end = bytes.len();
        bytes.extend_from_slice(b"more garbage");
        let (found, n_dropped, good_end) = texts(&bytes);
        assert_eq!((found, n_dropped, good_end), (vec!["one".to_owned(), "two".to_owned()], 7 + 44, end));
    }
}
