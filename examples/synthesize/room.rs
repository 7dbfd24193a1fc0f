//! A small room around two microphones: a feedback delay network (Jot and Chaigne 1991).

/// Delays of the four paths, s: without common divisors, so that their echoes do not pile up.
const PATHS: [f64; 4] = [0.0113, 0.0171, 0.0237, 0.0311];
/// Time in which the room's sound falls by 60 dB, s: furnished, so that breathing pauses stay pauses.
const REVERBERATION: f64 = 0.45;
/// Share of the room in the recording.
const WET: f64 = 0.16;

/// The room, and what still echoes in it.
pub(crate) struct Room {
    paths: Vec<Path>,
}

struct Path {
    line: Vec<f64>,
    head: usize,
    gain: f64,
    absorbed: f64,
}

impl Room {
    /// A silent room.
    pub(crate) fn new(rate: f64) -> Self {
        let paths = PATHS.map(|seconds| Path {
            line: vec![0.0; (seconds * rate) as usize],
            head: 0,
            gain: libm::exp(-libm::log(1000.0) * seconds / REVERBERATION),
            absorbed: 0.0,
        });
        Self { paths: paths.into() }
    }

    /// What the left and the right microphone hear of `input`.
    pub(crate) fn next(&mut self, input: f64) -> [f64; 2] {
        let heard: Vec<f64> = self.paths.iter_mut().map(Path::read).collect();
        // A Householder reflection mixes the paths and keeps their energy.
        let half = heard.iter().sum::<f64>() / 2.0;
        for (path, x) in self.paths.iter_mut().zip(&heard) {
            path.write(input + x - half);
        }
        let left = heard[0] - heard[1] + 0.5 * heard[2];
        let right = heard[3] - heard[2] + 0.5 * heard[1];
        [input + WET * left, input + WET * right]
    }
}

impl Path {
    fn read(&mut self) -> f64 {
        // Walls swallow the highs: one pole at about 5 kHz.
        self.absorbed = 0.5 * self.line[self.head] + 0.5 * self.absorbed;
        self.gain * self.absorbed
    }

    fn write(&mut self, sample: f64) {
        self.line[self.head] = sample;
        self.head = (self.head + 1) % self.line.len();
    }
}
