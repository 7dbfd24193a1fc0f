//! What a source costs depends on the ranges asked for, not on how long it is or says it is.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs::File;
use std::io::{Cursor, Seek, SeekFrom, Write};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use taqsim::signal::decode::Source;
use taqsim::stages::{Context, Input, Inputs, Normalize, Stage};

const RATE: u32 = 44_100;
/// Bytes of a frame: two channels of 16 bits.
const BLOCK: u32 = 4;
/// kB.
const MOST_MEMORY: u64 = 300_000;

#[test]
fn three_ranges_of_two_hours_take_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    let starts = [600.0, 3600.0, 7100.0];
    let mut file = File::create(&path).unwrap();
    let bytes = 2 * 3600 * RATE * BLOCK;
    file.write_all(&header(bytes)).unwrap();
    // What is never written is a hole, which takes no space on the disk and reads as silence.
    file.set_len(44 + u64::from(bytes)).unwrap();
    let tone: Vec<u8> = (0..30 * RATE)
        .flat_map(|n| [(n * 997 % 20_000) as i16 - 10_000; 2])
        .flat_map(i16::to_le_bytes)
        .collect();
    for start in starts {
        file.seek(SeekFrom::Start(44 + (start * f64::from(RATE * BLOCK)) as u64)).unwrap();
        file.write_all(&tone).unwrap();
    }
    drop((file, tone));
    let stage =
        Normalize { ranges: starts.map(|start| (start, start + 30.0)).to_vec(), ..Normalize::default() };
    let mut inputs = Inputs::default();
    inputs.push("source", Input::file(path));
    let outputs = stage.run(&inputs, &Context::new(&AtomicBool::new(false))).unwrap();
    assert_eq!(outputs[0].1.len(), 44 + 90 * RATE as usize * 3);
    if let Some(memory) = peak_memory() {
        assert!(memory < MOST_MEMORY, "{memory} kB");
    }
}

#[test]
fn a_header_that_declares_ten_hours_costs_nothing() {
    let declared = 6 * 3600 * RATE * BLOCK;
    let data = vec![1; 3 * (RATE * BLOCK) as usize];
    let mut au = b".snd\0\0\0\x18".to_vec();
    let words = [u32::MAX - 1, 3, RATE, 2];
    au.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    au.extend(&data);
    let mut rf64 = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
    let ten_hours = 10 * 3600 * u64::from(RATE * BLOCK);
    rf64.extend([ten_hours + 72, ten_hours, ten_hours / 4].iter().flat_map(|size| size.to_le_bytes()));
    rf64.extend([0; 4]);
    rf64.extend(&header(u32::MAX)[12..]);
    rf64.extend(&data);
    let files = [("wav", [header(declared), data].concat()), ("au", au), ("rf64", rf64)];
    for (name, file) in files {
        let began = Instant::now();
        let mut source = Source::open(Cursor::new(file)).unwrap();
        assert_eq!(source.decode_range(1.0, 2.0).unwrap()[0].len(), RATE as usize, "{name}");
        let error = source.decode_all().unwrap_err().message;
        assert!(error.contains("it ends at 0:03"), "{name}: {error}");
        let error = source.decode_range(2.5, 3.5).unwrap_err().message;
        assert!(error.contains("0:03"), "{name}: {error}");
        assert!(source.decode_range(20_000.0, 20_001.0).is_err(), "{name}");
        assert!(began.elapsed().as_secs_f64() < 2.0, "{name}: {:?}", began.elapsed());
    }
}

/// That of a WAV of 16 bits in stereo.
fn header(bytes: u32) -> Vec<u8> {
    let mut header = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x02\0".to_vec();
    header.extend(RATE.to_le_bytes());
    header.extend((RATE * BLOCK).to_le_bytes());
    header.extend(b"\x04\0\x10\0data");
    header.extend(bytes.to_le_bytes());
    header
}

/// The most memory that this process ever had, kB, where the system says so.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
