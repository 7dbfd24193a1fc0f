//! What loudness promises, on signals made to EBU Tech 3341 and 3342, and beside libebur128.

use std::f64::consts::PI;

use super::*;

/// A sine for every `(seconds, dBFS of its peak)`, one after the other.
fn sines(rate: u32, frequency: f64, parts: &[(f64, f64)]) -> Vec<f64> {
    let levels = parts.iter().flat_map(|&(seconds, level)| {
        std::iter::repeat_n(libm::pow(10.0, level / 20.0), (seconds * f64::from(rate)) as usize)
    });
    let angle = 2.0 * PI * frequency / f64::from(rate);
    levels.enumerate().map(|(n, level)| level * libm::sin(angle * n as f64)).collect()
}

fn noise(frames: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    };
    (0..frames).map(|n| next() * (0.2 + 0.1 * libm::sin(n as f64 / 20_000.0))).collect()
}

fn measure(rate: u32, layout: Layout, planes: &[Vec<f64>]) -> Meter {
    let mut meter = Meter::new(rate, layout);
    meter.add(planes);
    meter
}

#[test]
fn loudness_is_what_ebu_tech_3341_asks_for() {
    // Cases 1 to 5 of table 1: sines of 1 kHz in both channels.
    let cases: [(&[(f64, f64)], f64); 5] = [
        (&[(20.0, -23.0)], -23.0),
        (&[(20.0, -33.0)], -33.0),
        (&[(10.0, -36.0), (60.0, -23.0), (10.0, -36.0)], -23.0),
        (&[(10.0, -72.0), (10.0, -36.0), (60.0, -23.0), (10.0, -36.0), (10.0, -72.0)], -23.0),
        (&[(20.0, -26.0), (20.1, -20.0), (20.0, -26.0)], -23.0),
    ];
    for (parts, expected) in cases {
        for rate in [44_100, 48_000] {
            let plane = sines(rate, 1000.0, parts);
            let loudness = measure(rate, Layout::new(2, 0), &[plane.clone(), plane]).integrated().unwrap();
            assert!((loudness - expected).abs() < 0.1, "{parts:?}: {loudness}");
        }
    }
}

#[test]
fn five_channels_are_weighed() {
    // Case 6 of table 1, with a low-frequency channel that must not count.
    let levels = [-28.0, -28.0, -24.0, 0.0, -30.0, -30.0];
    let planes: Vec<_> = levels.iter().map(|&level| sines(48_000, 1000.0, &[(20.0, level)])).collect();
    let loudness = measure(48_000, Layout::new(6, 0x3f), &planes).integrated().unwrap();
    assert!((loudness + 23.0).abs() < 0.1, "{loudness}");
}

#[test]
fn true_peak_is_what_ebu_tech_3341_asks_for() {
    // Cases 15 to 19 of table 1: parts of the rate, phase in degrees, amplitude, dBTP.
    let cases = [
        (4.0, 0.0, 0.5, -6.0),
        (4.0, 45.0, 0.5, -6.0),
        (6.0, 60.0, 0.5, -6.0),
        (8.0, 67.5, 0.5, -6.0),
        (4.0, 45.0, 1.41, 3.0),
    ];
    for (part, phase, amplitude, expected) in cases {
        let sine = |n: usize| amplitude * libm::sin(2.0 * PI * n as f64 / part + phase * PI / 180.0);
        let fade = |n: usize| (n.min(48_000 - n) as f64 / 1000.0).min(1.0);
        let plane: Vec<_> = (0..48_000).map(|n| sine(n) * fade(n)).collect();
        let peak = measure(48_000, Layout::new(1, 0), &[plane]).true_peak().unwrap();
        assert!((-0.4..=0.2).contains(&(peak - expected)), "{part} {phase}: {peak}");
    }
}

