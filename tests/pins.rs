//! Pins every kind of step: its version, every default, and the digest of what it computes from a fixed input.
//!
//! A line that differs means that results changed, whether through our code, a default or a dependency. If that
//! is meant, raise the kind's version and copy the new line; if not, the change must go.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use serde_json::Value;
use taqsim::signal::duplicates::Fingerprint;
use taqsim::stages::{
    Context, Duplicates, Embed, Frame, Input, Inputs, Normalize, Pieces, RangeOfMaster, Reduce, Segment,
    Span, Spans, Stage, Values,
};
use taqsim::store::Digest;

/// For each kind: version and defaults, then every output and its digest.
const PINS: &str = r#"
normalize v6 {"channels":"mono","loudness":-23.0,"ranges":[],"sample_rate":44100,"true_peak":-1.0}
  audio b90f979ddc949bfccac39ba8651f9c20b1a1e9f7ef0350b0b866ef6788e4e4d6
  ranges 6b78cd65589b6d447fdb848c74040820f6b1d4b35637b83b8db6d8be65bc5bf2
  measures 1d38bfc278d45eacad70c83f6f1b00056a993b0b1db6d7b4628b5b578ae31845
  drawn f822a47e177847022bf581cfbd615dd4057ee95a2f38ebda89d8caf2d185443c
  fingerprint e02fa4e38481f5d47b0adaa4dc730a1fa25dcd4eb9713e9808618aa342d536b6
duplicates v2 {}
  pairs ebede09ed387190b6555f2d6a44d02d8ced3a94dc558a6d0459e6a650f90bea0
segment.whole v1 {}
  spans 20307e65de22e095380ef4234901bb1066c7209e80a3fe1a68d1d7e735b63469
segment.ranges v2 {}
  spans 20307e65de22e095380ef4234901bb1066c7209e80a3fe1a68d1d7e735b63469
segment.sliding v1 {"hop":5.0,"length":20.0,"tail":"drop"}
  spans 0438b824b6a4b4edad4da87db58148e63934ae00a80efa4190c7bd48ee94996b
segment.silence v1 {"frame_length":2048,"hop_length":512,"min_length":0.0,"min_silence":0.0,"top_db":60.0}
  spans 0c25e974b6cb5e279775db4c7aca66286c7182c7f111fdd9569e3a547e71595a
segment.breath v2 {"decay":12.0,"floor":30.0,"gap":0.6,"gap_ratio":2.0,"max_length":30.0,"min_length":5.0}
  spans dedfe297f349680162af9547c5ca0024c40c8385705b7f75ca6b14e2220f3eed
  marks fd87c90538619e4ea93e1c501b273151c291c75ef8fdba79e76934d51edf8257
segment.sections v1 {"contrast":1.0,"min_length":10.0}
  spans 20307e65de22e095380ef4234901bb1066c7209e80a3fe1a68d1d7e735b63469
  marks d9013485a998b7d5be2f533d4110cdc1bf66254faeccc130a1fd569d75700d29
embed.spectral v2 {"hop_length":512,"n_fft":2048,"n_mels":128,"n_mfcc":20,"roll_percent":0.85}
  features e8d736ba1afbfa38facdc6989223f03f1fa24defbfdf5e4fb57bd36b7bc56798
embed.mfcc v2 {"hop_length":512,"htk":false,"lifter":0.0,"n_fft":2048,"n_mels":128,"n_mfcc":20}
  features 57f94ce2d4fd35bedfa65a7b54e263233a7d94cf09fc7ad0ce3acec1795baf89
embed.mel v2 {"hop_length":512,"htk":false,"n_fft":2048,"n_mels":128}
  features 9fb4550f4c9e1aa75c6338f90fbf7a1a1a77f9a4e02bd0db559ffa3080dba436
embed.chroma v3 {"bins_per_octave":36,"from":"stft","hop_length":512,"n_chroma":12,"n_fft":2048,"tuning":"estimate","win_len_smooth":41}
  features 97caa7099848fecd4cfc420bceeea25f6e32805d0464fca1fb2f0cc3cb49df75
embed.cqt v4 {"bins_per_octave":12,"fmin":32.70319566257483,"hop_length":512,"n_bins":84,"tuning":0.0}
  features 01295a704d7c6a9cd107b13193bfe63c4804d899c45254d0f154c3adfa95374b
embed.contrast v2 {"hop_length":512,"n_fft":2048}
  features ebc6d3381210fb84045b7183b2d1c2fbd6b059001d5dd322703f6acd072b80a4
embed.tonnetz v3 {"bins_per_octave":36,"hop_length":512,"n_chroma":12,"tuning":"estimate"}
  features 1c6153743da17821082cd7c1a03f541e78bc92ef1fc7bd1b888998c3dad92b96
