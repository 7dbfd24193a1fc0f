//! A performance as microphones hear it.

use crate::instrument::Instrument;
use crate::oud::Oud;
use crate::performance::Performance;
use crate::random::Random;
use crate::room::Room;

/// Noise of the recording chain, of full scale: about -90 dBFS RMS.
const NOISE: f64 = 8e-5;
/// Fade at the end, s.
const FADE: f64 = 0.25;

/// Samples between -1 and 1, channel by channel.
#[derive(Debug)]
pub(crate) struct Recording {
    /// Frames a second, Hz.
    pub(crate) rate: u32,
    /// One or two channels of equal length.
    pub(crate) channels: Vec<Vec<f64>>,
}

/// How it is recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Frames a second, Hz.
    pub(crate) rate: u32,
    /// 1 or 2.
    pub(crate) channels: usize,
    /// Highest sample, dBFS.
    pub(crate) peak: f64,
}

/// Sets an oud, a room and microphones up and records `performance`.
pub(crate) fn record(performance: &Performance, oud: Oud, setting: Setting, mut random: Random) -> Recording {
    let rate = f64::from(setting.rate);
    let hands = Random::from_text(&format!("{:x}", random.between(0.0, 1e12) as u64));
    let mut instrument = Instrument::new(oud.build(), performance.tuning, rate, hands);
    let mut room = Room::new(rate);
    let dry = instrument.perform(&performance.notes, performance.seconds);
    let heard: Vec<[f64; 2]> = dry.iter().map(|sample| room.next(*sample)).collect();
    let mut channels: Vec<Vec<f64>> =
        (0..setting.channels).map(|channel| heard.iter().map(|frame| frame[channel]).collect()).collect();
    level(&mut channels, setting.peak);
    for channel in &mut channels {
        finish(channel, rate, &mut random);
    }
    Recording { rate: setting.rate, channels }
}

fn level(channels: &mut [Vec<f64>], peak: f64) {
    let highest = channels.iter().flatten().fold(0.0, |highest: f64, sample| highest.max(sample.abs()));
    let gain = libm::pow(10.0, peak / 20.0) / highest.max(1e-9);
    channels.iter_mut().flatten().for_each(|sample| *sample *= gain);
}

fn finish(channel: &mut [f64], rate: f64, random: &mut Random) {
    let length = channel.len() as f64;
    for (i, sample) in channel.iter_mut().enumerate() {
        let left = (length - i as f64) / (FADE * rate);
        let noise = random.between(-0.5, 0.5) + random.between(-0.5, 0.5);
        *sample = *sample * left.min(1.0) + NOISE * noise;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{maqam, performance, player};

    #[test]
    fn a_recording_peaks_where_it_was_set_to() {
        let mut random = Random::from_text("test");
        let performance = performance::improvise(&player::BOLD, &maqam::SABA, Oud::Iraqi, 20.0, &mut random);
        let setting = Setting { rate: 44_100, channels: 2, peak: -12.0 };
        let recording = record(&performance, Oud::Iraqi, setting, random);
        let peak = recording.channels.iter().flatten().fold(0.0, |peak: f64, sample| peak.max(sample.abs()));
        assert!((20.0 * libm::log10(peak) + 12.0).abs() < 0.01, "{peak}");
        assert_ne!(recording.channels[0], recording.channels[1]);
    }
}
