//! What a source is, before any of it is decoded: container, codec, rate, layout, and how its frames count.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::audio::{Channels, Position};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::{CodecParameters, audio::well_known as codec};
use symphonia::core::errors::Error as Cause;
use symphonia::core::formats::{
    FormatId, FormatOptions, FormatReader, Track, TrackType, probe::Hint, well_known,
};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;

use super::bit_depth;
use super::edit_list::{self, Edit, Movie};
use super::matroska;
use super::opus::{Head, Opus};
use super::plain::{self, Plain};
use super::{Probe, cannot, refused};
use crate::error::{Error, Result};
use crate::signal::layout::Layout;

/// A source whose container and codec are known, at its first packet.
pub(super) struct Opened {
    pub(super) container: Box<dyn FormatReader>,
    pub(super) parameters: AudioCodecParameters,
    pub(super) track: u32,
    pub(super) probe: Probe,
    pub(super) timing: Timing,
}

/// How the frames of a track count. A media frame is one that the decoder makes; a frame of the source is
/// one that is meant to be heard. Everything here is in media frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// Where the track's own clock starts.
    pub(super) start: i64,
    /// The source's first frame.
    pub(super) first: i64,
    /// One past the source's last frame, where the container says so.
    pub(super) end: Option<i64>,
    /// One past the frames that a whole file surely has.
    pub(super) declared: Option<i64>,
    /// The packets' stamps count frames, and a packet can be sought by its stamp.
    pub(super) seekable: bool,
    /// Packets are stamped so well that a gap means lost audio.
    pub(super) gapless_stamps: bool,
    /// How many frames before a wanted one decoding has to start, so that it no longer matters where.
    pub(super) warm_up: i64,
    /// A range that starts less than this after the last one is reached by decoding on, not by seeking.
    pub(super) near: i64,
    /// Frames of the last packet that are not heard, where the packet itself does not say so.
    pub(super) padding: u64,
    /// The decoder leaves out what a packet says is to be trimmed.
    pub(super) trims: bool,
    /// Where the decoder draws noise from a generator that runs on from packet to packet: it starts afresh
    /// at every multiple of this many frames, in whole files too, so that the noise in a range does not
    /// depend on where decoding started.
    pub(super) noise_period: Option<i64>,
}

/// Frames of 32 packets of MP3. Its bit reservoir (511 bytes) reaches back over at most 10 of them at the
/// lowest bit rate; AAC and Vorbis need one packet.
const WARM_UP: i64 = 32 * 1152;
/// s.
const NEAR: i64 = 5;
const NOISE_PERIOD: i64 = 1 << 22;
/// The rates and channels that audio comes in; anything else is a damaged header.
const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 1000..=768_000;
const MOST_CHANNELS: usize = 64;

pub(super) fn open<R>(mut stream: R) -> Result<Opened>
where
    R: Read + Seek + Send + Sync + 'static,
{
    let length = stream.seek(SeekFrom::End(0)).map_err(cannot)?;
    if length == 0 {
        return Err(cannot("it is empty"));
    }
    if edit_list::is_endless(&mut stream, length) {
        return Err(cannot(
            "its header is damaged: a fragment declares more packets than the file has bytes",
        ));
    }
    let movie = edit_list::read(&mut stream, length);
    if movie.protected {
        return Err(refused::protected());
    }
    if let Some(error) = refused::kind(&mut stream) {
        return Err(error);
    }
    stream.rewind().map_err(cannot)?;
    let padding = matroska::padding(&mut stream, length);
    stream.rewind().map_err(cannot)?;
    let header = plain::header(&mut stream)?;
    stream.rewind().map_err(cannot)?;
    let stream = MediaSourceStream::new(Box::new(Measured { stream, length }), Default::default());
    if let Some(header) = header {
        return describe(Box::new(Plain::new(stream, &header, length)), &movie);
    }
    let container = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|cause| not_audio(&cause))?;
    let mut opened = describe(container, &movie)?;
    opened.timing.padding = frames_of(padding, opened.probe.sample_rate);
    Ok(opened)
}

