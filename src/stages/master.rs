//! The master as the stages after normalize read it: mono samples of a range of frames.

use super::Input;
use crate::error::Result;
use crate::signal::wav::WavHeader;

/// The normalised audio of a clip. Only the frames that are asked for are ever in memory.
#[derive(Debug, Clone)]
pub struct Master {
    input: Input,
    file: WavHeader,
}

impl Master {
    /// Reads what a master is.
    ///
    /// # Errors
    /// When it is no WAV file of 24-bit samples.
    pub fn read(input: &Input) -> Result<Self> {
        let file = WavHeader::open(&mut input.reader()?)?;
        Ok(Self { input: input.clone(), file })
    }

    /// Frames a second.
    pub fn sample_rate(&self) -> u32 {
        self.file.sample_rate
    }

    /// The frames from `start` to `end`, the mean of their channels but the low-frequency one, in \[-1, 1).
    ///
    /// # Errors
    /// When the master does not have these frames: it is of another clip.
    pub fn mono(&self, start: u64, end: u64) -> Result<Vec<f64>> {
        self.file.mono(&mut self.input.reader()?, start..end)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::signal::layout::Layout;
    use crate::signal::wav::Pcm;

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
