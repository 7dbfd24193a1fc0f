//! Every container and codec that is read, made by ffmpeg and sox: the length and the samples that ffmpeg has.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use taqsim::signal::decode::{Planes, Source};
use taqsim::signal::layout::Layout;
use taqsim::signal::wav::Pcm;

const RATE: u32 = 44_100;
/// No multiple of any codec's packets.
const FRAMES: usize = 3 * RATE as usize + 777;

/// [`FRAMES`] at Opus' rate.
const FRAMES_AT_48_000: usize = (FRAMES * 160).div_ceil(147);

/// Frames of the longest packet here.
const PACKET: usize = 1152;

/// What a decoder can be expected to give back.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fidelity {
    /// The bits that ffmpeg gives.
    Exact,
    /// What ffmpeg gives but for rounding, and as many frames as went in.
    Trimmed,
    /// What ffmpeg gives but for rounding, and as many frames but for a packet at the end: nothing says how many
    /// went in.
    Untrimmed,
    /// What libopus gives but for rounding, and as many frames as went in at 48,000 Hz.
    Resampled,
}
use Fidelity::{Exact, Resampled, Trimmed, Untrimmed};

/// A name, and ffmpeg's arguments behind its input.
const BY_FFMPEG: [(&str, &[&str], Fidelity); 55] = [
    ("u8.wav", &["-c:a", "pcm_u8"], Exact),
    ("s16.wav", &["-c:a", "pcm_s16le"], Exact),
    ("s24.wav", &["-c:a", "pcm_s24le"], Exact),
    ("s32.wav", &["-c:a", "pcm_s32le"], Exact),
    ("f32.wav", &["-c:a", "pcm_f32le"], Exact),
    ("f64.wav", &["-c:a", "pcm_f64le"], Exact),
    ("mulaw.wav", &["-c:a", "pcm_mulaw"], Exact),
    ("alaw.wav", &["-c:a", "pcm_alaw"], Exact),
    ("extensible.wav", &["-ac", "6", "-c:a", "pcm_s24le"], Exact),
    ("rf64.wav", &["-rf64", "always", "-c:a", "pcm_s16le"], Exact),
    ("rf64_s24.wav", &["-rf64", "always", "-c:a", "pcm_s24le"], Exact),
    ("s16.aiff", &["-c:a", "pcm_s16be"], Exact),
    ("s24.aiff", &["-c:a", "pcm_s24be"], Exact),
    ("s32.aiff", &["-c:a", "pcm_s32be"], Exact),
    ("f32.aiff", &["-c:a", "pcm_f32be"], Exact),
    ("little.aiff", &["-c:a", "pcm_s16le"], Exact),
    ("s16.au", &["-c:a", "pcm_s16be"], Exact),
    ("f32.au", &["-c:a", "pcm_f32be"], Exact),
    ("mulaw.au", &["-c:a", "pcm_mulaw"], Exact),
    ("alaw.au", &["-c:a", "pcm_alaw"], Exact),
    ("s16.caf", &["-c:a", "pcm_s16be"], Exact),
    ("s24le.caf", &["-c:a", "pcm_s24le"], Exact),
    ("f32.caf", &["-c:a", "pcm_f32be"], Exact),
    ("alac.caf", &["-c:a", "alac"], Exact),
    ("s16.flac", &["-c:a", "flac", "-sample_fmt", "s16"], Exact),
    ("s24.flac", &["-c:a", "flac", "-sample_fmt", "s32"], Exact),
    ("flac.ogg", &["-c:a", "flac", "-f", "ogg"], Exact),
    ("flac.mka", &["-c:a", "flac"], Exact),
    ("alac.m4a", &["-c:a", "alac", "-sample_fmt", "s16p"], Exact),
    ("s16.mka", &["-c:a", "pcm_s16le"], Exact),
    ("s16.mkv", &["-c:a", "pcm_s16le"], Exact),
    ("cbr.mp3", &["-c:a", "libmp3lame", "-b:a", "192k"], Trimmed),
    ("vbr.mp3", &["-c:a", "libmp3lame", "-q:a", "2"], Trimmed),
    ("mono.mp3", &["-ac", "1", "-c:a", "libmp3lame", "-b:a", "64k"], Trimmed),
    (
        "no_tag.mp3",
        &["-c:a", "libmp3lame", "-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0"],
        Untrimmed,
    ),
    ("id3v23.mp3", &["-c:a", "libmp3lame", "-id3v2_version", "3", "-metadata", "title=x"], Trimmed),
    (
        "id3v24_v1.mp3",
        &["-c:a", "libmp3lame", "-id3v2_version", "4", "-write_id3v1", "1", "-metadata", "title=x"],
        Trimmed,
    ),
    ("lc.m4a", &["-c:a", "aac", "-b:a", "192k"], Trimmed),
    ("lc.mp4", &["-c:a", "aac", "-b:a", "128k"], Trimmed),
    ("no_edit.m4a", &["-c:a", "aac", "-use_editlist", "0"], Untrimmed),
    ("adts.aac", &["-c:a", "aac", "-b:a", "128k"], Untrimmed),
    ("lc.mka", &["-c:a", "aac"], Untrimmed),
    ("q5.ogg", &["-c:a", "libvorbis", "-q:a", "5"], Trimmed),
    ("vorbis.mka", &["-c:a", "libvorbis"], Untrimmed),
    ("mp3.mka", &["-c:a", "libmp3lame"], Untrimmed),
    ("128k.opus", &["-c:a", "libopus", "-b:a", "128k"], Resampled),
    ("mono.opus", &["-ac", "1", "-c:a", "libopus", "-b:a", "64k"], Resampled),
    ("hybrid.opus", &["-ac", "1", "-c:a", "libopus", "-b:a", "24k", "-application", "voip"], Resampled),
    ("silk.opus", &["-ac", "1", "-c:a", "libopus", "-b:a", "10k", "-application", "voip"], Resampled),
    ("short.opus", &["-c:a", "libopus", "-frame_duration", "2.5"], Resampled),
    ("long.opus", &["-c:a", "libopus", "-frame_duration", "60"], Resampled),
    ("surround.opus", &["-ac", "6", "-c:a", "libopus", "-mapping_family", "1"], Resampled),
    ("opus.webm", &["-c:a", "libopus"], Resampled),
    ("opus.mka", &["-c:a", "libopus"], Resampled),
    ("opus.mp4", &["-c:a", "libopus"], Resampled),
];

