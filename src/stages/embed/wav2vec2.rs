//! wav2vec2: hidden states of a network that listened to a segment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layers::{Device, Layer, LayerWord, Pool, Tail};
use crate::error::Result;
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Hidden states of a model of the wav2vec2 family: MERT, CultureMERT, music2vec, Wav2Vec2, HuBERT, UniSpeech-SAT, WavLM,
/// data2vec-audio; as `transformers` computes them.
///
/// `vector` is one row of all frames of a segment. Where `layer` is a list it is the layers' rows laid end to end, and each is a
/// column too: `layer_0`, `layer_7`. A segment is resampled to the model's rate and brought to mean 0 and variance 1, where
/// preprocessor_config.json says so, and then heard in windows. How to get models, and what they are good for: MODELS.md. It
/// needs the feature `nets`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Wav2vec2 {
    /// The model: a folder that has config.json, preprocessor_config.json and the weights, or a file of weights beside these two, by
    /// its path from the manifest's folder; or `hf:org/name@revision`, where the revision is all 40 digits of a commit: what
    /// `hf download` put into the cache. Nothing is ever downloaded.
    pub weights: String,
    /// The licence of the weights, an SPDX id; without it what the model's README.md says.
    pub license: String,
    /// Which hidden states: the number of a block, whose output it is (0 is the input of the first); a list of such; "final", what
    /// comes after the last norm; or "mean", the mean of all from 0 to the last block.
    pub layer: Layer,
    /// How frames become one row: "mean"; "mean+std", the means and then the standard deviations; or "max".
    pub pool: Pool,
    /// What the model hears at one time, s; 0 is what suits it: 5 s of MERT, 10 s of the others.
    #[schemars(range(min = 0, max = 600))]
    pub window: f64,
    /// From the start of one window to that of the next, s; 0 is `window`.
    #[schemars(range(min = 0, max = 600))]
    pub hop: f64,
    /// What is left of a segment after its last whole window: "shift", a whole window that ends with the segment; "keep", a shorter
    /// one; or "drop". A segment shorter than `window` is heard whole.
    pub tail: Tail,
    /// Where it runs: "cpu", or "cuda" or "metal", which need the feature of that name.
    pub device: Device,
    /// The network, once a task needed it.
    #[cfg(feature = "nets")]
    #[serde(skip)]
    #[schemars(skip)]
    loaded: crate::stages::loaded::Loaded<crate::nets::Encoder>,
}

impl Default for Wav2vec2 {
    fn default() -> Self {
        Self {
            weights: String::new(),
            license: String::new(),
            layer: Layer::Word(LayerWord::Final),
            pool: Pool::Mean,
            window: 0.0,
            hop: 0.0,
            tail: Tail::Shift,
            device: Device::Cpu,
            #[cfg(feature = "nets")]
            loaded: crate::stages::loaded::Loaded::default(),
        }
    }
}

impl Stage for Wav2vec2 {
    fn version(&self) -> u32 {
        1
    }

    fn numerics(&self) -> String {
        super::numerics(self.device)
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "spans", "weights"]
    }

    #[cfg(feature = "nets")]
    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        self.embed(inputs, context)
    }

    #[cfg(not(feature = "nets"))]
    fn run(&self, _: &Inputs, _: &Context) -> Result<Outputs> {
        Err(super::without_nets("wav2vec2"))
    }
}

#[cfg(feature = "nets")]
mod embed {
    use std::sync::Arc;

    use rayon::prelude::*;

    use super::super::rows::refused;
    use super::super::windows::{Summary, windows};
    use super::*;
    use crate::error::Error;
    use crate::nets::{self, Config, Encoder, File, Hidden, State, Weights};
    use crate::signal::resample::Resampler;
    use crate::stages::{Frame, Input, Master, Spans, Values, WeightFiles};

    /// What a step is about, in errors.
    const WHAT: &str = "segments by a network";

    impl Wav2vec2 {
        pub(super) fn embed(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
            let encoder = self.encoder(inputs)?;
            let states = self.states(encoder.config().n_layers())?;
            let master = Master::read(inputs.one("audio")?)?;
            let Spans { spans, padded_to } = Spans::read(inputs.one("spans")?)?;
            let resampler = Resampler::new(master.sample_rate(), encoder.config().sample_rate());
            let mut rows = vec![Vec::new(); states.len()];
            for (nth, span) in spans.iter().enumerate() {
                let mut samples = master.mono(span.start, span.end)?;
                samples.resize(samples.len().max(padded_to as usize), 0.0);
                let heard = encoder.front_end(&resampler.resample(samples));
                let part = context.part(nth as u64, spans.len() as u64);
                let summaries = self.hear(&encoder, &heard, &states, &part)?;
                rows.iter_mut().zip(&summaries).for_each(|(row, it)| row.extend(it.pooled(self.pool)));
            }
            let names = self.names();
            Ok(vec![("features", frame(spans.len(), &names, rows, self.dim(&encoder)).to_bytes())])
        }

        /// The network, loaded when the first task of the step needs it.
        fn encoder(&self, inputs: &Inputs) -> Result<Arc<Encoder>> {
            let listing = inputs.one("weights")?.read()?;
            self.loaded.get(&listing, || {
                let WeightFiles { files } = WeightFiles::read(inputs.one("weights")?)?;
                let named = files.iter().map(|file| file.name.as_str()).zip(inputs.all("files"));
                let named: Vec<(&str, &Input)> = named.collect();
                nets::alone(|| load(&named, self.device.name()))?
            })
        }

