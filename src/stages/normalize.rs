//! normalize: decode the ranges, downmix, resample, and bring the clip to one loudness.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Context, Inputs, Measures, Outputs, Pieces, RangeOfMaster, Stage};
use crate::error::{Error, Result};
use crate::signal::decode::{Planes, Probe, Source};
use crate::signal::duplicates::PcmDigest;
use crate::signal::layout::Layout;
use crate::signal::loudness::Meter;
use crate::signal::quality::{Examiner, Quality};
use crate::signal::resample::Resampler;
use crate::signal::wav::{MAX_SAMPLE, MIN_SAMPLE, WavWriter};

/// Decodes a clip's ranges into its master: WAV, 24-bit.
///
/// The ranges are decoded, brought to the master's channels and sample rate each by itself, laid end to
/// end, and multiplied by one gain. Loudness is measured over all of them as one programme, and on what is
/// stored: mono where the master is mono.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Normalize {
    /// Frames a second of the master, Hz, or "keep" for the source's own.
    #[schemars(extend("minimum" = 1000, "maximum" = 384_000))]
    pub sample_rate: OrKeep<u32>,
    /// Channels of the master: "mono" (the mean of all channels but the low-frequency one) or "keep".
    pub channels: Channels,
    /// Integrated loudness of the master, LUFS (ITU-R BS.1770-4), or "keep": no gain at all.
    #[schemars(extend("minimum" = -70.0, "maximum" = 0.0))]
    pub loudness: OrKeep<f64>,
    /// The true peak that the gain never goes beyond, dBTP (ITU-R BS.1770-4, annex 2); it makes a clip of
    /// high peaks quieter than `loudness`.
    #[schemars(extend("minimum" = -70.0, "maximum" = 0.0))]
    pub true_peak: f64,
    /// The clip's ranges in the source, s; empty for the whole source. Never in the manifest's `[normalize]`.
    #[schemars(skip)]
    #[serde(skip_deserializing)]
    pub ranges: Vec<(f64, f64)>,
}

/// A number, or the word "keep": leave it as it is in the source.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OrKeep<N> {
    /// Change it to this.
    To(N),
    /// Leave it as it is.
    Keep(Keep),
}

/// The word "keep".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Keep {
    /// Leave it as it is.
    #[serde(rename = "keep")]
    Keep,
}

/// What becomes of the source's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// One channel.
    Mono,
    /// As many as the source has.
    Keep,
}

impl Default for Normalize {
    fn default() -> Self {
        Self {
            sample_rate: OrKeep::To(44_100),
            channels: Channels::Mono,
            loudness: OrKeep::To(-23.0),
            true_peak: -1.0,
            ranges: Vec::new(),
        }
    }
}

impl Normalize {
    /// How many samples a second the master has of a source with this rate (Hz) and so many channels.
    pub fn samples_a_second(&self, sample_rate: u32, n_channels: f64) -> f64 {
        let rate = match self.sample_rate {
            OrKeep::To(rate) => rate,
            OrKeep::Keep(_) => sample_rate,
        };
        f64::from(rate) * if self.channels == Channels::Keep { n_channels } else { 1.0 }
    }
}

impl Stage for Normalize {
    fn version(&self) -> u32 {
        6
    }

    fn reads(&self) -> &'static [&'static str] {
        &["source"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        let mut source = Source::open(inputs.one("source")?.reader()?)?;
        let master = self.decode(&mut source, context)?;
        let gain_db = self.gain_db(&master)?;
        let measures = master.measures(source.probe(), gain_db);
        let pieces = Pieces { sample_rate: master.sample_rate, pieces: self.pieces(&master.stretches) };
        let drawn = if self.ranges.is_empty() {
            Pieces { pieces: Vec::new(), ..pieces.clone() }
        } else {
            pieces.clone()
        };
        drop(source);
        context.check()?;
        let fingerprint = master.examiner.fingerprint().to_bytes();
        let audio = master.into_wav(gain_db)?;
        Ok(vec![
            ("audio", audio),
            ("ranges", pieces.to_bytes()),
            ("measures", measures.to_bytes()),
            ("drawn", drawn.to_bytes()),
            ("fingerprint", fingerprint),
        ])
    }
}

