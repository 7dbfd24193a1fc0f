//! A temporary project around the real program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A temporary project. It vanishes with the test, unless `KEEP_SPACES` is set.
pub(crate) struct Space {
    folder: TempDir,
}

/// What the program answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A manifest with three clips of three sources, a step of every family, and two labels.
pub(crate) const MANIFEST: &str = r#"[dataset]
name    = "oud"
version = "0.1.0"
license = "CC-BY-4.0"

[labels]
artist  = "text"
maqam   = ["rast", "bayati", "hijaz"]
section = ["intro", "development"]

[segment.windows.sliding]
length = 1.0
hop    = 0.5

[embed.timbre.spectral]
of = "windows"

[reduce.map.pca]
of = "timbre"

[[clip]]
id      = "one"
source  = "sources/one.wav"
license = "CC-BY-4.0"
labels  = { artist = "A", maqam = "rast" }

[[clip]]
id      = "two"
source  = "sources/two.wav"
license = "CC-BY-4.0"
ranges  = ["0-1.5", { at = "1.5-3", section = "development" }]
labels  = { artist = "A", maqam = "bayati", section = "intro" }

[[clip]]
id      = "three"
source  = "sources/three.wav"
license = "CC0-1.0"
labels  = { artist = "B", maqam = "hijaz" }
"#;

/// Tasks per clip (normalize, windows, timbre), and all tasks (with duplicates and map), of [`MANIFEST`].
pub(crate) const N_PER_CLIP: usize = 3;
pub(crate) const N_TASKS: usize = 3 * N_PER_CLIP + 2;

/// Whether tests that take minutes shall run.
pub(crate) fn is_slow_suite_on() -> bool {
    std::env::var_os("TAQSIM_SLOW_TESTS").is_some_and(|value| value != "0")
}

impl Space {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        let mut folder = tempfile::Builder::new().prefix("taqsim-story-").tempdir().unwrap();
        folder.disable_cleanup(std::env::var_os("KEEP_SPACES").is_some());
        Self { folder }
    }

    /// The project of [`MANIFEST`] with its sources.
    pub(crate) fn new() -> Self {
        let space = Self::empty();
        space.fill();
        space
    }

    /// The same, built.
    pub(crate) fn built() -> Self {
        let space = Self::new();
        space.build().succeeds().ran(N_TASKS);
        space
    }

    /// The project of [`MANIFEST`] in a folder that is there, with its sources.
    pub(crate) fn fill(&self) {
        self.write("taqsim.toml", MANIFEST);
        // Of different lengths: clips whose windows lie alike share that work.
        for (name, seconds, seed) in [("one", 3.0, 1), ("two", 3.0, 2), ("three", 2.5, 3)] {
            self.write(&format!("sources/{name}.wav"), music(seconds, seed));
        }
    }

    /// How many tasks `taqsim plan` counts under this word.
    pub(crate) fn n_planned(&self, word: &str) -> usize {
        let plan = self.run(&["plan", "--format", "json"]).succeeds().stdout;
        let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
        plan["counts"][word].as_u64().unwrap() as usize
    }

    /// Takes the values away that the cache holds, and leaves what it knows about them.
    pub(crate) fn lose_values(&self) {
        for folder in ["cache/packs", "cache/masters"] {
            // What was lost before is gone already.
            let _ = fs::remove_dir_all(self.path(folder));
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// Replaces a piece of the manifest that stands in it.
    #[track_caller]
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let manifest = self.text("taqsim.toml");
        assert!(manifest.contains(from), "the manifest has no `{from}`");
        self.write("taqsim.toml", manifest.replace(from, to));
    }

    /// The program with these words, in the project's folder.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taqsim"));
        command.args(words).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE");
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Answer {
        Answer::of(self.command(words).output().unwrap())
    }

    pub(crate) fn build(&self) -> Answer {
        self.run(&["build"])
    }

    /// Every file of a folder with its bytes, sorted.
    pub(crate) fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        collect(&self.path(folder), "", &mut files);
        files.sort();
        files
    }

    /// What a build publishes: the draft's files and the lock.
    pub(crate) fn published(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = self.files("outputs");
        files.push(("taqsim.lock".to_owned(), self.read("taqsim.lock")));
        files
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.push((name, fs::read(entry.path()).unwrap()));
        }
    }
}

impl Answer {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        self.exits(0)
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "`{words}` is not said on stderr:\n{}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn prints(self, words: &str) -> Self {
        assert!(self.stdout.contains(words), "`{words}` is not on stdout:\n{}", self.stdout);
        self
    }

    /// How many tasks ran, from the build's last line.
    #[track_caller]
    pub(crate) fn ran(self, n: usize) -> Self {
        assert_eq!(self.n_ran(), n, "tasks ran\nstderr: {}", self.stderr);
        self
    }

    pub(crate) fn n_ran(&self) -> usize {
        let before = self.stderr.rsplit_once(" ran,").map_or("", |(before, _)| before);
        before.rsplit(' ').next().unwrap_or("").parse().unwrap_or(usize::MAX)
    }
}

/// A 16-bit mono WAV of plucked tones at 22,050 Hz, the same for the same seed.
pub(crate) fn music(seconds: f64, seed: u32) -> Vec<u8> {
    let rate = 22_050;
    let n = (seconds * f64::from(rate)) as usize;
    let samples: Vec<i16> = (0..n).map(|frame| pluck(frame, seed)).collect();
    wav(rate, 1, &samples)
}

/// A note every quarter of a second, decaying, on degrees that the seed chooses.
fn pluck(frame: usize, seed: u32) -> i16 {
    let (note, age) = (frame / 5512, frame % 5512);
    let degree = (note as u32).wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(40_503)) >> 28;
    let frequency = 110.0 * 2f64.powf(f64::from(degree) / 12.0 + f64::from(seed % 7) / 24.0);
    let phase = age as f64 * frequency / 22_050.0;
    let tone: f64 = (1..6).map(|k| (std::f64::consts::TAU * phase * f64::from(k)).sin() / f64::from(k)).sum();
    (8_000.0 * tone * (-(age as f64) / 2_000.0).exp()) as i16
}

/// A 16-bit WAV of interleaved samples.
pub(crate) fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    wav_of(1, rate, channels, 16, &bytes)
}

/// A 32-bit float WAV of interleaved samples.
pub(crate) fn float_wav(rate: u32, channels: u16, samples: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    wav_of(3, rate, channels, 32, &bytes)
}

fn wav_of(format: u16, rate: u32, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend(format.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(block)).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}