/// Whole frames of so many ns.
fn frames_of(nanoseconds: u64, rate: u32) -> u64 {
    let frames = (u128::from(nanoseconds) * u128::from(rate) + 500_000_000) / 1_000_000_000;
    u64::try_from(frames).unwrap_or(u64::MAX)
}

/// A decoder at the start of a stream.
pub(super) fn decoder(parameters: &AudioCodecParameters, probe: &Probe) -> Result<Box<dyn AudioDecoder>> {
    make_decoder(parameters).map_err(|cause| unsupported(&probe.codec, &cause))
}

fn make_decoder(parameters: &AudioCodecParameters) -> symphonia::core::errors::Result<Box<dyn AudioDecoder>> {
    if parameters.codec == codec::CODEC_ID_OPUS {
        return Ok(Box::new(Opus::new(parameters)?));
    }
    symphonia::default::get_codecs().make_audio_decoder(parameters, &options(parameters.codec))
}

fn describe(container: Box<dyn FormatReader>, movie: &Movie) -> Result<Opened> {
    let track = container
        .default_track(TrackType::Audio)
        .or_else(|| container.first_track(TrackType::Audio))
        .ok_or_else(|| cannot("it has no audio track"))?;
    let Some(CodecParameters::Audio(parameters)) = track.codec_params.clone() else {
        return Err(cannot("it has no audio track"));
    };
    if let Some(channels) = &parameters.channels {
        check_channels(channels)?;
    }
    let (format, name) = (container.format_info().format, codec_name(parameters.codec));
    let decoder = make_decoder(&parameters).map_err(|cause| unsupported(&name, &cause))?;
    let (sample_rate, layout) = signal_of(decoder.codec_params())?;
    let timing = timing(format, track, &parameters, sample_rate, movie);
    let duration_s = duration(track, &parameters, &timing, sample_rate).filter(|_| !movie.fragmented);
    let codec = decoder.codec_info().short_name.to_owned();
    let bit_depth = bit_depth::of(&codec, &parameters, decoder.codec_params());
    let probe = Probe { codec, sample_rate, layout, bit_depth, duration_s };
    let track = track.id;
    Ok(Opened { container, parameters, track, probe, timing })
}

/// MP3's own trimming is off: without an encoder's tag it cuts at a length guessed from the bit rate.
fn options(codec: AudioCodecId) -> AudioDecoderOptions {
    AudioDecoderOptions::default().gapless(!is_mpeg(codec))
}

fn is_mpeg(id: AudioCodecId) -> bool {
    matches!(id, codec::CODEC_ID_MP1 | codec::CODEC_ID_MP2 | codec::CODEC_ID_MP3)
}

/// Its packets are blocks, which the WAV reader takes for frames when it seeks.
fn is_adpcm(id: AudioCodecId) -> bool {
    matches!(id, codec::CODEC_ID_ADPCM_MS | codec::CODEC_ID_ADPCM_IMA_WAV | codec::CODEC_ID_ADPCM_IMA_QT)
}

fn signal_of(parameters: &AudioCodecParameters) -> Result<(u32, Layout)> {
    let rate = parameters.sample_rate.ok_or_else(|| cannot("it does not say its sample rate"))?;
    let channels = parameters.channels.as_ref().ok_or_else(|| cannot("it does not say its channels"))?;
    if !SAMPLE_RATES.contains(&rate) {
        return Err(cannot(format!("its sample rate is {rate} Hz")));
    }
    check_channels(channels)?;
    Ok((rate, layout(channels)))
}

fn check_channels(channels: &Channels) -> Result<()> {
    match channels.count() {
        1..=MOST_CHANNELS => Ok(()),
        count => Err(cannot(format!("it has {count} channels"))),
    }
}

fn layout(channels: &Channels) -> Layout {
    let mask = match channels {
        Channels::Positioned(positions) if !positions.contains(Position::LFE2) => positions.bits() as u32,
        _ => 0,
    };
    Layout::new(channels.count() as u16, mask)
}

