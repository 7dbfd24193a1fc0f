//! The constant-Q transform, as `librosa.cqt` defines it.

use std::ops::Range;

use super::wavelet::Wavelet;
use super::widest::with_widest_registers;
use super::{Cutter, Halver, LANES, LaneFft, Lanes, Matrix, RealFft};
use crate::error::{Error, Result};

/// Magnitudes of wavelets at geometrically spaced frequencies (Brown 1991; by octaves, as Schörkhuber and Klapuri
/// 2010 do): `librosa.cqt` with its defaults.
///
/// Hann windows of Q periods, of unit sum, their response multiplied by the square root of their length in
/// samples. The octaves are computed from the highest down, each at half the sample rate of the one above as
/// long as the hop can be halved. Each wavelet is without the weakest 1 % of the magnitude of its spectrum. In 32 bits.
#[derive(Debug, Clone)]
pub struct Cqt {
    n_bins: usize,
    hop: usize,
    /// How often the samples are halved before the highest octave.
    early_halvings: u32,
    halver: Halver,
    /// From the highest down.
    octaves: Vec<Octave>,
    cutter: Cutter,
    /// Frames that are computed at a time, and how many samples before and after their own are heard in them.
    block: usize,
    margin: usize,
}

/// What a constant-Q transform is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CqtShape {
    /// Of the samples, Hz.
    pub sample_rate: u32,
    /// From one frame to the next, samples.
    pub hop: usize,
    /// The lowest frequency, Hz.
    pub fmin: f64,
    /// Number of frequencies.
    pub n_bins: usize,
    /// Frequencies in an octave.
    pub bins_per_octave: usize,
    /// How samples get to half their rate.
    pub halving: Halving,
}

/// How samples get to half their rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halving {
    /// As librosa halves them: magnitudes are within 1e-4 of the greatest of librosa's.
    Sharp,
    /// A small fraction of the work: by short filters, and once more where no wavelet hears what lies near the new Nyquist
    /// frequency. Within 1e-2.
    Short,
}

/// One octave of wavelets.
#[derive(Debug, Clone)]
struct Octave {
    hop: usize,
    /// Whether the samples are halved to get from the octave above to this one.
    is_halved: bool,
    fft: LaneFft,
    wavelets: Vec<Wavelet>,
}

/// What a Hann window's main lobe is wide, bins (`librosa.filters.window_bandwidth("hann")`).
const HANN_BANDWIDTH: f64 = 1.500_183_105_468_75;
/// A block is so many times as long as its margin: what is computed twice is little, and what is in memory stays near.
const BLOCK_MARGINS: usize = 16;
/// A short filter keeps what lies below this share of the new Nyquist frequency; what wavelets hear above takes the sharp one.
const HIGHEST_OF_SHORT: f64 = 0.8;
/// A bound on the early halvings.
const MOST_EARLY_HALVINGS: u32 = 12;

impl CqtShape {
    /// The frequency of bin `bin`, Hz.
    pub fn frequency(&self, bin: usize) -> f64 {
        self.fmin * libm::exp2(bin as f64 / self.bins_per_octave as f64)
    }

    /// Periods in a wavelet.
    fn q(&self) -> f64 {
        let ratio = libm::exp2(2.0 / self.bins_per_octave as f64);
        (ratio + 1.0) / (ratio - 1.0)
    }

    fn n_octaves(&self) -> usize {
        self.n_bins.div_ceil(self.bins_per_octave)
    }

    /// The highest frequency that the highest wavelet hears, Hz.
    fn cutoff(&self) -> f64 {
        self.frequency(self.n_bins - 1) * (1.0 + 0.5 * HANN_BANDWIDTH / self.q())
    }

    /// How often the samples are halved before the highest octave: as often as librosa does, or as nothing is lost.
    fn early_halvings(&self) -> u32 {
        match self.halving {
            Halving::Sharp => self.early_halvings_of_librosa(),
            Halving::Short => self.fitting(libm::log2(HIGHEST_OF_SHORT * self.room()).max(0.0) as u32),
        }
    }

