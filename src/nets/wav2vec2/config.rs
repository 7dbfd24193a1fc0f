//! What config.json and preprocessor_config.json say of a model of the wav2vec2 family.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::text::printable;

/// The architectures that differ in more than numbers, by `model_type`.
const FAMILY: [&str; 6] = ["wav2vec2", "hubert", "unispeech-sat", "wavlm", "data2vec-audio", "mert_model"];
/// No layer is larger than this: a hostile config.json must not ask for all memory.
const MAX: usize = 1 << 16;

/// A model of the family, as its two files describe it. What a file leaves out is as `transformers` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// config.json.
    pub(super) model: Model,
    /// preprocessor_config.json.
    front: FrontEnd,
}

/// What config.json says, under the names that it has there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Model {
    pub(super) model_type: String,
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) layer_norm_eps: f64,
    pub(super) conv_dim: Vec<usize>,
    pub(super) conv_kernel: Vec<usize>,
    pub(super) conv_stride: Vec<usize>,
    pub(super) conv_bias: bool,
    pub(super) feat_extract_norm: String,
    pub(super) feat_proj_layer_norm: bool,
    pub(super) do_stable_layer_norm: bool,
    pub(super) num_conv_pos_embeddings: Option<usize>,
    pub(super) num_conv_pos_embedding_groups: usize,
    pub(super) conv_pos_kernel_size: usize,
    pub(super) conv_pos_batch_norm: bool,
    pub(super) num_buckets: usize,
    pub(super) max_bucket_distance: usize,
    hidden_act: String,
    feat_extract_activation: String,
    add_adapter: bool,
    adapter_attn_dim: Option<usize>,
    feature_extractor_cqt: bool,
    deepnorm: bool,
    attention_relax: f64,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            model_type: String::new(),
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            layer_norm_eps: 1e-5,
            conv_dim: vec![512; 7],
            conv_kernel: vec![10, 3, 3, 3, 3, 2, 2],
            conv_stride: vec![5, 2, 2, 2, 2, 2, 2],
            conv_bias: false,
            feat_extract_norm: "group".to_owned(),
            feat_proj_layer_norm: true,
            do_stable_layer_norm: false,
            num_conv_pos_embeddings: None,
            num_conv_pos_embedding_groups: 16,
            conv_pos_kernel_size: 19,
            conv_pos_batch_norm: false,
            num_buckets: 320,
            max_bucket_distance: 800,
            hidden_act: "gelu".to_owned(),
            feat_extract_activation: "gelu".to_owned(),
            add_adapter: false,
            adapter_attn_dim: None,
            feature_extractor_cqt: false,
            deepnorm: false,
            attention_relax: -1.0,
        }
    }
}

/// What preprocessor_config.json says, as `transformers.Wav2Vec2FeatureExtractor` reads it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
struct FrontEnd {
    sampling_rate: u32,
    do_normalize: bool,
    feature_size: u32,
}

impl Default for FrontEnd {
    fn default() -> Self {
        Self { sampling_rate: 16_000, do_normalize: true, feature_size: 1 }
    }
}

impl Config {
    /// Reads config.json and preprocessor_config.json.
    ///
    /// # Errors
    /// When one is not what it should be, or is of a model that is not of this family.
    pub fn read(config: &[u8], preprocessor: &[u8]) -> Result<Self> {
        let model: Model = parse("config.json", config)?;
        let front: FrontEnd = parse("preprocessor_config.json", preprocessor)?;
        let read = Self { model, front };
        match read.problem() {
            Some(problem) => Err(Error::cannot_read("config.json", problem)
                .hint(format!("the kind `wav2vec2` reads models of the types {}", FAMILY.join(", ")))),
            None => Ok(read),
        }
    }

    /// The rate that the model hears at, Hz.
    pub fn sample_rate(&self) -> u32 {
        self.front.sampling_rate
    }

    /// Whether what it hears is brought to mean 0 and variance 1.
    pub fn normalizes(&self) -> bool {
        self.front.do_normalize
    }

    /// How many numbers describe a frame.
    pub fn dim(&self) -> usize {
        self.model.hidden_size
    }

    /// How many blocks there are: hidden states are counted from 0, the input of the first, to this.
    pub fn n_layers(&self) -> usize {
        self.model.num_hidden_layers
    }

    /// The samples that the first frame needs.
    pub fn receptive_field(&self) -> usize {
        let layers = self.model.conv_kernel.iter().zip(&self.model.conv_stride).rev();
        layers.fold(1, |field, (kernel, stride)| (field - 1) * stride + kernel)
    }

    /// The window that the model is best heard with, s: MERT learnt from five seconds, the models of speech from more.
    pub fn window(&self) -> f64 {
        if self.model.model_type == "mert_model" { 5.0 } else { 10.0 }
    }

