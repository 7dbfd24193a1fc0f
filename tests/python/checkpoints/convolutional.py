"""PANNs' CNN14 and VGGish, from `panns_inference` and `torchvggish`, with fewer channels."""

from unittest.mock import patch

import torch

from checkpoint import ROOT, draw, expect_teeth, fit_norm, in_f64, save, tone, write, write_json


def cnn14():
    """The channels of CNN14 by 32; the tensors of its front end, 4 MB of them, are left out."""
    from panns_inference import models

    class SmallBlock(models.ConvBlock):
        def __init__(self, in_channels, out_channels):
            torch.nn.Module.__init__(self)
            conv = lambda a, b: torch.nn.Conv2d(a, b, kernel_size=3, padding=1, bias=False)
            ends = max(in_channels // 32, 1), out_channels // 32
            self.conv1, self.conv2 = conv(*ends), conv(ends[1], ends[1])
            self.bn1, self.bn2 = torch.nn.BatchNorm2d(ends[1]), torch.nn.BatchNorm2d(ends[1])

    with patch.object(models, "ConvBlock", SmallBlock):
        sizes = dict(sample_rate=32000, window_size=1024, hop_size=320, mel_bins=64, fmin=50, fmax=14000)
        model = models.Cnn14(**sizes, classes_num=5).eval()
    model.fc1, model.fc_audioset = torch.nn.Linear(64, 64), torch.nn.Linear(64, 5)
    waveform = tone(1.0, 32000)
    with in_f64(), torch.no_grad():
        hear = torch.nn.Sequential(model.spectrogram_extractor, model.logmel_extractor).double()
        frontend = hear(torch.from_numpy(waveform).double()[None])[0, 0]
    model = model.float()
    for name, part in model.named_children():
        if not name.endswith("extractor"):
            draw(part, seed=f"cnn14 {name}")
    fit_norm(model.bn0, frontend)
    save("panns-cnn14", model, leave_out=("spectrogram_extractor", "logmel_extractor"))
    config = dict(sizes, model_type="panns-cnn14", channels=[2, 4, 8, 16, 32, 64], embedding=64)
    write_json(ROOT / "panns-cnn14", "config.json", config)

    def forward(model, dtype):
        model.spectrogram_extractor = torch.nn.Identity()
        model.logmel_extractor = torch.nn.Identity()
        return model(frontend[None, None].to(dtype))["embedding"][:, None]

    blocks = lambda model: [getattr(model, f"conv_block{number}") for number in range(1, 7)]
    goldens = expect_teeth(model, blocks, forward, has_gelu=False)
    write("panns-cnn14", waveform, frontend, goldens, [0, 1, 3, 6])


def vggish():
    """The channels of VGGish by 16, and its layers of 4096 by 64."""
    from torchvggish import torchvggish, vggish_input

    conv, linear = torch.nn.Conv2d, torch.nn.Linear
    small_conv = lambda a, b, **kwargs: conv(max(a // 16, 1), b // 16, **kwargs)
    small_linear = lambda a, b: linear(768 if a == 512 * 4 * 6 else a // 64, max(b // 64, 16))
    with patch.object(torch.nn, "Conv2d", small_conv), patch.object(torch.nn, "Linear", small_linear):
        model = torchvggish.VGG(torchvggish.make_layers(), postprocess=False)
    draw(model, seed="vggish", gain=1.3)
    save("vggish", model)
    config = dict(model_type="vggish", channels=[4, 8, 16, 16, 32, 32], hidden=64, embedding=16)
    write_json(ROOT / "vggish", "config.json", config)
    waveform = tone(1.97, 16000)
    with in_f64():
        frontend = vggish_input.waveform_to_examples(waveform.astype("float64"), 16000).detach()

    def forward(model, dtype):
        return model(frontend.to(dtype))

    goldens = expect_teeth(model, lambda model: [model.features], forward, has_gelu=False)
    write("vggish", waveform, frontend[:, 0], goldens, [1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    cnn14()
    vggish()