        /// Which hidden states every row is made of: one, or the mean of several.
        fn states(&self, n_layers: usize) -> Result<Vec<Vec<State>>> {
            let number = |k: &usize| match *k <= n_layers {
                true => Ok(vec![State::Block(*k)]),
                false => Err(refused(WHAT, "layer", k, &format!("the model has {n_layers} layers"))),
            };
            match &self.layer {
                Layer::Number(k) => Ok(vec![number(k)?]),
                Layer::Several(several) if several.is_empty() => {
                    Err(refused(WHAT, "layer", "[]", "it names no layer"))
                }
                Layer::Several(several) => {
                    let twice = several.iter().enumerate().find(|(nth, k)| several[..*nth].contains(k));
                    match twice {
                        Some((_, k)) => Err(refused(WHAT, "layer", k, "it is named twice")),
                        None => several.iter().map(number).collect(),
                    }
                }
                Layer::Word(LayerWord::Final) => Ok(vec![vec![State::Final]]),
                Layer::Word(LayerWord::Mean) => Ok(vec![(0..=n_layers).map(State::Block).collect()]),
            }
        }

        /// The columns beside `vector`, where there are any.
        fn names(&self) -> Vec<String> {
            match &self.layer {
                Layer::Several(several) => several.iter().map(|k| format!("layer_{k}")).collect(),
                _ => Vec::new(),
            }
        }

        fn dim(&self, encoder: &Encoder) -> usize {
            let per_frame = encoder.config().dim();
            if self.pool == Pool::MeanStd { 2 * per_frame } else { per_frame }
        }

        /// A summary of every row's frames. Windows are heard side by side, and joined in their order.
        fn hear(
            &self,
            encoder: &Encoder,
            heard: &[f32],
            states: &[Vec<State>],
            context: &Context,
        ) -> Result<Vec<Summary>> {
            let (length, hop) = self.samples(encoder.config())?;
            let windows = windows(heard.len(), length, hop, self.tail);
            let summaries = windows.par_iter().map(|(start, end)| {
                context.check()?;
                nets::alone(|| summarise(encoder, &heard[*start..*end], states))?
            });
            let summaries: Vec<Vec<Summary>> = summaries.collect::<Result<_>>()?;
            let mut summaries = summaries.into_iter();
            let first = summaries.next().ok_or_else(|| Error::world("a segment has no window"))?;
            Ok(summaries.fold(first, |joined, after| {
                joined.into_iter().zip(&after).map(|(row, after)| row.and(after)).collect()
            }))
        }

        /// Window and hop, in samples at the model's rate.
        fn samples(&self, config: &Config) -> Result<(usize, usize)> {
            for (name, value) in [("window", self.window), ("hop", self.hop)] {
                if !(0.0..=600.0).contains(&value) {
                    return Err(refused(WHAT, name, value, "it must be from 0 to 600 s"));
                }
            }
            let window = if self.window > 0.0 { self.window } else { config.window() };
            let hop = if self.hop > 0.0 { self.hop } else { window };
            let samples =
                |seconds: f64| (seconds * f64::from(config.sample_rate())).round().max(1.0) as usize;
            if hop < window / 100.0 {
                return Err(refused(WHAT, "hop", hop, "it must be at least a hundredth of the window"));
            }
            if samples(window) < config.receptive_field() {
                return Err(refused(WHAT, "window", window, "it is shorter than a frame"));
            }
            Ok((samples(window), samples(hop)))
        }
    }

    fn load(files: &[(&str, &Input)], device: &str) -> Result<Encoder> {
        let read = |name: &str| match files.iter().find(|(found, _)| *found == name) {
            Some((_, input)) => input.read(),
            None => Err(Error::cannot_read("weights", format!("there is no `{name}` beside them"))
                .hint("a model is a folder with config.json, preprocessor_config.json and its weights")),
        };
        let config = Config::read(&read("config.json")?, &read("preprocessor_config.json")?)?;
        let weights = files.iter().filter(|(name, _)| !name.ends_with(".json"));
        let file = |(name, input): &(&str, &Input)| {
            Some(File { name: (*name).to_owned(), path: input.path()?.to_owned() })
        };
        let weights: Vec<File> = weights.filter_map(file).collect();
        let device = nets::open_device(device)?;
        Encoder::load(config, Weights::open(&weights, &device)?, &device)
    }

    /// What comes of one window.
    fn summarise(encoder: &Encoder, heard: &[f32], states: &[Vec<State>]) -> Result<Vec<Summary>> {
        let dim = encoder.config().dim();
        let mut sums: Vec<Vec<f32>> = vec![Vec::new(); states.len()];
        let is_wanted = |state| states.iter().flatten().any(|wanted| *wanted == state);
        encoder.run(heard, is_wanted, |state, Hidden { data, .. }| {
            for (sum, of) in sums.iter_mut().zip(states).filter(|(_, of)| of.contains(&state)) {
                let share = 1.0 / of.len() as f32;
                sum.resize(data.len(), 0.0);
                sum.iter_mut().zip(&data).for_each(|(sum, x)| *sum += x * share);
            }
            Ok(())
        })?;
        Ok(sums.iter().map(|frames| Summary::of(frames, dim)).collect())
    }

    /// A row per segment: `vector`, and every layer by itself where there are several.
    fn frame(n_rows: usize, names: &[String], rows: Vec<Vec<f32>>, dim: usize) -> Frame {
        let end_to_end =
            (0..n_rows).flat_map(|row| rows.iter().flat_map(move |data| &data[row * dim..(row + 1) * dim]));
        let vector = Values::Lists { dim: dim * rows.len(), data: end_to_end.copied().collect() };
        let mut columns = vec![("vector".to_owned(), vector)];
        let layers = names.iter().zip(rows);
        columns.extend(layers.map(|(name, data)| (name.clone(), Values::Lists { dim, data })));
        Frame { n_rows, columns }
    }
}
