//! The master's file: WAV, PCM, 24-bit, little-endian.

use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

use super::layout::Layout;
use crate::error::{Error, Result};

/// The largest 24-bit sample.
pub const MAX_SAMPLE: i32 = (1 << 23) - 1;
/// The smallest 24-bit sample.
pub const MIN_SAMPLE: i32 = -(1 << 23);

const FULL_SCALE: f64 = 8_388_608.0;
const BYTES_PER_SAMPLE: usize = 3;
const PCM: u16 = 1;
const EXTENSIBLE: u16 = 0xfffe;
/// The end of every sub-format's GUID; its first two bytes are the format tag.
const SUB_FORMAT_TAIL: [u8; 14] =
    [0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71];

/// What the header of a WAV file says, and where its samples lie, so that any of its frames can be read without the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WavHeader {
    /// Frames a second.
    pub sample_rate: u32,
    /// Which loudspeaker each channel is for.
    pub layout: Layout,
    /// How many frames there are.
    pub n_frames: u64,
    /// Where the first frame begins, bytes.
    start: u64,
}

impl WavHeader {
    /// Reads the header; chunks that [`Pcm::to_wav`] does not write are passed over.
    ///
    /// # Errors
    /// When it is not such a file, or ends before its header says it does.
    pub fn open(reader: &mut (impl Read + Seek)) -> Result<Self> {
        let end = reader.seek(SeekFrom::End(0)).map_err(cannot_read)?;
        reader.rewind().map_err(cannot_read)?;
        let head: [u8; 12] = read_array(reader)?;
        if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
            return Err(not_ours("it is no RIFF WAVE file"));
        }
        let (mut format, mut data, mut at) = (None, None, 12);
        while at + 8 <= end {
            let [a, b, c, d, length @ ..]: [u8; 8] = read_array(reader)?;
            let length = u64::from(u32::from_le_bytes(length));
            at += 8;
            if length > end - at {
                return Err(not_ours("it ends before its header says"));
            }
            match &[a, b, c, d] {
                b"fmt " => format = Some(read_format(&read_bytes(reader, length.min(LONGEST_FORMAT))?)?),
                b"data" => data = Some((at, length)),
                _ => (),
            }
            at += length + length % 2;
            reader.seek(SeekFrom::Start(at)).map_err(cannot_read)?;
        }
        let (sample_rate, layout) = format.ok_or_else(|| not_ours("it has no fmt chunk"))?;
        let (start, length) = data.ok_or_else(|| not_ours("it has no data chunk"))?;
        let frame = BYTES_PER_SAMPLE as u64 * u64::from(layout.channels());
        if length % frame != 0 {
            return Err(not_ours("its last frame is cut off"));
        }
        Ok(Self { sample_rate, layout, n_frames: length / frame, start })
    }

    /// The frames in `range`, of the reader that the header was read from.
    ///
    /// # Errors
    /// When there are no such frames, or they cannot be read.
    pub fn read(&self, reader: &mut (impl Read + Seek), range: Range<u64>) -> Result<Pcm> {
        let mut samples = Vec::new();
        self.for_each_block(reader, range, |block| samples.extend_from_slice(block))?;
        Ok(Pcm { sample_rate: self.sample_rate, layout: self.layout, samples })
    }

    /// The frames in `range` as [`Pcm::mono`] gives them.
    ///
    /// # Errors
    /// As [`WavHeader::read`].
    pub fn mono(&self, reader: &mut (impl Read + Seek), range: Range<u64>) -> Result<Vec<f64>> {
        let heard = self.layout.mono_channels();
        let stride = usize::from(self.layout.channels()).max(1);
        // The header promises no more than the file holds.
        let n_frames = range.end.min(self.n_frames).saturating_sub(range.start);
        let mut mono = Vec::with_capacity(usize::try_from(n_frames).unwrap_or(0));
        self.for_each_block(reader, range, |block| match heard[..] {
            [0] if stride == 1 => mono.extend(block.iter().map(|sample| f64::from(*sample) / FULL_SCALE)),
            _ => mono.extend(block.chunks_exact(stride).map(|frame| mean(frame, &heard))),
        })?;
        Ok(mono)
    }

    /// Calls `take` with the samples of whole frames, block by block: the file is never in memory as a whole.
    fn for_each_block(
        &self,
        reader: &mut (impl Read + Seek),
        range: Range<u64>,
        mut take: impl FnMut(&[i32]),
    ) -> Result<()> {
        if range.start > range.end || range.end > self.n_frames {
            let (n, Range { start, end }) = (self.n_frames, range);
            return Err(not_ours(&format!("it has {n} frames, and {start} to {end} were asked for")));
        }
        const FRAMES: u64 = 4096;
        let frame = BYTES_PER_SAMPLE as u64 * u64::from(self.layout.channels());
        reader.seek(SeekFrom::Start(self.start + range.start * frame)).map_err(cannot_read)?;
        let (mut bytes, mut samples) = (vec![0; (FRAMES * frame) as usize], Vec::new());
        for first in range.clone().step_by(FRAMES as usize) {
            let block = &mut bytes[..(FRAMES.min(range.end - first) * frame) as usize];
            reader.read_exact(block).map_err(cannot_read)?;
            let sample = |b: &[u8; BYTES_PER_SAMPLE]| i32::from_le_bytes([0, b[0], b[1], b[2]]) >> 8;
            samples.clear();
            samples.extend(block.as_chunks().0.iter().map(sample));
            take(&samples);
        }
        Ok(())
    }
}

