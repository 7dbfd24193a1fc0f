"""The audio tower of LAION-CLAP (HTSAT), from transformers."""

import torch
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

from checkpoint import ROOT, draw, expect_teeth, fit_norm, tone, write

# Bands, picture, windows and stages are the published ones; two seconds stand for the ten, and are stretched more.
AUDIO = dict(
    patch_embeds_hidden_size=8,
    depths=[2, 1, 2, 1],
    num_attention_heads=[1, 2, 4, 8],
    hidden_size=64,
    projection_dim=16,
    enable_fusion=False,
)
TEXT = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=8)
TEXT |= dict(max_position_embeddings=8, projection_dim=16, type_vocab_size=1)


def interpolate(features, *args, **kwargs):
    """In f32 PyTorch also counts the places between frames in f32, which alone is 8e-5 off."""
    return INTERPOLATE(features.double(), *args, **kwargs).to(features.dtype)


INTERPOLATE = torch.nn.functional.interpolate


def hear(extractor, waveform, truncation):
    """One log-mel spectrogram with the bands that belong to this way of cutting: (1, frames, bands)."""
    sound = waveform.astype("float64")
    features = extractor(sound, sampling_rate=48000, truncation=truncation, return_tensors="pt").input_features
    return features[0, :1].float()


def main():
    """A sound that is repeated and then padded to the context."""
    extractor = ClapFeatureExtractor(max_length_s=2, truncation="rand_trunc", padding="repeatpad")
    extractor.save_pretrained(ROOT / "clap")
    waveform = tone(0.3, 48000)
    frontend = hear(extractor, waveform, "rand_trunc")
    model = ClapModel(ClapConfig(text_config=TEXT, audio_config=AUDIO, projection_dim=16))
    draw(model, gain=1.7, seed="clap")
    fit_norm(model.audio_model.audio_encoder.batch_norm, frontend[0])
    model.eval().save_pretrained(ROOT / "clap")

    def forward(model, dtype):
        # Frequency and time of the last stage's picture: its columns lie side by side, as the mean takes them.
        last = model(frontend[None].to(dtype)).last_hidden_state
        return last.flatten(2).transpose(1, 2)

    torch.nn.functional.interpolate = interpolate
    goldens = expect_teeth(model.audio_model, lambda model: model.audio_encoder.layers, forward)
    with torch.no_grad():
        features = model.double().get_audio_features(frontend[None].double())
    features = getattr(features, "pooler_output", features)[0]
    extra = {"frontend.htk": hear(extractor, waveform, "fusion")[0, :40], "projected": features / features.norm()}
    write("clap", waveform, frontend[0], goldens, [0, 2, 4], extra)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
