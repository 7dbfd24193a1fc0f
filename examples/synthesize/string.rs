//! One plucked string: a digital waveguide, tuned to a fraction of a sample.
//!
//! The extended Karplus-Strong loop (Jaffe and Smith 1983) in the single-delay-loop form of Karjalainen, Välimäki
//! and Tolonen (1998): a delay read by third-order Lagrange interpolation, and a one-pole loss filter.

use crate::random::Random;

/// The lowest pitch that a string can be tuned to, Hz.
const LOWEST: f64 = 40.0;

/// How a string loses its sound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loss {
    /// Time in which the fundamental falls by 60 dB, s.
    pub(crate) decay: f64,
    /// Pole of the loss filter, 0..1: the higher, the sooner the upper partials die.
    pub(crate) pole: f64,
}

/// What a plectrum does to a string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pluck {
    /// 0..1.
    pub(crate) strength: f64,
    /// Where on the string, as a share of its length from the bridge.
    pub(crate) position: f64,
    /// Length of the contact, s: a short one is bright.
    pub(crate) contact: f64,
    /// Share of scraping noise in the contact, 0..1.
    pub(crate) scrape: f64,
    /// How long after the stroke begins the plectrum reaches this string, s.
    pub(crate) delay: f64,
}

/// A string that can be tuned, plucked and damped while it sounds.
pub(crate) struct PluckedString {
    rate: f64,
    line: Vec<f64>,
    head: usize,
    period: f64,
    delay: f64,
    delay_step: f64,
    ramp: usize,
    gain: f64,
    gain_step: f64,
    pole: f64,
    filtered: f64,
    excitation: Vec<f64>,
    played: usize,
}

impl PluckedString {
    /// A string at rest, tuned to `hertz`.
    pub(crate) fn new(rate: f64, hertz: f64, loss: Loss) -> Self {
        let length = (rate / LOWEST) as usize + 8;
        let mut string = Self {
            rate,
            line: vec![0.0; length.next_power_of_two()],
            head: 0,
            period: 0.0,
            delay: 0.0,
            delay_step: 0.0,
            ramp: 0,
            gain: 0.0,
            gain_step: 0.0,
            pole: 0.0,
            filtered: 0.0,
            excitation: Vec::new(),
            played: 0,
        };
        string.tune(hertz, loss, 1);
        string.glide();
        string
    }

    /// Moves to `hertz` within the next `samples` samples, and loses sound as `loss` says from now on.
    pub(crate) fn tune(&mut self, hertz: f64, loss: Loss, samples: usize) {
        let hertz = hertz.max(LOWEST);
        self.period = self.rate / hertz;
        self.pole = loss.pole;
        let gain = libm::exp(-libm::log(1000.0) / (hertz * loss.decay));
        self.gain_step = (gain - self.gain) / samples as f64;
        // The filter is part of the loop: what it delays at the fundamental the line must not.
        let target = self.period - phase_delay(self.pole, std::f64::consts::TAU / self.period);
        self.delay_step = (target - self.delay) / samples as f64;
        self.ramp = samples;
    }

    /// Strikes the string; what an earlier stroke has not yet delivered is lost, as the plectrum stops it.
    pub(crate) fn pluck(&mut self, pluck: Pluck, random: &mut Random) {
        let contact = contact(pluck, self.rate, random);
        // A pluck at a point is a pulse and, reflected by the bridge, its opposite: the comb of the plucking position.
        let wait = (pluck.delay * self.rate) as usize;
        let lag = libm::round(self.period * pluck.position).max(1.0) as usize;
        self.excitation = vec![0.0; wait + contact.len() + lag];
        for (i, x) in contact.iter().enumerate() {
            self.excitation[wait + i] += x;
            self.excitation[wait + i + lag] -= x;
        }
        self.played = 0;
    }

    /// The next sample at the bridge; `input` drives the string there.
    pub(crate) fn next(&mut self, input: f64) -> f64 {
        let mask = self.line.len() - 1;
        self.glide();
        let looped = self.delayed(mask);
        self.filtered = (1.0 - self.pole) * looped + self.pole * self.filtered;
        let struck = self.excitation.get(self.played).copied().unwrap_or(0.0);
        self.played += 1;
        let sample = self.gain * self.filtered + struck + input;
        self.line[self.head & mask] = sample;
        self.head += 1;
        sample
    }