fn timing(
    format: FormatId,
    track: &Track,
    parameters: &AudioCodecParameters,
    rate: u32,
    movie: &Movie,
) -> Timing {
    let (id, priming) = (parameters.codec, priming(parameters));
    let stamped = track.time_base.is_some_and(|base| base.numer.get() == 1 && base.denom.get() == rate)
        && format != well_known::FORMAT_ID_MKV;
    let counted = track.num_frames.filter(|_| stamped && !movie.fragmented);
    let counted = counted.and_then(|frames| i64::try_from(frames).ok());
    let start = if is_mpeg(id) { -i64::from(track.delay.unwrap_or(0)) } else { track.start_ts.get() };
    let lossy = is_mpeg(id) || matches!(id, codec::CODEC_ID_AAC | codec::CODEC_ID_VORBIS);
    let warm_up = if lossy { WARM_UP } else { 0 };
    let (first, end) = if id == codec::CODEC_ID_OPUS && movie.edits.is_empty() {
        (track.start_ts.get().max(0) + priming, None)
    } else if stamped {
        heard(format, track, id, rate, movie, counted)
    } else {
        (0, None)
    };
    Timing {
        start: if stamped { start } else { 0 },
        first,
        end,
        declared: counted.and_then(|frames| declared(format, track, id, frames)),
        seekable: stamped && !is_adpcm(id) && id != codec::CODEC_ID_OPUS,
        gapless_stamps: matches!(format, well_known::FORMAT_ID_FLAC | well_known::FORMAT_ID_OGG),
        warm_up,
        near: NEAR * i64::from(rate) + warm_up,
        padding: 0,
        trims: !is_mpeg(id),
        noise_period: (id == codec::CODEC_ID_AAC).then_some(NOISE_PERIOD),
    }
}

/// Frames that an Opus header says come before the music; other codecs say it in their containers.
fn priming(parameters: &AudioCodecParameters) -> i64 {
    let head = parameters.extra_data.as_deref().filter(|_| parameters.codec == codec::CODEC_ID_OPUS);
    head.and_then(Head::read).map_or(0, |head| head.pre_skip.into())
}

/// The first media frame that is heard, and one past the last where that is known.
fn heard(
    format: FormatId,
    track: &Track,
    id: AudioCodecId,
    rate: u32,
    movie: &Movie,
    counted: Option<i64>,
) -> (i64, Option<i64>) {
    if is_mpeg(id) {
        return (0, counted.filter(|_| track.delay.is_some()));
    }
    if format != well_known::FORMAT_ID_ISOMP4 {
        return (track.start_ts.get().max(0), None);
    }
    match movie.edits.iter().find(|edit| edit.track == track.id) {
        Some(edit) if movie.fragmented => (i64::try_from(edit.start).unwrap_or(0), None),
        Some(edit) => edited(edit, counted, rate),
        None => noted(movie, id, counted),
    }
}

/// What iTunes noted counts where there is no edit.
fn noted(movie: &Movie, id: AudioCodecId, counted: Option<i64>) -> (i64, Option<i64>) {
    let note = movie.itunes.filter(|_| id == codec::CODEC_ID_AAC);
    let Some((priming, frames)) = note else { return (0, counted) };
    let end = i64::try_from(priming.saturating_add(frames)).unwrap_or(i64::MAX);
    match counted {
        // A note of more than there is cannot be about this track.
        Some(counted) if end > counted => (0, Some(counted)),
        _ => (priming as i64, Some(end)),
    }
}

/// An edit's length counts in ticks of the movie, often milliseconds: where it ends within a tick of the
/// track's own end, the track's end is meant.
fn edited(edit: &Edit, total: Option<i64>, rate: u32) -> (i64, Option<i64>) {
    let first = i64::try_from(edit.start).unwrap_or(0);
    let tick = f64::from(rate) / f64::from(edit.movie_scale.max(1));
    let end = first as f64 + edit.length as f64 * tick;
    match total {
        Some(total) if edit.length == 0 || end + tick > total as f64 => (first, Some(total)),
        _ if edit.length == 0 => (first, None),
        _ => (first, Some(end.round() as i64)),
    }
}

