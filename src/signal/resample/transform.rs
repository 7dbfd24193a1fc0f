//! The discrete Fourier transform of several complex blocks side by side, of any length without large factors.
//!
//! Each lane goes through the same additions and multiplications in the same order, so that the compiler may put
//! lanes side by side into registers of any width without changing a bit.

use std::array;
use std::f64::consts::PI;

use crate::signal::widest::with_widest_registers;

/// Blocks that are transformed side by side.
pub(super) const LANES: usize = 4;

/// The real and the imaginary parts of one number of each block: a line of the cache.
pub(super) type Numbers = ([f64; LANES], [f64; LANES]);

/// A number that is zero in each block.
pub(super) const ZEROS: Numbers = ([0.0; LANES], [0.0; LANES]);

/// A real and an imaginary part.
type Factor = (f64, f64);

/// The transform of blocks of one length: Stockham's FFT of mixed radix (C. Van Loan, "Computational Frameworks
/// for the Fast Fourier Transform", 1992).
#[derive(Debug, Clone)]
pub(super) struct Transform {
    radices: Vec<usize>,
    /// exp(-2 pi i k / length), for k below the length.
    twiddles: Vec<Factor>,
}

impl Transform {
    /// A transform of blocks of `length` numbers; none where it has a prime factor above 7.
    pub(super) fn new(length: usize) -> Option<Self> {
        let (mut radices, mut rest) = (Vec::new(), length.max(1));
        for radix in [4, 2, 3, 5, 7] {
            while rest.is_multiple_of(radix) {
                radices.push(radix);
                rest /= radix;
            }
        }
        (rest == 1).then(|| Self { radices, twiddles: roots(length.max(1)) })
    }

    /// Numbers of a block.
    pub(super) fn length(&self) -> usize {
        self.twiddles.len()
    }

    /// The spectra of the blocks, unscaled, in place of `blocks`. Both slices are as long as a block, and what
    /// is in `scratch` afterwards means nothing.
    pub(super) fn transform(&self, blocks: &mut Vec<Numbers>, scratch: &mut Vec<Numbers>) {
        let (mut n, mut stride) = (self.length(), 1);
        for &radix in &self.radices {
            self.pass(radix, n, stride, blocks, scratch);
            std::mem::swap(blocks, scratch);
            (n, stride) = (n / radix, stride * radix);
        }
    }

    fn pass(&self, radix: usize, n: usize, stride: usize, from: &[Numbers], to: &mut [Numbers]) {
        let twiddles = &self.twiddles;
        with_widest_registers(
            #[inline(always)]
            || match radix {
                2 => pass(n, stride, twiddles, from, to, of_two),
                3 => pass(n, stride, twiddles, from, to, of_odd::<3, 1>()),
                4 => pass(n, stride, twiddles, from, to, of_four),
                5 => pass(n, stride, twiddles, from, to, of_odd::<5, 2>()),
                _ => pass(n, stride, twiddles, from, to, of_odd::<7, 3>()),
            },
        );
    }
}

fn roots(length: usize) -> Vec<Factor> {
    let angles = (0..length).map(|k| -2.0 * PI * k as f64 / length as f64);
    angles.map(|angle| (libm::cos(angle), libm::sin(angle))).collect()
}

/// `stride` interleaved transforms of `n` numbers each become R times as many, by transforms of R numbers.
#[inline(always)]
fn pass<const R: usize>(
    n: usize,
    stride: usize,
    twiddles: &[Factor],
    from: &[Numbers],
    to: &mut [Numbers],
    transform: impl Fn([Numbers; R]) -> [Numbers; R],
) {
    let (step, is_last) = (twiddles.len() / n, n == R);
    let part = n / R * stride;
    for (p, to) in to.chunks_exact_mut(R * stride).enumerate() {
        let factors: [Factor; R] = array::from_fn(|j| twiddles[j * p * step]);
        let inputs: [&[Numbers]; R] = array::from_fn(|j| &from[j * part + p * stride..][..stride]);
        for q in 0..stride {
            let outputs = transform(array::from_fn(|j| inputs[j][q]));
            for (j, output) in outputs.into_iter().enumerate() {
                to[j * stride + q] = if j == 0 || is_last { output } else { times(factors[j], output) };
            }
        }
    }
}

#[inline(always)]
fn of_two([a, b]: [Numbers; 2]) -> [Numbers; 2] {
    [sum(a, b), difference(a, b)]
}

#[inline(always)]
fn of_four([a, b, c, d]: [Numbers; 4]) -> [Numbers; 4] {
    let (even, odd) = (sum(a, c), sum(b, d));
    let (uneven, turned) = (difference(a, c), quarter_turn(difference(b, d)));
    [sum(even, odd), sum(uneven, turned), difference(even, odd), difference(uneven, turned)]
}

