//! From packet to samples: where decoding has to start for a frame, and which frame each packet starts at.

use std::io;

use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder};
use symphonia::core::errors::Error as Cause;
use symphonia::core::formats::{FormatReader, SeekMode, SeekTo};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::he_aac::Suspicion;
use super::open::{self, Opened, Timing};
use super::tags::{self, Tags};
use super::{Planes, Probe, cannot, time};
use crate::error::{Error, Result};

/// The packets of one track and their decoder.
pub(super) struct Packets {
    pub(super) probe: Probe,
    pub(super) timing: Timing,
    /// The media frames of the range that is being decoded; none for the whole source.
    pub(super) asked: Option<(i64, i64)>,
    /// What the last packet decoded to; empty where it does not count.
    pub(super) decoded: Planes,
    container: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    parameters: AudioCodecParameters,
    track: u32,
    /// The media frame that the next decoded one will be; none at the start and after a seek.
    position: Option<i64>,
    /// Nothing was decoded since the start or the last rewind to it.
    untouched: bool,
    /// The next packet follows nothing, so that what it decodes to lacks its first half.
    cold: bool,
    /// Of a track with padding: the packet that follows the one handed out.
    ahead: Option<Packet>,
    /// Which noise period the last packet lies in, and that packet.
    noise: Option<(i64, Packet)>,
    /// Of AAC: whether it is what its header takes it for.
    suspicion: Option<Suspicion>,
}

impl Packets {
    pub(super) fn new(opened: Opened) -> Result<Self> {
        let Opened { container, parameters, track, probe, timing } = opened;
        let decoder = open::decoder(&parameters, &probe)?;
        let decoded = vec![Vec::new(); usize::from(probe.layout.channels())];
        let (position, ahead, noise) = (None, None, None);
        let (untouched, cold) = (true, false);
        let suspicion = (parameters.codec == CODEC_ID_AAC).then(Suspicion::default);
        Ok(Self {
            probe,
            timing,
            asked: None,
            decoded,
            container,
            decoder,
            parameters,
            track,
            position,
            untouched,
            cold,
            ahead,
            noise,
            suspicion,
        })
    }

    /// What the tags before the first packet say.
    pub(super) fn tags(&mut self) -> Tags {
        tags::read(self.container.as_mut())
    }

    /// One past the last media frame that was decoded.
    pub(super) fn decoded_until(&self) -> i64 {
        self.position.unwrap_or(self.timing.start)
    }

    /// The time of a media frame in the source, for people.
    pub(super) fn time_of(&self, frame: i64) -> String {
        time((frame - self.timing.first).max(0) as f64 / f64::from(self.probe.sample_rate))
    }

    /// Moves to where decoding has to start for media frame `first`.
    pub(super) fn go_to(&mut self, first: i64) -> Result<()> {
        let ready = self.untouched || self.position.is_some();
        let now = self.decoded_until();
        if ready && (now..now.saturating_add(self.timing.near)).contains(&first) {
            return Ok(());
        }
        let period = self.timing.noise_period.unwrap_or(1);
        let from = first.div_euclid(period) * period - self.timing.warm_up;
        match self.timing.seekable && from > self.timing.start {
            true if self.seek(from).is_ok() => Ok(()),
            false if ready && now <= first => Ok(()),
            _ => self.rewind(),
        }
    }

    /// Decodes the next packet into `decoded`, and says which media frame its first one is; none at the
    /// end. Damage well before media frame `wanted` is passed over.
    pub(super) fn decode_next(&mut self, wanted: i64) -> Result<Option<i64>> {
        loop {
            let Some(packet) = self.next_packet()? else { return Ok(None) };
            self.suspicion.as_mut().map_or(Ok(()), |suspicion| suspicion.look_at(&packet.data))?;
            let start = self.start_of(&packet, wanted)?;
            self.renew_noise(start)?;
            let frames = self.decode(&packet, start, wanted)?;
            self.noise = self.timing.noise_period.map(|period| (start.div_euclid(period), packet));
            self.untouched = false;
            if !std::mem::take(&mut self.cold) {
                self.position = Some(start.saturating_add(frames));
                return Ok(Some(start));
            }
        }
    }

    fn seek(&mut self, to: i64) -> std::result::Result<(), Cause> {
        self.decoder.reset();
        self.position = None;
        self.ahead = None;
        self.noise = None;
        self.untouched = false;
        self.cold = self.timing.warm_up > 0;
        let to = SeekTo::Timestamp { ts: Timestamp::new(to), track_id: self.track };
        self.container.seek(SeekMode::Accurate, to).map(|_| ())
    }

    fn rewind(&mut self) -> Result<()> {
        self.seek(self.timing.start).map_err(|cause| cannot(format!("it cannot be rewound: {cause}")))?;
        self.decoder = open::decoder(&self.parameters, &self.probe)?;
        self.cold = false;
        self.untouched = true;
        Ok(())
    }