    fn early_halvings_of_librosa(&self) -> u32 {
        self.fitting((libm::log2(self.room()).ceil() as u32).saturating_sub(2))
    }

    /// How many times as high as the cutoff half the sample rate is.
    fn room(&self) -> f64 {
        f64::from(self.sample_rate) / 2.0 / self.cutoff()
    }

    /// What halves the rate, given that of the highest octave, Hz. The wavelets of each octave reach equally near to half its
    /// rate; without their weakest bins they faintly hear all that lies above them, too, so that only what halves as sharply
    /// as librosa leaves what librosa leaves.
    fn halver(&self, top_rate: f64) -> Halver {
        let highest = 2.0 * self.cutoff() / top_rate;
        match self.halving {
            Halving::Short if highest <= HIGHEST_OF_SHORT => Halver::half_band(highest, 60.0),
            _ => Halver::sharp(),
        }
    }

    /// At most as many halvings as leave one for each octave but the highest.
    fn fitting(&self, halvings: u32) -> u32 {
        let by_hop = (self.hop.trailing_zeros() + 1).saturating_sub(self.n_octaves() as u32);
        halvings.min(by_hop).min(MOST_EARLY_HALVINGS)
    }

    fn check(&self) -> Result<()> {
        let refuse = |cause: String| Err(Error::usage(format!("cannot transform to constant Q: {cause}")));
        if self.n_bins == 0 || self.bins_per_octave == 0 || self.hop == 0 {
            return refuse("bins, bins an octave and hop must be at least `1`".to_owned());
        }
        if self.hop > RealFft::MAX_LENGTH {
            return refuse(format!("a hop is at most `{}` samples", RealFft::MAX_LENGTH));
        }
        if !(self.fmin > 0.0 && self.cutoff() <= f64::from(self.sample_rate) / 2.0) {
            let highest = self.frequency(self.n_bins - 1);
            return refuse(format!(
                "bins from `{}` to `{highest}` Hz do not lie below half the rate",
                self.fmin
            ));
        }
        Ok(())
    }
}

impl Cqt {
    /// The transform of this shape.
    ///
    /// # Errors
    /// When a count is 0, when a wavelet reaches beyond half the sample rate, or is longer than
    /// [`RealFft::MAX_LENGTH`].
    pub fn new(shape: CqtShape) -> Result<Self> {
        shape.check()?;
        let early_halvings = shape.early_halvings();
        let mut rate = f64::from(shape.sample_rate) / f64::from(1_u32 << early_halvings);
        let (top_rate, mut hop) = (rate, shape.hop >> early_halvings);
        let mut octaves = Vec::with_capacity(shape.n_octaves());
        for i in 0..shape.n_octaves() {
            let is_halved = i > 0 && hop % 2 == 0;
            if is_halved {
                (hop, rate) = (hop / 2, rate / 2.0);
            }
            let end = shape.n_bins - i * shape.bins_per_octave;
            let bins = end.saturating_sub(shape.bins_per_octave)..end;
            octaves.push(Octave::new(&shape, bins, rate, hop, is_halved)?);
        }
        let halver = shape.halver(top_rate);
        let margin = margin(&octaves, early_halvings, &halver).next_multiple_of(shape.hop);
        Ok(Self {
            n_bins: shape.n_bins,
            hop: shape.hop,
            early_halvings,
            halver,
            octaves,
            cutter: Cutter::default(),
            block: (BLOCK_MARGINS * margin / shape.hop).next_multiple_of(LANES),
            margin,
        })
    }

    /// The magnitudes of `samples`: one row a frame, one column a bin from the lowest up. Frames are centred on
    /// multiples of the hop, with zeros beyond the ends.
    pub fn magnitudes(&mut self, samples: &[f64]) -> Matrix {
        let n_frames = super::n_frames(samples.len(), self.hop);
        let mut magnitudes = Matrix::zeros(n_frames, self.n_bins);
        for first in (0..n_frames).step_by(self.block) {
            let rows = first..(first + self.block).min(n_frames);
            // Both are whole hops, so that the frames of a block lie where they lie among all samples.
            let start = (first * self.hop).saturating_sub(self.margin);
            let end = (rows.end * self.hop + self.margin).min(samples.len());
            let frames = Frames { skipped: first - start / self.hop, rows };
            self.describe(&samples[start.min(end)..end], &frames, &mut magnitudes);
        }
        magnitudes
    }

