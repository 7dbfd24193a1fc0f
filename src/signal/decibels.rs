//! Decibels, as librosa 0.11 counts them.

use std::f64::consts::{LN_10, SQRT_2};

use super::widest::with_widest_registers;

/// Powers in dB re 1, none below 1e-10 and none more than `top_db` below the greatest of them all
/// (`librosa.power_to_db(S, top_db=top_db)`).
pub fn power_to_db(powers: &mut [f64], top_db: f64) {
    decibels(powers, |power| power);
    let least = greatest(powers) - top_db;
    powers.iter_mut().for_each(|db| *db = db.max(least));
}

/// Amplitudes in dB below the greatest of them all, none more than `top_db` below it and none of them below 1e-5
/// (`librosa.amplitude_to_db(S, ref=np.max, top_db=top_db)`).
pub fn amplitude_to_db(amplitudes: &mut [f64], top_db: f64) {
    decibels(amplitudes, |amplitude| amplitude * amplitude);
    let greatest = greatest(amplitudes);
    let least = greatest - top_db;
    amplitudes.iter_mut().for_each(|db| *db = db.max(least) - greatest);
}

/// The decibels of the powers that these are numbers of, none below 1e-10.
fn decibels(numbers: &mut [f64], power: impl Fn(f64) -> f64) {
    with_widest_registers(
        #[inline(always)]
        || numbers.iter_mut().for_each(|number| *number = 10.0 * log10(power(*number).max(1e-10))),
    );
}

fn greatest(values: &[f64]) -> f64 {
    // The greatest of several is the same in any order: only sums are not.
    let (eights, rest) = values.as_chunks::<8>();
    let more = |a: f64, b: f64| if b > a { b } else { a };
    let lanes = eights
        .iter()
        .fold([f64::NEG_INFINITY; 8], |lanes, values| std::array::from_fn(|i| more(lanes[i], values[i])));
    lanes.iter().chain(rest).copied().fold(f64::NEG_INFINITY, more)
}

/// The bits of √½, of 1, and of the digits behind the point.
const ROOT_OF_HALF: u64 = (SQRT_2 / 2.0).to_bits();
const ONE: u64 = 1_f64.to_bits();
const DIGITS: u64 = (1 << 52) - 1;
/// 2⁵²: numbers from here on are whole, and their last bits count them.
const WHOLE: f64 = 4_503_599_627_370_496.0;

/// The common logarithm of a normal number above 0, to the last two digits of an f64.
///
/// `libm::log10` is called number by number and takes most of a descriptor's time; this has no branches, so that the
/// compiler vectorises it, and like `libm` it has the same bits everywhere.
#[inline(always)]
fn log10(x: f64) -> f64 {
    // x = 2^exponent * m, with m from √½ to √2.
    let shifted = x.to_bits() + (ONE - ROOT_OF_HALF);
    let exponent = f64::from_bits((shifted >> 52) | WHOLE.to_bits()) - (WHOLE + 1023.0);
    let m = f64::from_bits((shifted & DIGITS) + ROOT_OF_HALF);
    // ln m = 2 artanh((m - 1) / (m + 1)), whose series ends where the digits do.
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for odd in [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        sum = (sum + 1.0 / odd) * square;
    }
    exponent * std::f64::consts::LOG10_2 + (s + s * sum) * (2.0 / LN_10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;

    #[test]
    fn decibels_are_floored_by_the_greatest_and_by_ten_to_the_minus_ten() {
        let mut powers = [1.0, 1e-3, 1e-9, 0.0];
        power_to_db(&mut powers, 80.0);
        for (db, want) in powers.iter().zip([0.0, -30.0, -80.0, -80.0]) {
            assert!((db - want).abs() < 1e-12, "{db} {want}");
        }
        let mut silence = [0.0, 0.0];
        power_to_db(&mut silence, 80.0);
        assert_eq!(silence, [-100.0, -100.0]);
        amplitude_to_db(&mut [], 80.0);
    }

    #[test]
    fn logarithms_are_those_of_libm() {
        let mut random = Random::new(3);
        let drawn = (0..20_000).map(|_| libm::pow(10.0, 40.0 * random.uniform() - 20.0));
        for x in
            [1e-10, 0.5, SQRT_2 / 2.0, SQRT_2, 1.0, 1.0 - f64::EPSILON, 10.0, 1e10].into_iter().chain(drawn)
        {
            assert!((log10(x) - libm::log10(x)).abs() <= 4e-16 * libm::log10(x).abs().max(1.0), "{x}");
        }
        assert_eq!(log10(1.0), 0.0);
    }
}
