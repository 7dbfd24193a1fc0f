//! normalize: decode the ranges, downmix, resample, and bring the clip to one loudness.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Context, Inputs, Measures, Outputs, Pieces, RangeOfMaster, Stage};
use crate::error::{Error, Result};
use crate::signal::decode::{Planes, Probe, Source};
use crate::signal::layout::Layout;
use crate::signal::loudness::Meter;
use crate::signal::resample::Resampler;
use crate::signal::wav::{MAX_SAMPLE, MIN_SAMPLE, Pcm};

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
        4
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
        let audio = master.into_pcm(gain_db).to_wav()?;
        Ok(vec![
            ("audio", audio),
            ("ranges", pieces.to_bytes()),
            ("measures", measures.to_bytes()),
            ("drawn", drawn.to_bytes()),
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
            let channels = self.mix(planes, source.probe().layout);
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
            source_frames: 0,
        }
    }

    fn mix(&self, planes: Planes, layout: Layout) -> Vec<Vec<f64>> {
        match self.channels {
            Channels::Mono => vec![layout.downmix(&planes)],
            Channels::Keep => {
                planes.into_iter().map(|plane| plane.into_iter().map(f64::from).collect()).collect()
            }
        }
    }

    /// The gain, dB, rounded down to 0.0001 dB so that what is recorded is what is applied.
    fn gain_db(&self, master: &Master) -> Result<f64> {
        let OrKeep::To(target) = self.loudness else { return Ok(0.0) };
        let Some((loudness, peak)) = master.meter.integrated().zip(master.meter.true_peak()) else {
            let (cause, hint) = master.why_no_loudness();
            return Err(Error::world(format!("cannot bring the clip's loudness to {target} LUFS: {cause}"))
                .hint(hint));
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
    /// A cause, and what to do about it.
    fn why_no_loudness(&self) -> (&'static str, &'static str) {
        let keep = "set `loudness = \"keep\"` in `[normalize]`, or leave the clip out";
        if self.meter.is_too_short() {
            (
                "none of its ranges is as long as 0.4 s, and shorter audio has no loudness (ITU-R BS.1770-4)",
                keep,
            )
        } else if self.source_meter.integrated().is_some() {
            (
                "its channels cancel each other out",
                "set `channels = \"keep\"` in `[normalize]`, or mend the source",
            )
        } else {
            ("it is silent", keep)
        }
    }

    fn measures(&self, source: &Probe, gain_db: f64) -> Measures {
        let rounded = |value: f64| (value * 1e4).round() / 1e4;
        Measures {
            codec: source.codec.clone(),
            sample_rate_hz: source.sample_rate,
            channels: u32::from(source.layout.channels()),
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
        }
    }

    /// The stretches end to end, multiplied by the gain and rounded.
    fn into_pcm(self, gain_db: f64) -> Pcm {
        let gain = libm::pow(10.0, gain_db / 20.0);
        let frames: usize = self.stretches.iter().filter_map(|stretch| stretch.first()).map(Vec::len).sum();
        let mut samples = Vec::with_capacity(frames * usize::from(self.layout.channels()));
        for stretch in self.stretches {
            for frame in 0..stretch.first().map_or(0, Vec::len) {
                samples.extend(stretch.iter().map(|channel| to_24_bit(channel[frame] * gain)));
            }
        }
        Pcm { sample_rate: self.sample_rate, layout: self.layout, samples }
    }
}

/// The nearest 24-bit sample, halves away from zero; what is beyond full scale is clipped.
fn to_24_bit(sample: f64) -> i32 {
    (sample * 8_388_608.0).round().clamp(f64::from(MIN_SAMPLE), f64::from(MAX_SAMPLE)) as i32
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::stages::Input;

    const KEEP: Normalize = Normalize {
        sample_rate: OrKeep::Keep(Keep::Keep),
        channels: Channels::Keep,
        loudness: OrKeep::Keep(Keep::Keep),
        true_peak: -1.0,
        ranges: Vec::new(),
    };

    fn outputs(stage: &Normalize, source: Vec<u8>) -> Result<Outputs> {
        let mut inputs = Inputs::default();
        inputs.push("source", Input::bytes(source));
        stage.run(&inputs, &Context::new(&AtomicBool::new(false)))
    }

    fn run(stage: &Normalize, source: &Pcm) -> (Pcm, Pieces, Measures) {
        let outputs = outputs(stage, source.to_wav().unwrap()).unwrap();
        assert!(outputs.iter().map(|(name, _)| *name).eq(["audio", "ranges", "measures", "drawn"]));
        let input = |n: usize| Input::bytes(outputs[n].1.clone());
        let audio = Pcm::from_wav(&outputs[0].1).unwrap();
        (audio, Pieces::read(&input(1)).unwrap(), Measures::read(&input(2)).unwrap())
    }

    /// Noise whose level swells and falls, a different one in each channel.
    fn noise(sample_rate: u32, layout: Layout, seconds: f64, level: f64) -> Pcm {
        let mut state = 1u64;
        let count = (seconds * f64::from(sample_rate)) as usize * usize::from(layout.channels());
        let mut sample = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0;
            to_24_bit(noise * level * (1.2 + libm::sin(n as f64 / 9000.0)))
        };
        Pcm { sample_rate, layout, samples: (0..count).map(&mut sample).collect() }
    }

    fn measure(audio: &Pcm, pieces: &Pieces) -> Meter {
        let mut meter = Meter::new(audio.sample_rate, audio.layout);
        for piece in &pieces.pieces {
            let channel = |c| audio.channel(c, piece.start as usize..piece.end as usize);
            meter.add(&(0..usize::from(audio.layout.channels())).map(channel).collect::<Vec<_>>());
        }
        meter
    }

    #[test]
    fn a_master_that_keeps_everything_is_the_source() {
        for layout in [Layout::new(1, 0), Layout::new(2, 0), Layout::new(6, 0x3f)] {
            let source = noise(44_100, layout, 0.5, 0.1);
            let (audio, pieces, measures) = run(&KEEP, &source);
            assert_eq!(audio, source);
            let whole = RangeOfMaster { source_start: 0.0, start: 0, end: 22_050 };
            assert_eq!(pieces, Pieces { sample_rate: 44_100, pieces: vec![whole] });
            assert_eq!((measures.gain_db, measures.duration_s), (0.0, 0.5));
            assert_eq!(
                (measures.codec.as_str(), measures.channels),
                ("pcm_s24le", u32::from(layout.channels()))
            );
        }
    }

    #[test]
    fn the_loudness_asked_for_is_reached() {
        let sources = [
            (8000, Layout::new(1, 0), 0.01),
            (48_000, Layout::new(2, 0), 0.2),
            (44_100, Layout::new(6, 0x3f), 0.05),
        ];
        for (rate, layout, level) in sources {
            for channels in [Channels::Mono, Channels::Keep] {
                let stage =
                    Normalize { channels, ranges: vec![(0.0, 2.0), (2.5, 3.1)], ..Normalize::default() };
                let (audio, pieces, _) = run(&stage, &noise(rate, layout, 4.0, level));
                let meter = measure(&audio, &pieces);
                let loudness = meter.integrated().unwrap();
                assert!((loudness + 23.0).abs() < 0.05, "{rate} {layout:?}: {loudness} LUFS");
            }
        }
    }

    #[test]
    fn the_true_peak_is_never_above_its_ceiling() {
        let stage = Normalize { loudness: OrKeep::To(-5.0), true_peak: -3.0, ..Normalize::default() };
        for rate in [8000, 44_100, 96_000] {
            let (audio, pieces, _) = run(&stage, &noise(rate, Layout::new(2, 0), 2.0, 0.01));
            let peak = measure(&audio, &pieces).true_peak().unwrap();
            assert!((-3.001..-2.9999).contains(&peak), "{rate}: {peak} dBTP");
        }
    }

    #[test]
    fn ranges_stay_apart() {
        let source = noise(48_000, Layout::new(1, 0), 3.0, 0.1);
        let stage = |ranges: &[(f64, f64)]| Normalize {
            loudness: OrKeep::Keep(Keep::Keep),
            ranges: ranges.to_vec(),
            ..Normalize::default()
        };
        let (both, pieces, measures) = run(&stage(&[(2.0, 2.5), (0.1, 0.6)]), &source);
        let (first, ..) = run(&stage(&[(2.0, 2.5)]), &source);
        let (second, ..) = run(&stage(&[(0.1, 0.6)]), &source);
        assert_eq!(both.samples, [first.samples, second.samples].concat());
        let piece = |source_start, start, end| RangeOfMaster { source_start, start, end };
        assert_eq!(pieces.pieces, [piece(2.0, 0, 22_050), piece(0.1, 22_050, 44_100)]);
        assert_eq!(measures.duration_s, 1.0);
    }

    #[test]
    fn mono_is_the_mean_without_low_frequencies() {
        let frame = [100, 200, 300, 8_000_000, 400, 500];
        let source = Pcm { sample_rate: 44_100, layout: Layout::new(6, 0x3f), samples: frame.repeat(50) };
        let (audio, ..) = run(&Normalize { channels: Channels::Mono, ..KEEP }, &source);
        assert_eq!(audio.samples, [300; 50]);
    }

    #[test]
    fn channels_that_cancel_each_other_out_are_named() {
        let source = noise(44_100, Layout::new(1, 0), 1.0, 0.1);
        let samples = source.samples.iter().flat_map(|&sample| [sample, -sample]).collect();
        let source = Pcm { layout: Layout::new(2, 0), samples, ..source };
        let error = outputs(&Normalize::default(), source.to_wav().unwrap()).unwrap_err();
        assert!(error.message.ends_with("its channels cancel each other out"), "{error}");
        let (.., measures) = run(&KEEP, &source);
        assert_eq!(measures.channels_to_master, "FL FR");
    }

    #[test]
    fn the_source_is_measured_as_it_is() {
        let source = noise(48_000, Layout::new(2, 0), 2.0, 0.1);
        let (_, pieces, measures) = run(&Normalize::default(), &source);
        let mut whole = pieces;
        whole.pieces[0].end = 96_000;
        let meter = measure(&source, &whole);
        assert!((measures.loudness_lufs.unwrap() - meter.integrated().unwrap()).abs() < 1e-3);
        assert!((measures.true_peak_dbtp.unwrap() - meter.true_peak().unwrap()).abs() < 1e-3);
        assert!((measures.momentary_max_lufs.unwrap() - meter.momentary_max().unwrap()).abs() < 1e-3);
        assert_eq!((measures.loudness_range_lu, measures.short_term_max_lufs), (None, None));
        assert_eq!((measures.sample_rate_hz, measures.channels), (48_000, 2));
        assert_eq!(measures.channels_to_master, "mean of FL FR");
    }

    #[test]
    fn a_clip_without_loudness_says_so() {
        let layout = Layout::new(1, 0);
        let silent = Pcm { sample_rate: 44_100, layout, samples: vec![0; 44_100] };
        let short = noise(44_100, layout, 0.3, 0.1);
        for source in [silent, short] {
            let error = outputs(&Normalize::default(), source.to_wav().unwrap()).unwrap_err();
            assert!(error.message.starts_with("cannot bring the clip's loudness to -23 LUFS"), "{error}");
            assert!(error.hints[0].contains("loudness = \"keep\""));
            let (audio, _, measures) = run(&KEEP, &source);
            assert_eq!((audio, measures.loudness_lufs), (source, None));
        }
    }

    #[test]
    fn the_same_input_gives_the_same_bytes() {
        let mp3 = include_bytes!("../../tests/fixtures/audio/chirp.mp3").to_vec();
        let stage = Normalize { ranges: vec![(0.5, 1.5), (2.0, 3.0)], ..Normalize::default() };
        let first = outputs(&stage, mp3.clone()).unwrap();
        assert_eq!(first, outputs(&stage, mp3).unwrap());
        let digest = blake3::hash(&first[0].1).to_hex();
        assert_eq!(digest.as_str(), "6236c5917df6e2c6022c3a8770fc33df16adbf2e3157019ae89782684d272aa8");
    }

    #[test]
    fn a_cancelled_run_stops() {
        let mut inputs = Inputs::default();
        inputs.push("source", Input::bytes(noise(8000, Layout::new(1, 0), 1.0, 0.1).to_wav().unwrap()));
        let stopped = Normalize::default().run(&inputs, &Context::new(&AtomicBool::new(true)));
        assert_eq!(stopped.unwrap_err(), Error::interrupted());
    }

    #[test]
    fn the_schema_bounds_the_numbers() {
        let schema = serde_json::to_value(schemars::schema_for!(Normalize)).unwrap();
        let bound = |field: &str, bound: &str| schema["properties"][field][bound].as_f64();
        assert_eq!(
            (bound("sample_rate", "minimum"), bound("sample_rate", "maximum")),
            (Some(1e3), Some(384e3))
        );
        assert_eq!((bound("loudness", "minimum"), bound("loudness", "maximum")), (Some(-70.0), Some(0.0)));
        assert_eq!(bound("true_peak", "maximum"), Some(0.0));
    }
}
