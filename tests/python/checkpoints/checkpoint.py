"""What all tiny checkpoints have in common: sound, weights, goldens, and the checks that make them worth testing against.

A checkpoint is a random model that is small but drawn so that no part of it can be left out unnoticed:

* norms, biases, tokens, position embeddings and running statistics are all different from 0 and 1;
* weights are so large that activations leave the linear range of a GELU (`expect_teeth` holds them to it).

Goldens are computed in f64 from the f32 weights, so that they are nearer to the truth than any f32 program, and are
written as f32. `hidden.0` is what the first block is given, `hidden.K` what block K gives, `final` what comes after
the last norm, and `pooled` the mean of `final` over time.
"""

import contextlib
import copy
import json
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

# The last torchaudio will not be imported beside a PyTorch of another CUDA, though none is used here.
torch.version.cuda = None
# Lengths of weight norms begin where the original's own random weights have them.
torch.manual_seed(0)

ROOT = Path(__file__).resolve().parents[2] / "checkpoints"

# What an implementation in f32 has to meet, as a share of the greatest number but at least of 1.
TOLERANCE = 2e-5
POOLED_TOLERANCE = 5e-6
MOST_BYTES = 1_000_000


def tone(seconds, sample_rate, seed=1):
    """A plucked chord with some noise, f32: deterministic, and different in each part."""
    n = int(round(seconds * sample_rate))
    time = np.arange(n) / sample_rate
    state, noise = seed, np.empty(n)
    for i in range(n):
        state = (1664525 * state + 1013904223) % 2**32
        noise[i] = state / 2**31 - 1
    sound = 0.03 * noise + 0.02
    for partial, frequency in enumerate([146.8, 440.4, 1100.7, 2950.3, 6120.9]):
        sound += 0.3 / (partial + 1) * np.sin(2 * np.pi * frequency * time) * np.exp(-2.5 * time * (partial + 1))
    return sound.astype(np.float32)


def draw(module, gain=1.5, seed=""):
    """Draws every parameter and running statistic anew, each by its name, so that one more changes no other."""
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if not tensor.is_floating_point():
            continue
        random = np.random.RandomState(zlib.crc32(f"{seed} {name}".encode()))
        numbers = random.standard_normal(tuple(tensor.shape))
        with torch.no_grad():
            drawn = drawn_like(name, tensor, numbers, gain)
            if drawn is not None:
                tensor.copy_(torch.as_tensor(drawn, dtype=tensor.dtype).reshape(tensor.shape))


def drawn_like(name, tensor, numbers, gain):
    """Numbers of the size that the part of this name needs; none for what is computed and not learnt."""
    last = name.split(".")[-1]
    is_buffer = not isinstance(tensor, torch.nn.Parameter)
    if last == "running_mean":
        return 0.3 * numbers
    if last == "running_var":
        return np.exp(0.5 * numbers)
    if is_buffer:
        return None
    if last == "alpha":
        return np.exp(0.3 * numbers)
    if last in ("original0", "weight_g"):
        return np.abs(tensor.detach().numpy()) * np.exp(0.3 * numbers)
    if tensor.ndim <= 1 or min(tensor.shape) == max(tensor.shape) == 1:
        return 1.0 + 0.3 * numbers if last == "weight" else 0.3 * numbers
    if any(word in name for word in ("embeddings.weight", "token", "pos_embed", "position", "rel_attn_embed", "_const")):
        return 0.7 * numbers
    return gain * numbers / np.sqrt(np.prod(tensor.shape[1:]))


def fit_norm(norm, features):
    """Running statistics about those of features (time, bands), as training leaves them, so that what is normed is about 1."""
    random = np.random.RandomState(7)
    mean, deviation = features.double().mean(0).numpy(), features.double().std(0).numpy()
    norm.running_mean.copy_(torch.from_numpy(mean + 0.3 * deviation * random.standard_normal(mean.shape)))
    norm.running_var.copy_(torch.from_numpy((deviation * np.exp(0.3 * random.standard_normal(mean.shape))) ** 2))


