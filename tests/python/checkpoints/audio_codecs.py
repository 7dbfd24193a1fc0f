"""The encoders of EnCodec and DAC, and the codes of their quantizers, from transformers."""

import torch
from transformers import DacConfig, DacFeatureExtractor, DacModel, EncodecConfig, EncodecFeatureExtractor, EncodecModel

from checkpoint import ROOT, draw, expect_teeth, tone, write

# Kernels, strides, the two LSTM layers and the mirrored ends are the published ones, of the model for 24 kHz.
ENCODEC = dict(num_filters=3, hidden_size=16, codebook_size=64, codebook_dim=16, target_bandwidths=[0.9, 1.8])
DAC = dict(encoder_hidden_size=2, decoder_hidden_size=16, n_codebooks=3, codebook_size=32, codebook_dim=4)


def latents(model, waveform, blocks_of, codes_of, name, layers):
    """Time by dimension, and a row of codes for each codebook, in which f32 and f64 have to agree."""

    def forward(model, dtype):
        return model.encoder(waveform.to(dtype)).transpose(1, 2)

    goldens = expect_teeth(model, blocks_of, forward, has_gelu=False)
    with torch.no_grad():
        codes = codes_of(model.float())
        assert torch.equal(codes, codes_of(model.double())), "f32 has other codes"
    kept = {key: value.transpose(0, 1) if key.startswith("hidden") else value for key, value in goldens.items()}
    write(name, waveform[0, 0], waveform[0], kept, layers, {"codes": codes})


def encodec():
    """EnCodec at 24 kHz."""
    model = EncodecModel(EncodecConfig(**ENCODEC)).eval()
    draw(model, seed="encodec")
    for layer in model.quantizer.layers:
        layer.codebook.embed.copy_(torch.randn(layer.codebook.embed.shape, generator=torch.manual_seed(5)))
    model.save_pretrained(ROOT / "encodec-24khz")
    EncodecFeatureExtractor(feature_size=1, sampling_rate=24000).save_pretrained(ROOT / "encodec-24khz")
    waveform = torch.from_numpy(tone(0.3, 24000))[None, None]

    def codes(model):
        return model.encode(waveform.to(next(model.parameters()).dtype), bandwidth=1.8).audio_codes[0, 0]

    latents(model, waveform, lambda model: model.encoder.layers, codes, "encodec-24khz", [14])


def dac():
    """DAC with the strides of its model for 44.1 kHz."""
    model = DacModel(DacConfig(**DAC, sampling_rate=44100)).eval()
    draw(model, gain=0.7, seed="dac")
    model.save_pretrained(ROOT / "dac-44khz")
    DacFeatureExtractor(sampling_rate=44100, hop_length=512).save_pretrained(ROOT / "dac-44khz")
    waveform = torch.from_numpy(tone(0.2, 44100)[:8192])[None, None]

    def codes(model):
        return model.encode(waveform.to(next(model.parameters()).dtype)).audio_codes[0]

    latents(model, waveform, lambda model: model.encoder.block, codes, "dac-44khz", [4])


if __name__ == "__main__":
    torch.set_num_threads(1)
    encodec()
    dac()
