//! Opus (RFC 6716, in Ogg: RFC 7845), through the fixed-point decoder of `ropus`: integers have the same bits everywhere.

use std::fmt;

use ropus::OpusMSDecoder;
use symphonia::core::audio::{
    AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, Channels, GenericAudioBufferRef, layouts,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, FinalizeResult};
use symphonia::core::errors::{Error, Result, decode_error};
use symphonia::core::packet::PacketRef;

/// Hz, whatever the rate of what was encoded: the header only notes that one.
pub(super) const SAMPLE_RATE: u32 = 48_000;

/// Frames of the longest packet, 120 ms.
const LONGEST_PACKET: usize = 5760;

/// Samples of full scale.
const FULL_SCALE: f32 = 32_768.0;

const INFO: CodecInfo = CodecInfo { short_name: "opus", long_name: "Opus", profiles: &[] };

/// The identification header of a stream (RFC 7845, section 5.1).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    /// Frames before the first one that is heard.
    pub(super) pre_skip: u16,
    /// dB / 256.
    gain: i16,
    streams: u8,
    coupled: u8,
    /// Of each loudspeaker, in the order of their bits: the decoded channel that it gets.
    mapping: Vec<u8>,
    /// Which loudspeakers these are.
    channels: Channels,
}

impl Head {
    /// Reads a header with its signature, as symphonia hands it over. That of an MP4 has version 0 and numbers
    /// whose highest byte comes first.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (signature, rest) = bytes.split_at_checked(8)?;
        let (fixed, table) = rest.split_at_checked(11)?;
        let version = fixed[0];
        if signature != b"OpusHead" || version > 15 {
            return None;
        }
        let number = |at: usize| {
            let pair = [fixed[at], fixed[at + 1]];
            if version == 0 { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
        };
        let n_channels = fixed[1];
        let (channels, order) = LAYOUTS.get(usize::from(n_channels).checked_sub(1)?)?.clone();
        let (streams, coupled, mapping) = mapping(n_channels, order, fixed[10], table)?;
        Some(Self { pre_skip: number(2), gain: number(8) as i16, streams, coupled, mapping, channels })
    }
}

/// Streams, how many of them are stereo, and the decoded channel of each loudspeaker, by the family of mapping.
fn mapping(channels: u8, order: &[u8], family: u8, table: &[u8]) -> Option<(u8, u8, Vec<u8>)> {
    match (family, channels) {
        (0, 1 | 2) => Some((1, channels - 1, (0..channels).collect())),
        (1, _) => {
            let (counts, table) = table.split_at_checked(2)?;
            let table = table.get(..usize::from(channels))?;
            Some((counts[0], counts[1], order.iter().map(|from| table[usize::from(*from)]).collect()))
        }
        _ => None,
    }
}

/// By the number of channels: Vorbis' layout, and of each of its loudspeakers, in the order of their bits, where it stands in
/// Vorbis' order.
const LAYOUTS: [(Channels, &[u8]); 8] = [
    (layouts::CHANNEL_LAYOUT_OGG_1P0, &[0]),
    (layouts::CHANNEL_LAYOUT_OGG_2P0, &[0, 1]),
    (layouts::CHANNEL_LAYOUT_OGG_3P0, &[0, 2, 1]),
    (layouts::CHANNEL_LAYOUT_OGG_4P0, &[0, 1, 2, 3]),
    (layouts::CHANNEL_LAYOUT_OGG_5P0, &[0, 2, 1, 3, 4]),
    (layouts::CHANNEL_LAYOUT_OGG_5P1, &[0, 2, 1, 5, 3, 4]),
    (layouts::CHANNEL_LAYOUT_OGG_6P1, &[0, 2, 1, 6, 5, 3, 4]),
    (layouts::CHANNEL_LAYOUT_OGG_7P1, &[0, 2, 1, 7, 5, 6, 3, 4]),
];

/// A decoder of one stream's packets.
pub(super) struct Opus {
    parameters: AudioCodecParameters,
    decoder: OpusMSDecoder,
    /// What the packet decodes to, channel after channel of each frame.
    interleaved: Vec<i16>,
    decoded: AudioBuffer<f32>,
}

impl Opus {
    /// A decoder at the start of a stream.
    ///
    /// # Errors
    /// When there is no header, or one that makes no sense.
    pub(super) fn new(parameters: &AudioCodecParameters) -> Result<Self> {
        let head = parameters.extra_data.as_deref().and_then(Head::read);
        let head = head.ok_or(Error::DecodeError("its header is damaged, or of a kind that is not known"))?;
        let n_channels = head.mapping.len();
        let mut decoder = OpusMSDecoder::new(
            SAMPLE_RATE as i32,
            n_channels as i32,
            head.streams.into(),
            head.coupled.into(),
            &head.mapping,
        )
        .map_err(|_| Error::DecodeError("its header makes no sense"))?;
        decoder.set_gain(head.gain.into());
        let channels = head.channels;
        let mut parameters = parameters.clone();
        parameters.with_sample_rate(SAMPLE_RATE).with_channels(channels.clone());
        Ok(Self {
            parameters,
            decoder,
            interleaved: vec![0; LONGEST_PACKET * n_channels],
            decoded: AudioBuffer::new(AudioSpec::new(SAMPLE_RATE, channels), LONGEST_PACKET),
        })
    }