    fn problem(&self) -> Option<String> {
        let model = &self.model;
        let sizes = [
            ("hidden_size", model.hidden_size),
            ("num_hidden_layers", model.num_hidden_layers),
            ("num_attention_heads", model.num_attention_heads),
            ("intermediate_size", model.intermediate_size),
            ("num_conv_pos_embeddings", model.positions()),
            ("num_conv_pos_embedding_groups", model.num_conv_pos_embedding_groups),
            ("conv_pos_kernel_size", model.conv_pos_kernel_size),
        ];
        let convs = [&model.conv_dim, &model.conv_kernel, &model.conv_stride];
        let is_size = |size: &usize| (1..=MAX).contains(size);
        let of_conv = convs.iter().all(|sizes| {
            sizes.len() == model.conv_dim.len()
                && !sizes.is_empty()
                && sizes.len() <= 16
                && sizes.iter().all(is_size)
        });
        let plain =
            [("hidden_act", &model.hidden_act), ("feat_extract_activation", &model.feat_extract_activation)];
        let unknown = [
            ("add_adapter", model.add_adapter),
            ("adapter_attn_dim", model.adapter_attn_dim.is_some()),
            ("feature_extractor_cqt", model.feature_extractor_cqt),
            ("deepnorm", model.deepnorm),
            ("attention_relax", model.attention_relax > 0.0 && !model.do_stable_layer_norm),
        ];
        if !FAMILY.contains(&model.model_type.as_str()) {
            return Some(format!("`model_type` is `{}`", printable(&model.model_type)));
        }
        if let Some((name, size)) = sizes.iter().find(|(_, size)| !is_size(size)) {
            return Some(format!("`{name}` is {size}"));
        }
        if let Some((name, value)) = plain.iter().find(|(_, value)| *value != "gelu") {
            return Some(format!("`{name}` is `{}`, not `gelu`", printable(value)));
        }
        if let Some((name, _)) = unknown.iter().find(|(_, is_set)| *is_set) {
            return Some(format!("`{name}` is set, which is not supported"));
        }
        let norms = ["group", "layer"];
        let checks = [
            (of_conv, "`conv_dim`, `conv_kernel` and `conv_stride` do not fit"),
            (self.stride_fits(), "the strides of its convolutions are too large"),
            (
                norms.contains(&model.feat_extract_norm.as_str()),
                "`feat_extract_norm` is not `group` or `layer`",
            ),
            (
                model.hidden_size.is_multiple_of(model.num_attention_heads),
                "the heads do not divide `hidden_size`",
            ),
            (
                model.hidden_size.is_multiple_of(model.num_conv_pos_embedding_groups),
                "the groups do not divide `hidden_size`",
            ),
            ((4..=MAX).contains(&model.num_buckets), "`num_buckets` makes no sense"),
            (
                (model.num_buckets / 4 + 1..=MAX).contains(&model.max_bucket_distance),
                "`max_bucket_distance` makes no sense",
            ),
            (model.layer_norm_eps > 0.0, "`layer_norm_eps` is not positive"),
            ((1000..=384_000).contains(&self.front.sampling_rate), "`sampling_rate` makes no sense"),
            (self.front.feature_size == 1, "`feature_size` is not 1"),
        ];
        checks.iter().find(|(holds, _)| !holds).map(|(_, problem)| (*problem).to_owned())
    }

    /// Whether a frame comes at least once a second.
    fn stride_fits(&self) -> bool {
        let strides = self.model.conv_stride.iter();
        let hop = strides.fold(1_usize, |hop, stride| hop.saturating_mul(*stride));
        let kernels: usize = self.model.conv_kernel.iter().sum();
        hop <= self.front.sampling_rate as usize && kernels <= 1024
    }
}

impl Model {
    /// The length of the kernel of positions, or how many convolutions find them.
    pub(super) fn positions(&self) -> usize {
        self.num_conv_pos_embeddings.unwrap_or(if self.is_data2vec() { 5 } else { 128 })
    }

    pub(super) fn is_data2vec(&self) -> bool {
        self.model_type == "data2vec-audio"
    }

    pub(super) fn is_wavlm(&self) -> bool {
        self.model_type == "wavlm"
    }
}

fn parse<T: DeserializeOwned>(name: &str, json: &[u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|cause| Error::cannot_read(name, printable(&cause.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &str) -> Result<Config> {
        Config::read(config.as_bytes(), b"{}")
    }

    #[test]
    fn what_is_left_out_is_as_transformers_has_it() {
        let config = read(r#"{"model_type": "hubert"}"#).unwrap();
        assert_eq!((config.dim(), config.n_layers(), config.receptive_field()), (768, 12, 400));
        assert_eq!(
            (config.sample_rate(), config.normalizes(), config.model.positions()),
            (16_000, true, 128)
        );
        assert_eq!(read(r#"{"model_type": "data2vec-audio"}"#).unwrap().model.positions(), 5);
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (config, word) in [
            (r#"{"model_type": "bert"}"#, "bert"),
            ("{}", "model_type"),
            ("[", "EOF"),
            (r#"{"model_type": "hubert", "hidden_act": "relu"}"#, "relu"),
            (r#"{"model_type": "hubert", "hidden_size": 1e9}"#, "1000000000"),
            (r#"{"model_type": "hubert", "hidden_size": 1000000000}"#, "hidden_size"),
            (r#"{"model_type": "hubert", "hidden_size": 770}"#, "heads"),
            (r#"{"model_type": "hubert", "conv_dim": [1]}"#, "conv_dim"),
            (r#"{"model_type": "hubert", "conv_stride": [5, 2, 2, 2, 2, 2, 2000]}"#, "strides"),
            (r#"{"model_type": "wav2vec2", "add_adapter": true}"#, "add_adapter"),
            (r#"{"model_type": "mert_model", "feature_extractor_cqt": true}"#, "feature_extractor_cqt"),
            (r#"{"model_type": "mert_model", "attention_relax": 32.0}"#, "attention_relax"),
            (r#"{"model_type": "wavlm", "num_buckets": 0}"#, "num_buckets"),
        ] {
            let error = read(config).unwrap_err();
            assert!(error.message.contains(word), "{config}: {error}");
        }
        let relaxed =
            r#"{"model_type": "mert_model", "attention_relax": 32.0, "do_stable_layer_norm": true}"#;
        assert!(read(relaxed).is_ok(), "the stable path does not use it");
    }
}
