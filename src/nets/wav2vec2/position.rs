//! Where a frame stands: convolutions over frames, whose result is added to them.

use candle_core::{Device, Result, Tensor};

use super::super::blocks::{LayerNorm, gelu, weight_norm};
use super::super::weights::Weights;
use super::config::Model;
use crate::error::Result as Outcome;

/// The names that a kernel's length and direction have had.
const NAMES: [[&str; 2]; 2] =
    [["weight_g", "weight_v"], ["parametrizations.weight.original0", "parametrizations.weight.original1"]];
const EPS: f64 = 1e-5;

/// One convolution of a long kernel, or of data2vec several of a short one.
pub(super) struct Positions {
    batch_norm: Option<BatchNorm>,
    convs: Vec<GroupedConv>,
    /// What follows each convolution of data2vec.
    norm: Option<LayerNorm>,
}

impl Positions {
    pub(super) fn load(weights: &mut Weights, model: &Model, device: &Device) -> Outcome<Self> {
        let (dim, name) = (model.hidden_size, "encoder.pos_conv_embed");
        if model.is_data2vec() {
            let kernel = model.conv_pos_kernel_size;
            let conv = |k| GroupedConv::load(weights, &format!("{name}.layers.{k}.conv"), model, kernel);
            let convs = (0..model.positions()).map(conv).collect::<Outcome<_>>()?;
            let norm = LayerNorm::plain(dim, EPS, device).map_err(super::super::broken)?;
            return Ok(Self { batch_norm: None, convs, norm: Some(norm) });
        }
        let has_batch_norm = model.conv_pos_batch_norm;
        let batch_norm = format!("{name}.batch_norm");
        let batch_norm = has_batch_norm.then(|| BatchNorm::load(weights, &batch_norm, dim)).transpose()?;
        let conv = GroupedConv::load(weights, &format!("{name}.conv"), model, model.positions())?;
        Ok(Self { batch_norm, convs: vec![conv], norm: None })
    }

    /// Frames in, one a row, and as many out.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        if let Some(norm) = &self.batch_norm {
            x = norm.forward(&x)?;
        }
        for conv in &self.convs {
            x = conv.forward(&x)?;
            if let Some(norm) = &self.norm {
                x = norm.forward(&x)?;
            }
            x = gelu(&x)?;
        }
        Ok(x)
    }
}

/// A convolution in groups of channels, padded so that as many frames come out as went in.
struct GroupedConv {
    weight: Tensor,
    bias: Tensor,
    groups: usize,
}

impl GroupedConv {
    fn load(weights: &mut Weights, name: &str, model: &Model, kernel: usize) -> Outcome<Self> {
        let (dim, groups) = (model.hidden_size, model.num_conv_pos_embedding_groups);
        let shape = [dim, dim / groups, kernel];
        let named = NAMES.into_iter().find(|[length, _]| weights.has(&format!("{name}.{length}")));
        let weight = match named {
            Some([length, direction]) => {
                let length = weights.take(&format!("{name}.{length}"), &[1, 1, kernel])?;
                let direction = weights.take(&format!("{name}.{direction}"), &shape)?;
                weight_norm(&direction, &length).map_err(super::super::broken)?
            }
            None => weights.take(&format!("{name}.weight"), &shape)?,
        };
        Ok(Self { weight, bias: weights.take(&format!("{name}.bias"), &[dim])?, groups })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let n_frames = x.dim(0)?;
        let padding = self.weight.dim(2)? / 2;
        let y = x.t()?.unsqueeze(0)?.contiguous()?.conv1d(&self.weight, padding, 1, 1, self.groups)?;
        // An even kernel gives one frame more.
        let y = y.narrow(2, 0, n_frames)?.squeeze(0)?.t()?.contiguous()?;
        y.broadcast_add(&self.bias)
    }
}

/// `torch.nn.BatchNorm1d` as it is after training.
struct BatchNorm {
    scale: Tensor,
    shift: Tensor,
}

impl BatchNorm {
    fn load(weights: &mut Weights, name: &str, dim: usize) -> Outcome<Self> {
        let mut take = |what: &str| weights.take(&format!("{name}.{what}"), &[dim]);
        let (weight, bias) = (take("weight")?, take("bias")?);
        let (mean, variance) = (take("running_mean")?, take("running_var")?);
        fold(&weight, &bias, &mean, &variance).map_err(super::super::broken)
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.broadcast_mul(&self.scale)?.broadcast_add(&self.shift)
    }
}

fn fold(weight: &Tensor, bias: &Tensor, mean: &Tensor, variance: &Tensor) -> Result<BatchNorm> {
    let scale = (weight / (variance + EPS)?.sqrt()?)?;
    let shift = (bias - (mean * &scale)?)?;
    Ok(BatchNorm { scale, shift })
}