#[test]
fn it_agrees_with_libebur128() {
    for rate in [8000, 22_050, 44_100, 48_000, 96_000, 192_000] {
        let frames = rate as usize * 5;
        let planes = [noise(frames, 1), noise(frames, 2)];
        let mode = ebur128::Mode::I | ebur128::Mode::TRUE_PEAK;
        let mut oracle = ebur128::EbuR128::new(2, rate, mode).unwrap();
        oracle.add_frames_planar_f64(&[&planes[0], &planes[1]]).unwrap();
        let peak = oracle.true_peak(0).unwrap().max(oracle.true_peak(1).unwrap());
        let meter = measure(rate, Layout::new(2, 0), &planes);
        let difference = meter.integrated().unwrap() - oracle.loudness_global().unwrap();
        assert!(difference.abs() < 1e-6, "{rate}: {difference} LU");
        let difference = meter.true_peak().unwrap() - 20.0 * peak.log10();
        assert!(difference.abs() < 1e-4, "{rate}: {difference} dB");
    }
}

#[test]
fn silence_and_less_than_a_block_have_no_loudness() {
    let layout = Layout::new(1, 0);
    assert_eq!(measure(8000, layout, &[vec![0.0; 80_000]]).integrated(), None);
    assert_eq!(measure(8000, layout, &[vec![0.0; 80_000]]).true_peak(), None);
    assert_eq!(measure(8000, layout, &[vec![0.5; 3199]]).integrated(), None);
    assert_eq!(measure(8000, layout, &[vec![]]).integrated(), None);
    assert!(measure(8000, layout, &[noise(3200, 3)]).integrated().is_some());
}

#[test]
fn stretches_do_not_run_together() {
    let (tone, layout) = (sines(8000, 1000.0, &[(0.3, -20.0)]), Layout::new(1, 0));
    let mut meter = Meter::new(8000, layout);
    meter.add(std::slice::from_ref(&tone));
    meter.add(std::slice::from_ref(&tone));
    assert_eq!(meter.integrated(), None);
    let together = measure(8000, layout, &[[tone.clone(), tone].concat()]);
    assert!(together.integrated().is_some());
}

/// The loudest momentary and short-term loudness, of both channels alike.
fn maxima(plane: Vec<f64>, rate: u32) -> (Option<f64>, Option<f64>) {
    let meter = measure(rate, Layout::new(2, 0), &[plane.clone(), plane]);
    (meter.momentary_max(), meter.short_term_max())
}

#[test]
fn maxima_are_what_ebu_tech_3341_asks_for() {
    const SILENCE: f64 = -200.0;
    for rate in [44_100, 48_000] {
        // Cases 9 and 12 of table 1: what repeats has the same loudness at every moment.
        let short: Vec<_> = [(1.34, -20.0), (1.66, -30.0)].repeat(5);
        let (_, short_term) = maxima(sines(rate, 1000.0, &short), rate);
        assert!((short_term.unwrap() + 23.0).abs() < 0.1, "{short_term:?}");
        let momentary: Vec<_> = [(0.18, -20.0), (0.22, -30.0)].repeat(25);
        let (momentary, _) = maxima(sines(rate, 1000.0, &momentary), rate);
        assert!((momentary.unwrap() + 23.0).abs() < 0.1, "{momentary:?}");
        for i in 0..20 {
            // Cases 10 and 13: a tone after i x 150 ms, or i x 20 ms, of silence.
            let late = [(f64::from(i) * 0.15, SILENCE), (3.0, -23.0), (1.0, SILENCE)];
            let (_, short_term) = maxima(sines(rate, 1000.0, &late), rate);
            assert!((short_term.unwrap() + 23.0).abs() < 0.1, "{i}: {short_term:?}");
            let late = [(f64::from(i) * 0.02, SILENCE), (0.4, -23.0), (1.0, SILENCE)];
            let (momentary, _) = maxima(sines(rate, 1000.0, &late), rate);
            assert!((momentary.unwrap() + 23.0).abs() < 0.1, "{i}: {momentary:?}");
        }
    }
}

