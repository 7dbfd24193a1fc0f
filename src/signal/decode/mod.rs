//! Encoded audio to samples: the frames of the ranges that are asked for, and no others.

mod au;
mod bit_depth;
mod edit_list;
mod he_aac;
mod matroska;
mod open;
mod opus;
mod packets;
mod plain;
mod refused;
mod rf64;
mod tags;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::io::{Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use self::packets::Packets;
pub use self::tags::Tags;
use super::layout::Layout;
use crate::error::{Error, Result};

/// Decoded audio: one vector of samples per channel, all of one length; full scale is 1, and lossy codecs
/// may go beyond it.
pub type Planes = Vec<Vec<f32>>;

/// What a source says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The codec's short name: `flac`, `mp3`, `aac`, `vorbis`, `pcm_s16le`, ...
    pub codec: String,
    /// Frames a second.
    pub sample_rate: u32,
    /// Which loudspeaker each channel is for.
    pub layout: Layout,
    /// Bits of a sample; none of lossy codecs.
    pub bit_depth: Option<u32>,
    /// How long it is, s, where the container says so; only decoding it all shows whether that is true.
    pub duration_s: Option<f64>,
}

/// An opened source, to be decoded range by range.
///
/// Frame `n` of a source is the same samples however it is reached: decoding a range gives, bit for bit,
/// that slice of the whole. Frame 0 is the first one after the encoder's priming (LAME's tag, Vorbis'
/// granule positions, an MP4's edit list).
pub struct Source {
    packets: Packets,
}

/// The most samples that one range may decode to, 8 GiB: a few bytes of a lossless codec can stand for
/// hours of silence.
const MOST_SAMPLES: usize = 1 << 31;

impl Source {
    /// Reads the headers of `stream`, from its start.
    ///
    /// # Errors
    /// When it is empty, no audio that can be read, has no audio track, or its codec is not supported.
    pub fn open<R>(stream: R) -> Result<Self>
    where
        R: Read + Seek + Send + Sync + 'static,
    {
        contain(|| Ok(Self { packets: Packets::new(open::open(stream)?)? }))
    }

    /// What the source says about itself.
    pub fn probe(&self) -> &Probe {
        &self.packets.probe
    }

    /// What its tags say.
    pub fn tags(&mut self) -> Tags {
        self.packets.tags()
    }

    /// Decodes the whole source.
    ///
    /// # Errors
    /// When it is damaged, shorter than its header says, or holds no audio or samples that are no numbers.
    pub fn decode_all(&mut self) -> Result<Planes> {
        contain(|| {
            self.packets.asked = None;
            let planes = self.decode_frames(0, i64::MAX)?;
            self.check_complete()?;
            if planes.iter().all(Vec::is_empty) { Err(cannot("it holds no audio")) } else { Ok(planes) }
        })
    }

    /// Decodes the range from `start` to `end`, s: the frames from round(`start` x rate) on, up to and
    /// without round(`end` x rate).
    ///
    /// # Errors
    /// As [`Source::decode_all`], and when the range holds no frame or ends past the source's end. Damage
    /// outside the range is not seen, unless the range cannot be reached without what is damaged; the error says
    /// whether it lies within the range.
    pub fn decode_range(&mut self, start: f64, end: f64) -> Result<Planes> {
        let (first, last) = self.frames_of(start, end)?;
        let timing = self.packets.timing;
        contain(|| {
            let known = timing.end.or(timing.declared).map(|known| known - timing.first);
            if let Some(frames) = known.filter(|&frames| frames < last) {
                return Err(self.past_the_end(start, end, frames));
            }
            self.packets.asked =
                Some((timing.first.saturating_add(first), timing.first.saturating_add(last)));
            let planes = self.decode_frames(first, last)?;
            if planes.first().is_some_and(|plane| plane.len() as i64 == last - first) {
                return Ok(planes);
            }
            self.check_complete()?;
            Err(self.past_the_end(start, end, self.packets.decoded_until() - timing.first))
        })
    }

