"""Golden gradients of a fixture tree: loss, Taylor score of every block, norm of dL/dh at every block boundary.

  python make_taylor.py --fixtures DIR --goldens DIR --hf DIR --programs DIR --out FILE [--only name ...] [--sample DIR GOLDEN]

--fixtures  folder with corpus.json and one model folder per entry      --goldens  golden/fixtures (token windows)
--hf        folder with the tiny PyTorch models (make_tiny_models.py)    --programs folder of scripts/programs.ts, one subfolder per graph
--sample    folder of the sample model and its golden, public/sample e2e/fixtures/golden/sample.json: adds sample--model and sample--model_q4 (ten windows of 128)
float32 graphs: autograd of the PyTorch model, float32; a float64 run and the ONNX chain of gradlib.py give the tolerance. Other graphs: the ONNX chain
on the dequantised, widened weights, with a finite-difference check of its directional derivative. See `definitions` in the output.
Needs torch 2.13, transformers 4.57.6, onnx, onnxruntime. One thread, about two minutes for 60 graphs."""
import argparse, json, os, warnings
import numpy as np, torch, transformers
import gradlib as L, graphrun as R

warnings.filterwarnings('ignore')
torch.set_num_threads(1)
DEFINITIONS = {
    'loss': 'mean of -log p(next token) over all predicted positions of all windows of the golden together, no BOS',
    'taylor': 'per block: sum of abs(W * dL/dW) over its linear matrices (projections, routers, experts, kernels of short convolutions), biases and norms excluded; '
              'dL/dW is the gradient of the mean loss of all windows, the absolute value is taken after that sum. An expert without tokens counts 0',
    'taylorWithNorms': 'the same plus the scale vectors of norms (q and k norms too) as the GRAPH stores them: `norms` = "plus one" where the graph holds 1 + weight of the checkpoint. Biases excluded',
    'attention': 'the part of `taylor` in the attention half (short convolutions of hybrids too); feedForward: the rest. In parallel-residual graphs this is a split by module, no half block exists',
    'gradNorm': 'L2 norm over all elements of dL/dh_i, i = 0 (input of block 0) .. N (output of the last block, before the final norm)',
    'source': '"torch": PyTorch autograd of the checkpoint in float32. "chain": ONNX programs of the graph itself (tools/gradlib.py), float32 values of the dequantised or widened weights',
    'skip': 'why the PyTorch values do not hold for this graph; values given beside it come from the chain',
    'spread': 'largest relative difference of taylor and gradNorm between PyTorch float32 and float64',
    'chain': 'largest relative difference of loss, taylor, taylorWithNorms, gradNorm between the ONNX chain and `source` torch; dh: largest entry difference relative to the largest entry of that boundary',
    'finiteDifference': '[derivative along dL/dh_0 from the gradient, five-point difference quotient of the chain, their relative difference]; '
                        'the noise of float32 differences, not of the gradient, limits the last (1e-3 for lfm2-int4, which is strongly curved)',
    'tol': 'relative tolerance for taylor and gradNorm (attention, feedForward alike): four times the largest of spread and chain, at least 2e-5; chain sources 1e-4. loss: 1e-5 absolute, chain sources 1e-4',
}
SKIP = {
    'optimum-gemma2-fp32': 'the export drops the soft cap of attention scores: its hidden states and gradients differ from PyTorch (dL/dh by 1.5e-3)',
    'genai-mistral-fp32-webgpu': 'the export has no attention window (sliding_window 8 in the checkpoint): loss differs by 0.18',
    'genai-llama-fp32-cpu-nohead': 'no logits output: no loss',
}
INT8 = 'DynamicQuantizeLinear + MatMulInteger: no gradient without a straight-through substitute, not in the prototype'
ATTENTION = ('attn', 'self_attn', 'attention', 'self_attention', 'conv')
r9 = lambda x: [float('%.9g' % v) for v in x]


