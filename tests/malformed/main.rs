//! Damaged files of every container: whatever they are, decoding ends with samples or a named error, and soon.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod damage;
mod files;

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use taqsim::error::Result;
use taqsim::signal::decode::{Planes, Source};
use taqsim::stages::normalize::{Keep, OrKeep};
use taqsim::stages::{Context, Input, Inputs, Master, Normalize, Stage};

use self::damage::Mutations;
use self::files::File;

/// What every file here may cost, all of them of less than 20 kB.
const MOST_READS: u64 = 200_000;
const MOST_BYTES_READ: u64 = 64 << 20;
const MOST_SAMPLES: usize = 16 << 20;
/// Of the whole process, kB.
const MOST_MEMORY: u64 = 200_000;

#[test]
fn whole_files_decode() {
    for file in files::every() {
        let decoded = Decoded::of(&file);
        assert!(decoded.whole.is_ok(), "{}: {:?}", file.0, decoded.whole.map(|_| ()));
        assert!(decoded.range.is_ok(), "{}: {:?}", file.0, decoded.range.map(|_| ()));
    }
}

#[test]
fn files_that_are_cut_short_are_errors_or_audio() {
    try_all("cut", files::every().iter().flat_map(|file| damage::truncated(file, thousands(1) / 8)));
}

#[test]
fn files_with_wrong_numbers_in_their_headers_are_errors_or_audio() {
    let every = if is_thorough() { 3 } else { 61 };
    try_all("numbers", files::every().iter().flat_map(damage::with_wrong_numbers).step_by(every));
}

#[test]
fn files_with_random_damage_are_errors_or_audio() {
    let files = files::every();
    let mut mutations = Mutations(20_261_121);
    try_all("mutations", (0..thousands(6)).map(|n| mutations.next(&files[n % files.len()])));
}