/// A WAV file in the making: its samples are added block by block.
#[derive(Debug)]
pub struct WavWriter {
    bytes: Vec<u8>,
    /// Bytes of the whole file.
    length: usize,
}

impl WavWriter {
    /// A file of `n_samples` interleaved samples: a `fmt ` and a `data` chunk. More than two channels get the extensible
    /// header, which names their loudspeakers.
    ///
    /// # Errors
    /// When these are more samples than a WAV file can hold (4 GiB).
    pub fn new(sample_rate: u32, layout: Layout, n_samples: usize) -> Result<Self> {
        let format = format_chunk(sample_rate, layout);
        let data = n_samples.checked_mul(BYTES_PER_SAMPLE).ok_or_else(too_long)?;
        let padded = data + data % 2;
        let riff = u32::try_from(padded + format.len() + 20).map_err(|_| too_long())?;
        let length = riff as usize + 8;
        let mut bytes = Vec::with_capacity(length);
        bytes.extend(b"RIFF");
        bytes.extend(riff.to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        bytes.extend((format.len() as u32).to_le_bytes());
        bytes.extend(format);
        bytes.extend(b"data");
        bytes.extend((data as u32).to_le_bytes());
        Ok(Self { bytes, length })
    }

    /// Adds interleaved samples, each within 24 bits.
    pub fn add(&mut self, samples: &[i32]) {
        self.bytes.extend(samples.iter().flat_map(|sample| {
            let [low, middle, high, _] = sample.to_le_bytes();
            [low, middle, high]
        }));
    }

    /// The file's bytes; silence stands for samples that were not added.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.length, 0);
        self.bytes
    }
}

/// Audio as a WAV file holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pcm {
    /// Frames a second.
    pub sample_rate: u32,
    /// Which loudspeaker each channel is for.
    pub layout: Layout,
    /// Interleaved samples, each within 24 bits.
    pub samples: Vec<i32>,
}

impl Pcm {
    /// How many frames there are.
    pub fn frames(&self) -> usize {
        self.samples.len() / self.stride()
    }

    /// One channel of the frames in `range`, in \[-1, 1). Whatever lies past the end is left out.
    pub fn channel(&self, channel: usize, range: Range<usize>) -> Vec<f64> {
        self.in_frames(range, |frame| {
            frame.get(channel).map_or(0.0, |&sample| f64::from(sample) / FULL_SCALE)
        })
    }

    /// The mean of all channels except low-frequency effects over the frames in `range`, in \[-1, 1).
    /// Whatever lies past the end is left out.
    pub fn mono(&self, range: Range<usize>) -> Vec<f64> {
        let heard = self.layout.mono_channels();
        self.in_frames(range, |frame| mean(frame, &heard))
    }

    /// The file's bytes, as [`WavWriter`] makes them.
    ///
    /// # Errors
    /// As [`WavWriter::new`].
    pub fn to_wav(&self) -> Result<Vec<u8>> {
        let mut wav = WavWriter::new(self.sample_rate, self.layout, self.samples.len())?;
        wav.add(&self.samples);
        Ok(wav.finish())
    }

    /// Reads what [`Pcm::to_wav`] wrote.
    ///
    /// # Errors
    /// As [`WavHeader::open`].
    pub fn from_wav(bytes: &[u8]) -> Result<Self> {
        let mut reader = Cursor::new(bytes);
        let file = WavHeader::open(&mut reader)?;
        file.read(&mut reader, 0..file.n_frames)
    }

    fn stride(&self) -> usize {
        usize::from(self.layout.channels()).max(1)
    }

    fn in_frames(&self, range: Range<usize>, value: impl Fn(&[i32]) -> f64) -> Vec<f64> {
        let frames = self.samples.chunks_exact(self.stride()).skip(range.start);
        frames.take(range.end.saturating_sub(range.start)).map(value).collect()
    }
}

fn format_chunk(sample_rate: u32, layout: Layout) -> Vec<u8> {
    let channels = layout.channels();
    let plain = channels <= 2;
    let block = u32::from(channels) * BYTES_PER_SAMPLE as u32;
    let mut chunk = Vec::with_capacity(40);
    chunk.extend(if plain { PCM } else { EXTENSIBLE }.to_le_bytes());
    chunk.extend(channels.to_le_bytes());
    chunk.extend(sample_rate.to_le_bytes());
    chunk.extend(sample_rate.saturating_mul(block).to_le_bytes());
    chunk.extend((block as u16).to_le_bytes());
    chunk.extend(24u16.to_le_bytes());
    if !plain {
        chunk.extend(22u16.to_le_bytes());
        chunk.extend(24u16.to_le_bytes());
        chunk.extend(layout.mask().to_le_bytes());
        chunk.extend(PCM.to_le_bytes());
        chunk.extend(SUB_FORMAT_TAIL);
    }
    chunk
}