embed.rhythm v2 {"hop_length":512,"start_bpm":120.0,"tightness":100.0,"win_length":384}
  features 0dadb97307900a319601a1e363c1f2dcb9d4f91c5bd37191288b2e46f449c032
embed.fingerprint v4 {"from":"cqt","hop_length":256,"size":32}
  features 15ec58856b548d6decf7604d93e96a30594578697ad503b09518cba3f01b847e
embed.pitch v2 {"f0":"yin","fmax":1760.0,"fmin":55.0,"frame_length":2048,"hop_length":256,"tonic":"estimate","top_db":40.0,"trough_threshold":0.1,"voicing_threshold":0.2}
  features 3dd82ae0fe52c655b7638b315ddce3d2512121130db80b838b163711c0c3639d
embed.taqsim v1 {"f0":"yin","tonic":"estimate"}
  features 1366d3a6b24d6d0e19a4eab9c9fa5347623871dab8e179b1dce4de5e2b97b094
embed.import v1 {"file":"","id":"","ids":"","vector":""}
  features c523f32af981ac6414ad0ab2e28664cbea81b583ff36e06dbed533400acb6f91
  joined 1b66b3ef99456621900ea41b0b49535966b0db485e30f95b3f643af5c02d6ce1
  spans b9101488404859759feb9be2ac867e7e93c4a75981164c8d7bf9ada11ef1d53f
embed.wav2vec2 v1 {"device":"cpu","hop":0.0,"layer":"final","license":"","pool":"mean","tail":"shift","weights":"","window":0.0}
reduce.pca v2 {"dims":2,"fit":"","grid":false,"near":0,"scale":"zscore","weights":{}}
  rows f016532b4311ba9e767b9198411c0a47950d212d636e757ea7090122d9068f28
reduce.tsne v1 {"dims":2,"fit":"","grid":false,"metric":"euclidean","near":0,"perplexity":30.0,"scale":"zscore","seed":0,"weights":{}}
  rows d30342ad85f75f10172be208dc4075e9934f69bba747229e52031669e181abc0
reduce.umap v1 {"dims":2,"epochs":0,"fit":"","grid":false,"metric":"euclidean","min_dist":0.1,"near":0,"neighbors":15,"scale":"zscore","seed":0,"spread":1.0,"weights":{}}
  rows 9ff6aeebc04c8ea18f67c5f6e8178ef650f5ac4a86ed03112b58842733621628
reduce.kmeans v1 {"k":8,"n_init":10,"scale":"zscore","seed":0,"weights":{}}
  rows 9d4266ed9dc63dd49ebd8063ec5f41dcd9064d6bb8a93fb92da4793268c3533d
reduce.hdbscan v1 {"metric":"euclidean","min_cluster_size":5,"min_samples":0,"scale":"zscore","weights":{}}
  rows 896b74f6622e832b2a24590d9e82a9b7614561c05241b8a22232014226b03371
reduce.neighbors v1 {"k":15,"metric":"euclidean","scale":"zscore","weights":{}}
  rows dc97bb1c9c34e277a6fd348f756b42a6795ce8dea502d314956dd9d6f3f0e002
"#;

#[test]
fn no_kind_changes_what_it_computes_without_a_new_version() {
    let normalize = Normalize::default();
    let mut found = lines("normalize", serde_json::to_value(&normalize).unwrap(), &normalize);
    found.extend(lines("duplicates", Value::Object(serde_json::Map::new()), &Duplicates));
    for kind in Segment::every_kind() {
        found.extend(lines_of_kind("segment", kind.kind(), &kind, kind.stage()));
    }
    for kind in Embed::every_kind() {
        found.extend(lines_of_kind("embed", kind.kind(), &kind, kind.stage()));
    }
    for kind in Reduce::every_kind() {
        found.extend(lines_of_kind("reduce", kind.kind(), &kind, kind.stage()));
    }
    let all = found.join("\n");
    let pinned: Vec<&str> = PINS.trim().lines().collect();
    for (found, pinned) in found.iter().zip(&pinned) {
        assert_eq!(found, pinned, "raise the version if this is meant; all lines now:\n{all}");
    }
    assert_eq!(found.len(), pinned.len(), "a kind has no pin; all lines now:\n{all}");
}

fn lines_of_kind(family: &str, kind: &str, step: &impl Serialize, stage: &dyn Stage) -> Vec<String> {
    let step = serde_json::to_value(step).unwrap();
    lines(&format!("{family}.{kind}"), step[kind].clone(), stage)
}

