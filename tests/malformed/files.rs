//! Small valid files of every container: those that ffmpeg made, and plain ones made here.

use std::path::Path;

/// A name for messages, and the file's bytes.
pub(crate) type File = (String, Vec<u8>);

/// Of the plain files.
const SAMPLE_RATE: u32 = 16_000;
const CHANNELS: u16 = 2;
const FRAMES: usize = 4000;

/// Every container.
pub(crate) fn every() -> Vec<File> {
    let mut files = encoded();
    let m4a = files.iter().find(|(name, _)| name == "m4a").map(|(_, bytes)| noted(bytes));
    files.extend(m4a.map(|file| ("m4a with a note".to_owned(), file)));
    files.extend(wavs());
    files.extend([("rf64".to_owned(), rf64()), ("aiff".to_owned(), aiff()), ("caf".to_owned(), caf())]);
    files.extend(
        [1, 2, 3, 4, 5, 6, 7, 27].map(|encoding| (format!("au {encoding}"), au(encoding, SAMPLE_RATE))),
    );
    files
}

/// The files of `tests/fixtures/audio/tiny`, which its `make.sh` made with ffmpeg.
fn encoded() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio/tiny");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_none_or(|extension| extension != "sh"));
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

/// An M4A with iTunes' note of its priming in place of the edit list, at the end of `moov`, which ends the file.
fn noted(m4a: &[u8]) -> Vec<u8> {
    let atom = |kind: &[u8; 4], body: Vec<u8>| {
        [(body.len() as u32 + 8).to_be_bytes().to_vec(), kind.to_vec(), body].concat()
    };
    let text = b"\0\0\0\x01\0\0\0\0 00000000 00000400 00000000 0000000000001200".to_vec();
    let name = atom(b"name", b"\0\0\0\0iTunSMPB".to_vec());
    let item = atom(b"----", [name, atom(b"data", text)].concat());
    let metadata = atom(b"meta", [vec![0; 4], atom(b"ilst", item)].concat());
    let user = atom(b"udta", metadata);
    let at = |kind: &[u8; 4]| m4a.windows(4).rposition(|bytes| bytes == kind).unwrap();
    let (edits, movie) = (at(b"edts"), at(b"moov") - 4);
    let mut file = m4a.to_vec();
    file[edits..edits + 4].copy_from_slice(b"free");
    let size = (m4a.len() - movie + user.len()) as u32;
    file[movie..movie + 4].copy_from_slice(&size.to_be_bytes());
    file.extend(user);
    file
}

/// WAV of each format that is read without an encoder.
fn wavs() -> Vec<File> {
    let formats = [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (7, 8), (0xfffe, 24)];
    formats
        .into_iter()
        .map(|(tag, bits)| (format!("wav {tag} of {bits}"), wav(tag, bits, SAMPLE_RATE)))
        .collect()
}

/// WAV of this format and rate.
pub(crate) fn wav(tag: u16, bits: u16, sample_rate: u32) -> Vec<u8> {
    let (format, data) = (format_chunk(tag, bits, sample_rate), data(bits, tag == 3, true));
    let mut file = b"RIFF".to_vec();
    file.extend((20 + format.len() as u32 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend((format.len() as u32).to_le_bytes());
    file.extend(format);
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

/// RF64 of 16 bits, which takes both lengths from its `ds64` chunk.
pub(crate) fn rf64() -> Vec<u8> {
    let (format, data) = (format_chunk(0xfffe, 16, SAMPLE_RATE), data(16, false, true));
    let mut file = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
    file.extend((56 + format.len() as u64 + data.len() as u64).to_le_bytes());
    file.extend((data.len() as u64).to_le_bytes());
    file.extend((FRAMES as u64).to_le_bytes());
    file.extend(b"\0\0\0\0JUNK\x03\0\0\0abc\0fmt ");
    file.extend((format.len() as u32).to_le_bytes());
    file.extend(format);
    file.extend(b"data\xff\xff\xff\xff");
    file.extend(data);
    file
}

/// AU of this encoding and rate.
pub(crate) fn au(encoding: u32, sample_rate: u32) -> Vec<u8> {
    let bits = match encoding {
        3 => 16,
        4 => 24,
        5 | 6 => 32,
        7 => 64,
        _ => 8,
    };
    let data = data(bits, matches!(encoding, 6 | 7), false);
    let header = [32, data.len() as u32, encoding, sample_rate, u32::from(CHANNELS), 0, 0];
    let mut file = b".snd".to_vec();
    file.extend(header.iter().flat_map(|word| word.to_be_bytes()));
    file.extend(data);
    file
}

fn aiff() -> Vec<u8> {
    let data = data(16, false, false);
    let mut file = b"FORM".to_vec();
    file.extend((46 + data.len() as u32).to_be_bytes());
    file.extend(b"AIFFCOMM\0\0\0\x12\0\x02");
    file.extend((FRAMES as u32).to_be_bytes());
    // 16 bits a sample, and 16,000 as a number of 80 bits.
    file.extend(b"\0\x10\x40\x0c\xfa\0\0\0\0\0\0\0SSND");
    file.extend((8 + data.len() as u32).to_be_bytes());
    file.extend([0; 8]);
    file.extend(data);
    file
}

fn caf() -> Vec<u8> {
    let data = data(16, false, false);
    let mut file = b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20".to_vec();
    file.extend(f64::from(SAMPLE_RATE).to_be_bytes());
    file.extend(b"lpcm");
    file.extend([0, 4, 1, 2, 16].iter().flat_map(|word: &u32| word.to_be_bytes()));
    file.extend(b"data");
    file.extend((4 + data.len() as u64).to_be_bytes());
    file.extend([0; 4]);
    file.extend(data);
    file
}

fn format_chunk(tag: u16, bits: u16, sample_rate: u32) -> Vec<u8> {
    let block = CHANNELS * bits / 8;
    let mut chunk = [tag.to_le_bytes(), CHANNELS.to_le_bytes()].concat();
    chunk.extend(sample_rate.to_le_bytes());
    chunk.extend(sample_rate.wrapping_mul(u32::from(block)).to_le_bytes());
    chunk.extend([block.to_le_bytes(), bits.to_le_bytes()].concat());
    match tag {
        0xfffe => {
            chunk.extend([22u16.to_le_bytes(), bits.to_le_bytes()].concat());
            chunk.extend(b"\x03\0\0\0\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
        }
        1 => {}
        _ => chunk.extend([0, 0]),
    }
    chunk
}

/// A saw tooth, the second channel at half the level: samples of 8, 16, 24, 32 or 64 bits.
fn data(bits: u16, is_float: bool, is_little: bool) -> Vec<u8> {
    let values = (0..FRAMES as i32).flat_map(|n| [n * 37 % 200 - 100, (n * 37 % 200 - 100) / 2]);
    let mut data = Vec::new();
    for value in values {
        let mut bytes = match (bits, is_float) {
            (64, _) => (f64::from(value) / 128.0).to_le_bytes().to_vec(),
            (32, true) => (value as f32 / 128.0).to_le_bytes().to_vec(),
            _ => (value << 24).to_le_bytes()[4 - usize::from(bits / 8)..].to_vec(),
        };
        if !is_little {
            bytes.reverse();
        }
        data.extend(bytes);
    }
    data
}