    fn frames_of(&self, start: f64, end: f64) -> Result<(i64, i64)> {
        let rate = f64::from(self.probe().sample_rate);
        let (first, last) = ((start * rate).round(), (end * rate).round());
        if !(0.0 <= first && first < last && last < 9e15) {
            return Err(cannot(format!("the range from {start} s to {end} s holds no frame")));
        }
        Ok((first as i64, last as i64))
    }

    /// The samples of the source's frames from `first` up to `last`, or as many as there are.
    fn decode_frames(&mut self, first: i64, last: i64) -> Result<Planes> {
        let timing = self.packets.timing;
        let first = timing.first.saturating_add(first);
        let end = timing.first.saturating_add(last).min(timing.end.unwrap_or(i64::MAX));
        let mut planes = vec![Vec::new(); usize::from(self.probe().layout.channels())];
        self.packets.go_to(first)?;
        while self.packets.decoded_until() < end {
            let Some(start) = self.packets.decode_next(first)? else { break };
            self.take(start, first, end, &mut planes)?;
        }
        Ok(planes)
    }

    /// Appends to `planes` what of the packet just decoded, whose first frame is `start`, lies within
    /// `first..end`.
    fn take(&self, start: i64, first: i64, end: i64, planes: &mut Planes) -> Result<()> {
        let within = |frame: i64, length: usize| {
            usize::try_from(frame.saturating_sub(start)).map_or(0, |frame| frame.min(length))
        };
        for (plane, decoded) in planes.iter_mut().zip(&self.packets.decoded) {
            let (from, to) = (within(first, decoded.len()), within(end, decoded.len()));
            let Some(samples) = decoded.get(from..to) else { continue };
            // Without an early exit, which would keep the compiler from looking at several at once.
            if !samples.iter().fold(true, |finite, sample| finite & sample.is_finite()) {
                let at = samples.iter().position(|sample| !sample.is_finite()).unwrap_or(0);
                let time = self.packets.time_of(start + (from + at) as i64);
                return Err(cannot(format!("a sample at {time} is not a finite number")));
            }
            plane.extend_from_slice(samples);
        }
        let samples = planes.first().map_or(0, Vec::len) * planes.len();
        if samples > MOST_SAMPLES { Err(too_much()) } else { Ok(()) }
    }

    /// After the last packet: whether as many frames came as the header declared.
    fn check_complete(&self) -> Result<()> {
        let decoded = self.packets.decoded_until();
        match self.packets.timing.declared {
            Some(declared) if decoded < declared => Err(self.packets.cut_short(decoded)),
            _ => Ok(()),
        }
    }

    fn past_the_end(&self, start: f64, end: f64, frames: i64) -> Error {
        let length = time(frames.max(0) as f64 / f64::from(self.probe().sample_rate));
        let range = format!("{}-{}", time(start), time(end));
        Error::world(format!("cannot decode the range `{range}`: it ends past the source's end, {length}"))
            .hint(format!("end the range at {length} or before"))
    }
}

/// `seconds` as people write them, `m:ss` and as many of the milliseconds as are not zero, rounded down so
/// that what is said to exist does.
pub fn time(seconds: f64) -> String {
    let milliseconds = (seconds * 1000.0 + 1e-6).max(0.0) as u64;
    let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000);
    let (seconds, fraction) = (rest / 1000, format!(".{:03}", rest % 1000));
    format!("{minutes}:{seconds:02}{}", fraction.trim_end_matches('0').trim_end_matches('.'))
}

/// Runs code of the decoders, in which a damaged file may break an assumption, so that one bad clip stops
/// nobody else.
fn contain<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(cannot("it is damaged; its decoder gave up")))
}

fn cannot(cause: impl Display) -> Error {
    Error::world(format!("cannot decode the source: {cause}"))
}

fn too_much() -> Error {
    cannot(format!("it holds more than {MOST_SAMPLES} samples")).hint("cut the clip into ranges")
}
