//! How fast audio is described, beside librosa: CPU seconds, medians of interleaved runs, one thread.
//!
//! `cargo bench --bench descriptors [-- MINUTES]` prints a Markdown table. The other side is `descriptors.py`, run by
//! `$TAQSIM_PYTHON` or `python3`, with librosa, pyloudnorm, soundfile and soxr; where they or ffmpeg are absent, it
//! says so and measures taqsim alone.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use taqsim::signal::decode::{Planes, Source};
use taqsim::signal::quality::Examiner;
use taqsim::stages::embed::{F0, Pitch, Spectral};
use taqsim::stages::normalize::OrKeep;
use taqsim::stages::segment::Whole;
use taqsim::stages::{Context, Embed, Input, Inputs, Master, Normalize, Pieces, Stage};

const RUNS: usize = 3;
const RATE: u32 = 44_100;

/// What one job took, CPU seconds.
type Times = BTreeMap<String, f64>;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [job, file] if job == "child" => child(Path::new(file)),
        [job, file, kind] if job == "child" => describe(Path::new(file), |name| name == kind),
        [minutes] => compare(minutes.parse().unwrap()),
        _ => compare(10.0),
    }
}

fn compare(minutes: f64) {
    let folder = tempfile::tempdir().unwrap();
    let [long, short] = ["long", "short"].map(|name| folder.path().join(format!("{name}.wav")));
    fs::write(&long, synthetic(minutes)).unwrap();
    fs::write(&short, synthetic(0.1)).unwrap();
    let python = env::var("TAQSIM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/descriptors.py");
    let ours = || times(Command::new(env::current_exe().unwrap()).arg("child").arg(&long));
    let theirs = || times(Command::new(&python).arg(&script).arg(&short).arg(&long));
    let runs: Vec<_> = (0..RUNS).map(|_| (ours(), theirs())).collect();
    let (ours, theirs): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
    let (ours, theirs) = (medians(&ours), medians(&theirs));
    if theirs.is_empty() {
        println!("librosa skipped: `{python}` lacks it, or one of pyloudnorm, soundfile and soxr\n");
    }
    println!("{minutes} min; CPU s, median of {RUNS} interleaved runs\n");
    println!("| job | taqsim | Python | ratio |\n|---|---|---|---|");
    for (name, of_python) in ROWS {
        let parts = || of_python.iter().map(|part| theirs.get(*part).copied());
        let Some(own) = ours.get(*name) else { continue };
        match parts().sum::<Option<f64>>().filter(|_| !of_python.is_empty()) {
            Some(other) => println!("| {name} | {own:.3} | {other:.3} | {:.1} |", other / own),
            None => println!("| {name} | {own:.3} | | |"),
        }
    }
}

/// Our job, and which of Python's do the same. What shares one transform in Python shares one here.
const ROWS: &[(&str, &[&str])] = &[
    ("the gate's measures, which Python does not make", &[]),
    ("spectral", &["stft", "spectral"]),
    ("spectral, against call by call", &["spectral (call by call)"]),
    ("mfcc", &["stft", "mfcc"]),
    ("mel", &["stft", "mel"]),
    ("contrast", &["stft", "contrast"]),
    ("chroma", &["stft", "chroma"]),
    ("cqt", &["cqt"]),
    ("tonnetz", &["tonnetz"]),
    ("rhythm", &["stft", "rhythm"]),
    ("fingerprint", &["fingerprint"]),
    ("pitch", &["pitch"]),
    ("pitch (pyin)", &["pitch (pyin)"]),
    ("taqsim", &["stft", "spectral", "chroma", "tonnetz", "rhythm", "pitch"]),
    (
        "every kind",
        &[
            "stft",
            "spectral",
            "mfcc",
            "mel",
            "contrast",
            "chroma",
            "cqt",
            "tonnetz",
            "rhythm",
            "fingerprint",
            "pitch",
        ],
    ),
    ("audio path", &["decode", "loudness", "true peak", "resample", "stft", "spectral"]),
    ("audio path but decoding", &["loudness", "true peak", "resample", "stft", "spectral"]),
    (
        "audio path but decoding, against call by call",
        &["loudness", "true peak", "resample", "spectral (call by call)"],
    ),
];

/// Every job once, a line each.
fn child(file: &Path) {
    let mut decoded = Vec::new();
    let open = || Source::open(std::io::BufReader::new(fs::File::open(file).unwrap())).unwrap();
    let decoding = seconds(|| decoded = open().decode_all().unwrap());
    let mut path = inputs(file);
    let normalizing = seconds(|| run(&Normalize::default(), &mut path));
    run(&Whole::default(), &mut path);
    let describing = seconds(|| _ = features(&Embed::Spectral(Spectral::default()), &path));
    let mono = open().probe().layout.downmix(&decoded);
    let examining = seconds(|| examine(&open(), &decoded, &mono));
    let whole = normalizing + describing - examining;
    print("the gate's measures, which Python does not make", examining);
    print("audio path", whole);
    print("audio path but decoding", whole - decoding);
    print("audio path but decoding, against call by call", whole - decoding);
    describe(file, |_| true);
}