def torch_reference(model, ids, dtype):
    """model: a Hugging Face folder, or a function dtype -> model"""
    m = model(dtype) if callable(model) else transformers.AutoModelForCausalLM.from_pretrained(model, attn_implementation='eager', dtype=dtype).eval()
    m.requires_grad_(True)
    layers = m.get_submodule(R.layer_list(m))
    hs = []

    def keep(h):
        h.retain_grad()
        hs.append(h)

    for l in layers: l.register_forward_pre_hook(lambda mod, i, kw: keep(i[0] if i else kw['hidden_states']), with_kwargs=True)
    layers[-1].register_forward_hook(lambda mod, i, o: keep(o[0] if isinstance(o, tuple) else o))
    x = torch.tensor(ids)
    lg = m(x, use_cache=False).logits.to(torch.promote_types(dtype, torch.float32))
    loss = torch.nn.functional.cross_entropy(lg[:, :-1].reshape(-1, lg.shape[-1]), x[:, 1:].reshape(-1))
    loss.backward()
    score = lambda p, plus=0: 0.0 if p.grad is None else ((p.detach() + plus) * p.grad).abs().double().sum().item()
    lin = [[(n, p) for n, p in l.named_parameters() if p.ndim >= 2] for l in layers]
    vec = [[(n, p) for n, p in l.named_parameters() if p.ndim == 1 and 'weight' in n] for l in layers]
    o = {'loss': loss.item(), 'taylor': [sum(score(p) for _, p in l) for l in lin], 'norm': [sum(score(p) for _, p in l) for l in vec], 'normPlusOne': [sum(score(p, 1) for _, p in l) for l in vec],
         'attention': [sum(score(p) for n, p in l if n.split('.')[0] in ATTENTION) for l in lin], 'gradNorm': [h.grad.double().norm().item() for h in hs], 'dh': [h.grad.float().numpy() for h in hs]}
    o['feedForward'] = [a - b for a, b in zip(o['taylor'], o['attention'])]
    return o


rel = lambda a, b: max(abs(x / y - 1) for x, y in zip(a, b) if y)


def chain(P, ids):
    r = L.grads(P, ids)
    pick = lambda b, **k: sum(v[2] for v in b.values() if v[0] in k['kind'] and ('sub' not in k or v[1] == k['sub']))
    o = {'loss': r['loss'], 'taylor': [pick(b, kind=('linear',)) for b in r['blocks']], 'taylorWithNorms': [pick(b, kind=('linear', 'norm')) for b in r['blocks']],
         'gradNorm': [float(np.sqrt((d.astype(np.float64) ** 2).sum())) for d in r['dh']]}
    if all(any(v[1] for v in b.values()) for b in r['blocks']):
        for s in ('attention', 'feedForward'): o[s] = [pick(b, kind=('linear',), sub=s) for b in r['blocks']]
    return o, r


def values(o): return {k: float('%.9g' % o[k]) if k == 'loss' else r9(o[k]) for k in ('loss', 'taylor', 'taylorWithNorms', 'attention', 'feedForward', 'gradNorm') if k in o}