/// `name vVERSION {defaults}`, then a line per output.
fn lines(name: &str, defaults: Value, stage: &dyn Stage) -> Vec<String> {
    let mut lines = vec![format!("{name} v{} {defaults}", stage.version())];
    if stage.reads().contains(&"weights") {
        // Its numbers are those of a model, on some hardware: src/nets holds them against the original.
        return lines;
    }
    let outputs = stage.run(&inputs(), &Context::new(&AtomicBool::new(false))).unwrap();
    lines.extend(outputs.iter().map(|(name, bytes)| format!("  {name} {}", Digest::of(bytes))));
    lines
}

/// Neither the master's default rate nor that of the descriptors, so that resampling is pinned too.
const SAMPLE_RATE: u32 = 48_000;
const FIRST_RANGE: u64 = 26 * SAMPLE_RATE as u64;
const SECOND_RANGE: u64 = 3 * SAMPLE_RATE as u64;

/// All inputs that a stage may read; made of whole numbers alone, so that no compiler or CPU can change them.
fn inputs() -> Inputs {
    let end = FIRST_RANGE + SECOND_RANGE;
    let first = RangeOfMaster { source_start: 1.5, start: 0, end: FIRST_RANGE };
    let second = RangeOfMaster { source_start: 30.0, start: FIRST_RANGE, end };
    let long = Span { range: 0, start: 10_000, end: 200_000 };
    let short = Span { range: 1, start: end - 3000, end };
    let mut inputs = Inputs::default();
    let audio: Arc<[u8]> = audio(end as u32).into();
    inputs.push("source", Input::bytes(audio.clone()));
    inputs.push("audio", Input::bytes(audio));
    let pieces = Pieces { sample_rate: SAMPLE_RATE, pieces: vec![first, second] };
    inputs.push("ranges", Input::bytes(pieces.to_bytes()));
    inputs.push("drawn", Input::bytes(pieces.to_bytes()));
    inputs.push("spans", Input::bytes(Spans { spans: vec![long, short], ..Spans::default() }.to_bytes()));
    inputs.push("vectors", Input::bytes(vectors().to_bytes()));
    (0..3).for_each(|clip| inputs.push("fingerprint", Input::bytes(fingerprint(clip).to_bytes())));
    (0..3).for_each(|clip| inputs.push("features", Input::bytes(features(clip).to_bytes())));
    inputs
}

/// A mono WAV of 24-bit samples: bursts of noise over a square wave, halved eleven times in 1.5 s each, and every
/// fourth of them silent.
fn audio(n: u32) -> Vec<u8> {
    let mut noise = Noise(1);
    let sample = |i: u32| {
        let square = if (i / 50).is_multiple_of(2) { 1 << 21 } else { -(1 << 21) };
        let sound = (noise.next_24_bits() / 4 + square) >> (i % 72_000 / 6000);
        if i / 72_000 % 4 == 3 { 0 } else { sound }
    };
    let data: Vec<u8> = (0..n).map(sample).flat_map(|sample| sample.to_le_bytes()[..3].to_vec()).collect();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + n * 3).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(SAMPLE_RATE.to_le_bytes());
    wav.extend((SAMPLE_RATE * 3).to_le_bytes());
    wav.extend(b"\x03\0\x18\0data");
    wav.extend((n * 3).to_le_bytes());
    wav.extend(data);
    wav
}

/// Twenty seconds; the third has three quarters of the first.
fn fingerprint(clip: u64) -> Fingerprint {
    let mut noise = Noise(clip % 2 + 3);
    let words = (0..320).map(|_| noise.next_24_bits().unsigned_abs() << 8 | 1);
    let words = words.skip(if clip == 2 { 80 } else { 0 }).collect::<Vec<_>>();
    let landmarks = (0..words.len() as u32).step_by(10).collect();
    Fingerprint { words, landmarks }
}

/// A row of one segment, and one of the clip.
fn vectors() -> Frame {
    let places = vec![None, Some("1708-5667".to_owned())];
    let vector = Values::Lists { dim: 3, data: vec![1.0, 2.0, 3.0, -4.0, 5.0, 6.0] };
    let columns = vec![("place".to_owned(), Values::Texts(places)), ("vector".to_owned(), vector)];
    Frame { n_rows: 2, columns }
}

/// Ten rows of six numbers.
fn features(clip: u64) -> Frame {
    let mut noise = Noise(clip + 7);
    let data = (0..60).map(|i| (noise.next_24_bits() / 1000 + 5000 * (i / 24)) as f32).collect();
    Frame { n_rows: 10, columns: vec![("vector".to_owned(), Values::Lists { dim: 6, data })] }
}

/// Knuth's linear congruential generator.
struct Noise(u64);

impl Noise {
    fn next_24_bits(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as i32 - (1 << 23)
    }
}
