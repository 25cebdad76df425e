#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the checkpoint files of this folder with PyTorch and safetensors (made with 2.11 and 0.8).

Every tensor counts up from -1 in steps of 1/8 in row-major order, so that a test can tell each
value from its index and every type holds it exactly; u8 and i64 count 0, 1, 2, ...
"""

import collections
import os
import zipfile

import torch
from safetensors.torch import save_file

here = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(here, name)


def counting(*shape, dtype=torch.float32):
    n = torch.Size(shape).numel()
    return (torch.arange(n) / 8 - 1).to(dtype).reshape(shape)


types = {
    "f32": counting(2, 3),
    "f16": counting(3, 2, dtype=torch.float16),
    "bf16": counting(1, 4, 2, dtype=torch.bfloat16),
    "f64": counting(2, dtype=torch.float64),
    "u8": torch.arange(5, dtype=torch.uint8),
    "i64": torch.arange(3),
    "bool": torch.tensor([True, False, True]),
    "scalar": counting(1)[0].clone(),
    "empty": torch.zeros(0, 3),
}
save_file(types, path("types.safetensors"), metadata={"format": "pt", "note": "counting"})
torch.save(types, path("types.pth"))
torch.save(types, path("protocol5.pth"), pickle_protocol=5)
torch.save(types, path("legacy.pth"), _use_new_zipfile_serialization=False)

base = counting(4, 6)
torch.save(
    {"whole": base, "rows": base[1:3], "column": base[:, 2], "transposed": base.t()},
    path("views.pth"),
)
torch.save({"expanded": torch.zeros(1).expand(1000, 1000)}, path("expanded.pth"))

# Module.state_dict() is an OrderedDict with an attribute `_metadata`.
linear = torch.nn.Linear(3, 2)
linear.weight.data = counting(2, 3)
linear.bias.data = counting(2)
state_dict = torch.nn.Sequential(collections.OrderedDict(layer=linear)).state_dict()
torch.save(state_dict, path("state_dict.pth"))
torch.save({"state_dict": state_dict}, path("wrapped.pth"))

torch.save(counting(1, 2, 4, dtype=torch.bfloat16), path("single.pth"))


class Attack:
    def __reduce__(self):
        return os.system, ("touch attacked",)


torch.save({"f32": counting(2, 3), "attack": Attack()}, path("attack.pth"))

with zipfile.ZipFile(path("types.pth")) as source:
    with zipfile.ZipFile(path("deflated.pth"), "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)
