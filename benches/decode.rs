//! How fast audio is decoded, beside ffmpeg: CPU seconds, medians of interleaved runs.
//!
//! `cargo bench --bench decode [-- MINUTES]` prints a Markdown table. Each measurement is a process of its
//! own, whose CPU time Linux reports; where ffmpeg is absent, it says so.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::env;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use taqsim::signal::decode::Source;
use taqsim::signal::layout::Layout;
use taqsim::signal::wav::Pcm;

const RUNS: usize = 5;
const RATE: u32 = 44_100;
/// The encoded files and ffmpeg's arguments that make them.
const CODECS: [(&str, &[&str]); 6] = [
    ("wav16.wav", &["-c:a", "pcm_s16le"]),
    ("flac.flac", &["-c:a", "flac"]),
    ("mp3-192k.mp3", &["-c:a", "libmp3lame", "-b:a", "192k"]),
    ("aac-192k.m4a", &["-c:a", "aac", "-b:a", "192k"]),
    ("vorbis-q5.ogg", &["-c:a", "libvorbis", "-q:a", "5"]),
    ("opus-128k.opus", &["-c:a", "libopus", "-b:a", "128k"]),
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [job, file] if job == "decode" => decode(Path::new(file)),
        [minutes] => compare(minutes.parse().unwrap()),
        _ => compare(10),
    }
}

/// Does one job and nothing else, so that its process's CPU time is the job's.
fn decode(file: &Path) {
    let mut source = Source::open(BufReader::with_capacity(1 << 16, File::open(file).unwrap())).unwrap();
    let planes = source.decode_all().unwrap();
    assert!(planes.iter().all(|plane| !plane.is_empty()));
}

fn compare(minutes: u32) {
    if !present("ffmpeg", "-version") {
        println!("skipped: ffmpeg is absent");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("original.wav");
    fs::write(&original, synthetic(minutes, 2).to_wav().unwrap()).unwrap();
    println!("{minutes} min, {RATE} Hz; CPU s, median of {RUNS} interleaved runs\n");
    println!("| job | taqsim | other | ratio |\n|---|---|---|---|");
    for (name, codec) in CODECS {
        let file = folder.path().join(name);
        let encode =
            Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&original).args(codec).arg(&file).status();
        assert!(encode.unwrap().success(), "ffmpeg cannot make {name}");
        let [ours, theirs] = medians(|| ourselves(&file), || ffmpeg(&file));
        println!("| decode {name} to f32 | {ours:.3} | ffmpeg {theirs:.3} | {:.2} |", ours / theirs);
    }
}

/// Decaying notes, a new one every half second and side, and a little noise.
fn synthetic(minutes: u32, channels: u16) -> Pcm {
    let mut state = 7u64;
    let mut noise = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1u32 << 24) - 0.5
    };
    let mut sample = |frame: u32, channel: u16| {
        let (note, within) = (frame / (RATE / 2), frame % (RATE / 2));
        let time = f64::from(within) / f64::from(RATE);
        let pitch = 110.0 * (1.0 + f64::from((note * 7 + u32::from(channel)) % 24) / 12.0);
        let partials =
            (1..6).map(|k| (f64::from(k) * pitch * time * std::f64::consts::TAU).sin() / f64::from(k));
        let value = 0.25 * partials.sum::<f64>() * (-6.0 * time).exp() + 0.01 * noise();
        (value * 8_388_607.0) as i32
    };
    let frames =
        (0..minutes * 60 * RATE).flat_map(|frame| (0..channels).map(move |channel| (frame, channel)));
    let samples = frames.map(|(frame, channel)| sample(frame, channel)).collect();
    Pcm { sample_rate: RATE, layout: Layout::new(channels, 0), samples }
}

fn ourselves(file: &Path) -> f64 {
    cpu_seconds(Command::new(env::current_exe().unwrap()).arg("decode").arg(file))
}

fn ffmpeg(file: &Path) -> f64 {
    let before = ["-v", "error", "-threads", "1", "-i"];
    cpu_seconds(Command::new("ffmpeg").args(before).arg(file).args(["-f", "f32le", "-y", "/dev/null"]))
}

/// The CPU time of the command, which Linux adds to ours once it has ended: user and system, in ticks of
/// 10 ms, fields 16 and 17 of our own stat.
fn cpu_seconds(command: &mut Command) -> f64 {
    let before = children_ticks();
    assert!(command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    (children_ticks() - before) as f64 / 100.0
}

fn children_ticks() -> u64 {
    let mut stat = String::new();
    File::open("/proc/self/stat").unwrap().read_to_string(&mut stat).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap()
}

fn medians(mut ours: impl FnMut() -> f64, mut theirs: impl FnMut() -> f64) -> [f64; 2] {
    let runs: Vec<_> = (0..RUNS).map(|_| (ours(), theirs())).collect();
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    [median(runs.iter().map(|run| run.0).collect()), median(runs.iter().map(|run| run.1).collect())]
}

fn present(program: &str, argument: &str) -> bool {
    let run = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}
