//! The family against `transformers` 5 (tests/checkpoints), and what those goldens would not let pass.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::safetensors;

use super::*;
use crate::nets::File;
use crate::nets::blocks::tests::IS_TANH;

/// What hidden states may be off by, as a share of the largest number but at least of 1.
const TOLERANCE: f32 = 2e-5;
/// What the mean over time may be off by.
const TOLERANCE_POOLED: f32 = 5e-6;
/// What the front end may be off by.
const TOLERANCE_FRONT_END: f32 = 1e-5;

const MODELS: [&str; 10] = [
    "wav2vec2-base",
    "wav2vec2-large",
    "hubert-base",
    "hubert-batch-norm",
    "unispeech-sat-base",
    "wavlm-base",
    "wavlm-large",
    "data2vec-audio-base",
    "mert-95m",
    "mert-330m",
];

type Tensors = std::collections::BTreeMap<String, Tensor>;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoints").join(name)
}

fn tensors(path: &Path) -> Tensors {
    safetensors::load(path, &Device::Cpu).unwrap().into_iter().collect()
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn config(folder: &Path) -> Config {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    Config::read(&read("config.json"), &read("preprocessor_config.json")).unwrap()
}

fn load_from(folder: &Path, names: &[&str]) -> Result<Encoder> {
    let file = |name: &&str| File { name: (*name).to_owned(), path: folder.join(name) };
    let files: Vec<File> = names.iter().map(file).collect();
    Encoder::load(config(folder), Weights::open(&files, &Device::Cpu)?, &Device::Cpu)
}

fn load(name: &str) -> Encoder {
    load_from(&folder(name), &["model.safetensors"]).unwrap()
}

/// The same model, some of its tensors changed.
fn load_changed(name: &str, change: impl FnOnce(&mut Tensors)) -> Result<Encoder> {
    let changed = tempfile::tempdir().unwrap();
    for file in ["config.json", "preprocessor_config.json"] {
        std::fs::copy(folder(name).join(file), changed.path().join(file)).unwrap();
    }
    let mut tensors = tensors(&folder(name).join("model.safetensors"));
    change(&mut tensors);
    let tensors = tensors.into_iter().collect();
    safetensors::save(&tensors, changed.path().join("model.safetensors")).unwrap();
    load_from(changed.path(), &["model.safetensors"])
}

/// Every hidden state of what the model hears, by its name among the goldens.
fn states(encoder: &Encoder, heard: &[f32]) -> BTreeMap<String, Vec<f32>> {
    let mut states = BTreeMap::new();
    let see = |state: State, Hidden { dim, data }: Hidden| {
        let name = match state {
            State::Block(k) => format!("hidden.{k}"),
            State::Final => {
                let means =
                    (0..dim).map(|k| data.iter().skip(k).step_by(dim).map(|x| f64::from(*x)).sum::<f64>());
                let n = (data.len() / dim) as f64;
                states.insert("pooled".to_owned(), means.map(|sum| (sum / n) as f32).collect());
                "final".to_owned()
            }
        };
        states.insert(name, data);
        Ok(())
    };
    encoder.run(heard, |_| true, see).unwrap();
    states
}

/// How far the worst state is from its golden, in tolerances.
fn farthest(encoder: &Encoder, heard: &[f32], golden: &Tensors) -> f32 {
    let found = states(encoder, heard);
    let shared = golden.iter().filter_map(|(name, golden)| Some((name, numbers(golden), found.get(name)?)));
    let of_one = shared.map(|(name, golden, found)| {
        assert_eq!(golden.len(), found.len(), "{name}");
        let largest = golden.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
        let tolerance = if name == "pooled" { TOLERANCE_POOLED } else { TOLERANCE * largest };
        apart(&golden, found) / tolerance
    });
    of_one.fold(0.0, f32::max)
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// How far a changed model is from the golden of the right one.
fn farthest_of(name: &str, encoder: &Encoder) -> f32 {
    let golden = tensors(&folder(name).join("golden.safetensors"));
    farthest(encoder, &numbers(&golden["frontend"]), &golden)
}

#[test]
fn every_model_of_the_family_computes_what_the_original_does() {
    for name in MODELS {
        let golden = tensors(&folder(name).join("golden.safetensors"));
        let encoder = load(name);
        let waveform: Vec<f64> = numbers(&golden["waveform"]).into_iter().map(f64::from).collect();
        let (heard, expected) = (encoder.front_end(&waveform), numbers(&golden["frontend"]));
        assert_eq!(heard.len(), expected.len(), "{name}");
        assert!(apart(&heard, &expected) <= TOLERANCE_FRONT_END, "{name}: {}", apart(&heard, &expected));
        let n_states = golden.keys().filter(|key| key.starts_with("hidden.") || *key == "final").count();
        assert!(n_states >= 4 && golden.contains_key("pooled"), "{name}: {n_states}");
        let far = farthest(&encoder, &expected, &golden);
        assert!(far <= 1.0, "{name}: {far} tolerances");
    }
}

#[test]
fn a_zip_checkpoint_and_weights_in_pieces_are_the_same_model() {
    let zip = load_from(&folder("formats/zip"), &["pytorch_model.bin"]).unwrap();
    let pieces = [1, 2, 3].map(|piece| format!("model-0000{piece}-of-00003.safetensors"));
    let pieces = load_from(&folder("formats/sharded"), &pieces.each_ref().map(String::as_str)).unwrap();
    let golden = tensors(&folder("hubert-base").join("golden.safetensors"));
    let heard = numbers(&golden["frontend"]);
    let whole = states(&load("hubert-base"), &heard);
    assert_eq!(states(&zip, &heard), whole);
    assert_eq!(states(&pieces, &heard), whole);
}

#[test]
fn a_gelu_by_tanh_does_not_pass() {
    for name in MODELS {
        let encoder = load(name);
        IS_TANH.set(true);
        let far = farthest_of(name, &encoder);
        IS_TANH.set(false);
        assert!(far > 5.0, "{name}: {far} tolerances");
    }
}

#[test]
fn swapped_norms_do_not_pass() {
    for (name, prefix) in [("wav2vec2-base", "wav2vec2."), ("mert-330m", ""), ("wavlm-large", "")] {
        let (first, second) = (
            format!("{prefix}encoder.layers.1.layer_norm.weight"),
            format!("{prefix}encoder.layers.1.final_layer_norm.weight"),
        );
        let swapped = load_changed(name, |tensors| {
            let (a, b) = (tensors[&first].clone(), tensors[&second].clone());
            tensors.insert(first, b);
            tensors.insert(second, a);
        });
        let far = farthest_of(name, &swapped.unwrap());
        assert!(far > 10.0, "{name}: {far} tolerances");
    }
}

#[test]
fn a_missing_position_does_not_pass() {
    for (name, position) in [
        ("wavlm-base", "encoder.layers.0.attention.rel_attn_embed.weight"),
        ("wavlm-large", "encoder.layers.1.attention.gru_rel_pos_const"),
        ("hubert-base", "encoder.pos_conv_embed.conv.weight_g"),
        ("data2vec-audio-base", "encoder.pos_conv_embed.layers.3.conv.weight"),
        ("hubert-batch-norm", "encoder.pos_conv_embed.batch_norm.running_mean"),
    ] {
        let changed = load_changed(name, |tensors| {
            let zero = tensors[position].zeros_like().unwrap();
            tensors.insert(position.to_owned(), zero);
        });
        let far = farthest_of(name, &changed.unwrap());
        assert!(far > 10.0, "{name}: {far} tolerances");
    }
}

#[test]
fn a_sound_that_is_off_by_one_sample_does_not_pass() {
    for name in MODELS {
        let golden = tensors(&folder(name).join("golden.safetensors"));
        let mut heard = numbers(&golden["frontend"]);
        heard.rotate_left(1);
        let far = farthest(&load(name), &heard, &golden);
        assert!(far > 10.0, "{name}: {far} tolerances");
    }
}

#[test]
fn a_tensor_that_is_missing_left_over_or_of_another_shape_is_named() {
    type Change = fn(&mut Tensors);
    let changes: [(Change, &str); 4] = [
        (
            |tensors| _ = tensors.remove("encoder.layers.2.attention.k_proj.bias"),
            "there is no tensor `encoder.layers.2.attention.k_proj.bias`",
        ),
        (
            |tensors| {
                let bias = tensors["encoder.layer_norm.bias"].clone();
                tensors.insert("encoder.layers.9.layer_norm.bias".to_owned(), bias);
            },
            "has no tensor `encoder.layers.9.layer_norm.bias`",
        ),
        (
            |tensors| {
                let weight = tensors["encoder.layers.0.attention.out_proj.bias"].narrow(0, 0, 31).unwrap();
                tensors.insert("encoder.layers.0.attention.out_proj.bias".to_owned(), weight);
            },
            "`encoder.layers.0.attention.out_proj.bias` has the shape [31], not [32]",
        ),
        (|tensors| tensors.retain(|name, _| !name.starts_with("feature_projection")), "feature_projection"),
    ];
    for (change, words) in changes {
        let error = load_changed("hubert-base", change).unwrap_err();
        assert!(error.message.contains(words), "{words}: {error}");
    }
}

#[test]
fn a_window_comes_to_the_same_bits_whatever_runs_beside_it() {
    let encoder = load("mert-95m");
    let golden = tensors(&folder("mert-95m").join("golden.safetensors"));
    let heard = numbers(&golden["frontend"]);
    let alone = states(&encoder, &heard);
    let on_threads = |n: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        pool.install(|| rayon::join(|| states(&encoder, &heard), || states(&encoder, &heard[..5000])).0)
    };
    assert_eq!(on_threads(1), alone);
    assert_eq!(on_threads(2), alone);
    assert_eq!(super::super::alone(|| states(&encoder, &heard)).unwrap(), alone);
}

#[test]
fn what_is_shorter_than_a_frame_is_one_frame() {
    let encoder = load("hubert-base");
    for n in [0, 1, 399, 400, 719] {
        assert_eq!(states(&encoder, &vec![0.5; n])["final"].len(), encoder.config().dim(), "{n}");
    }
}
