//! Which loudspeaker each channel is meant for.

/// The loudspeakers of interleaved or planar channels, in the order of the bits of a WAVE speaker mask
/// (Microsoft, `WAVEFORMATEXTENSIBLE.dwChannelMask`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    channels: u16,
    mask: u32,
}

const FRONT_CENTER: u32 = 1 << 2;
const FRONT_LEFT: u32 = 1 << 0;
const FRONT_RIGHT: u32 = 1 << 1;
const LOW_FREQUENCY: u32 = 1 << 3;
const REAR: u32 = (1 << 4) | (1 << 5);
const SIDE: u32 = (1 << 9) | (1 << 10);
/// The speakers' usual short names, in the order of their bits.
const NAMES: [&str; 18] = [
    "FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR", "TC", "TFL", "TFC", "TFR", "TBL",
    "TBC", "TBR",
];
/// The speakers that WAVE defines; the bits above them are reserved.
const DEFINED: u32 = (1 << 18) - 1;

/// Frames of which the mean is taken at a time.
const MEANS_AT_ONCE: usize = 4096;

impl Layout {
    /// `channels` channels for the speakers of `mask`; a mask that does not name just so many speakers is
    /// dropped. One channel is the centre, two are left and right where nothing else is said.
    pub fn new(channels: u16, mask: u32) -> Self {
        let known = mask & DEFINED == mask && mask.count_ones() == u32::from(channels);
        let mask = match channels {
            1 => FRONT_CENTER,
            _ if known => mask,
            2 => FRONT_LEFT | FRONT_RIGHT,
            _ => 0,
        };
        Self { channels, mask }
    }

    /// How many channels there are.
    pub fn channels(self) -> u16 {
        self.channels
    }

    /// The WAVE speaker mask; 0 where nothing is known.
    pub fn mask(self) -> u32 {
        self.mask
    }

    /// Whether `channel` (from 0) carries low-frequency effects only.
    pub fn is_low_frequency(self, channel: usize) -> bool {
        self.speaker(channel) == Some(LOW_FREQUENCY)
    }

    /// The weight of `channel`'s power in loudness (ITU-R BS.1770-4, table 3 and annex 1): 1.41 for the
    /// surround pair, 0 for low-frequency effects, else 1. Rear speakers count as the surround pair where
    /// there are no side speakers.
    pub fn loudness_weight(self, channel: usize) -> f64 {
        let surround = if self.mask & SIDE == 0 { REAR } else { SIDE };
        match self.speaker(channel) {
            Some(LOW_FREQUENCY) => 0.0,
            Some(speaker) if speaker & surround != 0 => 1.41,
            _ => 1.0,
        }
    }

    /// The channels that a downmix to mono takes the mean of: all but low-frequency effects, unless there
    /// are no others.
    pub fn mono_channels(self) -> Vec<usize> {
        let all = 0..usize::from(self.channels);
        let heard: Vec<usize> = all.clone().filter(|&channel| !self.is_low_frequency(channel)).collect();
        if heard.is_empty() { all.collect() } else { heard }
    }

    /// One channel of planar audio: the mean of [`Layout::mono_channels`], frame by frame.
    pub fn downmix(self, planes: &[Vec<f32>]) -> Vec<f64> {
        let heard = self.mono_channels();
        let planes_heard: Vec<_> = heard.iter().filter_map(|&channel| planes.get(channel)).collect();
        let count = heard.len() as f64;
        let mut mean = vec![0.0; planes.first().map_or(0, Vec::len)];
        // Some at a time, which stay near while the channels are added.
        for (block, means) in mean.chunks_mut(MEANS_AT_ONCE).enumerate() {
            for plane in &planes_heard {
                let samples = plane.iter().skip(block * MEANS_AT_ONCE);
                means.iter_mut().zip(samples).for_each(|(sum, &sample)| *sum += f64::from(sample));
            }
            means.iter_mut().for_each(|sum| *sum /= count);
        }
        mean
    }

