//! Weights: the embed kinds that read some, and what their steps say of them.

use super::{Embed, Params};

/// What an embed step says of the weights that it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FromWeights<'a> {
    /// A file or folder below the project's, or `hf:org/name@revision`.
    pub weights: &'a str,
    /// Their licence, where the step says it.
    pub license: Option<&'a str>,
}

impl Embed {
    /// What the step says of its weights; none of kinds that read none.
    pub fn weights(&self) -> Option<FromWeights<'_>> {
        match self {
            Self::Wav2vec2(it) => {
                let license = Some(it.license.as_str()).filter(|license| !license.is_empty());
                Some(FromWeights { weights: &it.weights, license })
            }
            _ => None,
        }
    }

    /// What names the weights, to be made normal when it is read.
    pub(crate) fn weights_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Wav2vec2(it) => Some(&mut it.weights),
            _ => None,
        }
    }

    /// The parameters that say what the step computes: not where its vectors or weights are found, for which these are is an
    /// input, nor what their licence is.
    pub fn params_of_recipe(&self) -> Params {
        match self {
            Self::Import(_) => Params::new(),
            _ if self.weights().is_some() => {
                let params = self.params().into_iter();
                params.filter(|(name, _)| !matches!(name.as_str(), "weights" | "license")).collect()
            }
            _ => self.params(),
        }
    }
}
