//! Sounds whose truth is known, because they are made here, and encoders to send them through.

use std::f64::consts::TAU;
use std::process::Command;

const RATE: f64 = 44_100.0;

/// Knuth's linear congruential generator, from -1 to 1.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }
}

/// An improvisation on one plucked string: notes of a quarter-tone scale, that end as the next begins.
pub(crate) fn plucks(seed: u64, seconds: f64) -> Vec<f64> {
    let mut random = Rng(seed.wrapping_mul(7919) + 1);
    let mut samples = vec![0.0; (seconds * RATE) as usize];
    let mut start = 0;
    while start < samples.len() {
        let length = (RATE * (0.3 + 0.2 * random.next())) as usize;
        let hz = 110.0 * 2f64.powf((12.0 + 12.0 * random.next()).round() / 12.0);
        let level = 0.15 * 10f64.powf(0.3 * random.next());
        for (i, sample) in samples[start..].iter_mut().take(length).enumerate() {
            let age = i as f64 / RATE;
            let fade = ((length - i) as f64 / 441.0).min(1.0) * (i as f64 / 88.0).min(1.0);
            let tone: f64 = (1..12)
                .map(f64::from)
                .map(|k| (TAU * hz * k * age).sin() * (-age * (1.5 + k)).exp() / k)
                .sum();
            *sample = level * fade * tone;
        }
        start += length;
    }
    samples.iter_mut().for_each(|sample| *sample += 1e-5 * random.next());
    samples
}

/// A bass drum on the beat, a snare on the other, and hats between.
pub(crate) fn drums(seconds: f64) -> Vec<f64> {
    let mut random = Rng(77);
    let stroke = |n: usize| {
        let age = (n % 11_025) as f64 / RATE;
        let noise = random.next();
        match n / 11_025 % 4 {
            0 => 0.7 * (TAU * 55.0 * age).sin() * (-age * 30.0).exp() + 0.2 * noise * (-age * 300.0).exp(),
            2 => 0.6 * noise * (-age * 25.0).exp(),
            _ => 0.25 * noise * (-age * 80.0).exp(),
        }
    };
    (0..(seconds * RATE) as usize).map(stroke).collect()
}

/// A mono WAV, 16-bit.
pub(crate) fn wav(rate: u32, samples: &[f64]) -> Vec<u8> {
    let data: Vec<u8> =
        samples.iter().flat_map(|sample| ((sample * 32_767.0) as i16).to_le_bytes()).collect();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(rate.to_le_bytes());
    bytes.extend((2 * rate).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// A file after ffmpeg did to it what `arguments` say; none, and a word about it, where there is no ffmpeg.
pub(crate) fn encoded(file: &[u8], arguments: &[&str], extension: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join(format!("to.{extension}")));
    std::fs::write(&from, file).unwrap();
    let output =
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&from).args(arguments).arg(&to).output();
    let Ok(output) = output else {
        eprintln!("skipped: ffmpeg is absent");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(std::fs::read(to).unwrap())
}