def one(e, a, cache):
    name = e['folder']
    gold = e.get('golden') or os.path.join(a.goldens, name + '.json')
    if name in SKIP and 'no loss' in SKIP[name]: return {'skip': SKIP[name]}
    if e['dtype'] == 'int8': return {'skip': INT8}
    ids = np.array(json.load(open(gold))['windows'])
    folder = os.path.join(a.programs, name)
    P = L.Programs(folder, e.get('model') or os.path.join(a.fixtures, name)) if os.path.exists(os.path.join(folder, 'programs.json')) else None
    c, g = chain(P, ids) if P else (None, None)
    out = {}
    if e['dtype'] == 'fp32':
        key = (e['hfModel'], ids.tobytes())
        if key not in cache: cache[key] = [torch_reference(e.get('torch') or os.path.join(a.hf, e['hfModel']), ids, t) for t in (torch.float32, torch.float64)]
        t, d = cache[key]
        out = {'source': 'torch', **values(t)}
        spread = max(rel(t[k], d[k]) for k in ('taylor', 'gradNorm'))
        with_norms = {k: [x + y for x, y in zip(t['taylor'], t[k])] for k in ('norm', 'normPlusOne')}
        best = 'norm'
        if c:
            best = min(with_norms, key=lambda k: rel(c['taylorWithNorms'], with_norms[k]))
            t2 = {**t, 'taylorWithNorms': with_norms[best]}
            out['chain'] = {'loss': abs(c['loss'] - t['loss']), **{k: rel(c[k], t2[k]) for k in ('taylor', 'taylorWithNorms', 'attention', 'feedForward', 'gradNorm') if k in c},
                            'dh': max(float(np.abs(x.reshape(y.shape) - y).max() / np.abs(y).max()) for x, y in zip(g['dh'], t['dh']))}
        else: out['notes'] = ['no block programs of this graph here (inputs_embeds = rows of the embedding table): PyTorch only']
        out['taylorWithNorms'] = r9(with_norms[best])
        out['norms'] = 'plus one' if best == 'normPlusOne' else 'as stored'
        out['spread'] = spread
        out['tol'] = max(2e-5, 4 * max([spread] + [out['chain'][k] for k in ('taylor', 'taylorWithNorms', 'gradNorm') if 'chain' in out]))
    if name in SKIP or e['dtype'] != 'fp32':
        x, y = L.directional(P, ids, g)
        out = {**({'skip': SKIP[name], 'torch': {k: out[k] for k in ('loss', 'taylor', 'gradNorm')}} if name in SKIP else {}), 'source': 'chain', **values(c), 'finiteDifference': [x, y, abs(y / x - 1)], 'tol': 1e-4}
        if 'attention' not in c: out['notes'] = ['parallel residual: no split']
    for k, v in out.items():
        if isinstance(v, float): out[k] = float('%.9g' % v)
    if 'chain' in out: out['chain'] = {k: float('%.2g' % v) for k, v in out['chain'].items()}
    for k in ('spread', 'tol'):
        if k in out: out[k] = float('%.2g' % out[k])
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for x in ('fixtures', 'goldens', 'hf', 'programs', 'out'): p.add_argument('--' + x, required=True)
    p.add_argument('--only', nargs='*')
    p.add_argument('--sample', nargs=2)
    a = p.parse_args()
    res, cache = {}, {}
    rows = json.load(open(os.path.join(a.fixtures, 'corpus.json')))
    if a.sample:
        import sample_torch
        common = {'supported': True, 'golden': a.sample[1], 'model': a.sample[0], 'torch': lambda dtype: sample_torch.load_sample(a.sample[0], dtype)}
        rows += [{'folder': 'sample--model', 'dtype': 'fp32', 'hfModel': 'sample', **common}, {'folder': 'sample--model_q4', 'dtype': 'q4', **common}]
    for e in rows:
        if not e['supported'] or a.only and e['folder'] not in a.only: continue
        res[e['folder']] = r = one(e, a, cache)
        print(e['folder'].ljust(38), r.get('source', '-').ljust(6), 'loss %.6f' % r['loss'] if 'loss' in r else '', 'spread', r.get('spread'), 'chain', r.get('chain'), 'fd', r.get('finiteDifference', [0, 0, ''])[2], 'skip: ' + r['skip'] if 'skip' in r else '', flush=True)
    out = {'maker': 'make_taylor.py, torch %s, transformers %s, onnxruntime %s' % (torch.__version__.split('+')[0], transformers.__version__, L.ort.__version__), 'definitions': DEFINITIONS, 'fixtures': res}
    with open(a.out, 'w') as f:
        f.write('{\n"maker": %s,\n"definitions": %s,\n"fixtures": {\n' % (json.dumps(out['maker']), json.dumps(DEFINITIONS, indent=1)))
        f.write(',\n'.join('%s: %s' % (json.dumps(k), json.dumps(v)) for k, v in res.items()) + '\n}\n}\n')


if __name__ == '__main__': main()