    /// Frames of `packet`, decoded into `interleaved`.
    fn decode_packet(&mut self, packet: &[u8]) -> Result<usize> {
        if packet.is_empty() {
            return decode_error("an empty packet");
        }
        let length = i32::try_from(packet.len()).map_err(|_| Error::DecodeError("a packet is too long"))?;
        let frames =
            self.decoder.decode(Some(packet), length, &mut self.interleaved, LONGEST_PACKET as i32, false);
        let frames = frames.map_err(|_| Error::DecodeError("a packet makes no sense"))?;
        usize::try_from(frames).map_err(|_| Error::DecodeError("a packet makes no sense"))
    }
}

impl AudioDecoder for Opus {
    fn reset(&mut self) {
        self.decoder.reset();
    }

    fn codec_info(&self) -> &CodecInfo {
        &INFO
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.parameters
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.decoded.clear();
        let frames = self.decode_packet(packet.data)?;
        self.decoded.render_silence(Some(frames));
        let n_channels = self.parameters.channels.as_ref().map_or(1, Channels::count);
        for (channel, plane) in self.decoded.iter_planes_mut().enumerate() {
            let samples = self.interleaved.iter().skip(channel).step_by(n_channels);
            plane.iter_mut().zip(samples).for_each(|(to, from)| *to = f32::from(*from) / FULL_SCALE);
        }
        self.decoded.trim(packet.trim_start.get() as usize, packet.trim_end.get() as usize);
        Ok(self.decoded.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.decoded.as_generic_audio_buffer_ref()
    }
}

impl fmt::Debug for Opus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Opus").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;

    use super::*;

    /// A header of `channels` by `family`, with a pre-skip of 312 and a gain of -2 dB.
    fn head(channels: u8, family: u8, table: &[u8]) -> Vec<u8> {
        let mut head = b"OpusHead\x01".to_vec();
        head.push(channels);
        head.extend(312_u16.to_le_bytes());
        head.extend(44_100_u32.to_le_bytes());
        head.extend((-512_i16).to_le_bytes());
        head.push(family);
        head.extend(table);
        head
    }

    #[test]
    fn a_header_says_what_is_skipped_and_where_each_channel_goes() {
        let stereo = Head::read(&head(2, 0, &[])).unwrap();
        let (mapping, channels) = (vec![0, 1], layouts::CHANNEL_LAYOUT_STEREO);
        let expected = Head { pre_skip: 312, gain: -512, streams: 1, coupled: 1, mapping, channels };
        assert_eq!(stereo, expected);
        let six = Head::read(&head(6, 1, &[4, 2, 0, 4, 1, 2, 3, 5])).unwrap();
        assert_eq!((six.streams, six.coupled), (4, 2));
        assert_eq!(six.mapping, [0, 1, 4, 5, 2, 3], "FL FR FC LFE RL RR of FL FC FR RL RR LFE");
    }

    #[test]
    fn a_header_of_an_mp4_has_its_highest_bytes_first() {
        let mut bytes = head(1, 0, &[]);
        bytes[8] = 0;
        bytes[10..12].copy_from_slice(&312_u16.to_be_bytes());
        bytes[16..18].copy_from_slice(&256_i16.to_be_bytes());
        let head = Head::read(&bytes).unwrap();
        assert_eq!((head.pre_skip, head.gain), (312, 256));
    }

    #[test]
    fn headers_that_make_no_sense_are_refused() {
        for bytes in [
            vec![],
            b"OpusHead".to_vec(),
            b"OpusTags".iter().copied().chain([0; 11]).collect(),
            head(0, 0, &[]),
            head(3, 0, &[]),
            head(9, 1, &[9, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
            head(6, 1, &[4, 2, 0, 4]),
            head(2, 255, &[2, 0, 0, 1]),
        ] {
            assert_eq!(Head::read(&bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_decoder_takes_no_channel_that_is_not_there() {
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(CODEC_ID_OPUS);
        for table in [[1, 1, 0, 9], [0, 0, 0, 1], [1, 2, 0, 1]] {
            parameters.with_extra_data(head(2, 1, &table).into());
            assert!(Opus::new(&parameters).is_err(), "{table:?}");
        }
        parameters.with_extra_data(head(2, 1, &[1, 1, 0, 1]).into());
        assert!(Opus::new(&parameters).is_ok());
    }
}