    /// What [`Layout::downmix`] does with each channel, for people: `mean of FL FR FC SL SR without LFE`. Channels
    /// whose loudspeakers are not known are numbers from 1.
    pub fn downmix_account(self) -> String {
        let heard = self.mono_channels();
        let names = |channels: &[usize]| {
            channels.iter().map(|&channel| self.name(channel)).collect::<Vec<_>>().join(" ")
        };
        let left_out: Vec<usize> =
            (0..usize::from(self.channels)).filter(|channel| !heard.contains(channel)).collect();
        match (heard.as_slice(), left_out.as_slice()) {
            ([only], []) => self.name(*only),
            (heard, []) => format!("mean of {}", names(heard)),
            (heard, left_out) => format!("mean of {} without {}", names(heard), names(left_out)),
        }
    }

    /// The names of the channels' loudspeakers, in their order: `FL FR`.
    pub fn names(self) -> String {
        (0..usize::from(self.channels)).map(|channel| self.name(channel)).collect::<Vec<_>>().join(" ")
    }

    fn name(self, channel: usize) -> String {
        let speaker = self.speaker(channel).map(u32::trailing_zeros);
        let name = speaker.and_then(|bit| NAMES.get(bit as usize));
        name.map_or_else(|| (channel + 1).to_string(), |name| (*name).to_owned())
    }

    fn speaker(self, channel: usize) -> Option<u32> {
        (0..18).map(|bit| 1 << bit).filter(|speaker| self.mask & speaker != 0).nth(channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Front left, right, centre, low frequency, rear left, right.
    const FIVE_ONE: u32 = 0x3f;
    /// The same with side speakers before the rear ones.
    const SEVEN_ONE: u32 = 0x63f;

    #[test]
    fn surrounds_weigh_more_and_low_frequencies_nothing() {
        let weights = |channels, mask| -> Vec<f64> {
            (0..usize::from(channels)).map(|c| Layout::new(channels, mask).loudness_weight(c)).collect()
        };
        assert_eq!(weights(2, 0), [1.0, 1.0]);
        assert_eq!(weights(6, FIVE_ONE), [1.0, 1.0, 1.0, 0.0, 1.41, 1.41]);
        assert_eq!(weights(6, 0x60f), [1.0, 1.0, 1.0, 0.0, 1.41, 1.41]);
        assert_eq!(weights(8, SEVEN_ONE), [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.41, 1.41]);
        assert_eq!(weights(6, 0), [1.0; 6]);
    }

    #[test]
    fn a_downmix_leaves_the_low_frequency_channel_out() {
        assert_eq!(Layout::new(6, FIVE_ONE).mono_channels(), [0, 1, 2, 4, 5]);
        assert_eq!(Layout::new(6, 0).mono_channels(), [0, 1, 2, 3, 4, 5]);
        let planes: Vec<Vec<f32>> = [1.0, 2.0, 3.0, 99.0, 4.0, 5.0].map(|sample| vec![sample; 2]).to_vec();
        assert_eq!(Layout::new(6, FIVE_ONE).downmix(&planes), [3.0, 3.0]);
        assert_eq!(Layout::new(1, LOW_FREQUENCY).mono_channels(), [0]);
    }

    #[test]
    fn a_downmix_says_what_it_did() {
        for (channels, mask, expected) in [
            (1, 0, "FC"),
            (2, 0, "mean of FL FR"),
            (3, 0, "mean of 1 2 3"),
            (6, FIVE_ONE, "mean of FL FR FC BL BR without LFE"),
            (8, SEVEN_ONE, "mean of FL FR FC BL BR SL SR without LFE"),
        ] {
            assert_eq!(Layout::new(channels, mask).downmix_account(), expected);
        }
    }

    #[test]
    fn a_mask_that_names_other_channels_is_dropped() {
        assert_eq!(Layout::new(3, FIVE_ONE).mask(), 0);
        assert_eq!(Layout::new(2, FIVE_ONE).mask(), 3);
        assert_eq!(Layout::new(1, 1 << 31).mask(), FRONT_CENTER);
    }
}
