//! Checkpoints of PyTorch: zip files of a pickle, read without running anything of it. Prefer safetensors.

use std::collections::BTreeMap;

use candle_core::pickle::PthTensors;
use candle_core::{DType, Tensor};

use super::weights::File;
use crate::error::{Error, Result};
use crate::text::printable;

/// Where checkpoints keep their tensors that have them not at the top.
const KEYS: [Option<&str>; 3] = [None, Some("model"), Some("state_dict")];

/// The shape and the type of every tensor, by name.
pub(super) type Shapes = BTreeMap<String, (Vec<usize>, DType)>;

/// A zip checkpoint.
pub(super) struct Pickle(PthTensors);

impl Pickle {
    /// Opens a zip checkpoint, and gives the shape and type of each of its tensors.
    ///
    /// # Errors
    /// When it cannot be read, or has no tensors.
    pub(super) fn open(file: &File) -> Result<(Self, Shapes)> {
        for key in KEYS {
            let Ok(tensors) = PthTensors::new(&file.path, key) else { continue };
            let shapes: Shapes = tensors
                .tensor_infos()
                .iter()
                .map(|(name, info)| (name.clone(), (info.layout.shape().dims().to_vec(), info.dtype)))
                .collect();
            if !shapes.is_empty() {
                return Ok((Self(tensors), shapes));
            }
        }
        Err(Error::cannot_read(
            printable(&file.name),
            "there are no tensors in it, nor under `model` or `state_dict`",
        )
        .hint(convert(&file.name)))
    }

    /// One tensor.
    pub(super) fn tensor(&self, name: &str) -> candle_core::Result<Tensor> {
        self.0.get(name)?.ok_or_else(|| candle_core::Error::Msg(format!("there is no tensor {name}")))
    }
}

/// The error of a checkpoint as PyTorch wrote them before version 1.6.
pub(super) fn legacy(file: &File) -> Error {
    Error::cannot_read(printable(&file.name), "it is a checkpoint of PyTorch before 1.6, not a zip file")
        .hint(convert(&file.name))
}

/// The line that makes safetensors of a checkpoint.
fn convert(name: &str) -> String {
    format!(
        "convert it once: python -c \"import torch, safetensors.torch as s; \
         w = torch.load('{0}', weights_only=True, map_location='cpu'); \
         s.save_file({{k: v.contiguous() for k, v in w.get('model', w).items()}}, 'model.safetensors')\"",
        printable(name)
    )
}
