"""The encoder of Whisper, with 80 bands and with the 128 of its later models, from transformers."""

import torch
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from checkpoint import ROOT, draw, expect_teeth, tone, write

# One second stands for the 30 of the context. The decoder is there because it is in the hub's files.
SMALL = dict(
    d_model=32,
    encoder_layers=3,
    encoder_attention_heads=4,
    encoder_ffn_dim=64,
    decoder_layers=1,
    decoder_attention_heads=4,
    decoder_ffn_dim=64,
    max_source_positions=50,
    max_target_positions=8,
    vocab_size=16,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
    decoder_start_token_id=1,
)


def build(name, bands, seconds):
    """A sound that is padded, or cut, to one second."""
    model = WhisperForConditionalGeneration(WhisperConfig(**SMALL, num_mel_bins=bands))
    draw(model, seed=name)
    model.eval().save_pretrained(ROOT / name)
    (ROOT / name / "generation_config.json").unlink(missing_ok=True)
    extractor = WhisperFeatureExtractor(feature_size=bands, chunk_length=1)
    extractor.save_pretrained(ROOT / name)
    waveform = tone(seconds, 16000)
    frontend = extractor(waveform, sampling_rate=16000, return_tensors="pt").input_features

    def forward(model, dtype):
        return model(frontend.to(dtype)).last_hidden_state

    goldens = expect_teeth(model.model.encoder, lambda model: model.layers, forward)
    write(name, waveform, frontend[0], goldens, [0, 1, 2, 3])


def main():
    """Both."""
    build("whisper-base", 80, 0.6)
    build("whisper-large-v3", 128, 1.1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
