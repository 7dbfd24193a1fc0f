//! The blocks that encoders are made of. A signal is a matrix with a row per frame, so that no layer has to turn it over.

use candle_core::{Device, Result, Tensor};

use super::weights::Weights;
use crate::error::Result as Outcome;

/// A linear layer, `torch.nn.Linear`.
pub(super) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Takes `name.weight`, of `n_out` rows and `n_in` columns, and `name.bias`.
    pub(super) fn load(weights: &mut Weights, name: &str, n_in: usize, n_out: usize) -> Outcome<Self> {
        let weight = weights.take(&format!("{name}.weight"), &[n_out, n_in])?;
        let bias = Some(weights.take(&format!("{name}.bias"), &[n_out])?);
        Ok(Self { weight, bias })
    }

    /// Rows of `n_in` numbers become rows of `n_out`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight.t()?)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

/// Layer normalisation of every row, `torch.nn.LayerNorm`.
pub(super) struct LayerNorm {
    scale: Tensor,
    shift: Tensor,
    eps: f32,
}

impl LayerNorm {
    /// Takes `name.weight` and `name.bias` of `dim` numbers.
    pub(super) fn load(weights: &mut Weights, name: &str, dim: usize, eps: f64) -> Outcome<Self> {
        let scale = weights.take(&format!("{name}.weight"), &[dim])?;
        let shift = weights.take(&format!("{name}.bias"), &[dim])?;
        Ok(Self { scale, shift, eps: eps as f32 })
    }

    /// One that only normalises: it has no weights.
    pub(super) fn plain(dim: usize, eps: f64, device: &Device) -> Result<Self> {
        let dtype = candle_core::DType::F32;
        let (scale, shift) = (Tensor::ones(dim, dtype, device)?, Tensor::zeros(dim, dtype, device)?);
        Ok(Self { scale, shift, eps: eps as f32 })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm(&x.contiguous()?, &self.scale, &self.shift, self.eps)
    }
}

/// Normalisation of every column by itself: `torch.nn.GroupNorm` with as many groups as channels.
pub(super) struct ColumnNorm {
    scale: Vec<f32>,
    shift: Vec<f32>,
    eps: f64,
}

impl ColumnNorm {
    /// Takes `name.weight` and `name.bias` of `dim` numbers.
    pub(super) fn load(weights: &mut Weights, name: &str, dim: usize, eps: f64) -> Outcome<Self> {
        let mut take =
            |what: &str| weights.take(&format!("{name}.{what}"), &[dim])?.to_vec1().map_err(super::broken);
        Ok(Self { scale: take("weight")?, shift: take("bias")?, eps })
    }

    /// The sums run over seconds of audio, thousands of rows: they are 64-bit, row after row.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (n_rows, dim) = x.dims2()?;
        let mut data = x.flatten_all()?.to_vec1::<f32>()?;
        let mut means = vec![0.0; dim];
        for row in data.chunks_exact(dim) {
            means.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        means.iter_mut().for_each(|mean| *mean /= n_rows as f64);
        let mut squares = vec![0.0; dim];
        for row in data.chunks_exact(dim) {
            let deviations = row.iter().zip(&means).map(|(x, mean)| f64::from(*x) - mean);
            squares.iter_mut().zip(deviations).for_each(|(sum, deviation)| *sum += deviation * deviation);
        }
        let scales = squares.iter().zip(&self.scale);
        let scales = scales.map(|(sum, scale)| f64::from(*scale) / (sum / n_rows as f64 + self.eps).sqrt());
        let scales: Vec<f32> = scales.map(|scale| scale as f32).collect();
        let means: Vec<f32> = means.into_iter().map(|mean| mean as f32).collect();
        for row in data.chunks_exact_mut(dim) {
            let column = means.iter().zip(&scales).zip(&self.shift);
            row.iter_mut()
                .zip(column)
                .for_each(|(x, ((mean, scale), shift))| *x = (*x - mean) * scale + shift);
        }
        Tensor::from_vec(data, (n_rows, dim), x.device())
    }
}