    /// Writes the magnitudes of some frames of a piece of the samples.
    fn describe(&mut self, samples: &[f64], frames: &Frames, magnitudes: &mut Matrix) {
        let (mut halved, mut end) = (None, self.n_bins);
        let gain = std::f32::consts::SQRT_2;
        let halve = |halved: Option<Vec<f32>>| match halved {
            None => Some(self.halver.halve(samples, gain)),
            Some(halved) => Some(self.halver.halve(&halved, gain)),
        };
        for _ in 0..self.early_halvings {
            halved = halve(halved);
        }
        for octave in &mut self.octaves {
            if octave.is_halved {
                halved = halve(halved);
            }
            let start = end - octave.wavelets.len();
            match &halved {
                None => octave.respond(samples, frames, &mut self.cutter, magnitudes, start),
                Some(halved) => octave.respond(halved, frames, &mut self.cutter, magnitudes, start),
            }
            end = start;
        }
    }
}

/// Frames of a piece of the samples: how many come before them there, and which they are among all.
struct Frames {
    skipped: usize,
    rows: Range<usize>,
}

/// How many samples before and after its own a frame hears of, through the filters and in the wavelets of each octave.
fn margin(octaves: &[Octave], early_halvings: u32, halver: &Halver) -> usize {
    let mut halvings = early_halvings;
    let heard = |octave: &Octave| {
        halvings += u32::from(octave.is_halved);
        (octave.fft.length() / 2 + 2 * halver.reach()) << halvings
    };
    octaves.iter().map(heard).max().unwrap_or(0)
}

impl Octave {
    fn new(shape: &CqtShape, bins: Range<usize>, rate: f64, hop: usize, is_halved: bool) -> Result<Self> {
        let length_of = |bin: usize| shape.q() * rate / shape.frequency(bin);
        let longest = length_of(bins.start).ceil();
        if longest > RealFft::MAX_LENGTH as f64 {
            let cause = format!("a wavelet of `{longest}` samples is too long");
            return Err(Error::usage(format!("cannot transform to constant Q: {cause}")).hint(
                "a higher lowest frequency, fewer bins an octave or a hop with more factors of 2 help",
            ));
        }
        let length = (longest as usize).next_power_of_two().max(4);
        let mut fft = RealFft::new(length)?;
        let step = f64::from(1_u32 << shape.early_halvings())
            / f64::from(1_u32 << shape.early_halvings_of_librosa());
        let wavelet = |bin: usize| Wavelet::new(&mut fft, length_of(bin), shape.frequency(bin) / rate, step);
        let wavelets = bins.map(wavelet).collect();
        Ok(Self { hop, is_halved, fft: LaneFft::new(length)?, wavelets })
    }

