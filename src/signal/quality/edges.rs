//! Whether the audio starts or ends in the middle of a sound.

/// The level of the first and of the last 10 ms.
#[derive(Debug, Clone, Default)]
pub(super) struct Edges {
    start: f64,
    end: f64,
}

/// s, as essentia's `StartStopCut` has it.
const LENGTH: f64 = 0.01;

impl Edges {
    /// Adds a stretch; the loudest start and the loudest end of all stretches count.
    pub(super) fn add(&mut self, samples: &[f64], sample_rate: f64) {
        let n = ((LENGTH * sample_rate) as usize).clamp(1, samples.len().max(1)).min(samples.len());
        self.start = self.start.max(power(&samples[..n]));
        self.end = self.end.max(power(&samples[samples.len() - n..]));
    }

    /// The level of the start and of the end, dBFS (root mean square); none of digital silence.
    pub(super) fn levels_dbfs(&self) -> [Option<f64>; 2] {
        [self.start, self.end].map(|power| (power > 0.0).then(|| 10.0 * libm::log10(power)))
    }
}

fn power(samples: &[f64]) -> f64 {
    samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudest_start_and_end_count() {
        let sound = |level: f64| vec![level; 441];
        let stretch = |start: f64, end: f64| [sound(start), vec![0.9; 5000], sound(end)].concat();
        let mut edges = Edges::default();
        assert_eq!(edges.levels_dbfs(), [None, None]);
        edges.add(&stretch(0.0, 0.001), 44_100.0);
        let [start, end] = edges.levels_dbfs();
        assert!(start.is_none() && (end.unwrap() + 60.0).abs() < 1e-9);
        edges.add(&stretch(0.1, 0.0), 44_100.0);
        let [start, end] = edges.levels_dbfs();
        assert!((start.unwrap() + 20.0).abs() < 1e-9 && (end.unwrap() + 60.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_shorter_than_an_edge_is_one() {
        for n in [0, 1, 5] {
            let mut edges = Edges::default();
            edges.add(&vec![1.0; n], 44_100.0);
            assert_eq!(edges.levels_dbfs()[0], (n > 0).then_some(0.0));
        }
    }
}