/// A convolution over time without padding, `torch.nn.Conv1d`, as a few matrix products.
///
/// `stride` frames laid end to end are a row of a matrix without a copy, so a kernel of `q * stride + r` frames is `q` products
/// of whole rows and one of the first `r` frames of a row. Nothing is unfolded.
pub(super) struct Conv {
    /// Each of `frames * n_in` rows and `n_out` columns; all but the last have `stride` frames.
    parts: Vec<Tensor>,
    bias: Option<Tensor>,
    kernel: usize,
    stride: usize,
}

impl Conv {
    /// Takes `name.weight`, of `n_out` by `n_in` by `kernel`, and `name.bias` where `has_bias`.
    pub(super) fn load(
        weights: &mut Weights,
        name: &str,
        (n_in, n_out): (usize, usize),
        (kernel, stride): (usize, usize),
        has_bias: bool,
    ) -> Outcome<Self> {
        let weight = weights.take(&format!("{name}.weight"), &[n_out, n_in, kernel])?;
        let bias = has_bias.then(|| weights.take(&format!("{name}.bias"), &[n_out])).transpose()?;
        let parts = parts_of(&weight, stride).map_err(super::broken)?;
        Ok(Self { parts, bias, kernel, stride })
    }

    /// Frames in, one a row; frames out: `(n - kernel) / stride + 1`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (n_frames, n_in) = x.dims2()?;
        let n_out = n_frames.checked_sub(self.kernel).map_or(0, |rest| rest / self.stride + 1);
        let n_rows = n_frames.div_ceil(self.stride);
        let rows = x.pad_with_zeros(0, 0, n_rows * self.stride - n_frames)?;
        let rows = rows.reshape((n_rows, self.stride * n_in))?;
        let mut y: Option<Tensor> = None;
        for (shift, part) in self.parts.iter().enumerate() {
            let rows = rows.narrow(0, shift, n_out)?.narrow(1, 0, part.dim(0)?)?.contiguous()?;
            let product = rows.matmul(part)?;
            y = Some(match y {
                Some(y) => (y + product)?,
                None => product,
            });
        }
        let y = y.ok_or_else(|| candle_core::Error::Msg("a kernel has no frames".to_owned()))?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

fn parts_of(weight: &Tensor, stride: usize) -> Result<Vec<Tensor>> {
    let (n_out, n_in, kernel) = weight.dims3()?;
    let rows = weight.permute((2, 1, 0))?.contiguous()?.reshape((kernel * n_in, n_out))?;
    let starts = (0..kernel).step_by(stride);
    starts
        .map(|start| rows.narrow(0, start * n_in, stride.min(kernel - start) * n_in)?.contiguous())
        .collect()
}

/// Attention of every frame to every other, with several heads; `bias` is added to its scores, of heads by frames by frames.
pub(super) struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    n_heads: usize,
}

