//! Ornaments: vibrato and glides.

use std::f64::consts::TAU;

use super::Note;
use crate::signal::hann;

/// Rates at which vibrato is looked for, Hz, and the step between them.
const RATES: (f64, f64) = (3.0, 9.0);
const RATE_STEP: f64 = 0.25;

/// Vibrato needs a note of at least this length, s.
const SHORTEST: f64 = 0.4;

/// Vibrato is at least this wide to either side, cents, and is this share of the variance of its note.
const NARROWEST: f64 = 8.0;
const LEAST_SHARE: f64 = 0.4;

/// A pitch that moves faster than this glides, cents a second.
const GLIDE: f64 = 200.0;

/// Frames to either side over which a slope is measured.
const REACH: usize = 2;

/// How notes are ornamented.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ornaments {
    /// Mean rate of vibrato, Hz, notes weighted by their length; none where there is none.
    pub vibrato_rate: Option<f64>,
    /// Mean extent of vibrato to either side, cents.
    pub vibrato_extent: Option<f64>,
    /// Share of the voiced time that is in notes with vibrato, 0 to 1.
    pub vibrato_share: f64,
    /// Share of the voiced time outside such notes in which the pitch moves by more than 200 cents a second, 0 to 1.
    pub glide_share: f64,
}

/// The ornaments of a contour (cents, `hop` seconds a frame) with these notes.
///
/// A note has vibrato where a sine between 3 and 9 Hz, at least 8 cents to either side, explains two fifths of the
/// variance that is left without its linear trend.
pub fn ornaments(contour: &[Option<f64>], notes: &[Note], hop: f64) -> Ornaments {
    let n_voiced = contour.iter().flatten().count().max(1) as f64;
    let mut plain = contour.to_vec();
    let (mut rates, mut extents, mut frames) = (0.0, 0.0, 0.0);
    for note in notes.iter().filter(|note| note.n_frames() as f64 * hop >= SHORTEST) {
        let Some((rate, extent)) = vibrato(&contour[note.start..note.end], note.cents, hop) else { continue };
        let n = note.n_frames() as f64;
        (rates, extents, frames) = (rates + rate * n, extents + extent * n, frames + n);
        plain[note.start..note.end].fill(None);
    }
    let has_vibrato = frames > 0.0;
    Ornaments {
        vibrato_rate: has_vibrato.then(|| rates / frames),
        vibrato_extent: has_vibrato.then(|| extents / frames),
        vibrato_share: (frames / n_voiced).min(1.0),
        glide_share: gliding_frames(&plain, hop) as f64 / n_voiced,
    }
}

fn gliding_frames(contour: &[Option<f64>], hop: f64) -> usize {
    let glides = |window: &&[Option<f64>]| {
        let (Some(from), Some(to)) = (window[0], window[2 * REACH]) else { return false };
        let slope = (to - from).abs() / (2 * REACH) as f64 / hop;
        window.iter().all(Option::is_some) && slope > GLIDE
    };
    contour.windows(2 * REACH + 1).filter(glides).count()
}

/// Rate (Hz) and extent (cents to either side) of the vibrato of a note.
fn vibrato(pitches: &[Option<f64>], middle: f64, hop: f64) -> Option<(f64, f64)> {
    let residual = without_trend(pitches.iter().map(|pitch| pitch.unwrap_or(middle)).collect());
    let window = hann(residual.len());
    let weight: f64 = window.iter().sum();
    let power =
        |values: &mut dyn Iterator<Item = (f64, f64)>| values.map(|(w, x)| w * x * x).sum::<f64>() / weight;
    let variance = power(&mut window.iter().copied().zip(residual.iter().copied()));
    let n_rates = ((RATES.1 - RATES.0) / RATE_STEP) as usize;
    let amplitude = |i: usize| {
        let angle = TAU * (RATES.0 + i as f64 * RATE_STEP) * hop;
        let (mut re, mut im) = (0.0, 0.0);
        for (k, (w, x)) in window.iter().zip(&residual).enumerate() {
            let (sin, cos) = libm::sincos(angle * k as f64);
            (re, im) = (re + w * x * cos, im + w * x * sin);
        }
        2.0 * (re * re + im * im).sqrt() / weight
    };
    let amplitudes: Vec<f64> = (0..=n_rates).map(amplitude).collect();
    let most = (1..=n_rates).fold(0, |most, i| if amplitudes[i] > amplitudes[most] { i } else { most });
    let extent = amplitudes[most];
    let is_inside = most > 0 && most < n_rates;
    let explains = 0.5 * extent * extent >= LEAST_SHARE * variance;
    (is_inside && extent >= NARROWEST && explains).then_some((RATES.0 + most as f64 * RATE_STEP, extent))
}

/// The values less the straight line that fits them best.
fn without_trend(mut values: Vec<f64>) -> Vec<f64> {
    let n = values.len() as f64;
    let centre = (n - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / n;
    let times = || (0..values.len()).map(|i| i as f64 - centre);
    let product: f64 = times().zip(&values).map(|(t, x)| t * x).sum();
    let slope = product / times().map(|t| t * t).sum::<f64>().max(f64::MIN_POSITIVE);
    for (i, value) in values.iter_mut().enumerate() {
        *value -= mean + slope * (i as f64 - centre);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::super::notes;
    use super::*;

    const HOP: f64 = 256.0 / 22_050.0;

    fn found(contour: &[Option<f64>]) -> Ornaments {
        ornaments(contour, &notes(contour, HOP), HOP)
    }

    #[test]
    fn vibrato_has_its_rate_and_extent() {
        let pitch = |i: u32| 500.0 + 25.0 * libm::sin(TAU * 5.5 * f64::from(i) * HOP) + 0.05 * f64::from(i);
        let contour: Vec<Option<f64>> = (0..120).map(|i| Some(pitch(i))).collect();
        let got = found(&contour);
        assert!((got.vibrato_rate.unwrap() - 5.5).abs() < 0.2, "{got:?}");
        assert!((got.vibrato_extent.unwrap() - 25.0).abs() < 2.0, "{got:?}");
        assert_eq!((got.vibrato_share, got.glide_share), (1.0, 0.0));
    }

    #[test]
    fn held_notes_have_no_vibrato_and_glides_are_counted() {
        let mut contour = vec![Some(0.0); 60];
        contour.extend((0..20).map(|i| Some(f64::from(i) * 25.0)));
        contour.extend(vec![Some(500.0); 20]);
        let got = found(&contour);
        assert_eq!((got.vibrato_rate, got.vibrato_share), (None, 0.0));
        assert!((got.glide_share - 0.2).abs() < 0.05, "{got:?}");
        assert_eq!(found(&[None; 30]), Ornaments::default());
    }
}