    fn glide(&mut self) {
        if self.ramp > 0 {
            self.delay += self.delay_step;
            self.gain += self.gain_step;
            self.ramp -= 1;
        }
    }

    fn delayed(&self, mask: usize) -> f64 {
        let whole = self.delay as usize;
        let d = self.delay - whole as f64;
        let newest = self.head.wrapping_sub(whole - 1);
        let tap = |age: usize| self.line[newest.wrapping_sub(age) & mask];
        -tap(0) * d * (d - 1.0) * (d - 2.0) / 6.0 + tap(1) * (d + 1.0) * (d - 1.0) * (d - 2.0) / 2.0
            - tap(2) * (d + 1.0) * d * (d - 2.0) / 2.0
            + tap(3) * (d + 1.0) * d * (d - 1.0) / 6.0
    }
}

/// Phase delay of the loss filter at `omega` (radians a sample), in samples.
fn phase_delay(pole: f64, omega: f64) -> f64 {
    libm::atan2(pole * libm::sin(omega), 1.0 - pole * libm::cos(omega)) / omega
}

/// A raised cosine with noise on it: the force of the plectrum over time.
fn contact(pluck: Pluck, rate: f64, random: &mut Random) -> Vec<f64> {
    let length = (pluck.contact * rate).max(4.0);
    let mut noise = 0.0;
    (0..length as usize)
        .map(|i| {
            let bell = 0.5 - 0.5 * libm::cos(std::f64::consts::TAU * (i as f64 + 0.5) / length);
            // A plectrum on wound string scrapes below some 4 kHz.
            noise = 0.55 * noise + 0.9 * random.between(-1.0, 1.0);
            pluck.strength * bell * (1.0 - pluck.scrape + 2.0 * pluck.scrape * noise)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 44_100.0;
    const LOSS: Loss = Loss { decay: 3.0, pole: 0.3 };
    const PLUCK: Pluck = Pluck { strength: 0.8, position: 0.13, contact: 0.0006, scrape: 0.1, delay: 0.0 };

    fn sound(hertz: f64, seconds: f64) -> Vec<f64> {
        let mut string = PluckedString::new(RATE, hertz, LOSS);
        string.pluck(PLUCK, &mut Random::from_text("test"));
        (0..(seconds * RATE) as usize).map(|_| string.next(0.0)).collect()
    }

    /// How far the fundamental's phase drifts against `hertz` over the second half, in cents.
    fn error_in_cents(samples: &[f64], hertz: f64) -> f64 {
        let window = libm::round(RATE / hertz * 20.0) as usize;
        let phase = |start: usize| {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, x) in samples[start..start + window].iter().enumerate() {
                let hann = 0.5 - 0.5 * libm::cos(std::f64::consts::TAU * i as f64 / window as f64);
                let angle = std::f64::consts::TAU * hertz * (start + i) as f64 / RATE;
                re += hann * x * libm::cos(angle);
                im -= hann * x * libm::sin(angle);
            }
            libm::atan2(im, re)
        };
        let (first, hop) = (samples.len() / 2, 2000);
        let drift = phase(first + hop) - phase(first);
        1200.0 * libm::log2(1.0 + drift * RATE / (hop as f64 * std::f64::consts::TAU * hertz))
    }

    #[test]
    fn a_string_sounds_at_the_pitch_it_is_tuned_to() {
        for hertz in [65.41, 110.0, 146.83, 160.12, 261.63, 440.0, 698.46] {
            let error = error_in_cents(&sound(hertz, 1.0), hertz);
            assert!(error.abs() < 0.5, "{hertz} Hz is {error} cents off");
        }
    }

    #[test]
    fn a_string_falls_by_sixty_decibels_in_its_decay_time() {
        let energy = |samples: &[f64]| samples.iter().map(|x| x * x).sum::<f64>();
        let samples = sound(147.0, 2.6);
        let [early, late] = [0.5, 2.0].map(|start| energy(&samples[(start * RATE) as usize..][..22_050]));
        let fall = 10.0 * libm::log10(early / late);
        assert!((27.0..40.0).contains(&fall), "{fall} dB in 1.5 s");
    }

    #[test]
    fn a_pluck_leaves_no_constant_offset() {
        let samples = sound(147.0, 1.0);
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        assert!(mean.abs() < 1e-4, "{mean}");
    }
}