/// What normalize measures for the quality gate besides.
fn examine(source: &Source, decoded: &Planes, mono: &[f64]) {
    let mut examiner = Examiner::new(source.probe().sample_rate);
    examiner.add(decoded, mono);
    assert!(!examiner.fingerprint().to_bytes().is_empty());
    assert!(examiner.finish().percussion.is_some());
}

/// The kinds that are wanted, at librosa's rate and less the time that reading takes: librosa has its samples in memory.
fn describe(file: &Path, is_wanted: impl Fn(&str) -> bool) {
    let mut at_rate = inputs(file);
    run(&Normalize { sample_rate: OrKeep::To(22_050), ..Normalize::default() }, &mut at_rate);
    run(&Whole::default(), &mut at_rate);
    let reading = seconds(|| {
        let master = Master::read(at_rate.one("audio").unwrap()).unwrap();
        let n_frames = Pieces::read(at_rate.one("ranges").unwrap()).unwrap().pieces[0].end;
        assert!(!master.mono(0, n_frames).unwrap().is_empty());
    });
    let mut sum = 0.0;
    let needs_no_file = |kind: &Embed| !matches!(kind, Embed::Import(_)) && kind.weights().is_none();
    let computed = Embed::every_kind().into_iter().filter(needs_no_file);
    for kind in computed.filter(|kind| is_wanted(kind.kind())) {
        let taken = seconds(|| _ = features(&kind, &at_rate)) - reading;
        print(kind.kind(), taken);
        sum += if kind.kind() == "taqsim" { 0.0 } else { taken };
        if kind.kind() == "spectral" {
            print("spectral, against call by call", taken);
        }
    }
    print("every kind", sum);
    if is_wanted("pitch") {
        let pyin = Embed::Pitch(Pitch { f0: F0::Pyin, ..Pitch::default() });
        print("pitch (pyin)", seconds(|| _ = features(&pyin, &at_rate)) - reading);
    }
}

fn print(name: &str, seconds: f64) {
    println!("{name}\t{seconds:.4}");
}

fn inputs(file: &Path) -> Inputs {
    let mut inputs = Inputs::default();
    inputs.push("source", Input::file(file.to_owned()));
    inputs
}

/// Runs a stage, and adds what it gives to the inputs of the next.
fn run(stage: &dyn Stage, inputs: &mut Inputs) {
    for (name, bytes) in stage.run(inputs, &Context::new(&AtomicBool::new(false))).unwrap() {
        inputs.push(name, Input::bytes(bytes));
    }
}

fn features(kind: &Embed, inputs: &Inputs) -> usize {
    kind.stage().run(inputs, &Context::new(&AtomicBool::new(false))).unwrap().len()
}

/// The CPU time that this thread spends on `job`, which Linux counts in nanoseconds.
fn seconds(job: impl FnOnce()) -> f64 {
    let spent = || -> f64 {
        let statistics = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        statistics.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
    };
    let before = spent();
    job();
    spent() - before
}

/// The lines that a process prints; none where it fails.
fn times(command: &mut Command) -> Times {
    let output = command.env("RAYON_NUM_THREADS", "1").stderr(Stdio::null()).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else { return Times::new() };
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(job, s)| (job.to_owned(), s.parse().unwrap()))
        .collect()
}

fn medians(runs: &[Times]) -> Times {
    let median = |job: &String| {
        let mut seconds: Vec<f64> = runs.iter().filter_map(|run| run.get(job)).copied().collect();
        seconds.sort_by(f64::total_cmp);
        (job.clone(), seconds[seconds.len() / 2])
    };
    runs[0].keys().map(median).collect()
}

/// A stereo WAV: decaying notes, a new one every half second and side, and a little noise.
fn synthetic(minutes: f64) -> Vec<u8> {
    let mut state = 7_u64;
    let mut noise = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1_u32 << 24) - 0.5
    };
    let mut sample = |frame: u32, channel: u32| {
        let (note, within) = (frame / (RATE / 2), frame % (RATE / 2));
        let time = f64::from(within) / f64::from(RATE);
        let pitch = 110.0 * (1.0 + f64::from((note * 7 + channel) % 24) / 12.0);
        let partials =
            (1..6).map(|k| (f64::from(k) * pitch * time * std::f64::consts::TAU).sin() / f64::from(k));
        0.25 * partials.sum::<f64>() * (-6.0 * time).exp() + 0.01 * noise()
    };
    let n_frames = (minutes * 60.0 * f64::from(RATE)) as u32;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + n_frames * 4).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    wav.extend(RATE.to_le_bytes());
    wav.extend((RATE * 4).to_le_bytes());
    wav.extend(b"\x04\0\x10\0data");
    wav.extend((n_frames * 4).to_le_bytes());
    for frame in 0..n_frames {
        for channel in 0..2 {
            wav.extend(((sample(frame, channel) * 32_767.0) as i16).to_le_bytes());
        }
    }
    wav
}
