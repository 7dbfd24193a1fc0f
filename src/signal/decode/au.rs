//! The header of an AU file (Sun's and NeXT's `.snd`): six numbers, then big-endian samples.

use std::io::Read;

use symphonia::core::codecs::audio::well_known as codec;

use super::cannot;
use super::plain::Header;
use crate::error::Result;

/// Bytes of the shortest header.
const SHORTEST: u32 = 24;
/// Stands for a length that was not known when the header was written.
const UNKNOWN: u32 = u32::MAX;

/// Reads what follows the magic number.
///
/// # Errors
/// When the header is damaged, or its encoding is one of those that compress.
pub(super) fn header(stream: &mut impl Read) -> Result<Header> {
    let mut bytes = [0; 20];
    stream.read_exact(&mut bytes).map_err(|_| cannot("its AU header is cut short"))?;
    let word = |n: usize| u32::from_be_bytes([bytes[n], bytes[n + 1], bytes[n + 2], bytes[n + 3]]);
    let (start, length, encoding, sample_rate, channels) = (word(0), word(4), word(8), word(12), word(16));
    let (codec, bytes_per_sample) = match encoding {
        1 => (codec::CODEC_ID_PCM_MULAW, 1),
        2 => (codec::CODEC_ID_PCM_S8, 1),
        3 => (codec::CODEC_ID_PCM_S16BE, 2),
        4 => (codec::CODEC_ID_PCM_S24BE, 3),
        5 => (codec::CODEC_ID_PCM_S32BE, 4),
        6 => (codec::CODEC_ID_PCM_F32BE, 4),
        7 => (codec::CODEC_ID_PCM_F64BE, 8),
        27 => (codec::CODEC_ID_PCM_ALAW, 1),
        other => {
            return Err(cannot(format!(
                "AU encoding {other} is not supported: only PCM, mu-law and A-law are"
            ))
            .hint("convert the source to FLAC or WAV"));
        }
    };
    if start < SHORTEST {
        return Err(cannot("its AU header is damaged"));
    }
    let channels = u16::try_from(channels).map_err(|_| cannot(format!("it has {channels} channels")))?;
    let length = Some(u64::from(length)).filter(|_| length != UNKNOWN);
    Ok(Header { codec, bytes_per_sample, sample_rate, channels, mask: 0, start: u64::from(start), length })
}
