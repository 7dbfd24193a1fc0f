//! The wav2vec2 family, one encoder driven by config.json: Wav2Vec2, HuBERT, UniSpeech-SAT, WavLM, data2vec-audio, MERT and
//! what was trained on from them. As `transformers` 5 computes it; `tests/checkpoints` holds the two against each other.

mod block;
mod config;
mod position;
mod stem;

#[cfg(test)]
mod tests;

pub use config::Config;

use candle_core::{Device, Tensor};

use self::block::{Block, PositionBias};
use self::position::Positions;
use self::stem::Stem;
use super::blocks::LayerNorm;
use super::weights::Weights;
use crate::error::Result;

/// Tensors of heads and of training beside the encoder, by how their names begin after the encoder's prefix or without it.
const HEADS: [&str; 16] = [
    "masked_spec_embed",
    "quantizer.",
    "project_hid.",
    "project_q.",
    "lm_head.",
    "classifier.",
    "projector.",
    "layer_weights",
    "layer_norm_for_extract.",
    "final_proj",
    "label_embs_concat",
    "label_embeddings_concat",
    "speaker_proj.",
    "tdnn.",
    "objective.",
    "encoder.pos_conv_embed.batch_norm.num_batches_tracked",
];

/// An encoder of the family.
pub struct Encoder {
    config: Config,
    stem: Stem,
    positions: Positions,
    /// Of a stable model the last norm, of the others the first.
    norm: LayerNorm,
    bias: Option<PositionBias>,
    blocks: Vec<Block>,
    device: Device,
}

/// Which hidden state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// What the block of this number gave, as it is; 0 is what the first block reads.
    Block(usize),
    /// What comes after the last block, and after the last norm where the model has one there.
    Final,
}

/// A hidden state: a row of `dim` numbers for each frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Hidden {
    /// Numbers in a row.
    pub dim: usize,
    /// Row after row.
    pub data: Vec<f32>,
}

impl Encoder {
    /// Takes an encoder's tensors out of its weights.
    ///
    /// # Errors
    /// When a tensor is missing, left over or of another shape.
    pub fn load(config: Config, mut weights: Weights, device: &Device) -> Result<Self> {
        weights.find_prefix("feature_projection.projection.weight")?;
        let model = &config.model;
        let stem = Stem::load(&mut weights, model)?;
        let positions = Positions::load(&mut weights, model, device)?;
        let norm =
            LayerNorm::load(&mut weights, "encoder.layer_norm", model.hidden_size, model.layer_norm_eps)?;
        let bias = model.is_wavlm().then(|| PositionBias::load(&mut weights, model)).transpose()?;
        let blocks = (0..model.num_hidden_layers).map(|k| Block::load(&mut weights, model, k));
        let blocks = blocks.collect::<Result<_>>()?;
        weights.finish(is_of_a_head)?;
        Ok(Self { stem, positions, norm, bias, blocks, device: device.clone(), config })
    }

    /// What the model is.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the model hears of these samples, as `transformers.Wav2Vec2FeatureExtractor`: mean 0 and variance 1 over all of
    /// them, where the model wants that.
    pub fn front_end(&self, samples: &[f64]) -> Vec<f32> {
        if !self.config.normalizes() {
            return samples.iter().map(|x| *x as f32).collect();
        }
        let n = samples.len().max(1) as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let variance = samples.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        let scale = (variance + 1e-7).sqrt();
        samples.iter().map(|x| ((x - mean) / scale) as f32).collect()
    }

    /// Runs the encoder over what it hears, and shows every hidden state that `is_wanted` to `see`, in order.
    ///
    /// What is shorter than a frame has silence after it. There is no batch: what a window comes to depends on itself alone.
    ///
    /// # Errors
    /// When the device fails, or `see` does.
    pub fn run(
        &self,
        heard: &[f32],
        is_wanted: impl Fn(State) -> bool,
        mut see: impl FnMut(State, Hidden) -> Result<()>,
    ) -> Result<()> {
        let mut show = |state: State, x: &Tensor| match is_wanted(state) {
            true => see(state, hidden(x).map_err(super::broken)?),
            false => Ok(()),
        };
        let mut x = self.input(heard).map_err(super::broken)?;
        show(State::Block(0), &x)?;
        let bias = self.bias.as_ref().map(|bias| bias.of(&x)).transpose().map_err(super::broken)?;
        for (k, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x, bias.as_ref()).map_err(super::broken)?;
            show(State::Block(k + 1), &x)?;
        }
        if self.config.model.do_stable_layer_norm {
            x = self.norm.forward(&x).map_err(super::broken)?;
        }
        show(State::Final, &x)
    }

    /// What the first block reads.
    fn input(&self, heard: &[f32]) -> candle_core::Result<Tensor> {
        let mut heard = heard.to_vec();
        heard.resize(heard.len().max(self.config.receptive_field()), 0.0);
        let n = heard.len();
        let x = self.stem.forward(&Tensor::from_vec(heard, (n, 1), &self.device)?)?;
        let x = (&x + self.positions.forward(&x)?)?;
        if self.config.model.do_stable_layer_norm { Ok(x) } else { self.norm.forward(&x) }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("config", &self.config).finish_non_exhaustive()
    }
}

fn hidden(x: &Tensor) -> candle_core::Result<Hidden> {
    Ok(Hidden { dim: x.dim(1)?, data: x.flatten_all()?.to_vec1()? })
}

/// Whether a tensor is of a head, or of training alone.
fn is_of_a_head(name: &str) -> bool {
    let rest = name.split_once('.').map_or(name, |(_, rest)| rest);
    HEADS.iter().any(|head| name.starts_with(head) || rest.starts_with(head))
}
