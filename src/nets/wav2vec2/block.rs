//! A block of the transformer: attention and two linear layers, each with its norm; of WavLM with a bias by distance.

use candle_core::{Result, Tensor};

use super::super::blocks::{Attention, LayerNorm, Linear, gelu, heads};
use super::super::weights::Weights;
use super::config::Model;
use crate::error::Result as Outcome;

/// A block.
pub(super) struct Block {
    attention: Attention,
    gate: Option<Gate>,
    first_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    second_norm: LayerNorm,
    /// Whether norms come before what they are for, or after.
    is_stable: bool,
}

impl Block {
    pub(super) fn load(weights: &mut Weights, model: &Model, k: usize) -> Outcome<Self> {
        let (dim, eps, name) = (model.hidden_size, model.layer_norm_eps, format!("encoder.layers.{k}"));
        let (attention, inner) = (format!("{name}.attention"), model.intermediate_size);
        Ok(Self {
            gate: model.is_wavlm().then(|| Gate::load(weights, &attention, model)).transpose()?,
            attention: Attention::load(weights, &attention, dim, model.num_attention_heads)?,
            first_norm: LayerNorm::load(weights, &format!("{name}.layer_norm"), dim, eps)?,
            intermediate: Linear::load(
                weights,
                &format!("{name}.feed_forward.intermediate_dense"),
                dim,
                inner,
            )?,
            output: Linear::load(weights, &format!("{name}.feed_forward.output_dense"), inner, dim)?,
            second_norm: LayerNorm::load(weights, &format!("{name}.final_layer_norm"), dim, eps)?,
            is_stable: model.do_stable_layer_norm,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        if self.is_stable {
            let x = (x + self.attend(&self.first_norm.forward(x)?, bias)?)?;
            return &x + self.feed_forward(&self.second_norm.forward(&x)?)?;
        }
        let x = self.first_norm.forward(&(x + self.attend(x, bias)?)?)?;
        self.second_norm.forward(&(&x + self.feed_forward(&x)?)?)
    }

    fn attend(&self, x: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let bias = match (&self.gate, bias) {
            (Some(gate), Some(bias)) => Some(gate.of(x)?.broadcast_mul(bias)?),
            _ => None,
        };
        self.attention.forward(x, bias.as_ref())
    }

    fn feed_forward(&self, x: &Tensor) -> Result<Tensor> {
        self.output.forward(&gelu(&self.intermediate.forward(x)?)?)
    }
}

/// How much a frame heeds distances, by what it hears (WavLM, section 3.1).
struct Gate {
    linear: Linear,
    scale: Tensor,
    n_heads: usize,
}

impl Gate {
    fn load(weights: &mut Weights, name: &str, model: &Model) -> Outcome<Self> {
        let n_heads = model.num_attention_heads;
        let linear =
            Linear::load(weights, &format!("{name}.gru_rel_pos_linear"), model.hidden_size / n_heads, 8)?;
        let scale = weights.take(&format!("{name}.gru_rel_pos_const"), &[1, n_heads, 1, 1])?;
        let scale = scale.reshape((n_heads, 1, 1)).map_err(super::super::broken)?;
        Ok(Self { linear, scale, n_heads })
    }

    /// A number for every head and frame.
    fn of(&self, x: &Tensor) -> Result<Tensor> {
        let (n_frames, dim) = x.dims2()?;
        let rows = heads(x, self.n_heads)?.reshape((self.n_heads * n_frames, dim / self.n_heads))?;
        let two = self.linear.forward(&rows)?.reshape((self.n_heads, n_frames, 2, 4))?.sum(3)?;
        let two = candle_nn::ops::sigmoid(&two)?;
        let (first, second) = (two.narrow(2, 0, 1)?.contiguous()?, two.narrow(2, 1, 1)?.contiguous()?);
        let reset = (second.broadcast_mul(&self.scale)? - 1.0)?;
        (first * reset)? + 2.0
    }
}

/// What is added to scores by the distance of two frames, in all blocks alike but for their gates.
pub(super) struct PositionBias {
    /// A row per bucket, a column per head.
    table: Tensor,
    n_buckets: usize,
    max_distance: usize,
}

impl PositionBias {
    pub(super) fn load(weights: &mut Weights, model: &Model) -> Outcome<Self> {
        let (n_buckets, n_heads) = (model.num_buckets, model.num_attention_heads);
        let name = "encoder.layers.0.attention.rel_attn_embed.weight";
        let table = weights.take(name, &[n_buckets, n_heads])?;
        Ok(Self { table, n_buckets, max_distance: model.max_bucket_distance })
    }

    /// The bias for as many frames as `x` has: heads by frames by frames.
    pub(super) fn of(&self, x: &Tensor) -> Result<Tensor> {
        let n = x.dim(0)?;
        let distances = (0..n as i64).flat_map(|from| (0..n as i64).map(move |to| to - from));
        let buckets = distances.map(|distance| bucket(distance, self.n_buckets, self.max_distance));
        let buckets = Tensor::from_iter(buckets, self.table.device())?;
        self.table.index_select(&buckets, 0)?.reshape((n, n, ()))?.permute((2, 0, 1))?.contiguous()
    }
}

/// The bucket of a distance, as T5 has them: half of them for what comes later; near ones exact, far ones by their logarithm.
fn bucket(distance: i64, n_buckets: usize, max_distance: usize) -> u32 {
    let half = n_buckets / 2;
    let later = if distance > 0 { half } else { 0 };
    let (n_exact, distance) = (half / 2, distance.unsigned_abs() as usize);
    if distance < n_exact {
        return (later + distance) as u32;
    }
    let exact = n_exact as f32;
    let whole = libm::log(max_distance as f64 / n_exact as f64) as f32;
    let share = libm::logf(distance as f32 / exact) / whole * (half - n_exact) as f32;
    (later + (n_exact + share as usize).min(half - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `transformers.models.wavlm.modeling_wavlm.WavLMAttention._relative_positions_bucket` with 320 buckets up to 800.
    #[test]
    fn distances_fall_into_the_buckets_of_wavlm() {
        let cases = [(0, 0), (-1, 1), (1, 161), (-79, 79), (-80, 80), (80, 240), (-800, 159), (5000, 319)];
        for (distance, expected) in cases {
            assert_eq!(bucket(distance, 320, 800), expected, "{distance}");
        }
    }
}
