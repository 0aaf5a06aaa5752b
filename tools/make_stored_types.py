"""Golden for the types in which GGUF and safetensors files store floats (src/onnx/transforms/stored): what gguf-py 0.19
makes of blocks of random bytes, and the blocks of 8 bits and bfloat16 that it makes of floats.

  python make_stored_types.py > e2e/fixtures/golden/stored-types.json"""
import base64, hashlib, json
import gguf, numpy as np
from gguf import GGMLQuantizationType as Q

# where the float16 of a block lie: they are kept finite, and far from the largest
HALVES = {'Q4_0': [0], 'Q4_1': [0, 2], 'Q5_0': [0], 'Q5_1': [0, 2], 'Q8_0': [0], 'Q2_K': [80, 82], 'Q3_K': [108],
          'Q4_K': [0, 2], 'Q5_K': [0, 2], 'Q6_K': [208]}
BLOCKS = 4
b64 = lambda a: base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()
rng = np.random.default_rng(17)
types = {}
for name, halves in HALVES.items():
    values, size = gguf.GGML_QUANT_SIZES[Q[name]]
    blocks = rng.integers(0, 256, (BLOCKS, size), np.uint8)
    for at in halves:
        half = (rng.standard_normal(BLOCKS) * 2.0 ** rng.integers(-12, 2, BLOCKS)).astype(np.float16)
        half[0] = np.uint16(3).view(np.float16)     # a subnormal one
        blocks[:, at:at + 2] = half.view(np.uint8).reshape(BLOCKS, 2)
    floats = gguf.dequantize(blocks, Q[name]).astype(np.float32)
    assert floats.size == BLOCKS * values
    types[name] = {'values': values, 'bytes': size, 'blocks': b64(blocks), 'first': b64(floats[0, :4]), 'sha256': hashlib.sha256(floats.tobytes()).hexdigest()}

values = (rng.standard_normal((6, 32)) * 2.0 ** rng.integers(-20, 6, (6, 1))).astype(np.float32)
values[1] = 0
values[2, :] = np.arange(32) - 16                   # ties
values[2, 0] = 127
values[3] = rng.standard_normal(32).astype(np.float32) * np.float32(1e-9)    # a scale that is zero in float16
eight = gguf.quantize(values, Q.Q8_0)
wide = np.concatenate([values.ravel(), np.array([0x3f808000, 0x3f818000, 0x3f80ffff, 0x80000001, 0x7f7f7fff, 0xff7f0000], np.uint32).view(np.float32)])
bf = gguf.quantize(wide[None], Q.BF16)
print(json.dumps({'made': f'gguf {__import__("importlib.metadata").metadata.version("gguf")}', 'types': types,
                  'eightBits': {'values': b64(values), 'blocks': b64(eight)}, 'bfloat16': {'values': b64(wide), 'stored': b64(bf)}}, indent=1))