/// A transform of R numbers, an odd number of them, H of which come before the middle: the numbers n and R - n
/// share their cosines, and have opposite sines.
#[inline(always)]
fn of_odd<const R: usize, const H: usize>() -> impl Fn([Numbers; R]) -> [Numbers; R] {
    let roots: [Factor; R] = array::from_fn(|k| {
        let angle = -2.0 * PI * k as f64 / R as f64;
        (libm::cos(angle), libm::sin(angle))
    });
    #[inline(always)]
    move |x| {
        let sums: [Numbers; H] = array::from_fn(|j| sum(x[j + 1], x[R - 1 - j]));
        let turned: [Numbers; H] = array::from_fn(|j| quarter_turn(difference(x[j + 1], x[R - 1 - j])));
        let mut y = [x[0]; R];
        y[0] = sums.into_iter().fold(x[0], sum);
        for k in 1..=H {
            let (mut even, mut odd) = (x[0], ZEROS);
            for j in 0..H {
                let (cosine, sine) = roots[(j + 1) * k % R];
                even = sum(even, scaled(cosine, sums[j]));
                odd = difference(odd, scaled(sine, turned[j]));
            }
            (y[k], y[R - k]) = (sum(even, odd), difference(even, odd));
        }
        y
    }
}

#[inline(always)]
fn sum(a: Numbers, b: Numbers) -> Numbers {
    (array::from_fn(|lane| a.0[lane] + b.0[lane]), array::from_fn(|lane| a.1[lane] + b.1[lane]))
}

#[inline(always)]
fn difference(a: Numbers, b: Numbers) -> Numbers {
    (array::from_fn(|lane| a.0[lane] - b.0[lane]), array::from_fn(|lane| a.1[lane] - b.1[lane]))
}

/// -i times `a`.
#[inline(always)]
fn quarter_turn(a: Numbers) -> Numbers {
    (a.1, a.0.map(|re| -re))
}

#[inline(always)]
fn scaled(factor: f64, a: Numbers) -> Numbers {
    (a.0.map(|re| factor * re), a.1.map(|im| factor * im))
}

#[inline(always)]
fn times((re, im): Factor, a: Numbers) -> Numbers {
    (
        array::from_fn(|lane| re * a.0[lane] - im * a.1[lane]),
        array::from_fn(|lane| re * a.1[lane] + im * a.0[lane]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;

    #[test]
    fn a_spectrum_is_the_sum_that_defines_it() {
        for length in [1, 2, 3, 4, 5, 7, 8, 12, 30, 49, 63, 128, 147, 160, 210, 240] {
            let mut random = Random::new(length as u64);
            let mut number = || array::from_fn(|_| random.uniform() - 0.5);
            let block: Vec<Numbers> = (0..length).map(|_| (number(), number())).collect();
            let mut spectrum = block.clone();
            Transform::new(length).unwrap().transform(&mut spectrum, &mut vec![ZEROS; length]);
            for (k, found) in spectrum.iter().enumerate() {
                let terms = block.iter().enumerate().map(|(n, x)| {
                    let angle = -2.0 * PI * ((n * k) % length) as f64 / length as f64;
                    times((libm::cos(angle), libm::sin(angle)), *x)
                });
                let error = difference(*found, terms.fold(ZEROS, sum));
                assert!(error.0.iter().chain(&error.1).all(|x| x.abs() < 1e-12), "{length} {k}: {error:?}");
            }
        }
    }

    #[test]
    fn each_lane_is_a_transform_of_its_own() {
        let block: Vec<Numbers> =
            (0..60).map(|n| ([f64::from(n * n % 17); LANES], [f64::from(n % 7); LANES])).collect();
        let mut spectrum = block.clone();
        Transform::new(60).unwrap().transform(&mut spectrum, &mut vec![ZEROS; 60]);
        let mut alone: Vec<Numbers> =
            block.iter().map(|(re, im)| ([0.0, re[0], 9.0, 0.0], [0.0, im[0], 0.0, 1.0])).collect();
        Transform::new(60).unwrap().transform(&mut alone, &mut vec![ZEROS; 60]);
        for (all, alone) in spectrum.iter().zip(&alone) {
            assert!(all.0.iter().all(|re| *re == alone.0[1]) && all.1.iter().all(|im| *im == alone.1[1]));
        }
    }

    #[test]
    fn lengths_with_large_prime_factors_have_none() {
        assert!([11, 13 * 4, 101].into_iter().all(|length| Transform::new(length).is_none()));
    }
}