/// Containers whose headers count frames exactly. An MP3's tag may count itself or a frame too many, and
/// ffmpeg's CAF counts the last packet of ALAC as full; that one's packets are listed, so that none is missed.
fn declared(format: FormatId, track: &Track, id: AudioCodecId, frames: i64) -> Option<i64> {
    match format {
        well_known::FORMAT_ID_WAVE | well_known::FORMAT_ID_AIFF | well_known::FORMAT_ID_FLAC => Some(frames),
        well_known::FORMAT_ID_ISOMP4 | plain::FORMAT => Some(frames),
        well_known::FORMAT_ID_CAF if id != codec::CODEC_ID_ALAC => Some(frames),
        well_known::FORMAT_ID_MP3 if track.delay.is_some() => Some((frames - 2 * 1152).max(0)),
        _ => None,
    }
}

fn duration(track: &Track, parameters: &AudioCodecParameters, timing: &Timing, rate: u32) -> Option<f64> {
    if let Some(end) = timing.end.or(timing.declared) {
        return Some((end - timing.first).max(0) as f64 / f64::from(rate));
    }
    let time = track.time_base?.calc_duration(track.duration?)?.as_secs_f64();
    Some((time - priming(parameters) as f64 / f64::from(rate)).max(0.0))
}

fn not_audio(cause: &Cause) -> Error {
    let known = "wav, flac, mp3, m4a (AAC-LC or ALAC), ogg (Vorbis or Opus), aiff, au, caf and mka are read";
    match cause {
        Cause::Unsupported(what) if what.contains("no suitable format reader") => {
            cannot("it is not audio that can be read").hint(known)
        }
        Cause::IoError(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
            cannot("it is not audio that can be read, or only the beginning of it").hint(known)
        }
        cause => cannot(format!("its container cannot be read: {cause}")),
    }
}

fn unsupported(codec: &str, cause: &Cause) -> Error {
    let cause = match cause {
        Cause::Unsupported(_) if codec == "aac" => {
            "it is HE-AAC, another profile, or has more than two channels; AAC is read as AAC-LC, mono or stereo"
        }
        Cause::Unsupported(_) => "there is no decoder for it",
        Cause::DecodeError(what) => what,
        _ => "its parameters make no sense",
    };
    cannot(format!("codec `{codec}` is not supported: {cause}")).hint("convert the source to FLAC or WAV")
}

/// The short names that ffmpeg and most people use.
fn codec_name(id: AudioCodecId) -> String {
    if let Some(known) = symphonia::default::get_codecs().get_audio_decoder(id) {
        return known.codec.info.short_name.to_owned();
    }
    let name = match id {
        codec::CODEC_ID_OPUS => "opus",
        codec::CODEC_ID_SPEEX => "speex",
        codec::CODEC_ID_MUSEPACK => "musepack",
        codec::CODEC_ID_AC3 => "ac3",
        codec::CODEC_ID_EAC3 => "eac3",
        codec::CODEC_ID_AC4 => "ac4",
        codec::CODEC_ID_DCA => "dts",
        codec::CODEC_ID_WMA => "wma",
        codec::CODEC_ID_WAVPACK => "wavpack",
        codec::CODEC_ID_MONKEYS_AUDIO => "ape",
        codec::CODEC_ID_TTA => "tta",
        codec::CODEC_ID_TRUEHD => "truehd",
        _ => "unknown",
    };
    name.to_owned()
}

/// A stream that knows how long it is.
struct Measured<R> {
    stream: R,
    length: u64,
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl<R: Seek> Seek for Measured<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.stream.seek(to)
    }
}

impl<R: Read + Seek + Send + Sync> MediaSource for Measured<R> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}