/// What is to be stored, before its gain is known.
struct Master {
    sample_rate: u32,
    layout: Layout,
    /// One for each range: one vector of samples per channel.
    stretches: Vec<Vec<Vec<f64>>>,
    /// Has heard what is to be stored.
    meter: Meter,
    /// Has heard the same ranges in the source.
    source_meter: Meter,
    /// Has examined them for the quality gate.
    examiner: Examiner,
    /// Of them, too.
    pcm_digest: PcmDigest,
    /// Frames of the source in all ranges.
    source_frames: usize,
}

impl Normalize {
    fn decode(&self, source: &mut Source, context: &Context) -> Result<Master> {
        let mut master = self.empty_master(source.probe());
        let resampler = Resampler::new(source.probe().sample_rate, master.sample_rate);
        let ranges: Vec<_> = self.ranges.iter().copied().map(Some).collect();
        for range in if ranges.is_empty() { vec![None] } else { ranges } {
            context.check()?;
            let planes = match range {
                Some((start, end)) => source.decode_range(start, end)?,
                None => source.decode_all()?,
            };
            context.check()?;
            master.source_frames += planes.first().map_or(0, Vec::len);
            master.source_meter.add(&planes);
            master.pcm_digest.add(&planes);
            context.check()?;
            let mono = source.probe().layout.downmix(&planes);
            context.check()?;
            master.examiner.add(&planes, &mono);
            context.check()?;
            let channels = self.mix(planes, mono);
            context.check()?;
            let stretch: Vec<_> = channels.into_iter().map(|channel| resampler.resample(channel)).collect();
            master.meter.add(&stretch);
            master.stretches.push(stretch);
        }
        Ok(master)
    }

    fn empty_master(&self, source: &Probe) -> Master {
        let sample_rate = match self.sample_rate {
            OrKeep::To(rate) => rate,
            OrKeep::Keep(_) => source.sample_rate,
        };
        let layout = match self.channels {
            Channels::Mono => Layout::new(1, 0),
            Channels::Keep => source.layout,
        };
        Master {
            sample_rate,
            layout,
            stretches: Vec::new(),
            meter: Meter::new(sample_rate, layout),
            source_meter: Meter::new(source.sample_rate, source.layout),
            examiner: Examiner::new(source.sample_rate),
            pcm_digest: PcmDigest::new(source.sample_rate, source.layout.channels()),
            source_frames: 0,
        }
    }

    fn mix(&self, planes: Planes, mono: Vec<f64>) -> Vec<Vec<f64>> {
        match self.channels {
            Channels::Mono => vec![mono],
            Channels::Keep => {
                planes.into_iter().map(|plane| plane.into_iter().map(f64::from).collect()).collect()
            }
        }
    }

    /// The gain, dB, rounded down to 0.0001 dB so that what is recorded is what is applied; none for a clip that is silent, or
    /// shorter than anything that has a loudness: the quality gate says so.
    fn gain_db(&self, master: &Master) -> Result<f64> {
        let OrKeep::To(target) = self.loudness else { return Ok(0.0) };
        let Some((loudness, peak)) = master.meter.integrated().zip(master.meter.true_peak()) else {
            let refused = |(cause, hint)| {
                Error::world(format!("cannot bring the clip's loudness to {target} LUFS: {cause}")).hint(hint)
            };
            return master.why_no_loudness().map_or(Ok(0.0), |why| Err(refused(why)));
        };
        let gain = (target - loudness).min(self.true_peak - peak);
        Ok((gain * 1e4).floor() / 1e4)
    }

