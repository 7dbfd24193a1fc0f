//! From samples to frames: convolutions, each with its norm and GELU, and the projection to the width of the blocks.

use candle_core::{Result, Tensor};

use super::super::blocks::{ColumnNorm, Conv, LayerNorm, Linear, gelu};
use super::super::weights::Weights;
use super::config::Model;
use crate::error::Result as Outcome;

/// The norms of convolutions have this, whatever config.json says of the others.
const EPS: f64 = 1e-5;

/// The convolutions and the projection.
pub(super) struct Stem {
    convs: Vec<(Conv, Norm)>,
    norm: Option<LayerNorm>,
    projection: Linear,
}

/// What comes after a convolution.
enum Norm {
    None,
    Column(ColumnNorm),
    Layer(LayerNorm),
}

impl Stem {
    pub(super) fn load(weights: &mut Weights, model: &Model) -> Outcome<Self> {
        let mut convs = Vec::new();
        let mut n_in = 1;
        for (k, n_out) in model.conv_dim.iter().copied().enumerate() {
            let name = format!("feature_extractor.conv_layers.{k}");
            let shape = (model.conv_kernel[k], model.conv_stride[k]);
            let conv = Conv::load(weights, &format!("{name}.conv"), (n_in, n_out), shape, model.conv_bias)?;
            let norm = format!("{name}.layer_norm");
            let norm = match (model.feat_extract_norm == "layer" || model.is_data2vec(), k) {
                (true, _) => Norm::Layer(LayerNorm::load(weights, &norm, n_out, EPS)?),
                (false, 0) => Norm::Column(ColumnNorm::load(weights, &norm, n_out, EPS)?),
                (false, _) => Norm::None,
            };
            convs.push((conv, norm));
            n_in = n_out;
        }
        let has_norm = model.model_type != "hubert" || model.feat_proj_layer_norm;
        let norm = "feature_projection.layer_norm";
        let norm =
            has_norm.then(|| LayerNorm::load(weights, norm, n_in, model.layer_norm_eps)).transpose()?;
        let projection = Linear::load(weights, "feature_projection.projection", n_in, model.hidden_size)?;
        Ok(Self { convs, norm, projection })
    }

    /// Samples, one a row; frames, one a row.
    pub(super) fn forward(&self, samples: &Tensor) -> Result<Tensor> {
        let mut x = samples.clone();
        for (conv, norm) in &self.convs {
            x = conv.forward(&x)?;
            x = match norm {
                Norm::None => x,
                Norm::Column(norm) => norm.forward(&x)?,
                Norm::Layer(norm) => norm.forward(&x)?,
            };
            x = gelu(&x)?;
        }
        if let Some(norm) = &self.norm {
            x = norm.forward(&x)?;
        }
        self.projection.forward(&x)
    }
}
