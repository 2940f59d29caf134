"""Writes small weight files as PyTorch does, in each of its formats, for the tests of the reader.

    python experiments/golden-fixtures/make_torch_files.py tests/fixtures/torch

Needs torch and safetensors. The values follow from the index, so that the tests know them without a second file:
`tensor(n)` holds 0, 0.5, 1 … as far as its element type has them.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures"


def tensor(*shape, dtype=torch.float32):
    count = torch.Size(shape).numel()
    return (torch.arange(count) * 0.5).to(dtype).reshape(shape)


def state():
    whole = tensor(4, 6)
    return {
        "plain": tensor(3, 4),
        "half": tensor(2, 5, dtype=torch.float16),
        "brain": tensor(2, 5, dtype=torch.bfloat16),
        "transposed": tensor(3, 4).t(),
        "columns": whole[1:, 2:4],
        "same_storage": whole,
        "scalar": torch.tensor(2.5),
        "parameter": torch.nn.Parameter(tensor(2, 2)),
        "numbers": torch.arange(3),
    }


class Inner(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(tensor(2, 3, dtype=torch.float16))

    def forward(self, x):
        return x @ self.weight.t()


class Outer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = Inner()
        self.logit_scale = torch.nn.Parameter(torch.tensor(1.5))
        self.register_buffer("input_resolution", torch.tensor(32))

    def forward(self, x):
        return self.visual(x) * self.logit_scale


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    torch.save(state(), out / "zip.bin")
    torch.save(state(), out / "pickles.bin", _use_new_zipfile_serialization=False)
    trained = {f"module.{name}": value for name, value in state().items()}
    torch.save({"epoch": 3, "state_dict": trained, "optimizer": {"plain": tensor(9)}}, out / "training.pt")
    torch.jit.script(Outer()).save(str(out / "scripted.pt"))
    checkpoint = load_file(FIXTURES / "clip" / "tiny-quickgelu" / "model.safetensors")
    torch.save(checkpoint, out / "tiny-quickgelu.bin")


if __name__ == "__main__":
    main()
