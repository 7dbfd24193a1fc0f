"""The other formats that weights come in: those of `hubert-base` once more, and files that have to be refused."""

import argparse
import json
import os
import shutil

import torch
from safetensors.torch import load_file, save_file

from checkpoint import ROOT

FOLDER = ROOT / "formats"


class Payload:
    """A pickle that runs a command wherever it is trusted: it makes an empty file in the working directory."""

    def __reduce__(self):
        return (os.system, ("touch executed-by-a-pickle",))


def whole_models(tensors):
    """The weights of `hubert-base` as a zip of a pickle, and in three files with an index."""
    for name in ("zip", "sharded"):
        folder = FOLDER / name
        folder.mkdir(parents=True)
        for config in ("config.json", "preprocessor_config.json"):
            shutil.copy(ROOT / "hubert-base" / config, folder)
    torch.save(tensors, FOLDER / "zip" / "pytorch_model.bin")
    files = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
    places = {key: files[number % 3] for number, key in enumerate(sorted(tensors))}
    for file in files:
        part = {key: tensors[key] for key, place in places.items() if place == file}
        save_file(part, FOLDER / "sharded" / file, metadata={"format": "pt"})
    size = sum(value.numel() * 4 for value in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": places}
    (FOLDER / "sharded" / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def small_files():
    """Pickles that are nested, of several types, or not to be trusted."""
    weight = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    configuration = argparse.Namespace(layers=2)
    torch.save({"cfg": {"layers": 2}, "model": {"weight": weight}}, FOLDER / "nested.pt")
    torch.save({"hyper_parameters": configuration, "state_dict": {"weight": weight}}, FOLDER / "lightning.ckpt")
    torch.save({}, FOLDER / "empty.bin")
    torch.save(torch.nn.Linear(3, 2), FOLDER / "module.pt")
    torch.save({"weight": weight}, FOLDER / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"weight": weight, "payload": Payload()}, FOLDER / "malicious.bin")
    types = {"f64": weight.double(), "f16": weight.half(), "bf16": weight.bfloat16(), "i64": weight.long()}
    types |= {"i32": weight.int(), "bool": weight > 2, "transposed": weight.T, "part": weight[:, 1:]}
    torch.save({"f32": weight, **types}, FOLDER / "types.bin")
    contiguous = {key: value.contiguous().clone() for key, value in types.items()}
    save_file({"f32": weight, **contiguous}, FOLDER / "types.safetensors")


def main():
    """All of them."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    whole_models(load_file(ROOT / "hubert-base" / "model.safetensors"))
    small_files()


if __name__ == "__main__":
    main()
