//! The body of an oud: resonances that the strings drive through the bridge.

use crate::oud::Mode;

/// A bank of two-pole resonators in parallel, beside the sound that comes straight from the strings.
pub(crate) struct Body {
    modes: Vec<Resonator>,
    direct: f64,
    blocked: f64,
    previous: f64,
}

struct Resonator {
    gain: f64,
    a1: f64,
    a2: f64,
    inputs: [f64; 2],
    outputs: [f64; 2],
}

impl Body {
    /// A body at rest. `direct` is the gain of the strings' own sound.
    pub(crate) fn new(rate: f64, modes: &[Mode], direct: f64) -> Self {
        let modes = modes.iter().map(|mode| Resonator::new(rate, *mode)).collect();
        Self { modes, direct, blocked: 0.0, previous: 0.0 }
    }

    /// What the body radiates while the bridge moves by `input`.
    pub(crate) fn next(&mut self, input: f64) -> f64 {
        // Wood radiates nothing at 0 Hz: a first-order high-pass at about 20 Hz on the direct sound.
        self.blocked = input - self.previous + 0.997 * self.blocked;
        self.previous = input;
        self.modes.iter_mut().fold(self.direct * self.blocked, |sum, mode| sum + mode.next(input))
    }
}

impl Resonator {
    /// Unit gain at the peak and zeros at 0 Hz and at half the rate (Smith 2007, "Introduction to digital filters",
    /// constant peak-gain resonator).
    fn new(rate: f64, mode: Mode) -> Self {
        let radius = libm::exp(-std::f64::consts::PI * mode.hertz / (mode.quality * rate));
        let angle = std::f64::consts::TAU * mode.hertz / rate;
        Self {
            gain: mode.gain * (1.0 - radius * radius) / 2.0,
            a1: -2.0 * radius * libm::cos(angle),
            a2: radius * radius,
            inputs: [0.0; 2],
            outputs: [0.0; 2],
        }
    }

    fn next(&mut self, input: f64) -> f64 {
        let driven = self.gain * (input - self.inputs[1]);
        let output = driven - self.a1 * self.outputs[0] - self.a2 * self.outputs[1];
        self.inputs = [input, self.inputs[0]];
        self.outputs = [output, self.outputs[0]];
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Root mean square of the response to a sine of unit amplitude, once settled, over that of the sine.
    fn response(hertz: f64) -> f64 {
        let mode = Mode { hertz: 200.0, quality: 15.0, gain: 1.0 };
        let mut resonator = Resonator::new(44_100.0, mode);
        let outputs = (0..44_100)
            .map(|i| resonator.next(libm::sin(std::f64::consts::TAU * hertz * f64::from(i) / 44_100.0)))
            .skip(22_050);
        (outputs.map(|y| y * y).sum::<f64>() / 22_050.0 * 2.0).sqrt()
    }

    #[test]
    fn a_mode_answers_at_its_own_frequency_and_hardly_elsewhere() {
        assert!((response(200.0) - 1.0).abs() < 0.01);
        assert!(response(20.0) < 0.02 && response(2000.0) < 0.02);
    }
}