    fn pieces(&self, stretches: &[Vec<Vec<f64>>]) -> Vec<RangeOfMaster> {
        let starts = self.ranges.iter().map(|range| range.0).chain(std::iter::repeat(0.0));
        let mut end = 0;
        let piece = |(stretch, source_start): (&Vec<Vec<f64>>, f64)| {
            let start = end;
            end += stretch.first().map_or(0, Vec::len) as u64;
            RangeOfMaster { source_start, start, end }
        };
        stretches.iter().zip(starts).map(piece).collect()
    }
}

impl Master {
    /// Where a clip that sounds, and for long enough, has no loudness: a cause, and what to do about it.
    fn why_no_loudness(&self) -> Option<(&'static str, &'static str)> {
        if self.meter.is_too_short() && self.stretches.len() > 1 {
            Some((
                "none of its ranges is as long as 0.4 s, and shorter audio has no loudness (ITU-R BS.1770-4)",
                "set `loudness = \"keep\"` in `[normalize]`, or leave the clip out",
            ))
        } else if !self.meter.is_too_short() && self.source_meter.integrated().is_some() {
            Some((
                "its channels cancel each other out",
                "set `channels = \"keep\"` in `[normalize]`, or mend the source",
            ))
        } else {
            None
        }
    }

    fn measures(&self, source: &Probe, gain_db: f64) -> Measures {
        let rounded = |value: f64| (value * 1e4).round() / 1e4;
        Measures {
            codec: source.codec.clone(),
            sample_rate_hz: source.sample_rate,
            channels: u32::from(source.layout.channels()),
            bit_depth: source.bit_depth,
            pcm_blake3: self.pcm_digest.finish(),
            duration_s: self.source_frames as f64 / f64::from(source.sample_rate),
            loudness_lufs: self.source_meter.integrated().map(rounded),
            loudness_range_lu: self.source_meter.range().map(rounded),
            momentary_max_lufs: self.source_meter.momentary_max().map(rounded),
            short_term_max_lufs: self.source_meter.short_term_max().map(rounded),
            true_peak_dbtp: self.source_meter.true_peak().map(rounded),
            channels_to_master: if self.layout == source.layout {
                source.layout.names()
            } else {
                source.layout.downmix_account()
            },
            gain_db,
            quality: self.quality(source),
        }
    }

    /// What lossy codecs decode to has no bits of its own.
    fn quality(&self, source: &Probe) -> Quality {
        let quality = self.examiner.finish();
        Quality { used_bits: quality.used_bits.filter(|_| source.bit_depth.is_some()), ..quality }
    }

    /// The stretches end to end, multiplied by the gain and rounded, as a WAV file.
    fn into_wav(self, gain_db: f64) -> Result<Vec<u8>> {
        let gain = libm::pow(10.0, gain_db / 20.0);
        let n_samples = self.stretches.iter().flatten().map(Vec::len).sum();
        let mut wav = WavWriter::new(self.sample_rate, self.layout, n_samples)?;
        let mut block = Vec::new();
        for stretch in self.stretches {
            let n_frames = stretch.first().map_or(0, Vec::len);
            for first in (0..n_frames).step_by(FRAMES_AT_ONCE) {
                block.clear();
                let frames = first..(first + FRAMES_AT_ONCE).min(n_frames);
                match &stretch[..] {
                    [mono] => block.extend(mono[frames].iter().map(|sample| to_24_bit(sample * gain))),
                    channels => block.extend(frames.flat_map(|frame| {
                        channels.iter().map(move |channel| to_24_bit(channel[frame] * gain))
                    })),
                }
                wav.add(&block);
            }
        }
        Ok(wav.finish())
    }
}

/// Frames that are rounded at a time.
const FRAMES_AT_ONCE: usize = 4096;

/// The nearest 24-bit sample, halves away from zero; what is beyond full scale is clipped.
fn to_24_bit(sample: f64) -> i32 {
    /// The number next to a half: with a half, what lies just below one would be rounded up.
    const HALF: f64 = 0.5_f64.next_down();
    let sample = sample * 8_388_608.0;
    (sample + HALF.copysign(sample)).clamp(f64::from(MIN_SAMPLE), f64::from(MAX_SAMPLE)) as i32
}

#[cfg(test)]
mod tests;
