//! Files: WAV by hand, everything else through ffmpeg.

use std::fs;
use std::io::{Error, Result, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::recording::Recording;

/// Container and codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// PCM, 16 bits.
    Wav16,
    /// PCM, 24 bits.
    Wav24,
    /// IEEE floats, 32 bits.
    WavFloat,
    /// PCM, 16 bits, big-endian.
    Aiff,
    /// 16 bits.
    Flac16,
    /// 24 bits.
    Flac24,
    /// MPEG audio layer 3.
    Mp3,
    /// Ogg Vorbis.
    Vorbis,
    /// AAC in MPEG-4.
    Aac,
}

/// What a file says about itself, where its format can.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tags<'a> {
    /// What is played.
    pub(crate) title: &'a str,
    /// Who plays.
    pub(crate) artist: &'a str,
}

/// A sample type of WAV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pcm {
    Int16,
    Int24,
    Float32,
}

/// Whether ffmpeg can be run.
pub(crate) fn ffmpeg_is_there() -> bool {
    let mut command = Command::new("ffmpeg");
    command.arg("-version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Writes `recording` to `path`.
pub(crate) fn write(recording: &Recording, format: Format, tags: Tags, path: &Path) -> Result<()> {
    match format {
        Format::Wav16 | Format::Wav24 | Format::WavFloat => fs::write(path, wav(recording, format.pcm())),
        _ => ffmpeg(&wav(recording, format.pcm()), format, tags, path),
    }
}

impl Format {
    fn pcm(self) -> Pcm {
        match self {
            Self::Wav16 | Self::Aiff | Self::Flac16 => Pcm::Int16,
            Self::Wav24 | Self::Flac24 => Pcm::Int24,
            // A lossy encoder is given what there is before rounding.
            Self::WavFloat | Self::Mp3 | Self::Vorbis | Self::Aac => Pcm::Float32,
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Wav16 | Self::Wav24 | Self::WavFloat => &[],
            Self::Aiff => &["-c:a", "pcm_s16be"],
            Self::Flac16 | Self::Flac24 => &["-c:a", "flac", "-compression_level", "12"],
            Self::Mp3 => &["-c:a", "libmp3lame", "-q:a", "3"],
            Self::Vorbis => &["-c:a", "libvorbis", "-q:a", "4"],
            Self::Aac => &["-c:a", "aac", "-b:a", "96k", "-movflags", "+faststart"],
        }
    }
}

/// Without `bitexact`, ffmpeg writes its version and random serial numbers into the file.
fn ffmpeg(wav: &[u8], format: Format, tags: Tags, path: &Path) -> Result<()> {
    let mut child = Command::new("ffmpeg")
        .args([
            "-hide_banner",
            "-loglevel",
            "error",
            "-y",
            "-f",
            "wav",
            "-i",
            "pipe:0",
            "-map_metadata",
            "-1",
        ])
        .args(format.arguments())
        .args(["-fflags", "+bitexact", "-flags:a", "+bitexact"])
        .args([
            "-metadata",
            &format!("title={}", tags.title),
            "-metadata",
            &format!("artist={}", tags.artist),
        ])
        .args(["-metadata", "copyright=CC0-1.0", "-metadata", "comment=synthetic"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(wav)?;
    }
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(Error::other(format!("ffmpeg ended with {status}"))) }
}

/// A RIFF/WAVE file (Microsoft and IBM 1991; `WAVE_FORMAT_IEEE_FLOAT` after the 1994 revision).
fn wav(recording: &Recording, pcm: Pcm) -> Vec<u8> {
    let n_channels = recording.channels.len() as u16;
    let n_frames = recording.channels[0].len() as u32;
    let (tag, bytes) = match pcm {
        Pcm::Int16 => (1u16, 2u16),
        Pcm::Int24 => (1, 3),
        Pcm::Float32 => (3, 4),
    };
    let block = n_channels * bytes;
    let mut fmt = Vec::new();
    fmt.extend([tag, n_channels].map(u16::to_le_bytes).as_flattened());
    fmt.extend([recording.rate, recording.rate * u32::from(block)].map(u32::to_le_bytes).as_flattened());
    fmt.extend([block, bytes * 8].map(u16::to_le_bytes).as_flattened());
    let mut body = b"WAVE".to_vec();
    if pcm == Pcm::Float32 {
        fmt.extend([0, 0]);
        chunk(&mut body, b"fmt ", &fmt);
        chunk(&mut body, b"fact", &n_frames.to_le_bytes());
    } else {
        chunk(&mut body, b"fmt ", &fmt);
    }
    chunk(&mut body, b"data", &interleaved(recording, pcm));
    let mut file = Vec::with_capacity(body.len() + 8);
    chunk(&mut file, b"RIFF", &body);
    file
}

fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    file.extend(name);
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    if data.len() % 2 == 1 {
        file.push(0);
    }
}

fn interleaved(recording: &Recording, pcm: Pcm) -> Vec<u8> {
    let mut data = Vec::new();
    for i in 0..recording.channels[0].len() {
        for channel in &recording.channels {
            match pcm {
                Pcm::Int16 => data.extend((scaled(channel[i], 32_767.0) as i16).to_le_bytes()),
                Pcm::Int24 => data.extend(&scaled(channel[i], 8_388_607.0).to_le_bytes()[..3]),
                Pcm::Float32 => data.extend((channel[i] as f32).to_le_bytes()),
            }
        }
    }
    data
}

fn scaled(sample: f64, full: f64) -> i32 {
    libm::round(sample.clamp(-1.0, 1.0) * full) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_header_says_what_follows() {
        let recording = Recording { rate: 48_000, channels: vec![vec![0.0, 1.0, -1.0]; 2] };
        for (pcm, tag, bytes, header) in
            [(Pcm::Int16, 1, 2, 44), (Pcm::Int24, 1, 3, 44), (Pcm::Float32, 3, 4, 58)]
        {
            let file = wav(&recording, pcm);
            assert_eq!((file[20], file[22], file[34]), (tag, 2, bytes * 8), "{pcm:?}");
            assert_eq!(file.len(), header + 6 * usize::from(bytes), "{pcm:?}");
            assert_eq!(u32::from_le_bytes([file[4], file[5], file[6], file[7]]) as usize, file.len() - 8);
        }
    }

    #[test]
    fn full_scale_reaches_the_largest_integers() {
        let recording = Recording { rate: 44_100, channels: vec![vec![1.0, -1.0, 2.0]] };
        assert_eq!(interleaved(&recording, Pcm::Int16), [0xff, 0x7f, 0x01, 0x80, 0xff, 0x7f]);
    }
}
