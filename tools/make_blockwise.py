"""Golden of blockwise quantisation: SHA-256 of what ONNX Runtime's quantiser makes of matrices of
the sample, in 4 and 8 bits, with and without zero points, with float32 and float16 scales.

`sample`: all matrices of the blocks, 4 bits, the first 16 digits of the SHA-256 of weights, scales and
zero points one after the other. `made`: the same of values that are hard to round (`values` below).
`hqq`: block 0 by ONNX Runtime's HQQ solver, whose start is not rounded here; sums depend on their order.

usage: make_blockwise.py public/sample/onnx/model.onnx e2e/fixtures/golden/blockwise.json
Needs onnx, onnx_ir, numpy, onnxruntime, torch.
"""
import hashlib
import json
import sys

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from onnxruntime.capi._pybind_state import (
    quantize_matmul_4bits,
    quantize_matmul_8bits,
    quantize_qdq_matmul_4bits,
)
from onnxruntime.quantization.matmul_nbits_quantizer import HQQWeightOnlyQuantConfig, HQQWeightOnlyQuantizer

MATRICES = ["model.layers.0.attn.o_proj.MatMul.weight", "model.layers.7.mlp.down_proj.MatMul.weight"]


PARTS = ["attn.qkv_proj", "attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]

# kind of values, K, N, block; each in 4 and 8 bits, with and without zero points
MADE = [
    ("spread", 70, 300, 32), ("spread", 300, 5, 256), ("spread", 45, 3, 16), ("spread", 33, 70, 16),
    ("spread", 17, 4, 128), ("ties", 64, 40, 16), ("denormal", 48, 64, 16), ("huge", 96, 9, 64),
    ("zeros", 40, 6, 16), ("constant", 64, 7, 32), ("spread16", 70, 40, 32), ("denormal16", 64, 66, 16),
]


def values(kind, k, n):
    """Values (K, N) of a hash of their index; src/onnx/testing/derived.ts makes the same."""
    index = np.arange(k * n, dtype=np.uint64)
    h = (index * 2654435761) % 2**32
    h ^= h >> 16
    h = (h * 0x45D9F3B) % 2**32
    h ^= h >> 16
    unit = h.astype(np.float64) / 2**32 - 0.5
    h = h.astype(np.uint32)
    if kind in ("spread", "spread16"):
        out = unit * 2.0 ** ((h & 7).astype(np.int64) - 4)
    elif kind == "ties":
        out = ((h % 31).astype(np.float64) - 15) / 2
    elif kind == "huge":
        out = unit * 3e38
    elif kind == "zeros":
        out = np.where(h & 1, -0.0, 0.0)
    elif kind == "constant":
        out = np.where(index % n % 2, -1.3, 0.7)
    elif kind == "denormal":
        out = ((h & 0x80000000) | ((h & 0x7FFFFF) >> (index % 23).astype(np.uint32))).view(np.float32)
    else:
        out = (h & 0x83FF).astype(np.uint16).view(np.float16)
    return np.ascontiguousarray(out.astype(np.float16 if kind.endswith("16") else np.float32).reshape(k, n))


def packed(matrix, bits, block, zeros):
    """Weights, scales and zero points of a matrix (K, N) as ONNX Runtime writes them."""
    k, n = matrix.shape
    blocks = -(-k // block)
    weights = np.zeros((n, blocks, block * bits // 8), np.uint8)
    scales = np.zeros(n * blocks, matrix.dtype)
    points = np.zeros(n * -(-blocks * bits // 8), np.uint8)
    run = quantize_matmul_4bits if bits == 4 else quantize_matmul_8bits
    run(weights, matrix, scales, points, block, n, k, not zeros)
    return [weights, scales, points] if zeros else [weights, scales]


def quantised(matrix, bits, block, zeros):
    """SHA-256 of its parts, and the first bytes of each."""
    parts = packed(matrix, bits, block, zeros)
    return {
        "sha256": [hashlib.sha256(part.tobytes()).hexdigest() for part in parts],
        "first": [part.tobytes()[:8].hex() for part in parts],
    }


def whole(matrix, bits, block, zeros):
    """The first digits of the SHA-256 of its parts, one after the other."""
    parts = packed(matrix, bits, block, zeros)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


def hqq(matrix, block):
    """Sums of scales and zero points of a matrix (K, N), and the first two zero points."""
    solver = HQQWeightOnlyQuantizer(HQQWeightOnlyQuantConfig(block_size=block, bits=4, axis=1))
    weight = torch.from_numpy(np.ascontiguousarray(matrix.T))
    _, scales, zeros = solver.quantize_internal(weight, bits=4, group_size=block, round_zero=False)
    return {
        "zeroSum": round(zeros.double().sum().item(), 4),
        "scaleSum": round(scales.double().sum().item(), 6),
        "firstZeros": [float(f"{zero:.7g}") for zero in zeros.reshape(-1)[:2].tolist()],
    }


def linear(matrix, block, zeros):
    """The same of integers (K, N) that DequantizeLinear reads, blocks along K: int4, or uint4 with zero points."""
    k, n = matrix.shape
    blocks = -(-k // block)
    weights = np.zeros(k * n // 2, np.uint8)
    scales = np.zeros(blocks * n, matrix.dtype)
    points = np.zeros(-(-blocks * n // 2), np.uint8)
    signed = quantize_qdq_matmul_4bits(weights, matrix, scales, points, block, n, k, not zeros)
    assert signed == (not zeros)
    parts = [weights, scales, points] if zeros else [weights, scales]
    return {
        "sha256": [hashlib.sha256(part.tobytes()).hexdigest() for part in parts],
        "first": [part.tobytes()[:8].hex() for part in parts],
    }


def main(graph, out):
    model = onnx.load(graph)
    stored = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    rows = []
    for name in MATRICES:
        for bits, block, zeros, half in [
            (4, 32, True, False), (4, 32, False, False), (4, 128, True, False),
            (4, 128, False, False), (8, 32, True, False), (8, 128, False, False),
            (4, 32, True, True), (4, 32, False, True), (8, 32, True, True),
        ]:
            matrix = np.ascontiguousarray(stored[name])
            if half:
                matrix = matrix.astype(np.float16)
            rows.append({
                "matrix": name, "bits": bits, "block": block, "zeros": zeros,
                "type": "float16" if half else "float32", **quantised(matrix, bits, block, zeros),
            })
    blocks = []
    for name in MATRICES:
        for block, zeros in [(32, True), (32, False), (128, False)]:
            matrix = np.ascontiguousarray(stored[name])
            blocks.append({"matrix": name, "block": block, "zeros": zeros, **linear(matrix, block, zeros)})
    weight = lambda block, part: np.ascontiguousarray(stored[f"model.layers.{block}.{part}.MatMul.weight"])
    names = [f"{block}.{part}" for block in range(16) for part in PARTS]
    sample = {}
    for size in (32, 128):
        for kind, zeros in (("asymmetric", True), ("symmetric", False)):
            sample[f"{kind}-{size}"] = {name: whole(weight(*name.split(".", 1)), 4, size, zeros) for name in names}
    made = []
    for kind, k, n, size in MADE:
        for bits in (4, 8):
            for zeros in (True, False):
                found = whole(values(kind, k, n), bits, size, zeros)
                made.append({"kind": kind, "k": k, "n": n, "block": size, "bits": bits, "zeros": zeros, "sha256": found})
    solved = [{"part": part, "block": size, **hqq(weight(0, part), size)} for size in (32, 128) for part in PARTS]
    golden = {"maker": f"make_blockwise.py, onnxruntime {onnxruntime.__version__}", "rows": rows}
    with open(out, "w") as file:
        file.write("{\n" + f'  "maker": {json.dumps(golden["maker"])},\n  "rows": [\n')
        file.write(",\n".join(f"    {json.dumps(row)}" for row in rows) + '\n  ],\n  "linear": [\n')
        file.write(",\n".join(f"    {json.dumps(row)}" for row in blocks) + '\n  ],\n  "sample": {\n')
        file.write(",\n".join(f"    {json.dumps(kind)}: {json.dumps(rows)}" for kind, rows in sample.items()))
        file.write('\n  },\n  "made": [\n' + ",\n".join(f"    {json.dumps(row)}" for row in made))
        file.write('\n  ],\n  "hqq": [\n' + ",\n".join(f"    {json.dumps(row)}" for row in solved) + "\n  ]\n}\n")


main(*sys.argv[1:])
