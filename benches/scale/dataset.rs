//! A dataset of many tiny clips: what is built, and what is changed in it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Steps of each clip.
pub(crate) const N_STEPS: usize = 4;

/// Sources in one folder.
const PER_FOLDER: usize = 1000;

/// Frames of a source, at this many a second.
const N_FRAMES: usize = 400;
const SAMPLE_RATE: u32 = 8000;

const MANIFEST: &str = r#"clips = "clips.csv"

[dataset]
name = "scale"
version = "0.1.0"
license = "CC0-1.0"

[labels]
artist = "text"
maqam = ["rast", "bayati", "hijaz", "saba"]

[normalize]
sample_rate = "keep"
loudness = "keep"

[gate]
duration_s = []
dc_offset = []
snr_db = []
start_level_dbfs = []
end_level_dbfs = []

[segment.whole.whole]

[segment.windows.sliding]
length = 0.02
hop = 0.01

[segment.pieces.silence]
top_db = 60
"#;

/// A dataset in a folder of its own, and the program that builds it.
pub(crate) struct Dataset {
    pub(crate) folder: PathBuf,
    pub(crate) n_clips: usize,
    program: PathBuf,
}

impl Dataset {
    /// Writes the sources and the manifest.
    pub(crate) fn create(folder: &Path, n_clips: usize, program: &Path) -> Self {
        let dataset = Self { folder: folder.to_owned(), n_clips, program: program.to_owned() };
        for clip in 0..n_clips {
            let path = folder.join(source(clip));
            if clip % PER_FOLDER == 0 {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
            }
            fs::write(path, wav(clip, 0)).unwrap();
        }
        dataset.write_manifest(MANIFEST);
        dataset.write_rows(None);
        dataset
    }

    /// The program with one word.
    pub(crate) fn taqsim(&self, word: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(word).current_dir(&self.folder);
        command
    }

    /// Builds until nothing is left to do or to look at: a stat of the last two seconds proves nothing.
    pub(crate) fn settle(&self) {
        for _ in 0..2 {
            crate::measure::said(self.taqsim("build"));
            std::thread::sleep(Duration::from_secs(3));
        }
        crate::measure::said(self.taqsim("build"));
    }

    /// Gives one clip another sound, each time that the number is another.
    pub(crate) fn change_source(&self, number: usize) {
        let clip = self.n_clips / 2 + number;
        fs::write(self.folder.join(source(clip)), wav(clip, 1 + number as u16)).unwrap();
    }

    /// Gives one clip another label, each time that the number is another.
    pub(crate) fn change_row(&self, number: usize) {
        self.write_rows(Some(number));
    }

    /// Gives a step another name: what is remembered of whole clips is of no use then.
    pub(crate) fn rename_step(&self) {
        self.write_manifest(&MANIFEST.replace("segment.windows", "segment.frames"));
    }

    /// Gives the last step another parameter.
    pub(crate) fn change_parameter(&self) {
        self.write_manifest(&MANIFEST.replace("top_db = 60", "top_db = 50"));
    }

    /// The manifest as it was.
    pub(crate) fn undo(&self) {
        self.write_manifest(MANIFEST);
    }

    /// Files in the cache: all, and of these masters.
    pub(crate) fn count_files(&self) -> (usize, usize) {
        let cache = self.folder.join("cache");
        (count_files(&cache), count_files(&cache.join("masters")))
    }

    fn write_manifest(&self, text: &str) {
        fs::write(self.folder.join("taqsim.toml"), text).unwrap();
    }

    fn write_rows(&self, changed: Option<usize>) {
        let file = fs::File::create(self.folder.join("clips.csv")).unwrap();
        let mut file = std::io::BufWriter::new(file);
        writeln!(file, "id,source,license,artist,maqam").unwrap();
        for clip in 0..self.n_clips {
            let maqam = ["rast", "bayati", "hijaz", "saba"][clip % 4];
            let artist = match changed.filter(|_| clip == self.n_clips / 3) {
                Some(number) => format!("another artist {number}"),
                None => format!("artist {}", clip % 97),
            };
            writeln!(file, "clip{clip:06},{},CC0-1.0,{artist},{maqam}", source(clip)).unwrap();
        }
        file.flush().unwrap();
    }
}

/// The path of the source of a clip, from the folder of its dataset.
pub(crate) fn source(clip: usize) -> String {
    format!("sources/{:03}/{clip:06}.wav", clip / PER_FOLDER)
}

/// A sawtooth that no other clip has.
fn wav(clip: usize, variant: u16) -> Vec<u8> {
    let n_bytes = 2 * N_FRAMES as u32;
    let mut bytes = Vec::with_capacity(44 + n_bytes as usize);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(36 + n_bytes).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend_from_slice(&SAMPLE_RATE.to_le_bytes());
    bytes.extend_from_slice(&(2 * SAMPLE_RATE).to_le_bytes());
    bytes.extend_from_slice(b"\x02\0\x10\0data");
    bytes.extend_from_slice(&n_bytes.to_le_bytes());
    let (period, amplitude) = (5 + clip % 55, 2000 + clip * 7 % 10_000);
    let own = [(clip % 30_000) as i16, (clip / 30_000) as i16, variant as i16];
    for frame in 0..N_FRAMES {
        let saw = amplitude as i64 - (2 * amplitude * (frame % period) / period) as i64;
        let sample = own.get(frame).copied().unwrap_or(saw as i16);
        bytes.extend_from_slice(&sample.to_le_bytes());
    }
    bytes
}

fn count_files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() { count_files(&entry.path()) } else { 1 }
    };
    entries.map(count).sum()
}
