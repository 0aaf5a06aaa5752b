"""Likelihoods of 4-bit and float16 fixtures with exact activations: MatMulNBits at accuracy level 0, whole graphs pruned by blocks.py, ONNX Runtime on the CPU.

    python make_level0.py --fixtures corpus-34 --out level0.json

The goldens of make_goldens.py run these graphs as deployed: at accuracy level 4 activations are rounded to int8, and their `nllTol` says little. Here each
entry has `nll` (mean over the golden's windows), the same without each block, and `spread`, the largest difference between ONNX Runtime's
default and unoptimised runs. Needs onnx, onnxruntime, numpy; no PyTorch."""
import argparse, json, os
import numpy as np, onnxruntime
import blocks as B, graphrun as G


def nll(logits, ids):
    x = logits[0, :-1].astype(np.float64)
    m = x.max(-1, keepdims=True)
    lse = (m + np.log(np.exp(x - m).sum(-1, keepdims=True)))[:, 0]
    return float(np.mean(lse - x[np.arange(len(x)), ids[0, 1:]]))


def level0(m):
    for n in m.graph.node:
        for a in n.attribute:
            if n.op_type == 'MatMulNBits' and a.name == 'accuracy_level': a.i = 0


def one(entry, root, golden):
    path = os.path.join(root, entry['folder'], entry['file'])
    base, m0 = os.path.dirname(path), B.load(path)
    windows = [np.array([w], np.int64) for w in golden['windows']]
    spread = [0.0]

    def score(drop):
        means = []
        for opt in (G.DEFAULT, G.PLAIN):
            m, _ = B.remove_blocks(m0, drop)
            level0(m)
            G.cpu_qnorm(m)
            g = G.Graph(m, base, G.Io(16), opt)
            means.append([nll(g(w), w) for w in windows])
        spread[0] = max(spread[0], float(np.abs(np.array(means[0]) - np.array(means[1])).max()))
        return float(np.mean(means[1]))

    refused = {b['index'] for b in golden['blocks'] if 'refused' in b}
    out = {'nll': score([]), 'blocks': [{'index': i, 'nll': score([i])} for i in range(entry['numBlocks']) if i not in refused]}
    out['spread'] = spread[0]
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--fixtures', required=True, help='a corpus with its golden/ folder, as scripts/fixtures.ts unpacks it')
    p.add_argument('--golden', help='where the goldens are, if elsewhere')
    p.add_argument('--out', required=True)
    a = p.parse_args()
    out = {'maker': 'onnxruntime %s CPU, unoptimised, accuracy level 0, on graphs pruned by blocks.py' % onnxruntime.__version__, 'folders': {}}
    for e in json.load(open(os.path.join(a.fixtures, 'corpus.json'))):
        if not e['supported'] or e['dtype'] not in ('q4', 'int4', 'q4f16', 'fp16'): continue
        golden = json.load(open(os.path.join(a.golden or os.path.join(a.fixtures, 'golden'), e['folder'] + '.json')))
        out['folders'][e['folder']] = r = one(e, a.fixtures, golden)
        print(e['folder'], r['nll'], 'spread %.1e' % r['spread'], 'golden', golden['baseline']['nll'], golden['nllTol'])
    json.dump(out, open(a.out, 'w'), indent=1)


main()