    /// The next packet, the last one with its padding.
    fn next_packet(&mut self) -> Result<Option<Packet>> {
        if self.timing.padding == 0 {
            return self.read_packet();
        }
        let next = match self.ahead.take() {
            Some(packet) => Some(packet),
            None => self.read_packet()?,
        };
        let Some(mut packet) = next else { return Ok(None) };
        self.ahead = self.read_packet()?;
        if self.ahead.is_none() {
            packet.trim_end = Duration::new(self.timing.padding);
        }
        Ok(Some(packet))
    }

    fn read_packet(&mut self) -> Result<Option<Packet>> {
        loop {
            match self.container.next_packet() {
                Ok(Some(packet)) if packet.track_id != self.track => {}
                Ok(packet) => return Ok(packet),
                Err(Cause::ResetRequired) => {
                    let at = self.time_of(self.decoded_until());
                    return Err(cannot(format!("another stream follows its first one at {at}"))
                        .hint("store each stream as a source of its own"));
                }
                Err(cause) => return Err(self.damaged(self.decoded_until(), &cause)),
            }
        }
    }

    /// The media frame that `packet` decodes to first. What is missing well before media frame `wanted` is
    /// passed over.
    fn start_of(&self, packet: &Packet, wanted: i64) -> Result<i64> {
        let trimmed = if self.timing.trims { packet.trim_start.get() } else { 0 };
        let stamp = packet.pts.get().saturating_add_unsigned(trimmed);
        match self.position {
            Some(position)
                if self.timing.gapless_stamps
                    && position < stamp
                    && stamp.saturating_add(self.timing.warm_up) <= wanted =>
            {
                Ok(stamp)
            }
            Some(position) if self.timing.gapless_stamps && position != stamp => {
                let at = position.min(stamp);
                let cause = format!("audio is missing at {}{}", self.time_of(at), self.affects(at));
                Err(self.advise(cannot(cause), at))
            }
            Some(position) => Ok(position),
            None if self.timing.seekable => Ok(stamp),
            None => Ok(self.timing.start),
        }
    }

    /// At the start of a noise period: a new decoder, which has seen the packet before and nothing else.
    fn renew_noise(&mut self, start: i64) -> Result<()> {
        let (Some(length), Some((period, previous))) = (self.timing.noise_period, self.noise.take()) else {
            return Ok(());
        };
        if period != start.div_euclid(length) {
            self.decoder = open::decoder(&self.parameters, &self.probe)?;
            // Damage in it was reported, or passed over, when it was decoded itself.
            let _ = self.decoder.decode(&previous);
        }
        Ok(())
    }

    /// Decodes `packet` and says how many frames it stands for.
    fn decode(&mut self, packet: &Packet, start: i64, wanted: i64) -> Result<i64> {
        let channels = self.decoded.len();
        let same = match self.decoder.decode(packet) {
            Ok(buffer) => {
                let same = buffer.spec().rate() == self.probe.sample_rate && buffer.num_planes() == channels;
                if same {
                    buffer.copy_to_vecs_planar(&mut self.decoded);
                }
                same
            }
            Err(cause) => return self.pass_over(packet, start, wanted, &cause),
        };
        if same {
            return Ok(self.decoded.first().map_or(0, Vec::len) as i64);
        }
        Err(cannot(format!("its sample rate or channels change at {}", self.time_of(start))))
    }

    /// Damage is passed over where four packets lie between it and what is wanted.
    fn pass_over(&mut self, packet: &Packet, start: i64, wanted: i64, cause: &Cause) -> Result<i64> {
        let length = i64::try_from(packet.block_dur().get()).unwrap_or(i64::MAX);
        if start.saturating_add(length.saturating_mul(4)) > wanted {
            return Err(self.damaged(start, cause));
        }
        self.decoded.iter_mut().for_each(Vec::clear);
        Ok(length)
    }

    /// The file ends after media frame `frame`, too early.
    pub(super) fn cut_short(&self, frame: i64) -> Error {
        let at = self.time_of(frame);
        let cause = match self.timing.declared {
            Some(frames) if frame < frames => {
                format!(
                    "it ends at {at}, but its header says that it lasts {}",
                    self.time_of(self.timing.end.unwrap_or(frames))
                )
            }
            _ => format!("it breaks off at {at}"),
        };
        let error =
            cannot(cause + &self.affects(frame)).hint("the file was cut short: copy or download it again");
        self.advise(error, frame)
    }

    fn damaged(&self, frame: i64, cause: &Cause) -> Error {
        let at = self.time_of(frame);
        match cause {
            Cause::IoError(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => self.cut_short(frame),
            cause => {
                self.advise(cannot(format!("it is damaged at {at}{}: {cause}", self.affects(frame))), frame)
            }
        }
    }

    /// Whether damage at media frame `frame` lies in the range asked for.
    fn affects(&self, frame: i64) -> String {
        let Some((first, end)) = self.asked else { return String::new() };
        let range = format!("the range `{}-{}`", self.time_of(first), self.time_of(end));
        if frame < first { format!(", before {range}, which needs it") } else { format!(", within {range}") }
    }

    /// A whole source that is damaged has a part before it that is not.
    fn advise(&self, error: Error, frame: i64) -> Error {
        if self.asked.is_some() || frame <= self.timing.first {
            return error;
        }
        error.hint(format!("what lies before {} can be decoded: give the clip `ranges`", self.time_of(frame)))
    }
}