/// The mean of these channels of a frame, in \[-1, 1).
fn mean(frame: &[i32], heard: &[usize]) -> f64 {
    heard.iter().map(|&channel| f64::from(frame[channel])).sum::<f64>() / heard.len() as f64 / FULL_SCALE
}

/// More of a format chunk says nothing that is asked for.
const LONGEST_FORMAT: u64 = 64;

fn read_array<const N: usize>(reader: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).map_err(cannot_read)?;
    Ok(bytes)
}

/// Memory is taken as bytes come in, not as a header promises them.
fn read_bytes(reader: &mut impl Read, n: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let found = reader.take(n).read_to_end(&mut bytes).map_err(cannot_read)?;
    if found as u64 == n { Ok(bytes) } else { Err(not_ours("it ends before its header says")) }
}

fn cannot_read(cause: std::io::Error) -> Error {
    Error::cannot_read("the audio", cause)
}

fn read_format(chunk: &[u8]) -> Result<(u32, Layout)> {
    let Some((head, tail)) = chunk.split_first_chunk::<16>() else {
        return Err(not_ours("its fmt chunk is too short"));
    };
    let short = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let (channels, bits) = (short(2), short(14));
    if !matches!(short(0), PCM | EXTENSIBLE) || bits != 24 || channels == 0 {
        return Err(not_ours("it is not 24-bit PCM"));
    }
    let sample_rate = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let mask = tail.get(4..8).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    Ok((sample_rate, Layout::new(channels, mask)))
}

fn not_ours(cause: &str) -> Error {
    Error::cannot_read("the audio", cause)
}

fn too_long() -> Error {
    Error::world("cannot write the audio: it is longer than a WAV file can hold, 4 GiB").hint(
        "cut the clip into several clips by their ranges, or store fewer channels or a lower sample rate",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pcm(channels: u16, mask: u32, samples: Vec<i32>) -> Pcm {
        Pcm { sample_rate: 44_100, layout: Layout::new(channels, mask), samples }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let samples = vec![0, 1, -1, MAX_SAMPLE, MIN_SAMPLE, 42];
        for (channels, mask) in [(1, 0), (2, 0), (3, 7), (6, 0x3f), (6, 0)] {
            let written = pcm(channels, mask, samples.clone());
            assert_eq!(Pcm::from_wav(&written.to_wav().unwrap()).unwrap(), written, "{channels} channels");
        }
    }

    #[test]
    fn frames_are_read_without_those_around_them() {
        let bytes = pcm(2, 0, (0..20).collect()).to_wav().unwrap();
        let mut reader = Cursor::new(bytes.as_slice());
        let file = WavHeader::open(&mut reader).unwrap();
        assert_eq!((file.n_frames, file.sample_rate), (10, 44_100));
        for (range, want) in [(3..5, vec![6, 7, 8, 9]), (0..0, vec![]), (9..10, vec![18, 19])] {
            assert_eq!(file.read(&mut reader, range).unwrap().samples, want);
        }
        for (start, end) in [(9, 11), (5, 4), (u64::MAX, u64::MAX)] {
            assert!(file.read(&mut reader, start..end).is_err(), "{start} {end}");
        }
    }

    #[test]
    fn an_odd_number_of_bytes_is_padded_as_riff_asks() {
        let bytes = pcm(1, 0, vec![7]).to_wav().unwrap();
        assert_eq!(bytes.len(), 48);
        assert_eq!(bytes[4..8], 40u32.to_le_bytes());
        assert_eq!(bytes[40..], [3, 0, 0, 0, 7, 0, 0, 0]);
    }

    #[test]
    fn samples_lie_within_one() {
        let audio = pcm(2, 0, vec![MIN_SAMPLE, 0, 1 << 22, 1 << 22]);
        assert_eq!(audio.channel(0, 0..2), [-1.0, 0.5]);
        assert_eq!(audio.mono(0..2), [-0.5, 0.5]);
        assert_eq!(audio.mono(1..9), [0.5]);
        assert_eq!(audio.channel(5, 0..2), [0.0, 0.0]);
        assert_eq!(audio.mono(9..11), [0.0; 0]);
    }

    #[test]
    fn the_mono_mean_leaves_low_frequencies_out() {
        let audio = pcm(6, 0x3f, vec![10, 20, 30, 8_000_000, 40, 50]);
        assert_eq!(audio.mono(0..1), [30.0 / FULL_SCALE]);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_never_a_panic() {
        let whole = pcm(6, 0x3f, vec![3; 12]).to_wav().unwrap();
        for end in 0..whole.len() {
            assert!(Pcm::from_wav(&whole[..end]).is_err(), "cut at {end}");
        }
        for at in 0..68 {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            let _ = Pcm::from_wav(&damaged);
        }
    }
}