#[test]
fn rising_maxima_are_what_ebu_tech_3341_asks_for() {
    // Cases 11 and 14: the same, one after the other, from -38 up to -19 LUFS.
    let rising = |length: f64, late: f64| -> Vec<(f64, f64)> {
        let tone = |i: u32| {
            let silence = f64::from(i) * late;
            [(silence, -200.0), (length, f64::from(i) - 38.0), (1.0_f64.max(length - silence), -200.0)]
        };
        (0..20).flat_map(tone).collect()
    };
    let (_, short_term) = maxima(sines(48_000, 1000.0, &rising(3.0, 0.15)), 48_000);
    assert!((short_term.unwrap() + 19.0).abs() < 0.1, "{short_term:?}");
    let (momentary, _) = maxima(sines(48_000, 1000.0, &rising(0.4, 0.02)), 48_000);
    assert!((momentary.unwrap() + 19.0).abs() < 0.1, "{momentary:?}");
}

#[test]
fn range_is_what_ebu_tech_3342_asks_for() {
    // Cases 1 to 4 of table 1; the standard allows 1 LU.
    let cases: [(&[f64], f64); 4] = [
        (&[-20.0, -30.0], 10.0),
        (&[-20.0, -15.0], 5.0),
        (&[-40.0, -20.0], 20.0),
        (&[-50.0, -35.0, -20.0, -35.0, -50.0], 15.0),
    ];
    for (levels, expected) in cases {
        for rate in [44_100, 48_000] {
            let parts: Vec<_> = levels.iter().map(|&level| (20.0, level)).collect();
            let plane = sines(rate, 1000.0, &parts);
            let range = measure(rate, Layout::new(2, 0), &[plane.clone(), plane]).range().unwrap();
            assert!((range - expected).abs() < 0.1, "{levels:?}: {range}");
        }
    }
}

#[test]
fn range_and_maxima_agree_with_libebur128() {
    for rate in [8000, 11_025, 22_050, 48_000] {
        let frames = rate as usize * 70;
        let planes = [noise(frames, 1), noise(frames, 2)];
        let modes = ebur128::Mode::LRA | ebur128::Mode::I;
        let mut oracle = ebur128::EbuR128::new(2, rate, modes).unwrap();
        let (mut momentary, mut short_term) = (f64::MIN, f64::MIN);
        let step = rate as usize / 100;
        for start in (0..frames).step_by(step) {
            let end = (start + step).min(frames);
            oracle.add_frames_planar_f64(&[&planes[0][start..end], &planes[1][start..end]]).unwrap();
            momentary = momentary.max(oracle.loudness_momentary().unwrap());
            short_term = short_term.max(oracle.loudness_shortterm().unwrap());
        }
        let meter = measure(rate, Layout::new(2, 0), &planes);
        assert!((meter.momentary_max().unwrap() - momentary).abs() < 0.05, "{rate}: {momentary}");
        assert!((meter.short_term_max().unwrap() - short_term).abs() < 0.02, "{rate}: {short_term}");
        // It looks at 3 s every second, not every 100 ms.
        let range = oracle.loudness_range().unwrap();
        assert!((meter.range().unwrap() - range).abs() < 0.2, "{rate}: {:?} {range}", meter.range());
    }
}

#[test]
fn what_is_too_short_has_no_range_and_no_maxima() {
    let meter = |seconds: f64| measure(8000, Layout::new(1, 0), &[noise((seconds * 8000.0) as usize, 3)]);
    for (seconds, momentary, short_term) in [(0.399, false, false), (0.4, true, false), (3.0, true, true)] {
        let meter = meter(seconds);
        assert_eq!(meter.is_too_short(), !momentary);
        assert_eq!(meter.momentary_max().is_some(), momentary);
        assert_eq!(meter.integrated().is_some(), momentary);
        assert_eq!(meter.short_term_max().is_some(), short_term);
        assert_eq!(meter.range().is_some(), short_term);
    }
}
