//! The header of an RF64 or BW64 file: WAV whose sizes have 64 bits (EBU Tech 3306, ITU-R BS.2088).

use std::io::{Read, Seek, SeekFrom};

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known as codec;

use super::cannot;
use super::plain::Header;
use crate::error::{Error, Result};

/// Stands for a size that the `ds64` chunk has.
const IN_DS64: u32 = u32::MAX;
const EXTENSIBLE: u16 = 0xfffe;
/// The end of every sub-format's GUID; its first two bytes are the format's tag.
const SUB_FORMAT_TAIL: [u8; 14] =
    [0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71];
/// Files of music have a handful.
const MOST_CHUNKS: usize = 4096;

/// Reads what follows the magic number, up to the samples.
///
/// # Errors
/// When the header is damaged, or its format is one of those that compress.
pub(super) fn header(stream: &mut (impl Read + Seek)) -> Result<Header> {
    let (mut large, mut format) = (0, None);
    stream.seek(SeekFrom::Start(12)).map_err(cannot)?;
    for _ in 0..MOST_CHUNKS {
        let [a, b, c, d, size @ ..] = read::<8>(stream)?;
        let size = u32::from_le_bytes(size);
        let start = stream.stream_position().map_err(cannot)?;
        match &[a, b, c, d] {
            b"ds64" => large = u64::from_le_bytes(read::<16>(stream)?[8..].try_into().map_err(cannot)?),
            b"fmt " => format = Some(read_format(stream, size)?),
            b"data" => {
                let header = format.ok_or_else(damaged)?;
                let length = if size == IN_DS64 { large } else { u64::from(size) };
                return Ok(Header { start, length: Some(length), ..header });
            }
            _ => {}
        }
        let next = start + u64::from(size) + u64::from(size % 2);
        stream.seek(SeekFrom::Start(next)).map_err(cannot)?;
    }
    Err(damaged())
}

/// The format that a `fmt ` chunk of `size` bytes describes; where the samples are is not known yet.
fn read_format(stream: &mut impl Read, size: u32) -> Result<Header> {
    let head = read::<16>(stream)?;
    let short = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let (mut tag, channels, bits) = (short(0), short(2), short(14));
    let sample_rate = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let mut mask = 0;
    if tag == EXTENSIBLE && size >= 40 {
        let [_, _, _, _, a, b, c, d, low, high, tail @ ..] = read::<24>(stream)?;
        mask = u32::from_le_bytes([a, b, c, d]);
        tag = if tail == SUB_FORMAT_TAIL { u16::from_le_bytes([low, high]) } else { EXTENSIBLE };
    }
    let codec = codec_of(tag, bits).ok_or_else(|| {
        cannot(format!("RF64 format {tag} of {bits} bits is not supported: only PCM, mu-law and A-law are"))
            .hint("convert the source to FLAC")
    })?;
    Ok(Header { codec, bytes_per_sample: bits / 8, sample_rate, channels, mask, start: 0, length: None })
}

fn codec_of(tag: u16, bits: u16) -> Option<AudioCodecId> {
    Some(match (tag, bits) {
        (1, 8) => codec::CODEC_ID_PCM_U8,
        (1, 16) => codec::CODEC_ID_PCM_S16LE,
        (1, 24) => codec::CODEC_ID_PCM_S24LE,
        (1, 32) => codec::CODEC_ID_PCM_S32LE,
        (3, 32) => codec::CODEC_ID_PCM_F32LE,
        (3, 64) => codec::CODEC_ID_PCM_F64LE,
        (6, 8) => codec::CODEC_ID_PCM_ALAW,
        (7, 8) => codec::CODEC_ID_PCM_MULAW,
        _ => return None,
    })
}

fn read<const N: usize>(stream: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).map_err(|_| cannot("it ends within its header"))?;
    Ok(bytes)
}

fn damaged() -> Error {
    cannot("its RF64 header is damaged")
}
