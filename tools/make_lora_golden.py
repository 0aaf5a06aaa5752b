"""Golden of LoRA healing on the sample model (PyTorch): losses, gradient norms, adapters after 20 AdamW steps, held-out perplexity.

usage: make_lora_golden.py REPOSITORY OUT_JSON
Weights come from public/sample/onnx/model.onnx, so nothing but the shipped files is needed. Needs torch, transformers 4.57.6, onnx, tokenizers.

What is computed, exactly
  plan      the first 4 of e2e/fixtures/golden/sample.json's ppl_order are removed; 12 blocks stay, numbered as in the ORIGINAL model below.
  adapters  y = x W + scale * ((x A^T) B^T), x (T, in), W (in, out), A (r, in), B (out, r), r = 8, alpha = 16, scale = alpha / r = 2.
            matrices 'graph': the five of the ONNX graph (qkv as one 128 x 256 product, o, gate, up, down); 'seven': q, k, v apart.
  init      B = 0. A[j][k] = (2 u - 1) / sqrt(in), u = fmix32((seed + 0x9E3779B9 * (t + 1) + (j * in + k)) mod 2^32) / 2^32,
            t = 16 * block + slot, seed = 1; fmix32 is MurmurHash3's finalizer. Values are rounded to float32.
            slots: graph: qkv 0, o 1, gate 2, up 3, down 4; seven: q 0, k 1, v 2, o 3, gate 4, up 5, down 6.
  data      public/text/calibration.txt tokenised without special tokens; step s (0..19), row r (0..3): tokens [128 (4 s + r), 128 (4 s + r + 1)).
  loss      'nll': mean over the 4 * 127 predicted positions of -log p(next).
            'kl' : mean over the same 4 * 127 positions of sum_v p_T(v) (log p_T(v) - log p_S(v)), T = intact model (16 blocks, no adapters),
                   S = pruned model with adapters, temperature 1.  dL/dlogits = (p_S - p_T) / (4 * 127).
  clipping  n = sqrt(sum of g^2 over all A and B); if n > 0.5 (max_norm): every g is multiplied by min(1, 0.5 / (n + 1e-6)). (torch.nn.utils.clip_grad_norm_; active in some steps of nll, in none of kl)
  AdamW     beta1 0.9, beta2 0.999, eps 1e-8, weight decay 0.01 on A and B, t = 1..20, lr_t = 2e-3 * min(1, t / 5):
            p <- p - lr_t * 0.01 * p;  m <- 0.9 m + 0.1 g;  v <- 0.999 v + 0.001 g^2;
            p <- p - lr_t / (1 - 0.9^t) * m / (sqrt(v) / sqrt(1 - 0.999^t) + 1e-8)
  no dropout, float32; a float64 run of the same gives the tolerances (field `spread`).
"""
import sys, json, math, numpy as np, torch
from tokenizers import Tokenizer
import sample_torch
torch.set_num_threads(1); torch.use_deterministic_algorithms(True)
ROOT, OUT = sys.argv[1:3]
gold = json.load(open(f'{ROOT}/e2e/fixtures/golden/sample.json'))
R, ALPHA, SEED, STEPS, ROWS, LEN, PEAK, WARM, WD, MAXN = 8, 16, 1, 20, 4, 128, 2e-3, 5, 0.01, 0.5
SCALE = ALPHA / R

def load_sample(dtype): return sample_torch.load_sample(f'{ROOT}/public/sample', dtype)

def fmix32(x):
    x = x.astype(np.uint64) & 0xFFFFFFFF
    for s, k in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)): x ^= x >> np.uint64(s); x = (x * np.uint64(k)) & np.uint64(0xFFFFFFFF)
    return x ^ (x >> np.uint64(16))
def init_a(t, n_in):
    i = np.arange(R * n_in, dtype=np.uint64); u = fmix32((np.uint64(SEED) + np.uint64(0x9E3779B9) * np.uint64(t + 1) + i) & np.uint64(0xFFFFFFFF)).astype(np.float64) / 2 ** 32
    return ((2 * u - 1) / math.sqrt(n_in)).reshape(R, n_in).astype(np.float32)

SLOTS = {'graph': [('qkv', ('q_proj', 'k_proj', 'v_proj')), ('o', ('o_proj',)), ('gate', ('gate_proj',)), ('up', ('up_proj',)), ('down', ('down_proj',))],
         'seven': [(n, (n + '_proj',)) for n in ('q', 'k', 'v', 'o', 'gate', 'up', 'down')]}
class Lora(torch.nn.Module):
    """one projection with its rows of a shared adapter"""
    def __init__(s, base, A, B, rows): super().__init__(); s.base, s.A, s.B, s.rows = base, A, B, rows
    def forward(s, x): return s.base(x) + SCALE * ((x @ s.A.T) @ s.B[s.rows].T)

tok = Tokenizer.from_file(f'{ROOT}/public/sample/tokenizer.json')
train = tok.encode(open(f'{ROOT}/public/text/calibration.txt').read(), add_special_tokens=False).ids[:STEPS * ROWS * LEN]
held = tok.encode(open(f'{ROOT}/public/text/evaluation.txt').read(), add_special_tokens=False).ids[:40 * LEN]
X = torch.tensor(train).view(STEPS, ROWS, LEN); HX = torch.tensor(held).view(40, LEN)
drop = sorted(gold['ppl_order'][:4])