    /// Writes the magnitudes of these frames, from column `start` on.
    fn respond<S: Copy + Into<f64>>(
        &mut self,
        samples: &[S],
        frames: &Frames,
        cutter: &mut Cutter,
        magnitudes: &mut Matrix,
        start: usize,
    ) {
        let mut of_eight = vec![Lanes::ZERO; self.wavelets.len()];
        for first in frames.rows.clone().step_by(LANES) {
            let in_piece = frames.skipped + first - frames.rows.start;
            let spectra = self.fft.transform(cutter.cut(samples, in_piece, self.fft.length(), self.hop));
            with_widest_registers(
                #[inline(always)]
                || {
                    for (magnitude, wavelet) in of_eight.iter_mut().zip(&self.wavelets) {
                        *magnitude = wavelet.respond(spectra);
                    }
                },
            );
            magnitudes.set_block(first, start, &of_eight);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    fn shape(n_bins: usize, bins_per_octave: usize, hop: usize) -> CqtShape {
        let fmin = 32.703_195_662_574_83;
        CqtShape { sample_rate: 22_050, hop, fmin, n_bins, bins_per_octave, halving: Halving::Short }
    }

    #[test]
    fn a_sine_is_loudest_in_its_own_bin() {
        for (bin, hop) in [(0, 512), (30, 512), (30, 100), (57, 512), (83, 511)] {
            let shape = shape(84, 12, hop);
            let angle = |i: u32| 2.0 * PI * shape.frequency(bin) * f64::from(i) / 22_050.0;
            let sine: Vec<f64> = (0..22_050).map(|i| libm::sin(angle(i))).collect();
            let magnitudes = Cqt::new(shape).unwrap().magnitudes(&sine);
            let frame = magnitudes.row(magnitudes.n_rows() / 2);
            let loudest = (0..84).max_by(|a, b| frame[*a].total_cmp(&frame[*b])).unwrap();
            assert_eq!(loudest, bin, "{hop}");
            // Half the amplitude is at the positive frequency; the answer is times the root of the length.
            let want = 0.5 * (shape.q() * 22_050.0 / shape.frequency(bin)).sqrt();
            assert!((frame[bin] / want - 1.0).abs() < 0.02, "{bin} {hop}: {} {want}", frame[bin]);
        }
    }

    #[test]
    fn blocks_of_frames_have_the_bits_of_the_whole() {
        let samples: Vec<f64> =
            (0..60_000_u32).map(|i| f64::from(i % 1009 * i % 1009) / 1009.0 - 0.5).collect();
        for halving in [Halving::Short, Halving::Sharp] {
            for (n_bins, bins_per_octave, hop) in
                [(84, 12, 512), (24, 12, 512), (108, 36, 192), (30, 12, 511)]
            {
                let mut cqt = Cqt::new(CqtShape { halving, ..shape(n_bins, bins_per_octave, hop) }).unwrap();
                let blocks = Cqt { block: LANES, ..cqt.clone() }.magnitudes(&samples);
                cqt.block = 1 << 20;
                assert_eq!(blocks, cqt.magnitudes(&samples), "{n_bins} {hop} {halving:?}");
            }
        }
    }

    #[test]
    fn the_highest_octave_may_reach_to_half_the_sample_rate() {
        let shape = shape(99, 12, 512);
        for bin in [98, 90, 80, 40] {
            let angle = |i: u32| 2.0 * PI * shape.frequency(bin) * f64::from(i) / 22_050.0;
            let sine: Vec<f64> = (0..22_050).map(|i| libm::sin(angle(i))).collect();
            let magnitudes = Cqt::new(shape).unwrap().magnitudes(&sine);
            let frame = magnitudes.row(magnitudes.n_rows() / 2);
            let loudest = (0..99).max_by(|a, b| frame[*a].total_cmp(&frame[*b])).unwrap();
            assert_eq!(loudest, bin);
        }
    }

    #[test]
    fn any_number_of_samples_has_its_frames() {
        for n in [0, 1, 2, 511, 512, 5000] {
            for hop in [1, 7, 512] {
                let magnitudes = Cqt::new(shape(84, 12, hop)).unwrap().magnitudes(&vec![0.1; n]);
                assert_eq!(magnitudes.n_rows(), 1 + n / hop);
                assert!(magnitudes.data().iter().all(|x| x.is_finite()), "{n}");
            }
        }
    }

    #[test]
    fn shapes_that_make_no_sense_are_errors() {
        let good = shape(84, 12, 512);
        for bad in [
            CqtShape { n_bins: 0, ..good },
            CqtShape { n_bins: 200, ..good },
            CqtShape { hop: 0, ..good },
            CqtShape { hop: usize::MAX, ..good },
            CqtShape { bins_per_octave: 0, ..good },
            CqtShape { fmin: 0.0, ..good },
            CqtShape { fmin: f64::NAN, ..good },
            CqtShape { fmin: 1e-9, n_bins: 2, ..good },
        ] {
            assert!(Cqt::new(bad).is_err(), "{bad:?}");
        }
    }
}
