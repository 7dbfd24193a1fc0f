//! K-weighting: how loud frequencies are to a listener (ITU-R BS.1770-4, annex 1).

use std::f64::consts::PI;

/// A second-order filter in transposed direct form II.
#[derive(Debug, Clone, Copy)]
pub(super) struct Biquad {
    numerator: [f64; 3],
    denominator: [f64; 2],
    state: [f64; 2],
}

impl Biquad {
    pub(super) fn next(&mut self, input: f64) -> f64 {
        let [b0, b1, b2] = self.numerator;
        let [a1, a2] = self.denominator;
        let output = b0 * input + self.state[0];
        self.state = [(b1 * input + self.state[1]) - a1 * output, b2 * input - a2 * output];
        output
    }

    /// Lets what is far below hearing go, so that silence never costs the time that subnormals do.
    pub(super) fn settle(&mut self) {
        if self.state.iter().all(|state| state.abs() < 1e-30) {
            self.state = [0.0; 2];
        }
    }
}

/// The head's shelf and the revised low-frequency B curve of annex 1. The standard gives coefficients for
/// 48 kHz; these are the analogue filters behind them, brought to any rate by the bilinear transform
/// (B. De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement", 2018).
pub(super) fn k_weighting(sample_rate: f64) -> [Biquad; 2] {
    let warp = |frequency: f64| libm::tan(PI * frequency / sample_rate);
    let (k, q) = (warp(1_681.974_450_955_533), 0.707_175_236_955_419_6);
    let high = libm::pow(10.0, 3.999_843_853_973_347 / 20.0);
    let band = libm::pow(high, 0.499_666_774_154_541_6);
    let a0 = 1.0 + k / q + k * k;
    let shelf = [high + band * k / q + k * k, 2.0 * (k * k - high), high - band * k / q + k * k];
    let shelf = biquad(shelf.map(|b| b / a0), k, q);
    let (k, q) = (warp(38.135_470_876_024_44), 0.500_327_037_323_877_3);
    [shelf, biquad([1.0, -2.0, 1.0], k, q)]
}

fn biquad(numerator: [f64; 3], k: f64, q: f64) -> Biquad {
    let a0 = 1.0 + k / q + k * k;
    let denominator = [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0];
    Biquad { numerator, denominator, state: [0.0; 2] }
}