def nll(m, x): return torch.nn.functional.cross_entropy(m(x, use_cache=False).logits[:, :-1].reshape(-1, 2048), x[:, 1:].reshape(-1))
def ppl(m, x):
    with torch.no_grad(): return math.exp(sum(nll(m, x[i:i + 10]).item() for i in range(0, len(x), 10)) / (len(x) // 10))

def run(kind, loss_kind, dtype, drop=drop):
    teacher = load_sample(dtype); m = load_sample(dtype); out = {}
    if kind == 'graph' and loss_kind == 'nll' and dtype == torch.float32:
        with torch.no_grad(): assert abs(nll(m, torch.tensor(gold['windows'])).item() - gold['taylor_loss']) < 1e-5
    out['ppl_intact'] = ppl(m, HX); layers = list(m.model.layers); keep = [i for i in range(len(layers)) if i not in drop]
    m.model.layers = torch.nn.ModuleList([layers[i] for i in keep]); m.config.num_hidden_layers = len(keep)
    for j, l in enumerate(m.model.layers): l.self_attn.layer_idx = j
    out['ppl_pruned'] = ppl(m, HX)
    for p in m.parameters(): p.requires_grad_(False)
    P = {}
    for i in keep:
        for slot, (name, projs) in enumerate(SLOTS[kind]):
            par = lambda q: layers[i].self_attn if q in ('q_proj', 'k_proj', 'v_proj', 'o_proj') else layers[i].mlp
            lin = [getattr(par(q), q) for q in projs]; n_in = lin[0].in_features; sizes = [l.out_features for l in lin]
            A = torch.nn.Parameter(torch.from_numpy(init_a(16 * i + slot, n_in)).to(dtype)); B = torch.nn.Parameter(torch.zeros(sum(sizes), R, dtype=dtype)); P[f'{i}.{name}'] = (A, B); at = 0
            for q, l, n in zip(projs, lin, sizes): setattr(par(q), q, Lora(l, A, B, slice(at, at + n))); at += n
    flat = [p for ab in P.values() for p in ab]; opt = torch.optim.AdamW(flat, lr=PEAK, betas=(.9, .999), eps=1e-8, weight_decay=WD, foreach=False)
    out['loss'], out['grad_norm'], out['lr'] = [], [], []
    for s in range(STEPS):
        lr = PEAK * min(1, (s + 1) / WARM); opt.param_groups[0]['lr'] = lr; x = X[s]; opt.zero_grad()
        if loss_kind == 'nll': loss = nll(m, x)
        else:
            with torch.no_grad(): lt = torch.log_softmax(teacher(x, use_cache=False).logits[:, :-1], -1)
            ls = torch.log_softmax(m(x, use_cache=False).logits[:, :-1], -1); loss = (lt.exp() * (lt - ls)).sum(-1).mean()
        loss.backward()
        if s == 0: out['first_gradient_norms'] = {k: [a.grad.norm().item(), b.grad.norm().item()] for k, (a, b) in P.items()}
        out['grad_norm'].append(torch.nn.utils.clip_grad_norm_(flat, MAXN).item()); opt.step(); out['loss'].append(loss.item()); out['lr'].append(lr)
    out['ppl_healed'] = ppl(m, HX)
    out['norms'] = {k: [a.detach().norm().item(), b.detach().norm().item()] for k, (a, b) in P.items()}
    return out, {k: (a.detach().double(), b.detach().double()) for k, (a, b) in P.items()}

G = {'made_by': 'make_lora_golden.py', 'definition': __doc__, 'removed': drop, 'rank': R, 'alpha': ALPHA, 'seed': SEED, 'steps': STEPS, 'rows': ROWS, 'length': LEN, 'peak_lr': PEAK, 'warmup': WARM, 'weight_decay': WD, 'betas': [.9, .999], 'eps': 1e-8, 'max_norm': MAXN,
     'train_ids': X.tolist(), 'held_ids': HX.tolist(), 'a_init_check': {f'{b}.{t}': init_a(16 * b + t, n).flatten()[:3].tolist() for b, t, n in ((0, 0, 128), (15, 4, 320))}, 'runs': {}}
for kind, lk in (('graph', 'nll'), ('graph', 'kl'), ('seven', 'nll')):
    a, pa = run(kind, lk, torch.float32); b, pb = run(kind, lk, torch.float64)
    a['spread'] = {'loss': max(abs(x - y) for x, y in zip(a['loss'], b['loss'])), 'grad_norm_rel': max(abs(x / y - 1) for x, y in zip(a['grad_norm'], b['grad_norm'])), 'ppl_healed': abs(a['ppl_healed'] - b['ppl_healed']),
                   'norm_rel': max(abs(x / y - 1) for k in a['norms'] for x, y in zip(a['norms'][k], b['norms'][k])), 'entry_abs': max((x - y).abs().max().item() for k in pa for x, y in zip(pa[k], pb[k])), 'tensor_rel': max(((x - y).norm() / y.norm()).item() for k in pa for x, y in zip(pa[k], pb[k]))}
    G['runs'][f'{kind}-{lk}'] = a
    print(kind, lk, 'ppl intact %.3f pruned %.3f healed %.3f' % (a['ppl_intact'], a['ppl_pruned'], a['ppl_healed']), 'loss', [round(x, 4) for x in a['loss'][::5]] + [round(a['loss'][-1], 4)], 'gnorm', [round(x, 3) for x in a['grad_norm'][::5]], a['spread'], flush=True)
c, _ = run('graph', 'nll', torch.float32, [])   # control: the INTACT model with the same training: how much of the gain is the text, not the healing
G['control_intact_same_training'] = {k: c[k] for k in ('ppl_intact', 'ppl_healed', 'loss')}
print('control', c['ppl_intact'], c['ppl_healed'])
def dump(o, depth=0):
    if not isinstance(o, dict) or depth == 3: return json.dumps(o, separators=(',', ':'))
    return '{\n' + ',\n'.join(' ' * (depth + 1) + json.dumps(k) + ': ' + dump(v, depth + 1) for k, v in o.items()) + '\n' + ' ' * depth + '}'
open(OUT, 'w').write(dump(G) + '\n')