def tap(model, blocks):
    """Remembers what the first of `blocks` is given and what each gives, whenever the model is run."""
    taps = {}

    def first(value):
        return value[0] if isinstance(value, tuple) else value

    def before(_, args, kwargs):
        taps[0] = first(args[0] if args else kwargs["hidden_states"]).detach()

    def after(number):
        def hook(_, __, output):
            taps[number] = first(output).detach()

        return hook

    blocks[0].register_forward_pre_hook(before, with_kwargs=True)
    for number, block in enumerate(blocks, 1):
        block.register_forward_hook(after(number))
    return taps


def run(model, blocks_of, forward, dtype=torch.float64, n_special=0):
    """The hidden states, final and pooled output of a model, without the batch's dimension.

    The first `n_special` tokens are not of a time, and are left out of the mean.
    """
    model = copy.deepcopy(model).eval().to(dtype)
    taps = tap(model, blocks_of(model))
    with torch.no_grad():
        final = forward(model, dtype)
    goldens = {f"hidden.{number}": state.squeeze(0) for number, state in sorted(taps.items())}
    goldens["final"] = final.squeeze(0)
    goldens["pooled"] = goldens["final"][n_special:].mean(0)
    return goldens


def with_tanh(model):
    """The same model with the tanh approximation in place of every GELU that is a module."""
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child).__name__ in ("GELU", "GELUActivation"):
                setattr(parent, name, torch.nn.GELU(approximate="tanh"))
    return model


def tanh_gelu(x, approximate="tanh"):
    """The approximation."""
    return EXACT_GELU(x, approximate="tanh")


EXACT_GELU = torch.nn.functional.gelu


def share(a, b):
    """How far two tensors are apart, as a share of the greatest number, or of 1."""
    return float((a.double() - b.double()).abs().max() / max(1.0, float(b.double().abs().max())))


def expect_teeth(model, blocks_of, forward, has_gelu=True, n_special=0):
    """Stops where f32 cannot meet the tolerance, or a wrong GELU would."""
    exact = run(model, blocks_of, forward, n_special=n_special)
    single = run(model, blocks_of, forward, torch.float32, n_special)
    worst = max(share(single[name], exact[name]) for name in exact)
    pooled = float((single["pooled"].double() - exact["pooled"]).abs().max())
    assert worst < TOLERANCE / 2, f"f32 itself is {worst:.1e} off"
    assert pooled < POOLED_TOLERANCE / 2, f"f32 itself is {pooled:.1e} off when pooled"
    tanh = None
    if has_gelu:
        torch.nn.functional.gelu = tanh_gelu
        wrong = run(with_tanh(model), blocks_of, forward)
        torch.nn.functional.gelu = EXACT_GELU
        tanh = share(wrong["final"], exact["final"])
        assert tanh > 10 * TOLERANCE, f"a tanh GELU is only {tanh:.1e} off"
    greatest = float(exact["final"].abs().max())
    print(f"  f32 {worst:.1e}, pooled {pooled:.1e}, tanh GELU {tanh}, greatest {greatest:.3g}")
    return exact


def write(name, waveform, frontend, goldens, layers, extra=None):
    """Writes goldens of some of the layers beside the model that `save_pretrained` wrote."""
    folder = ROOT / name
    kept = {key: value for key, value in goldens.items() if not key.startswith("hidden.") or int(key[7:]) in layers}
    tensors = {"waveform": waveform, "frontend": frontend, **kept, **(extra or {})}
    as_f32 = {key: torch.as_tensor(value).to(torch.float32).contiguous().clone() for key, value in tensors.items()}
    save_file(as_f32, folder / "golden.safetensors")
    for path in folder.glob("README.md"):
        path.unlink()
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert size < MOST_BYTES, f"{name} has {size} bytes"
    print(f"{name}: {size} bytes; " + ", ".join(f"{key} {list(value.shape)}" for key, value in as_f32.items()))


def save(name, model, prefix="", leave_out=()):
    """Saves a model that has no `save_pretrained`, its tensors named as its own package names them."""
    state = model.state_dict()
    tensors = {prefix + key: value.contiguous().clone() for key, value in state.items() if not key.startswith(tuple(leave_out))}
    (ROOT / name).mkdir(parents=True, exist_ok=True)
    save_file(tensors, ROOT / name / "model.safetensors", metadata={"format": "pt"})


@contextlib.contextmanager
def in_f64():
    """Front ends of PyTorch compute in f64 here, so that faint bins are not blurred by loud ones."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def write_json(folder, name, values):
    """A configuration, as the hub has them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
