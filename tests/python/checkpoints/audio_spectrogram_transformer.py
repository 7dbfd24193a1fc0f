"""AST, the audio spectrogram transformer, from transformers; its front end on the path without torchaudio."""

import torch
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification
from transformers.models.audio_spectrogram_transformer import feature_extraction_audio_spectrogram_transformer as features

from checkpoint import ROOT, draw, expect_teeth, tone, write

# Patches, strides and bands are the published ones; 128 frames stand for the 1024.
SMALL = dict(hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=64, max_length=128)


def main():
    """One sound that is shorter than the model's context, so that it is padded."""
    model = ASTForAudioClassification(ASTConfig(**SMALL, num_labels=3))
    draw(model, seed="ast")
    model.eval().save_pretrained(ROOT / "ast")
    features.is_speech_available = lambda: False
    extractor = ASTFeatureExtractor(max_length=SMALL["max_length"])
    extractor.save_pretrained(ROOT / "ast")
    waveform = tone(0.8, 16000)
    frontend = torch.from_numpy(extractor(waveform, sampling_rate=16000)["input_values"][0])[None]

    def forward(model, dtype):
        return model(frontend.to(dtype)).last_hidden_state

    encoder = model.audio_spectrogram_transformer
    goldens = expect_teeth(encoder, lambda model: model.layers, forward, n_special=2)
    write("ast", waveform, frontend[0], goldens, [0, 1, 4])


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
