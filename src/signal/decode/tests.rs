//! What decoding promises, on files that ffmpeg made and on files that are broken.

use std::io::Cursor;

use super::*;

const FLAC: &[u8] = include_bytes!("../../../tests/fixtures/audio/chirp.flac");
const HE_AAC: &[u8] = include_bytes!("../../../tests/fixtures/audio/chirp_he.aac");
const HE_AAC_IN_MP4: &[u8] = include_bytes!("../../../tests/fixtures/audio/chirp_he.m4a");
const M4A: &[u8] = include_bytes!("../../../tests/fixtures/audio/chirp.m4a");
const MP3: &[u8] = include_bytes!("../../../tests/fixtures/audio/chirp.mp3");
const OGG: &[u8] = include_bytes!("../../../tests/fixtures/audio/chirp.ogg");
const OPUS: &[u8] = include_bytes!("../../../tests/fixtures/audio/chirp.opus");

fn open(bytes: &[u8]) -> Source {
    Source::open(Cursor::new(bytes.to_vec())).unwrap()
}

fn wav(format: u16, bits: u16, channels: u16, data: &[u8], declared: usize) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((declared as u32 + 36).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0");
    bytes.extend(format.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(8000u32.to_le_bytes());
    bytes.extend((8000 * u32::from(block)).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((declared as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

fn wav16(frames: usize) -> Vec<u8> {
    let data: Vec<u8> = (0..frames).flat_map(|n| ((n * 7) as i16).to_le_bytes()).collect();
    wav(1, 16, 1, &data, data.len())
}

#[test]
fn a_probe_says_what_the_source_is() {
    let probes = [
        (FLAC, "flac", 8000, 1, Some(16), 2.0),
        (MP3, "mp3", 22_050, 2, None, 3.3),
        (M4A, "aac", 22_050, 2, None, 3.3),
        (OGG, "vorbis", 22_050, 2, None, 3.3),
        (OPUS, "opus", 48_000, 2, None, 3.3),
        (&wav16(4000)[..], "pcm_s16le", 8000, 1, Some(16), 0.5),
    ];
    for (bytes, codec, sample_rate, channels, bit_depth, seconds) in probes {
        let layout = Layout::new(channels, 0);
        let codec = codec.to_owned();
        let expected = Probe { codec, sample_rate, layout, bit_depth, duration_s: Some(seconds) };
        let found = open(bytes).probe().clone();
        let milliseconds = |seconds: Option<f64>| seconds.map(|seconds| (seconds * 1000.0).round());
        assert_eq!(milliseconds(found.duration_s), milliseconds(expected.duration_s));
        assert_eq!(Probe { duration_s: expected.duration_s, ..found }, expected);
    }
}

#[test]
fn the_whole_is_what_ffmpeg_decodes() {
    // ffmpeg 5.1.9, `ffmpeg -i FILE -f f32le -`: frames, and samples of the first channel. It leaves the
    // padding at the end of the m4a, 963 frames, which its packet durations say is none of the audio.
    let golden = [
        (FLAC, 16_000, [(100, -0.111298), (5000, 0.371033), (8000, -0.00058), (14_800, -0.396606)]),
        (MP3, 72_765, [(100, -0.144219), (5000, -0.553214), (36_382, -0.183547), (71_565, 0.376773)]),
        (M4A, 72_765, [(100, -0.129073), (5000, -0.608923), (36_864, -0.053914), (72_528, -0.322193)]),
        (OGG, 72_765, [(100, -0.139312), (5000, -0.603425), (36_382, -0.206161), (71_565, 0.411158)]),
        // By libopus 1.3.1, whose float decoder differs from the fixed-point one by some 1e-4.
        (OPUS, 158_400, [(100, 0.275757), (30_000, 0.192322), (79_200, -0.193207), (150_000, -0.241852)]),
    ];
    for (bytes, frames, samples) in golden {
        let mut source = open(bytes);
        let planes = source.decode_all().unwrap();
        let codec = &source.probe().codec;
        let tolerance = if codec == "opus" { 2e-4 } else { 2e-5 };
        assert!(planes.iter().all(|plane| plane.len() == frames), "{codec}: {}", planes[0].len());
        for (at, expected) in samples {
            assert!(
                (planes[0][at] - expected).abs() < tolerance,
                "{codec} {at}: {} {expected}",
                planes[0][at]
            );
        }
    }
}

#[test]
fn a_range_is_that_slice_of_the_whole() {
    let ranges = [(3.0, 3.25), (1.0, 1.5), (1.6, 1.7), (0.0, 0.1), (2.9, 3.3), (2.4, 2.5), (0.25, 3.1)];
    for bytes in [MP3, M4A, OGG, OPUS] {
        let mut whole = open(bytes);
        whole.packets.timing.noise_period = whole.packets.timing.noise_period.map(|_| 16_384);
        let whole = whole.decode_all().unwrap();
        for warm_up in [8 * 1152, 20 * 1152] {
            let mut source = open(bytes);
            source.packets.timing.warm_up = warm_up;
            source.packets.timing.near = 1;
            source.packets.timing.noise_period = source.packets.timing.noise_period.map(|_| 16_384);
            for (start, end) in ranges {
                let range = source.decode_range(start, end).unwrap();
                let frame = |time: f64| (time * f64::from(source.probe().sample_rate)).round() as usize;
                let frames = frame(start)..frame(end);
                for (part, plane) in range.iter().zip(&whole) {
                    let differing = part.iter().zip(&plane[frames.clone()]).position(|(a, b)| a != b);
                    let codec = &source.probe().codec;
                    assert_eq!(differing, None, "{codec} {start}-{end}, warm-up {warm_up}");
                    assert_eq!(part.len(), frames.len());
                }
            }
        }
    }
}

#[test]
fn a_range_of_a_lossless_file_is_found_by_seeking() {
    let wav = wav16(80_000);
    for bytes in [FLAC, &wav] {
        let whole = open(bytes).decode_all().unwrap();
        let mut source = open(bytes);
        source.packets.timing.near = 1;
        for (start, end) in [(1.9f64, 2.0f64), (0.5, 0.6), (0.0, 1.0), (1.0, 1.25), (0.000_125, 0.000_25)] {
            let frames = (start * 8000.0).round() as usize..(end * 8000.0).round() as usize;
            assert_eq!(source.decode_range(start, end).unwrap()[0], whole[0][frames], "{start}-{end}");
        }
    }
}

/// Counts what is read.
struct Counting(Cursor<Vec<u8>>, std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl std::io::Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.fetch_add(read, std::sync::atomic::Ordering::Relaxed);
        Ok(read)
    }
}

impl std::io::Seek for Counting {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_range_near_the_end_of_a_long_file_does_not_read_the_file() {
    let read = std::sync::Arc::default();
    let bytes = wav16(8_000_000);
    let mut source = Source::open(Counting(Cursor::new(bytes), std::sync::Arc::clone(&read))).unwrap();
    assert_eq!(source.decode_range(999.0, 1000.0).unwrap()[0].len(), 8000);
    assert!(read.load(std::sync::atomic::Ordering::Relaxed) < 200_000);
}

fn error_of(bytes: &[u8], range: Option<(f64, f64)>) -> String {
    let source = Source::open(Cursor::new(bytes.to_vec()));
    let decoded = source.and_then(|mut source| match range {
        Some((start, end)) => source.decode_range(start, end),
        None => source.decode_all(),
    });
    decoded.unwrap_err().message
}

#[test]
fn what_cannot_be_decoded_is_said() {
    let data = [0u8; 16_000];
    let float =
        |value: f32| [[0.5f32; 4000], [value; 4000]].concat().iter().flat_map(|v| v.to_le_bytes()).collect();
    let (nan, infinite): (Vec<u8>, Vec<u8>) = (float(f32::NAN), float(f32::INFINITY));
    let mut holed = FLAC.to_vec();
    holed[14_000..14_400].fill(0x55);
    let text = "Call me Ishmael. Some years ago - never mind how long precisely. ".repeat(100);
    let no_audio = [
        (&b""[..], "it is empty"),
        (text.as_bytes(), "it is not audio that can be read"),
        (&MP3[..20], "it is not audio that can be read"),
        (&[0x55; 5000], "it is not audio that can be read"),
    ];
    for (bytes, expected) in no_audio {
        let message = error_of(bytes, None);
        assert!(message.starts_with(&format!("cannot decode the source: {expected}")), "{message}");
    }
    let cases = [
        (
            wav(1, 16, 1, &data[..9600], 16_000),
            None,
            "it ends at 0:00.6, but its header says that it lasts 0:01",
        ),
        (wav(1, 16, 1, &data, 0x7fff_fff0), Some((0.5, 1.5)), "it ends at 0:01, but its header says"),
        (wav(1, 16, 1, &[], 0), None, "it holds no audio"),
        (
            wav(1, 16, 1, &data, 16_000),
            Some((0.5, 1.5)),
            "range `0:00.5-0:01.5`: it ends past the source's end, 0:01",
        ),
        (wav(1, 16, 1, &data, 16_000), Some((0.5, 0.5)), "holds no frame"),
        (wav(1, 16, 1, &data, 16_000), Some((f64::NAN, 0.5)), "holds no frame"),
        (wav(1, 16, 1, &data, 16_000), Some((0.0, 1e300)), "holds no frame"),
        (wav(1, 16, 0, &data, 16_000), None, "cannot decode the source"),
        (wav(3, 32, 1, &nan, nan.len()), None, "a sample at 0:00.5 is not a finite number"),
        (wav(3, 32, 1, &infinite, nan.len()), Some((0.1, 0.6)), "a sample at 0:00.5 is not a finite number"),
        (wav(0x55aa, 16, 1, &data, 16_000), None, "cannot decode the source"),
        (FLAC[..FLAC.len() / 2].to_vec(), None, "0:0"),
        (MP3[..MP3.len() / 2].to_vec(), None, "0:01"),
        (MP3[..MP3.len() / 2].to_vec(), Some((3.0, 3.2)), "0:01"),
        (OGG[..OGG.len() / 2].to_vec(), None, "0:01"),
        (M4A[..M4A.len() / 2].to_vec(), None, "cannot decode the source"),
        (holed, None, "0:00."),
        (OGG.iter().chain(OGG).copied().collect(), None, "another stream follows"),
    ];
    for (bytes, range, expected) in cases {
        let message = error_of(&bytes, range);
        assert!(message.contains(expected), "{message}: {expected}");
    }
}

#[test]
fn he_aac_and_drm_are_named() {
    let place = |file: &[u8], bytes: &[u8]| file.windows(bytes.len()).position(|at| at == bytes).unwrap();
    // In its decoder's configuration, the object type is the first five bits: 2 for AAC-LC, 5 for SBR.
    let mut he_aac = M4A.to_vec();
    let at = place(M4A, &[0x05, 0x80, 0x80, 0x80]) + 5;
    he_aac[at] = (5 << 3) | (he_aac[at] & 7);
    let mut protected = M4A.to_vec();
    protected[place(M4A, b"mp4a")..][..4].copy_from_slice(b"drms");
    // fdk-aac 2 by way of the crate fdk-aac 0.8.0: HE-AAC of 44,100 Hz mono at 24 kbit/s, in ADTS, whose header has no word
    // for it; and that in an MP4, by ffmpeg 5.1.9 -c copy, which takes ADTS at its word.
    let undeclared = [HE_AAC, HE_AAC_IN_MP4].map(|file| (file.to_vec(), "it is HE-AAC"));
    let declared = [(he_aac, "it is HE-AAC"), (protected, "it is protected by DRM")];
    for (file, expected) in declared.into_iter().chain(undeclared) {
        let message = error_of(&file, None);
        assert!(message.contains(expected), "{message}: {expected}");
    }
}

#[test]
fn damage_says_when_it_is_and_whether_the_range_is_affected() {
    let mut holed = FLAC.to_vec();
    holed[14_000..14_400].fill(0x55);
    let damage = error_of(&holed, None);
    let at = damage.split(" at 0:00.").nth(1).and_then(|rest| rest.split([':', ',']).next()).unwrap();
    let second: f64 = format!("0.{at}").parse().unwrap();
    let within = error_of(&holed, Some((second - 0.05, second + 0.2)));
    assert!(within.contains(", within the range `0:0"), "{within}");
    let error = open(&holed).decode_all().unwrap_err();
    assert!(error.hints[0].starts_with("what lies before 0:00."), "{error:?}");
    let before = open(&holed).decode_range(0.0, second - 0.05).unwrap();
    assert_eq!(before[0].len(), ((second - 0.05) * 8000.0).round() as usize);
    let after = open(&holed).decode_range(1.9, 2.0).unwrap();
    assert_eq!(after[0], open(FLAC).decode_range(1.9, 2.0).unwrap()[0]);
}

#[test]
fn tags_are_read_and_are_one_line_each() {
    let mut tagged = b"ID3\x04\0\0\0\0\0\0".to_vec();
    for (frame, text) in [
        (b"TPE1", &b"\x03Munir\nBashir"[..]),
        (b"TIT2", b"\x03Rast"),
        (b"TDRC", b"\x031975-05"),
        (b"WCOP", b"https://creativecommons.org/licenses/by/4.0/"),
    ] {
        tagged.extend(frame);
        tagged.extend([0, 0, 0, text.len() as u8, 0, 0]);
        tagged.extend(text);
    }
    let size = (tagged.len() - 10) as u8;
    tagged[8..10].copy_from_slice(&[size >> 7, size & 0x7f]);
    tagged.extend(MP3);
    let text = |text: &str| Some(text.to_owned());
    let license = text("https://creativecommons.org/licenses/by/4.0/");
    let expected = Tags { artist: text("Munir Bashir"), title: text("Rast"), date: text("1975-05"), license };
    assert_eq!(open(&tagged).tags(), expected);
    assert_eq!(open(&wav16(800)).tags(), Tags::default());
    assert_eq!(open(&tagged).decode_all().unwrap(), open(MP3).decode_all().unwrap());
}

#[test]
fn ranges_before_the_damage_are_decoded() {
    let cut = wav(1, 16, 1, &[1; 9600], 16_000);
    assert_eq!(open(&cut).decode_range(0.1, 0.6).unwrap()[0].len(), 4000);
    assert_eq!(open(&MP3[..MP3.len() / 2]).decode_range(0.0, 1.0).unwrap()[0].len(), 22_050);
    assert_eq!(open(&OGG[..OGG.len() / 2]).decode_range(0.0, 1.0).unwrap()[0].len(), 22_050);
    assert_eq!(open(&FLAC[..FLAC.len() / 2]).decode_range(0.0, 0.5).unwrap()[0].len(), 4000);
}

#[test]
fn no_damage_is_a_panic() {
    for bytes in [FLAC, M4A, MP3, OGG, &wav16(2000)[..]] {
        for at in (0..bytes.len()).step_by(bytes.len() / 150).chain(0..150.min(bytes.len())) {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0xff;
            if let Ok(mut source) = Source::open(Cursor::new(damaged)) {
                let _ = source.decode_range(0.5, 0.6);
                let _ = source.decode_all();
            }
        }
    }
}

#[test]
fn times_are_said_as_people_write_them() {
    for (seconds, text) in
        [(0.0, "0:00"), (70.2, "1:10.2"), (59.9999, "0:59.999"), (3600.0, "60:00"), (10.0, "0:10")]
    {
        assert_eq!(time(seconds), text);
    }
}
