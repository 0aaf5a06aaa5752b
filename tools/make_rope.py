"""e2e/fixtures/golden/rope.json: inverse frequencies and factors of rotary embeddings as Transformers computes them from configs, one row for each kind of scaling.

    python make_rope.py e2e/fixtures/golden/rope.json

`config` is what config.json says; heads have 32 dimensions. `long`: LongRoPE beyond the original length. Needs torch and transformers 4.57.6."""
import json, sys
import torch, transformers as T
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

BASE = dict(max_position_embeddings=512, rope_theta=10000.0)
YARN = dict(rope_type='yarn', factor=4.0, original_max_position_embeddings=128)
LLAMA3 = dict(rope_type='llama3', factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=128)
CONFIGS = [
    {}, {'rope_theta': 500000.0}, {'partial_rotary_factor': 0.5},
    {'rope_scaling': {'type': 'linear', 'factor': 2.5}},
    {'rope_scaling': {'rope_type': 'dynamic', 'factor': 4.0}},
    {'rope_scaling': LLAMA3, 'rope_theta': 500000.0},
    {'rope_scaling': YARN},
    {'rope_scaling': {'rope_type': 'yarn', 'factor': 4.0}},
    {'rope_scaling': {**YARN, 'type': 'yarn', 'factor': 40.0, 'mscale': 0.707, 'mscale_all_dim': 1.0, 'beta_fast': 16.0, 'beta_slow': 2.0}},
    {'rope_scaling': {**YARN, 'attention_factor': 1.25, 'truncate': False}, 'partial_rotary_factor': 0.75},
    {'rope_scaling': {'rope_type': 'longrope', 'short_factor': [1 + k / 64 for k in range(16)], 'long_factor': [1 + k / 2 for k in range(16)]}, 'original_max_position_embeddings': 64},
    {'rope_scaling': {'rope_type': 'longrope', 'factor': 16.0, 'short_factor': [1.0] * 12, 'long_factor': [1 + k / 2 for k in range(12)]}, 'partial_rotary_factor': 0.75},
]


def row(config):
    said = {**BASE, **config}
    c = T.LlamaConfig(hidden_size=64, num_attention_heads=2, head_dim=32, **said)
    scaling = config.get('rope_scaling', {})
    make = ROPE_INIT_FUNCTIONS[scaling.get('rope_type', scaling.get('type', 'default'))]
    numbers = lambda f: [float('%.9g' % x) for x in f.tolist()]
    short, factor = make(c, 'cpu')
    out = {'config': said, 'inverseFrequencies': numbers(short), 'attentionFactor': float('%.12g' % factor)}
    original = config.get('original_max_position_embeddings')
    if original: out['long'] = {'original': original, 'inverseFrequencies': numbers(make(c, 'cpu', seq_len=original + 1)[0])}
    return out


if __name__ == '__main__':
    rows = [row(c) for c in CONFIGS]
    head = {'maker': 'transformers %s, torch %s' % (T.__version__, torch.__version__.split('+')[0]), 'headSize': 32}
    with open(sys.argv[1], 'w') as f:
        f.write(json.dumps(head)[:-1] + ', "rows": [\n' + ',\n'.join(json.dumps(r) for r in rows) + '\n]}\n')
