"""Dasheng, PaSST and BEATs, transformers over patches of a spectrogram, from their own or ported packages; AudioMAE's front end."""

import json

import torch

from checkpoint import ROOT, draw, expect_teeth, fit_norm, in_f64, save, tone, write, write_json

import torchaudio.compliance.kaldi as kaldi  # after `checkpoint`, which lets it in

SMALL = dict(embed_dim=32, depth=4, num_heads=4)


def dasheng():
    """`dasheng`, whose tensors the hub's files name with `encoder.` in front, without those of the front end."""
    from dasheng.pretrained.pretrained import Dasheng

    with in_f64():
        model = Dasheng(**SMALL)
        waveform = tone(0.5, 16000)
        frontend = model.front_end(torch.from_numpy(waveform).double()[None])
    model = model.float()
    draw(model.blocks, seed="dasheng")
    sharpen(block.mlp.fc2 for block in model.blocks)
    for name in ("init_bn", "patch_embed", "norm"):
        draw(getattr(model, name), seed=f"dasheng {name}")
    draw_positions(model, ["time_pos_embed", "freq_pos_embed"])
    fit_norm(model.init_bn[1], frontend[0].T)
    save("dasheng", model, "encoder.", leave_out=("front_end",))
    encoder = dict(SMALL, target_length=1008, patch_size=[64, 4], patch_stride=[64, 4])
    config = dict(architectures=["DashengModel"], model_type="dasheng", name="dasheng-base", loss="BCELoss")
    write_json(ROOT / "dasheng", "config.json", dict(config, encoder_kwargs=encoder))
    sizes = dict(f_min=0, f_max=8000, win_size=512, n_fft=512, hop_size=160, feature_size=64, center=True)
    sizes |= dict(sampling_rate=16000, padding_value=0.0, feature_extractor_type="DashengFeatureExtractor")
    write_json(ROOT / "dasheng", "preprocessor_config.json", sizes)

    def forward(model, dtype):
        return model.forward_spectrogram(model.init_bn(frontend.to(dtype)[:, None]))

    goldens = expect_teeth(model, lambda model: model.blocks, forward)
    write("dasheng", waveform, frontend[0], goldens, [0, 1, 2, 4])


def passt():
    """`hear21passt`; patches overlap, and the positions of frequency and time are apart."""
    from hear21passt.models import passt as original
    from hear21passt.models.preprocess import AugmentMelSTFT

    original.first_RUN = False
    waveform = tone(0.6, 32000)
    with in_f64():
        mel = AugmentMelSTFT(freqm=0, timem=0, fmax=None, fmin_aug_range=10, fmax_aug_range=2000).eval()
        frontend = mel(torch.from_numpy(waveform).double()[None])
    model = original.PaSST(img_size=(128, 998), stride=10, num_classes=3, distilled=True, mlp_ratio=2, **SMALL)
    draw(model, seed="passt")
    sharpen(block.mlp.fc2 for block in model.blocks)
    draw_positions(model, ["freq_new_pos_embed", "time_new_pos_embed"])
    save("passt", model)
    config = dict(SMALL, model_type="passt", mlp_ratio=2, img_size=[128, 998], patch_size=16, stride=10)
    write_json(ROOT / "passt", "config.json", config)

    def forward(model, dtype):
        kept = []
        handle = model.norm.register_forward_hook(lambda _, __, output: kept.append(output))
        model.forward_features(frontend.to(dtype)[:, None])
        handle.remove()
        return kept[0]

    goldens = expect_teeth(model, lambda model: model.blocks, forward, n_special=2)
    write("passt", waveform, frontend[0], goldens, [0, 1, 2, 4])


def audiomae():
    """The front end of AudioMAE and EAT alone: torchaudio's, called as their code calls it. No package has their models."""
    waveform = tone(0.5, 16000)
    with in_f64():
        sound = torch.from_numpy(waveform).double()[None]
        fbank = kaldi.fbank(
            sound - sound.mean(),
            htk_compat=True,
            sample_frequency=16000,
            use_energy=False,
            window_type="hanning",
            num_mel_bins=128,
            dither=0.0,
            frame_shift=10,
        )
    padded = torch.nn.functional.pad(fbank, (0, 0, 0, 64 - len(fbank)))
    (ROOT / "audiomae-frontend").mkdir(parents=True, exist_ok=True)
    write("audiomae-frontend", waveform, (padded + 4.2677393) / (2 * 4.5689974), {}, [])


def beats():
    """SpeechBrain's port of Microsoft's code, whose tensors have the same names."""
    from speechbrain.lobes.models import beats as original

    small = dict(
        embed_dim=16,
        encoder_embed_dim=32,
        encoder_layers=4,
        encoder_attention_heads=4,
        encoder_ffn_embed_dim=64,
        conv_pos=128,
        conv_pos_groups=16,
        input_patch_size=16,
        relative_position_embedding=True,
        num_buckets=32,
        max_distance=24,
        gru_rel_pos=True,
        deep_norm=True,
        layer_norm_first=False,
        conv_bias=False,
        finetuned_model=False,
        activation_fn="gelu",
        layer_wise_gradient_decay_ratio=1.0,
    )
    defaults = original.BEATsConfig.__init__
    torch.manual_seed(0)
    original.BEATsConfig.__init__ = lambda self, cfg=None: (defaults(self, cfg), self.update(small))[0]
    model = original.BEATs(ckp_path=None)
    original.BEATsConfig.__init__ = defaults
    draw(model, seed="beats")
    sharpen(layer.fc2 for layer in model.encoder.layers)
    save("beats", model)
    write_json(ROOT / "beats", "config.json", dict(small, model_type="beats"))
    waveform = tone(0.8, 16000)
    with in_f64():
        frontend = model.preprocess(torch.from_numpy(waveform).double()[None])

    def forward(model, dtype):
        model.preprocess = lambda *_: frontend.to(dtype)
        return model.extract_features(torch.from_numpy(waveform)[None], torch.ones(1))[0]

    goldens = expect_teeth(model, lambda model: model.encoder.layers, forward)
    # Its blocks take the batch second.
    goldens = {key: value.squeeze(1) if value.ndim == 3 else value for key, value in goldens.items()}
    write("beats", waveform, frontend[0], goldens, [0, 1, 2, 4])


def sharpen(linears):
    """What a GELU lets through counts more beside what passes it by."""
    for linear in linears:
        linear.weight.data.mul_(2.5)


def draw_positions(model, names):
    """Positions are as large as tokens."""
    for name in names:
        positions = getattr(model, name)
        drawn = torch.randn(positions.shape, generator=torch.Generator().manual_seed(len(name)))
        positions.data.copy_(0.7 * drawn)


if __name__ == "__main__":
    torch.set_num_threads(1)
    dasheng()
    passt()
    audiomae()
    beats()