impl Attention {
    /// Takes `name.q_proj`, `k_proj`, `v_proj` and `out_proj`, all with bias.
    pub(super) fn load(weights: &mut Weights, name: &str, dim: usize, n_heads: usize) -> Outcome<Self> {
        let mut linear = |what: &str| Linear::load(weights, &format!("{name}.{what}"), dim, dim);
        Ok(Self {
            query: linear("q_proj")?,
            key: linear("k_proj")?,
            value: linear("v_proj")?,
            out: linear("out_proj")?,
            n_heads,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let (n_frames, dim) = x.dims2()?;
        let scale = 1.0 / ((dim / self.n_heads) as f64).sqrt();
        let query = heads(&(self.query.forward(x)? * scale)?, self.n_heads)?;
        let (key, value) =
            (heads(&self.key.forward(x)?, self.n_heads)?, heads(&self.value.forward(x)?, self.n_heads)?);
        let mut scores = query.matmul(&key.transpose(1, 2)?)?;
        if let Some(bias) = bias {
            scores = (scores + bias)?;
        }
        let mixed = candle_nn::ops::softmax_last_dim(&scores)?.matmul(&value)?;
        self.out.forward(&mixed.transpose(0, 1)?.contiguous()?.reshape((n_frames, dim))?)
    }
}

/// A row per frame becomes a matrix per head.
pub(super) fn heads(x: &Tensor, n_heads: usize) -> Result<Tensor> {
    let (n_frames, dim) = x.dims2()?;
    x.reshape((n_frames, n_heads, dim / n_heads))?.transpose(0, 1)?.contiguous()
}

/// The exact GELU, `x * (1 + erf(x / sqrt(2))) / 2`; not its approximation by tanh.
pub(super) fn gelu(x: &Tensor) -> Result<Tensor> {
    #[cfg(test)]
    if tests::IS_TANH.get() {
        return x.gelu();
    }
    x.gelu_erf()
}

/// A weight that was kept as direction and length, `torch.nn.utils.weight_norm` with `dim = 2`: what lies at one place of the
/// kernel has one length.
pub(super) fn weight_norm(direction: &Tensor, length: &Tensor) -> Result<Tensor> {
    let norm = direction.sqr()?.sum_keepdim(0)?.sum_keepdim(1)?.sqrt()?;
    direction.broadcast_mul(&length.broadcast_div(&norm)?)
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// Whether this thread takes the approximation by tanh, which tests have to notice.
        pub(in crate::nets) static IS_TANH: Cell<bool> = const { Cell::new(false) };
    }

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect()
    }

    #[test]
    fn a_convolution_is_that_of_candle_for_every_kernel_and_stride() {
        for (kernel, stride) in [(10, 5), (3, 2), (2, 2), (4, 1), (5, 3), (1, 4)] {
            for n_frames in [kernel, kernel + 1, 23, 24, 25] {
                let weight = Tensor::from_vec(numbers(6 * 3 * kernel), (6, 3, kernel), &Device::Cpu).unwrap();
                let x = Tensor::from_vec(numbers(n_frames * 3), (n_frames, 3), &Device::Cpu).unwrap();
                let conv = Conv { parts: parts_of(&weight, stride).unwrap(), bias: None, kernel, stride };
                let ours = conv.forward(&x).unwrap();
                let theirs = x.t().unwrap().unsqueeze(0).unwrap().conv1d(&weight, 0, stride, 1, 1).unwrap();
                let theirs = theirs.squeeze(0).unwrap().t().unwrap();
                assert_eq!(ours.dims(), theirs.dims(), "{kernel} {stride} {n_frames}");
                let far =
                    (ours - theirs).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
                assert!(far < 1e-5, "{kernel} {stride} {n_frames}: {far}");
            }
        }
    }

    #[test]
    fn every_column_is_normalised_by_itself() {
        let x = Tensor::from_vec(vec![1.0_f32, 10.0, 3.0, 10.0], (2, 2), &Device::Cpu).unwrap();
        let norm = ColumnNorm { scale: vec![1.0, 2.0], shift: vec![0.0, 5.0], eps: 0.0 };
        let y = ColumnNorm { eps: 1e-5, ..norm }.forward(&x).unwrap().to_vec2::<f32>().unwrap();
        assert!((y[0][0] + 1.0).abs() < 1e-4 && (y[1][0] - 1.0).abs() < 1e-4, "{y:?}");
        assert_eq!([y[0][1], y[1][1]], [5.0, 5.0]);
    }

    #[test]
    fn weight_norm_gives_each_place_of_the_kernel_its_length() {
        let direction = Tensor::from_vec(vec![3.0_f32, 1.0, 4.0, 0.0], (2, 1, 2), &Device::Cpu).unwrap();
        let length = Tensor::from_vec(vec![10.0_f32, 2.0], (1, 1, 2), &Device::Cpu).unwrap();
        let weight =
            weight_norm(&direction, &length).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(weight, [6.0, 2.0, 8.0, 0.0]);
    }
}
