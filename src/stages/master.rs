//! The master as the stages after normalize read it: mono samples of a range of frames.

use super::Input;
use crate::error::{Error, Result};
use crate::signal::wav::Pcm;

/// The normalised audio of a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Master(Pcm);

impl Master {
    /// Reads a master.
    ///
    /// # Errors
    /// When it is no WAV file of 24-bit samples.
    pub fn read(input: &Input) -> Result<Self> {
        Ok(Self(Pcm::from_wav(&input.read()?)?))
    }

    /// Frames a second.
    pub fn sample_rate(&self) -> u32 {
        self.0.sample_rate
    }

    /// The frames from `start` to `end`, the mean of their channels but the low-frequency one, in \[-1, 1).
    ///
    /// # Errors
    /// When the master does not have these frames: it is of another clip.
    pub fn mono(&self, start: u64, end: u64) -> Result<Vec<f64>> {
        let n_frames = self.0.frames() as u64;
        if start > end || end > n_frames {
            let cause = format!("it has {n_frames} frames, and {start} to {end} were asked for");
            return Err(Error::cannot_read("audio", cause));
        }
        Ok(self.0.mono(start as usize..end as usize))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::signal::layout::Layout;

    /// A mono master of these 24-bit samples.
    pub(in crate::stages) fn wav(sample_rate: u32, samples: &[i32]) -> Vec<u8> {
        let layout = Layout::new(1, 0);
        Pcm { sample_rate, layout, samples: samples.to_vec() }.to_wav().unwrap()
    }

    #[test]
    fn only_frames_that_are_there_are_given() {
        let master = Master::read(&Input::bytes(wav(8000, &[1 << 22, -(1 << 23)]))).unwrap();
        assert_eq!(master.sample_rate(), 8000);
        assert_eq!(master.mono(0, 2).unwrap(), [0.5, -1.0]);
        for (start, end) in [(0, 3), (2, 1), (u64::MAX, u64::MAX)] {
            assert!(master.mono(start, end).is_err(), "{start} {end}");
        }
    }
}