/// A name, and sox's arguments for it.
const BY_SOX: [(&str, &[&str]); 10] = [
    ("u8.wav", &["-b", "8"]),
    ("s24.wav", &["-b", "24"]),
    ("s32.wav", &["-b", "32"]),
    ("f32.wav", &["-e", "float", "-b", "32"]),
    ("mulaw.wav", &["-e", "mu-law"]),
    ("alaw.wav", &["-e", "a-law"]),
    ("s16.aiff", &["-b", "16"]),
    ("s24.aiff", &["-b", "24"]),
    ("gtzan.au", &["-b", "16", "-e", "signed"]),
    ("next.snd", &["-t", "au", "-b", "24"]),
];

#[test]
fn what_ffmpeg_makes_decodes_as_ffmpeg_decodes_it() {
    let Some(folder) = folder_with_original("ffmpeg", "-version") else { return };
    let mut wrong = Vec::new();
    for (name, arguments, fidelity) in BY_FFMPEG {
        let path = folder.path().join(name);
        ffmpeg(&["-i", "original.wav"], arguments, &path);
        wrong.extend(check(name, &fs::read(&path).unwrap(), &path, fidelity).err());
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn what_sox_makes_decodes_as_ffmpeg_decodes_it() {
    let Some(folder) = folder_with_original("ffmpeg", "-version") else { return };
    if !is_present("sox", "--version") {
        return;
    }
    let mut wrong = Vec::new();
    for (name, arguments) in BY_SOX {
        let path = folder.path().join(format!("sox_{name}"));
        let mut sox = Command::new("sox");
        sox.arg("-D").arg(folder.path().join("original.wav")).args(arguments).arg(&path);
        assert!(sox.status().unwrap().success(), "sox {name}");
        wrong.extend(check(name, &fs::read(&path).unwrap(), &path, Exact).err());
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn tags_and_junk_around_mp3_change_nothing() {
    let Some(folder) = folder_with_original("ffmpeg", "-version") else { return };
    let path = folder.path().join("plain.mp3");
    ffmpeg(&["-i", "original.wav"], &["-c:a", "libmp3lame", "-id3v2_version", "0", "-b:a", "128k"], &path);
    let plain = fs::read(&path).unwrap();
    let expected = decode(&plain).unwrap();
    assert_eq!(expected[0].len(), FRAMES);
    let mut id3v1 = plain.clone();
    id3v1.extend([b"TAG".as_slice(), &[b'x'; 125]].concat());
    let with = |before: Vec<u8>| [before, plain.clone()].concat();
    let cases = [
        ("ID3v2.2", with(id3v2(2))),
        ("ID3v2.3", with(id3v2(3))),
        ("ID3v2.4", with(id3v2(4))),
        ("two tags", with([id3v2(3), id3v2(4)].concat())),
        ("ID3v1", id3v1),
        ("leading zeros", with(vec![0; 5000])),
        ("leading junk", with((0..3000u32).map(|n| (n * n % 251) as u8).collect())),
    ];
    for (name, file) in cases {
        let planes = decode(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(planes == expected, "{name}: {} frames", planes[0].len());
    }
}

#[test]
fn apples_own_note_of_priming_is_heeded() {
    let Some(folder) = folder_with_original("ffmpeg", "-version") else { return };
    let path = folder.path().join("itunes.m4a");
    let arguments = ["-c:a", "aac", "-use_editlist", "0", "-map_metadata", "-1", "-fflags", "+bitexact"];
    ffmpeg(&["-i", "original.wav"], &arguments, &path);
    let bare = fs::read(&path).unwrap();
    let untrimmed = decode(&bare).unwrap();
    let trimmed = decode(&with_itunsmpb(&bare, 1024, FRAMES)).unwrap();
    assert_eq!(trimmed[0].len(), FRAMES);
    assert!(trimmed[0] == untrimmed[0][1024..1024 + FRAMES]);
}

/// A tag of this minor version with a title.
fn id3v2(version: u8) -> Vec<u8> {
    let frame = match version {
        2 => [b"TT2\0\0\x05".as_slice(), b"\0Rast"].concat(),
        _ => [b"TIT2\0\0\0\x05\0\0".as_slice(), b"\0Rast"].concat(),
    };
    let mut tag = vec![b'I', b'D', b'3', version, 0, 0, 0, 0, 0, frame.len() as u8 + 100];
    tag.extend(frame);
    tag.extend([0; 100]);
    tag
}

/// The file with iTunes' note at the end of its `moov`, which ends the file.
fn with_itunsmpb(file: &[u8], delay: usize, frames: usize) -> Vec<u8> {
    let atom = |kind: &[u8], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes(), kind, body].concat();
    let note = format!(" 00000000 {delay:08X} 00000000 {frames:016X} 00000000 00000000");
    let free = atom(
        b"----",
        &[
            atom(b"mean", b"\0\0\0\0com.apple.iTunes"),
            atom(b"name", b"\0\0\0\0iTunSMPB"),
            atom(b"data", &[b"\0\0\0\x01\0\0\0\0", note.as_bytes()].concat()),
        ]
        .concat(),
    );
    let handler = atom(b"hdlr", b"\0\0\0\0\0\0\0\0mdirappl\0\0\0\0\0\0\0\0\0");
    let meta = atom(b"meta", &[b"\0\0\0\0".to_vec(), handler, atom(b"ilst", &free)].concat());
    let udta = atom(b"udta", &meta);
    let moov = file.windows(4).rposition(|kind| kind == b"moov").unwrap() - 4;
    let size = u32::from_be_bytes(file[moov..moov + 4].try_into().unwrap());
    assert_eq!(moov + size as usize, file.len());
    let mut file = file.to_vec();
    file[moov..moov + 4].copy_from_slice(&(size + udta.len() as u32).to_be_bytes());
    file.extend(udta);
    file
}

/// Whether our samples are those of ffmpeg, and if not, how they differ.
fn check(name: &str, file: &[u8], path: &Path, fidelity: Fidelity) -> Result<(), String> {
    let ours = decode(file).map_err(|error| format!("{name}: {error}"))?;
    let theirs = by_ffmpeg(path, ours.len());
    let (n_ours, n_theirs) = (ours[0].len(), theirs[0].len());
    let is_as_long = match fidelity {
        Trimmed | Exact => n_ours == FRAMES,
        Untrimmed => n_ours.abs_diff(n_theirs) < PACKET,
        Resampled => n_ours == FRAMES_AT_48_000,
    };
    if !is_as_long {
        return Err(format!("{name}: {n_ours} frames; ffmpeg has {n_theirs}, and {FRAMES} went in"));
    }
    for (channel, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        if fidelity == Exact && ours != theirs {
            return Err(format!("{name}: other bits in channel {channel}"));
        }
        let at_zero = correlation(ours, theirs);
        let (start, other) = (&ours[..RATE as usize], &theirs[..RATE as usize]);
        let beside = [1, 576, 1024, 1105]
            .map(|lag| correlation(&start[lag..], other).max(correlation(start, &other[lag..])));
        if at_zero < 0.9999 || beside.iter().any(|&other| other > at_zero) {
            return Err(format!("{name}: correlation {at_zero} in channel {channel}, beside {beside:?}"));
        }
    }
    Ok(())
}

fn correlation(left: &[f32], right: &[f32]) -> f64 {
    let dot = |left: &[f32], right: &[f32]| -> f64 {
        left.iter().zip(right).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let n = left.len().min(right.len());
    dot(left, right) / (dot(&left[..n], &left[..n]) * dot(&right[..n], &right[..n])).sqrt()
}

fn decode(file: &[u8]) -> taqsim::error::Result<Planes> {
    Source::open(Cursor::new(file.to_vec()))?.decode_all()
}

fn by_ffmpeg(path: &Path, channels: usize) -> Planes {
    // What RFC 6716 defines is what libopus does; ffmpeg's own decoder differs below 12 kHz.
    let is_opus = path.to_string_lossy().contains("opus");
    let decoder: &[&str] = if is_opus { &["-c:a", "libopus"] } else { &[] };
    let output = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(decoder)
        .arg("-i")
        .arg(path)
        .args(["-map", "0:a:0", "-f", "f32le", "-c:a", "pcm_f32le", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let samples: Vec<f32> =
        output.stdout.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    (0..channels).map(|channel| samples.iter().skip(channel).step_by(channels).copied().collect()).collect()
}

fn ffmpeg(before: &[&str], arguments: &[&str], path: &Path) {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .current_dir(path.parent().unwrap())
        .args(["-v", "error", "-y"])
        .args(before)
        .args(arguments)
        .arg(path);
    assert!(ffmpeg.status().unwrap().success(), "ffmpeg {arguments:?}");
}

/// A folder with `original.wav`, or nothing where `program` is absent.
fn folder_with_original(program: &str, argument: &str) -> Option<tempfile::TempDir> {
    if !is_present(program, argument) {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("original.wav");
    fs::write(path, original().to_wav().unwrap()).unwrap();
    Some(folder)
}

/// Plucked notes of different pitch in each channel, of 16 bits, so that every lossless codec can keep them.
fn original() -> Pcm {
    let sample = |frame: usize, channel: usize| {
        let (note, within) = (frame / 11_025, frame % 11_025);
        let time = within as f64 / f64::from(RATE);
        let pitch = 110.0 + 37.0 * ((note * 5 + channel * 3) % 17) as f64;
        let partials = (1..9).map(|k| sine_of_turns(f64::from(k) * pitch * time) / f64::from(k));
        let level = 0.25 / (1.0 + 12.0 * time);
        ((level * partials.sum::<f64>() * 32_767.0) as i32) << 8
    };
    let samples = (0..FRAMES).flat_map(|frame| [sample(frame, 0), sample(frame, 1)]).collect();
    Pcm { sample_rate: RATE, layout: Layout::new(2, 0), samples }
}

/// The sine of so many turns; what it is to the last bit matters to nobody here.
fn sine_of_turns(turns: f64) -> f64 {
    (turns * std::f64::consts::TAU).sin()
}

fn is_present(program: &str, argument: &str) -> bool {
    let present = Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success());
    if !present {
        std::io::stdout().write_all(format!("skipped: there is no {program}\n").as_bytes()).unwrap();
    }
    present
}
