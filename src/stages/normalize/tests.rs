//! What normalize makes of sources that were made for it.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::signal::wav::Pcm;
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
    assert!(outputs.iter().map(|(name, _)| *name).eq([
        "audio",
        "ranges",
        "measures",
        "drawn",
        "fingerprint"
    ]));
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
        assert_eq!((measures.codec.as_str(), measures.channels), ("pcm_s24le", u32::from(layout.channels())));
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
            let stage = Normalize { channels, ranges: vec![(0.0, 2.0), (2.5, 3.1)], ..Normalize::default() };
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
fn a_silent_clip_and_a_very_short_one_stay_at_their_level() {
    let layout = Layout::new(1, 0);
    let silent = Pcm { sample_rate: 44_100, layout, samples: vec![0; 44_100] };
    let short = noise(44_100, layout, 0.3, 0.1);
    for source in [silent, short] {
        let (audio, _, measures) = run(&Normalize::default(), &source);
        assert_eq!((audio, measures.loudness_lufs, measures.gain_db), (source, None, 0.0));
    }
}

#[test]
fn ranges_of_which_none_has_a_loudness_say_so() {
    let source = noise(44_100, Layout::new(1, 0), 2.0, 0.1).to_wav().unwrap();
    let ranges = vec![(0.0, 0.3), (0.5, 0.8)];
    let error = outputs(&Normalize { ranges, ..Normalize::default() }, source).unwrap_err();
    assert!(error.message.starts_with("cannot bring the clip's loudness to -23 LUFS"), "{error}");
    assert!(error.hints[0].contains("loudness = \"keep\""));
}

#[test]
fn a_masters_rate_channels_and_loudness_change_nothing_that_is_measured_of_the_source() {
    let source = noise(48_000, Layout::new(2, 0), 3.0, 0.1).to_wav().unwrap();
    let kept = outputs(&KEEP, source.clone()).unwrap();
    let made = outputs(&Normalize::default(), source).unwrap();
    let read = |bytes: &[u8]| Measures::read(&Input::bytes(bytes)).unwrap();
    let (kept_measures, made_measures) = (read(&kept[2].1), read(&made[2].1));
    let channels_to_master = kept_measures.channels_to_master.clone();
    assert_eq!(Measures { gain_db: 0.0, channels_to_master, ..made_measures }, kept_measures);
    assert_eq!(kept[4], made[4]);
    assert_eq!((kept_measures.bit_depth, kept_measures.quality.used_bits), (Some(24), Some(24)));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let mp3 = include_bytes!("../../../tests/fixtures/audio/chirp.mp3").to_vec();
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
    assert_eq!((bound("sample_rate", "minimum"), bound("sample_rate", "maximum")), (Some(1e3), Some(384e3)));
    assert_eq!((bound("loudness", "minimum"), bound("loudness", "maximum")), (Some(-70.0), Some(0.0)));
    assert_eq!(bound("true_peak", "maximum"), Some(0.0));
}
