//! The master as the stages after normalize read it: mono samples of a range of frames.

use std::ops::Range;
use std::sync::Arc;

use super::Input;
use crate::error::{Error, Result};

/// The normalised audio of a clip: WAV, 24-bit.
#[derive(Debug, Clone)]
pub struct Master {
    /// Frames a second.
    pub sample_rate: u32,
    /// Channels of a frame.
    pub channels: usize,
    bytes: Arc<[u8]>,
    data: Range<usize>,
}

const BYTES_PER_SAMPLE: usize = 3;
const FULL_SCALE: f64 = 8_388_608.0;

impl Master {
    /// Reads a master.
    ///
    /// # Errors
    /// When it is no WAV file of 24-bit samples.
    pub fn read(input: &Input) -> Result<Self> {
        let bytes = input.read()?;
        let (format, data) = find_chunks(&bytes).ok_or_else(|| not_a_master("it is no WAV file"))?;
        let channels = usize::from(u16_at(&bytes, format.start + 2));
        let sample_rate = u32_at(&bytes, format.start + 4);
        if u16_at(&bytes, format.start + 14) != 24 || channels == 0 || sample_rate == 0 {
            return Err(not_a_master("its samples are not 24-bit"));
        }
        Ok(Self { sample_rate, channels, bytes, data })
    }

    /// Number of frames.
    pub fn n_frames(&self) -> u64 {
        (self.data.len() / (BYTES_PER_SAMPLE * self.channels)) as u64
    }

    /// The frames from `start` to `end`, the mean of their channels, in \[-1, 1).
    ///
    /// # Errors
    /// When the master does not have these frames.
    pub fn mono(&self, start: u64, end: u64) -> Result<Vec<f64>> {
        if start > end || end > self.n_frames() {
            let cause = format!("it has {} frames, and {start} to {end} were asked for", self.n_frames());
            return Err(not_a_master(&cause));
        }
        let stride = BYTES_PER_SAMPLE * self.channels;
        let frames = &self.bytes[self.data.clone()][start as usize * stride..end as usize * stride];
        let scale = FULL_SCALE * self.channels as f64;
        Ok(frames.chunks_exact(stride).map(|frame| sum_of_samples(frame) / scale).collect())
    }
}

fn sum_of_samples(frame: &[u8]) -> f64 {
    let sample = |b: &[u8]| f64::from(i32::from_le_bytes([0, b[0], b[1], b[2]]) >> 8);
    frame.chunks_exact(BYTES_PER_SAMPLE).map(sample).sum()
}

/// Where the format and the samples lie in a WAV file.
fn find_chunks(bytes: &[u8]) -> Option<(Range<usize>, Range<usize>)> {
    let is_wave = bytes.get(..4)? == b"RIFF" && bytes.get(8..12)? == b"WAVE";
    let (mut at, mut format) = (12, None);
    while is_wave {
        let name = bytes.get(at..at + 4)?;
        let body = at + 8..(at + 8).checked_add(u32_at(bytes.get(..at + 8)?, at + 4) as usize)?;
        bytes.get(body.clone())?;
        match name {
            b"fmt " if body.len() >= 16 => format = Some(body.clone()),
            b"data" => return Some((format?, body)),
            _ => {}
        }
        at = body.end + body.len() % 2;
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn not_a_master(cause: &str) -> Error {
    Error::cannot_read("audio", cause)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A master at 8 kHz of these interleaved 24-bit samples.
    pub(in crate::stages) fn wav(channels: u16, samples: &[i32]) -> Vec<u8> {
        wav_at(8000, channels, samples)
    }

    /// A master of these interleaved 24-bit samples.
    pub(in crate::stages) fn wav_at(sample_rate: u32, channels: u16, samples: &[i32]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
        bytes.extend(channels.to_le_bytes());
        bytes.extend(sample_rate.to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend(24_u16.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend((samples.len() as u32 * 3).to_le_bytes());
        samples.iter().for_each(|sample| bytes.extend(&sample.to_le_bytes()[..3]));
        bytes
    }

    #[test]
    fn channels_are_averaged_and_only_frames_that_are_there_are_given() {
        let master = Master::read(&Input::bytes(wav(2, &[1 << 22, 0, -(1 << 23), -(1 << 23)]))).unwrap();
        assert_eq!((master.sample_rate, master.n_frames()), (8000, 2));
        assert_eq!(master.mono(0, 2).unwrap(), [0.25, -1.0]);
        for (start, end) in [(0, 3), (2, 1), (u64::MAX, u64::MAX)] {
            assert!(master.mono(start, end).is_err(), "{start} {end}");
        }
    }

    #[test]
    fn no_prefix_of_a_master_is_one() {
        let whole = wav(1, &[1, 2, 3]);
        assert!(Master::read(&Input::bytes(whole.as_slice())).is_ok());
        for end in 0..whole.len() {
            assert!(Master::read(&Input::bytes(&whole[..end])).is_err(), "{end}");
        }
    }
}
