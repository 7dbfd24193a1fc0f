//! K-weighting: how loud frequencies are to a listener (ITU-R BS.1770-4, annex 1).

use std::f64::consts::PI;

use crate::signal::WideLanes;

/// A second-order filter of several channels side by side, in direct form I: of all forms the one in which an output waits least
/// for the one before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Biquad<const N: usize> {
    numerator: [f64; 3],
    denominator: [f64; 2],
    /// The last two inputs and outputs, the latest first.
    inputs: [WideLanes<N>; 2],
    outputs: [WideLanes<N>; 2],
}

impl<const N: usize> Biquad<N> {
    #[inline]
    pub(super) fn next(&mut self, input: WideLanes<N>) -> WideLanes<N> {
        let [b0, b1, b2] = self.numerator;
        let [a1, a2] = self.denominator;
        let before = input * b0 + self.inputs[0] * b1 + self.inputs[1] * b2 - self.outputs[1] * a2;
        let output = before - self.outputs[0] * a1;
        self.inputs = [input, self.inputs[0]];
        self.outputs = [output, self.outputs[0]];
        output
    }

    /// Lets what is far below hearing go, so that silence never costs the time that subnormals do.
    pub(super) fn settle(&mut self) {
        for channel in 0..N {
            let mut state =
                self.inputs.iter_mut().chain(&mut self.outputs).map(|lanes| &mut lanes.0[channel]);
            if state.all(|sample| sample.abs() < 1e-30) {
                self.outputs.iter_mut().for_each(|lanes| lanes.0[channel] = 0.0);
            }
        }
    }
}

/// The head's shelf and the revised low-frequency B curve of annex 1. The standard gives coefficients for
/// 48 kHz; these are the analogue filters behind them, brought to any rate by the bilinear transform
/// (B. De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement", 2018).
pub(super) fn k_weighting<const N: usize>(sample_rate: f64) -> [Biquad<N>; 2] {
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

fn biquad<const N: usize>(numerator: [f64; 3], k: f64, q: f64) -> Biquad<N> {
    let a0 = 1.0 + k / q + k * k;
    let denominator = [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0];
    let silence = [WideLanes::default(); 2];
    Biquad { numerator, denominator, inputs: silence, outputs: silence }
}
