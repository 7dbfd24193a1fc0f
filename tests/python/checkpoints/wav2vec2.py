"""The wav2vec2 family: Wav2Vec2, HuBERT, UniSpeech-SAT, WavLM, data2vec-audio and MERT, from transformers."""

import json

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    Data2VecAudioConfig,
    Data2VecAudioModel,
    HubertConfig,
    HubertModel,
    UniSpeechSatConfig,
    UniSpeechSatForPreTraining,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForPreTraining,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
)

from checkpoint import ROOT, draw, expect_teeth, tone, write, write_json

# As published but for the widths: kernels, strides and the 128 taps in 16 groups of the positions are the real ones.
SMALL = dict(
    hidden_size=32,
    num_hidden_layers=4,
    num_attention_heads=4,
    intermediate_size=64,
    conv_dim=[16] * 7,
    num_conv_pos_embeddings=128,
    num_conv_pos_embedding_groups=16,
    vocab_size=8,
)
LARGE = dict(feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True)
# Distances of these short sounds reach into the logarithmic buckets, and beyond the last.
BUCKETS = dict(num_buckets=16, max_bucket_distance=12)
QUANTIZER = dict(num_codevectors_per_group=4, num_codevector_groups=2, codevector_dim=8, proj_codevector_dim=8)


def build(name, model, sample_rate=16000, normalises=True, prefix=None, old_names=False, config=None, seconds=0.5):
    """Draws the model, saves it, and writes what it makes of a tone."""
    folder = ROOT / name
    draw(model, seed=name)
    model.eval().save_pretrained(folder)
    if prefix is None:
        rename(folder, old_names)
    rewrite_config(folder, config or {})
    masks = getattr(model.config, "feat_extract_norm", "layer") == "layer"
    extractor = Wav2Vec2FeatureExtractor(
        sampling_rate=sample_rate, do_normalize=normalises, return_attention_mask=masks
    )
    extractor.save_pretrained(folder)
    waveform = tone(seconds, sample_rate)
    frontend = extractor(waveform, sampling_rate=sample_rate, return_tensors="pt").input_values
    encoder = getattr(model, prefix) if prefix else model

    def forward(model, dtype):
        return model(frontend.to(dtype)).last_hidden_state

    goldens = expect_teeth(encoder, lambda model: model.encoder.layers, forward)
    write(name, waveform, frontend[0], goldens, [0, 1, 2, 4])


def rename(folder, old_names):
    """Both ways in which the hub's files name the weight norm of the positions."""
    new = ("parametrizations.weight.original0", "parametrizations.weight.original1")
    old = ("weight_g", "weight_v")
    wanted, given = (old, new) if old_names else (new, old)
    path = folder / "model.safetensors"
    tensors = {}
    for key, value in load_file(path).items():
        for here, there in zip(given, wanted):
            key = key.replace(f"pos_conv_embed.conv.{here}", f"pos_conv_embed.conv.{there}")
        tensors[key] = value
    save_file(tensors, path, metadata={"format": "pt"})


def rewrite_config(folder, changes):
    """What the hub's files of this model say and this version of transformers does not write."""
    config = json.loads((folder / "config.json").read_text())
    config.update(changes)
    write_json(folder, "config.json", config)


def main():
    """All of them."""
    build("wav2vec2-base", Wav2Vec2ForPreTraining(Wav2Vec2Config(**SMALL, **QUANTIZER)), prefix="wav2vec2")
    build("wav2vec2-large", Wav2Vec2Model(Wav2Vec2Config(**SMALL, **LARGE)))
    build("hubert-base", HubertModel(HubertConfig(**SMALL)), old_names=True)
    small = dict(SMALL, num_conv_pos_embeddings=31, num_conv_pos_embedding_groups=4)
    hubert = HubertConfig(**small, conv_pos_batch_norm=True, feat_proj_layer_norm=False)
    build("hubert-batch-norm", HubertModel(hubert), normalises=False)
    sat = UniSpeechSatConfig(**SMALL, **QUANTIZER, num_clusters=4)
    build("unispeech-sat-base", UniSpeechSatForPreTraining(sat), prefix="unispeech_sat")
    build("wavlm-base", WavLMModel(WavLMConfig(**SMALL, **BUCKETS)), old_names=True, normalises=False)
    build("wavlm-large", WavLMModel(WavLMConfig(**dict(SMALL, num_hidden_layers=3), **BUCKETS, **LARGE)))
    data2vec = dict(SMALL, num_conv_pos_embeddings=5)
    build("data2vec-audio-base", Data2VecAudioModel(Data2VecAudioConfig(**data2vec, conv_pos_kernel_size=19)))
    mert = dict(
        architectures=["MERTModel"],
        model_type="mert_model",
        sample_rate=24000,
        attention_relax=-1.0,
        deepnorm=False,
        feature_extractor_cqt=False,
        feature_extractor_cqt_bins=336,
    )
    build("mert-95m", HubertModel(HubertConfig(**SMALL)), 24000, old_names=True, config=mert, seconds=0.4)
    stable = HubertModel(HubertConfig(**SMALL, do_stable_layer_norm=True))
    build("mert-330m", stable, 24000, old_names=True, config=dict(mert, attention_relax=32.0), seconds=0.4)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
