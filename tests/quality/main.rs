//! The measures of the quality gate, held against librosa and numpy, and against what ffmpeg's encoders do.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops where it fails, and says what it skips"
)]

mod copies;
mod sounds;

use std::io::Cursor;
use std::path::PathBuf;

use taqsim::signal::decode::Source;
use taqsim::signal::quality::{Examiner, Quality};

use crate::sounds::{Rng, drums, encoded, plucks, wav};

/// What is measured of encoded audio.
pub(crate) fn examine(file: Vec<u8>) -> Quality {
    examiner_of(file).finish()
}

/// An examiner that has heard a file.
pub(crate) fn examiner_of(file: Vec<u8>) -> Examiner {
    let mut source = Source::open(Cursor::new(file)).unwrap();
    let (rate, layout) = (source.probe().sample_rate, source.probe().layout);
    let planes = source.decode_all().unwrap();
    let mut examiner = Examiner::new(rate);
    examiner.add(&planes, &layout.downmix(&planes));
    examiner
}

/// An examiner that has heard samples at 44.1 kHz.
pub(crate) fn examiner_of_samples(samples: &[f64]) -> Examiner {
    let mut examiner = Examiner::new(44_100);
    let plane: Vec<f32> = samples.iter().map(|sample| *sample as f32).collect();
    let mono: Vec<f64> = plane.iter().copied().map(f64::from).collect();
    examiner.add(&[plane], &mono);
    examiner
}

/// What is measured of samples at 44.1 kHz.
fn measured(samples: &[f64]) -> Quality {
    examiner_of_samples(samples).finish()
}

#[test]
fn percussion_and_levels_are_those_of_librosa() {
    // librosa 0.11.0, numpy 2.4.6, with `y` as tests/fixtures/librosa/README.md has it:
    // H, P = librosa.decompose.hpss(np.abs(librosa.stft(y))); (P**2).sum() / ((P**2).sum() + (H**2).sum())
    // db = 20 * np.log10(np.maximum(librosa.feature.rms(y=y, center=False)[0], 1e-6))
    // np.percentile(db, 5); np.percentile(db, 95) - np.percentile(db, 5); (db < db.max() - 60).mean()
    for (signal, percussion, floor, snr, silence) in [
        ("pluck", 0.416_881_753, -28.031_010, 11.765_498, 0.020_408),
        ("noise_tone", 0.004_927_422, -34.092_308, 21.659_146, 0.0),
        ("chirp", 0.716_496_453, -120.0, 110.439_778, 0.067_308),
    ] {
        let path = format!("tests/fixtures/librosa/{signal}.wav");
        let quality = examine(std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap());
        let found = [quality.percussion, quality.noise_floor_dbfs, quality.snr_db, Some(quality.silence)];
        for (found, (want, within)) in
            found.into_iter().zip([(percussion, 1e-4), (floor, 0.006), (snr, 0.011), (silence, 1e-4)])
        {
            let found = found.unwrap();
            assert!((found - want).abs() <= within, "{signal}: {found}, librosa {want}");
        }
    }
}

#[test]
fn the_cutoff_of_an_mp3_is_found_and_its_original_has_none() {
    let mut random = Rng(3);
    // All frequencies, and music in them.
    let full: Vec<f64> = plucks(1, 12.0).iter().map(|pluck| 0.5 * pluck + 0.1 * random.next()).collect();
    assert_eq!(measured(&full).cutoff_hz, None);
    // What LAME 3.100 leaves, by bit rate, measured with another implementation.
    for (rate, want) in [("64k", 11_200.0), ("128k", 16_700.0), ("192k", 18_700.0), ("320k", 20_100.0)] {
        let arguments = ["-ac", "2", "-c:a", "libmp3lame", "-b:a", rate];
        let Some(file) = encoded(&wav(44_100, &full), &arguments, "mp3") else { return };
        let quality = examine(file);
        let found = quality.cutoff_hz.unwrap_or_else(|| panic!("{rate}: no cut-off: {quality:?}"));
        assert!((found - want).abs() <= 500.0, "{rate}: {found} Hz, not {want} Hz");
    }
}

#[test]
fn the_cutoff_survives_a_copy_without_loss() {
    let mut random = Rng(4);
    let full: Vec<f64> = (0..44_100 * 8).map(|_| 0.2 * random.next()).collect();
    let Some(mp3) = encoded(&wav(44_100, &full), &["-ac", "2", "-c:a", "libmp3lame", "-b:a", "128k"], "mp3")
    else {
        return;
    };
    let flac = encoded(&mp3, &["-c:a", "flac"], "flac").unwrap();
    let found = examine(flac).cutoff_hz.expect("it was an mp3 once");
    assert!((16_000.0..17_500.0).contains(&found), "{found}");
}

#[test]
fn a_drum_loop_raises_percussion_and_breaks_the_line() {
    let alone = plucks(2, 15.0);
    let together: Vec<f64> = alone.iter().zip(drums(15.0)).map(|(pluck, drum)| pluck + drum).collect();
    let (alone, together) = (measured(&alone), measured(&together));
    assert!(alone.percussion.unwrap() < 0.3 && together.percussion.unwrap() > 0.3, "{alone:?}\n{together:?}");
    assert!(alone.single_line.unwrap() > 0.75, "{alone:?}");
    assert!(together.single_line.unwrap() < alone.single_line.unwrap() - 0.1, "{together:?}");
}

#[test]
fn each_defect_is_measured_at_its_size_in_music() {
    let music = plucks(5, 15.0);
    let clean = measured(&music);
    assert_eq!((clean.clipping, clean.clicks_per_minute, clean.hum_db), (0.0, 0.0, None), "{clean:?}");
    assert!(clean.dc_offset.unwrap() < 0.01, "{clean:?}");

    let mut clipped = music.clone();
    // Ten tops of 30 samples, with steps before and after them.
    (0..10).for_each(|n| clipped[20_000 + n * 60_000..][..30].fill(0.99));
    assert!((measured(&clipped).clipping - 300.0 / music.len() as f64).abs() < 1e-6);

    let rms = (music.iter().map(|sample| sample * sample).sum::<f64>() / music.len() as f64).sqrt();
    let off: Vec<f64> = music.iter().map(|sample| sample + rms).collect();
    assert!((measured(&off).dc_offset.unwrap() - 0.5f64.sqrt()).abs() < 0.01);

    let line = |n: usize| (std::f64::consts::TAU * 50.0 * n as f64 / 44_100.0).sin();
    let humming: Vec<f64> =
        music.iter().enumerate().map(|(n, sample)| sample + 0.1 * rms * line(n)).collect();
    let quality = measured(&humming);
    // A sine of a tenth of the root mean square has half a hundredth of the power: -23 dB.
    assert!((quality.hum_db.unwrap() + 23.0).abs() < 1.0, "{quality:?}");
    assert_eq!(quality.hum_hz, Some(50.0));
}
