"""Golden of blockwise quantisation: SHA-256 of what ONNX Runtime's quantiser makes of matrices of
the sample, in 4 and 8 bits, with and without zero points, with float32 and float16 scales.

usage: make_blockwise.py public/sample/onnx/model.onnx e2e/fixtures/golden/blockwise.json
Needs onnx, numpy, onnxruntime.
"""
import hashlib
import json
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime.capi._pybind_state import (
    quantize_matmul_4bits,
    quantize_matmul_8bits,
    quantize_qdq_matmul_4bits,
)

MATRICES = ["model.layers.0.attn.o_proj.MatMul.weight", "model.layers.7.mlp.down_proj.MatMul.weight"]


def quantised(matrix, bits, block, zeros):
    """SHA-256 of weights, scales and zero points of a matrix (K, N), and the first bytes of each."""
    k, n = matrix.shape
    blocks = -(-k // block)
    weights = np.zeros((n, blocks, block * bits // 8), np.uint8)
    scales = np.zeros(n * blocks, matrix.dtype)
    points = np.zeros(n * -(-blocks * bits // 8), np.uint8)
    run = quantize_matmul_4bits if bits == 4 else quantize_matmul_8bits
    run(weights, matrix, scales, points, block, n, k, not zeros)
    parts = [weights, scales, points] if zeros else [weights, scales]
    return {
        "sha256": [hashlib.sha256(part.tobytes()).hexdigest() for part in parts],
        "first": [part.tobytes()[:8].hex() for part in parts],
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
    golden = {"maker": f"make_blockwise.py, onnxruntime {onnxruntime.__version__}", "rows": rows}
    with open(out, "w") as file:
        file.write("{\n" + f'  "maker": {json.dumps(golden["maker"])},\n  "rows": [\n')
        file.write(",\n".join(f"    {json.dumps(row)}" for row in rows) + '\n  ],\n  "linear": [\n')
        file.write(",\n".join(f"    {json.dumps(row)}" for row in blocks) + "\n  ]\n}\n")


main(*sys.argv[1:])