#[test]
fn absurd_rates_and_channels_are_named() {
    let with = |mut file: Vec<u8>, at: usize, bytes: &[u8]| {
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let fixture = |name: &str| files::every().into_iter().find(|(of, _)| of == name).unwrap().1;
    // In a FLAC's stream information, 20 bits of rate, 3 of channels less one and 5 of bits less one.
    let flac = |bytes: [u8; 3]| with(fixture("flac"), 18, &bytes);
    for (file, expected) in [
        (files::wav(1, 16, 0), "sample rate"),
        (files::wav(1, 16, 4_000_000_000), "its sample rate is 4000000000 Hz"),
        (files::au(3, 0), "sample rate"),
        (files::au(3, 4_000_000_000), "its sample rate is 4000000000 Hz"),
        (with(files::wav(1, 16, 8000), 22, &[0, 0]), "cannot decode the source"),
        (with(files::wav(1, 16, 8000), 22, &[0xff, 0xff]), "cannot decode the source"),
        (with(files::au(3, 8000), 20, &[0; 4]), "it has 0 channels"),
        (with(files::au(3, 8000), 20, &[0xff; 4]), "it has 4294967295 channels"),
        (with(files::au(3, 8000), 20, &[0, 0, 0xff, 0xff]), "it has 65535 channels"),
        (with(files::rf64(), 70, &[0, 0]), "it has 0 channels"),
        (flac([0, 0, 0x02]), "cannot decode the source"),
        (flac([0x03, 0xe8, 0x0e]), "cannot decode the source"),
    ] {
        let decoded = Decoded::of(&(expected.to_owned(), file));
        let message = decoded.whole.unwrap_err().message;
        assert!(message.contains(expected), "{message}: {expected}");
    }
}

#[test]
fn plain_files_decode_to_the_bits_that_ffmpeg_gives() {
    if !Command::new("ffmpeg").arg("-version").output().is_ok_and(|output| output.status.success()) {
        io::Write::write_all(&mut io::stdout(), b"skipped: there is no ffmpeg\n").unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let is_lossless = |name: &str| {
        ["wav ", "au ", "rf64", "aiff", "caf", "flac", "oga", "alac"]
            .iter()
            .any(|known| name.starts_with(known))
    };
    for (name, bytes) in files::every().into_iter().filter(|(name, _)| is_lossless(name)) {
        let path = folder.path().join("file");
        std::fs::write(&path, &bytes).unwrap();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-i"]).arg(&path).args(["-f", "f32le", "-"]);
        let expected = ffmpeg.output().unwrap().stdout;
        let planes = Source::open(Cursor::new(bytes)).unwrap().decode_all().unwrap();
        let frames = (0..planes[0].len()).flat_map(|n| planes.iter().map(move |plane| plane[n]));
        let found: Vec<u8> = frames.flat_map(f32::to_le_bytes).collect();
        assert_eq!(found.len(), expected.len(), "{name}");
        assert_eq!(found.iter().zip(&expected).position(|(a, b)| a != b), None, "{name}");
    }
}

#[test]
fn extreme_samples_become_a_master_or_an_error() {
    let whole = files::wav(3, 32, 8000);
    let (head, data) = whole.split_at(whole.len() - 32_000);
    for extreme in [f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-42, -0.0, 1e30, f32::NAN, f32::INFINITY] {
        for loudness in [OrKeep::To(-23.0), OrKeep::Keep(Keep::Keep)] {
            for every in [1, 2, 999] {
                let mut file = [head, data].concat();
                for sample in file[head.len()..].chunks_exact_mut(4).step_by(every) {
                    sample.copy_from_slice(&extreme.to_le_bytes());
                }
                let mut inputs = Inputs::default();
                inputs.push("source", Input::bytes(file));
                let stage = Normalize { loudness, ..Normalize::default() };
                if let Ok(outputs) = stage.run(&inputs, &Context::new(&AtomicBool::new(false))) {
                    let measures = String::from_utf8(outputs[2].1.clone()).unwrap();
                    let master = Master::read(&Input::bytes(outputs[0].1.clone())).unwrap();
                    assert!(!measures.contains("\"gain_db\":null"), "{extreme} {loudness:?}: {measures}");
                    assert!(!measures.contains("inf"), "{extreme} {loudness:?}: {measures}");
                    assert_eq!(master.mono(0, 1).unwrap().len(), 1);
                }
            }
        }
    }
}

#[test]
fn tables_of_more_packets_than_there_are_end() {
    let file = |name: &str| files::every().into_iter().find(|(of, _)| of == name).unwrap().1;
    let (whole, fragments) = (file("m4a"), file("fragments.m4a"));
    let table = |kind: &[u8; 4], numbers: &[u32]| {
        let mut damaged = if kind == b"trun" { fragments.clone() } else { whole.clone() };
        let at = damaged.windows(4).position(|bytes| bytes == kind).unwrap() + 8;
        for (slot, number) in damaged[at..].chunks_exact_mut(4).zip(numbers) {
            slot.copy_from_slice(&number.to_be_bytes());
        }
        (format!("m4a, {kind:?} {numbers:?}"), damaged)
    };
    for file in [
        table(b"stsz", &[1, u32::MAX]),
        table(b"stsz", &[u32::MAX, u32::MAX]),
        table(b"stsz", &[0, u32::MAX]),
        table(b"stts", &[1, u32::MAX, 0]),
        table(b"stts", &[1, u32::MAX, u32::MAX]),
        table(b"stts", &[u32::MAX, u32::MAX, 0]),
        table(b"stsc", &[1, 1, u32::MAX, 1]),
        table(b"stsc", &[u32::MAX, 1, u32::MAX, 1]),
        table(b"stco", &[u32::MAX]),
        table(b"trun", &[u32::MAX]),
        table(b"trun", &[200_000_000]),
    ] {
        Decoded::of(&file).check(&file.0);
        let mut source = Source::open(Cursor::new(file.1));
        if let Ok(source) = &mut source {
            let _ = source.decode_range(100_000.0, 100_001.0);
            let _ = source.decode_range(0.05, 0.06);
        }
    }
}

/// Tries all of `files`, and says how long that took.
fn try_all(what: &str, files: impl Iterator<Item = File>) {
    std::panic::set_hook(Box::new(|panic| {
        // What the decoders' own assumptions say when they break is contained, and no news.
        if panic.location().is_some_and(|place| place.file().starts_with("tests/")) {
            io::Write::write_all(&mut io::stderr(), format!("{panic}\n").as_bytes()).unwrap();
        }
    }));
    let (mut count, mut audio, mut longest) = (0, 0, (0.0, String::new()));
    let start = Instant::now();
    for file in files {
        let began = Instant::now();
        let decoded = Decoded::of(&file);
        decoded.check(&file.0);
        count += 1;
        audio += usize::from(decoded.whole.is_ok());
        let took = began.elapsed().as_secs_f64();
        if took > longest.0 {
            longest = (took, file.0);
        }
    }
    let (took, memory) = (start.elapsed().as_secs_f64(), peak_memory());
    let text = format!("{what}: {count} files, {audio} still audio, {took:.1} s, {memory:?} kB at most; ");
    let text = text + &format!("longest {:.3} s: {}\n", longest.0, longest.1);
    io::Write::write_all(&mut io::stdout(), text.as_bytes()).unwrap();
    assert!(count > 1000);
    assert!(memory.is_none_or(|memory| memory < MOST_MEMORY), "{text}");
}

/// What became of one file.
struct Decoded {
    channels: usize,
    rate: f64,
    whole: Result<Planes>,
    range: Result<Planes>,
}

impl Decoded {
    fn of((name, bytes): &File) -> Self {
        let work = Arc::new(Work::default());
        let open = || Source::open(Metered { bytes: Cursor::new(bytes.clone()), work: Arc::clone(&work) });
        let probe = open().map(|source| source.probe().clone());
        let whole = open().and_then(|mut source| source.decode_all());
        let range = open().and_then(|mut source| source.decode_range(0.04, 0.1));
        let (reads, read) = (work.reads.load(Ordering::Relaxed), work.bytes.load(Ordering::Relaxed));
        assert!(reads < MOST_READS && read < MOST_BYTES_READ, "{name}: {reads} reads of {read} bytes");
        let (channels, rate) = probe
            .map_or((0, 0.0), |probe| (usize::from(probe.layout.channels()), f64::from(probe.sample_rate)));
        Self { channels, rate, whole, range }
    }

    fn check(&self, name: &str) {
        for decoded in [&self.whole, &self.range] {
            match decoded {
                Ok(planes) => {
                    assert_eq!(planes.len(), self.channels, "{name}");
                    assert!(planes.iter().all(|plane| plane.len() == planes[0].len()), "{name}");
                    assert!(planes.len() * planes[0].len() < MOST_SAMPLES, "{name}: {}", planes[0].len());
                    assert!(planes.iter().flatten().all(|sample| sample.is_finite()), "{name}");
                }
                Err(error) => {
                    assert!(error.message.starts_with("cannot "), "{name}: {error}");
                    assert!(!error.message.contains(char::is_control), "{name}: {error:?}");
                }
            }
        }
        if let Ok(range) = &self.range {
            let frames = (0.1 * self.rate).round() - (0.04 * self.rate).round();
            assert_eq!(range[0].len() as f64, frames, "{name}");
            if let Ok(whole) = &self.whole {
                let first = (0.04 * self.rate).round() as usize;
                let mut planes = range.iter().zip(whole);
                assert!(planes.all(|(range, whole)| whole[first..].starts_with(range)), "{name}");
            }
        }
    }
}

/// What was asked of a file.
#[derive(Default)]
struct Work {
    reads: AtomicU64,
    bytes: AtomicU64,
}

/// A file that counts, and that ends what would never end.
struct Metered {
    bytes: Cursor<Vec<u8>>,
    work: Arc<Work>,
}

impl Metered {
    fn count(&self, bytes: u64) -> io::Result<()> {
        let reads = self.work.reads.fetch_add(1, Ordering::Relaxed);
        let read = self.work.bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_endless = reads > 2 * MOST_READS || read > 2 * MOST_BYTES_READ;
        if is_endless { Err(io::Error::other("there is no end to it")) } else { Ok(()) }
    }
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.count(read as u64)?;
        Ok(read)
    }
}

impl Seek for Metered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.count(0)?;
        self.bytes.seek(to)
    }
}

/// The most memory that this process ever had, kB, where the system says so.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// So many thousands, or twenty times as many where tests may take minutes.
fn thousands(n: usize) -> usize {
    if is_thorough() { n * 20_000 } else { n * 1000 }
}

fn is_thorough() -> bool {
    std::env::var_os("TAQSIM_SLOW_TESTS").is_some_and(|value| value != "0")
}
