//! Interleaved samples behind a plain header: a container for AU and RF64, for which the library has none.

use std::io::{Read, Seek, SeekFrom};

use symphonia::core::audio::{Channels, Position};
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};
use symphonia::core::common::FourCc;
use symphonia::core::errors::{Result as Outcome, SeekErrorKind, seek_error};
use symphonia::core::formats::{
    FormatId, FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track,
};
use symphonia::core::io::{MediaSourceStream, ReadBytes};
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, TimeBase, Timestamp};

use super::{au, rf64};
use crate::error::Result;

/// What a header says of the samples that follow it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Header {
    pub(super) codec: AudioCodecId,
    pub(super) bytes_per_sample: u16,
    /// Frames a second.
    pub(super) sample_rate: u32,
    pub(super) channels: u16,
    /// The WAVE speaker mask; 0 where nothing is known.
    pub(super) mask: u32,
    /// Where the samples begin in the file.
    pub(super) start: u64,
    /// How many bytes of samples there are; none for all that follows.
    pub(super) length: Option<u64>,
}

/// The format of both, which no other reader has.
pub(super) const FORMAT: FormatId = FormatId::new(FourCc::new(*b"pcm "));
const INFO: FormatInfo =
    FormatInfo { format: FORMAT, short_name: "plain", long_name: "Interleaved samples behind a header" };
/// As many as the library's own readers take at once.
const FRAMES_PER_PACKET: u64 = 1152;

/// The header of an AU or RF64 file, at whose start `stream` is; none for other files.
///
/// # Errors
/// When it is one of these, but damaged or of a kind that cannot be read.
pub(super) fn header(stream: &mut (impl Read + Seek)) -> Result<Option<Header>> {
    let mut magic = [0; 4];
    if stream.read_exact(&mut magic).is_err() {
        return Ok(None);
    }
    match &magic {
        b".snd" => au::header(stream).map(Some),
        b"RF64" | b"BW64" => rf64::header(stream).map(Some),
        _ => Ok(None),
    }
}

/// The samples as packets of one track.
pub(super) struct Plain {
    stream: MediaSourceStream<'static>,
    media: MediaInfo,
    track: [Track; 1],
    metadata: MetadataLog,
    start: u64,
    /// Bytes of one frame.
    block: u64,
    /// The frame that the next packet begins with.
    frame: u64,
    /// Whole frames that are there, whatever the header says.
    frames: u64,
}

impl Plain {
    /// The samples behind `header` in a file of `length` bytes.
    pub(super) fn new(stream: MediaSourceStream<'static>, header: &Header, length: u64) -> Self {
        let block = u64::from(header.channels.max(1)) * u64::from(header.bytes_per_sample.max(1));
        let there = length.saturating_sub(header.start) / block;
        let declared = header.length.map_or(there, |length| length / block);
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(parameters(header)));
        track.with_num_frames(declared).with_duration(Duration::new(declared));
        if let Some(base) = TimeBase::try_new(1, header.sample_rate) {
            track.with_time_base(base);
        }
        let media = MediaInfo::from_track(&track);
        let (metadata, frames) = (MetadataLog::default(), declared.min(there));
        // No frame has been read yet, so that the first packet seeks to the samples.
        Self { stream, media, track: [track], metadata, start: header.start, block, frame: 0, frames }
    }
}

fn parameters(header: &Header) -> AudioCodecParameters {
    let positions = Position::from_wave_channel_mask(header.mask)
        .filter(|_| header.mask.count_ones() == u32::from(header.channels));
    let mut parameters = AudioCodecParameters::new();
    parameters
        .for_codec(header.codec)
        .with_sample_rate(header.sample_rate)
        .with_channels(positions.map_or(Channels::Discrete(header.channels), Channels::Positioned))
        .with_max_frames_per_packet(FRAMES_PER_PACKET);
    parameters
}

impl FormatReader for Plain {
    fn format_info(&self) -> &FormatInfo {
        &INFO
    }

    fn media_info(&self) -> &MediaInfo {
        &self.media
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.metadata.metadata()
    }

    fn tracks(&self) -> &[Track] {
        &self.track
    }

    fn seek(&mut self, _mode: SeekMode, to: SeekTo) -> Outcome<SeekedTo> {
        let SeekTo::Timestamp { ts, .. } = to else { return seek_error(SeekErrorKind::Unseekable) };
        match u64::try_from(ts.get()) {
            Ok(frame) if frame <= self.frames => self.frame = frame,
            _ => return seek_error(SeekErrorKind::OutOfRange),
        }
        Ok(SeekedTo { track_id: 0, required_ts: ts, actual_ts: ts })
    }

    fn next_packet(&mut self) -> Outcome<Option<Packet>> {
        let count = (self.frames - self.frame).min(FRAMES_PER_PACKET);
        if count == 0 {
            return Ok(None);
        }
        let at = self.start + self.frame * self.block;
        if self.stream.pos() != at {
            self.stream.seek(SeekFrom::Start(at))?;
        }
        let samples = self.stream.read_boxed_slice_exact((count * self.block) as usize)?;
        let stamp = Timestamp::new(self.frame as i64);
        self.frame += count;
        Ok(Some(Packet::new(0, stamp, Duration::new(count), samples)))
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        self.stream
    }
}
