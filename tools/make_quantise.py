"""Goldens of quantisation on the sample: losses of RTN, HQQ and GPTQ, intact and after a plan, and tables of GPTQ's matrices.

  python make_quantise.py public e2e/fixtures/golden [--whole OUT_JSON]

Writes quantise-losses.json and gptq.json, which are parts of the whole: that has SHA-256 of the bytes of RTN and tables of HQQ as well.
RTN and HQQ are onnxruntime's own (onnxruntime.quantization.matmul_nbits_quantizer) on sample/onnx/model.onnx, GPTQ is written out below.
Losses come from PyTorch on the dequantised weights; RTN and HQQ are checked against onnxruntime on the quantised graph, accuracy level 0.
Needs torch 2.13, transformers 4.57.6, onnx 1.23, onnxruntime 1.32, onnx_ir, tokenizers. One thread, about five minutes."""
import argparse, hashlib, json, os
import numpy as np, onnx, onnxruntime as ort, torch
from onnx import numpy_helper
from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, HQQWeightOnlyQuantConfig, HQQWeightOnlyQuantizer, MatMulNBitsQuantizer
from tokenizers import Tokenizer
from sample_torch import load_sample, linears, with_blocks

torch.set_num_threads(1)
arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument('public', help='folder with sample/ and text/')
arguments.add_argument('golden', help='folder with sample.json; written to')
arguments.add_argument('--whole', help='where everything is written')
given = arguments.parse_args()
SH, GOLDEN = given.public, given.golden
gold = json.load(open(GOLDEN + '/sample.json'))
tok = Tokenizer.from_file(SH + '/sample/tokenizer.json')
ids = lambda f: tok.encode(open('%s/text/%s.txt' % (SH, f), encoding='utf8').read(), add_special_tokens=False).ids
WIN = torch.tensor(gold['windows'])
EVAL = torch.tensor(ids('evaluation')[:40 * 128]).view(40, 128)
CAL = torch.tensor(ids('calibration')[:32 * 128]).view(32, 128)
DROP = sorted(gold['ppl_order'][:4])
KEEP = [i for i in range(16) if i not in DROP]
PARTS = ('attn.qkv_proj', 'attn.o_proj', 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj')
sha = lambda a: hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()
r7 = lambda x: [round(float(v), 7) for v in x]


def nll(m, x):
    """mean NLL of every window, float32 logits, float64 mean"""
    out = []
    with torch.no_grad():
        for i in range(0, len(x), 10):
            lg = m(x[i:i + 10], use_cache=False).logits[:, :-1]
            out.append(torch.nn.functional.cross_entropy(lg.transpose(1, 2), x[i:i + 10, 1:], reduction='none').double().mean(1))
    return torch.cat(out)


def losses(m):
    out = {}
    for name, keep in (('intact', range(16)), ('plan', KEEP)):
        with_blocks(m, keep)
        w, e = nll(m, WIN), nll(m, EVAL)
        out[name] = {'windows': r7(w), 'windowsMean': round(w.mean().item(), 7), 'evaluation': r7(e), 'evaluationMean': round(e.mean().item(), 7)}
    with_blocks(m, range(16))
    return out


def ort_graph(config):
    """the quantised graph and its initializers by name; lm_head stays float"""
    m = onnx.load(SH + '/sample/onnx/model.onnx')
    q = MatMulNBitsQuantizer(m, algo_config=config, nodes_to_exclude=['/lm_head/MatMul'])
    q.process()
    m = q.model.model if hasattr(q.model, 'model') else q.model
    return m, {t.name: numpy_helper.to_array(t) for t in m.graph.initializer}


def ort_nll(m, x):
    so = ort.SessionOptions()
    so.intra_op_num_threads, so.log_severity_level = 1, 3
    s = ort.InferenceSession(m.SerializeToString(), so, providers=['CPUExecutionProvider'])
    f = {i.name: np.zeros((len(x), 2, 0, 32), np.float32) for i in s.get_inputs() if 'past' in i.name}
    f.update(input_ids=x.numpy().astype(np.int64), attention_mask=np.ones(x.shape, np.int64))
    f = {i.name: f[i.name] for i in s.get_inputs()}
    lg = torch.from_numpy(s.run(['logits'], f)[0])[:, :-1]
    return torch.nn.functional.cross_entropy(lg.transpose(1, 2), x[:, 1:], reduction='none').double().mean(1)


def nbits(B, scales, zp, K):
    """MatMulNBits bytes -> float32 (N, K); zp uint8 packed, float, or None"""
    N, nb = B.shape[:2]
    q = np.stack([B & 15, B >> 4], -1).reshape(N, nb, -1).astype(np.float32)
    s = scales.reshape(N, nb, 1)
    z = np.float32(8) if zp is None else zp.reshape(N, nb, 1) if zp.dtype.kind == 'f' else np.stack([zp.reshape(N, -1) & 15, zp.reshape(N, -1) >> 4], -1).reshape(N, -1)[:, :nb, None].astype(np.float32)
    return ((q - z) * s).reshape(N, -1)[:, :K]


def from_graph(W):
    """(torch model with the dequantised matrices, {matrix: (B, scales, zp)})"""
    m, found = load_sample(SH + '/sample'), {}
    for i in range(16):
        for p in PARTS:
            name = 'model.layers.%d.%s.MatMul.weight' % (i, p)
            t = (W[name + '_Q4'], W[name + '_scales'], W.get(name + '_zero_points'))
            found['%d.%s' % (i, p)] = t
            K = {'mlp.down_proj': 320}.get(p, 128)
            put(m, i, p, torch.from_numpy(nbits(*t, K)))
    return m, found


def put(m, i, part, w):
    at = 0
    for l in linears(m, i, part):
        n = l.out_features
        l.weight.data = w[at:at + n].contiguous()
        at += n


def run_hqq(g):
    """onnxruntime's solver with the start zero NOT rounded"""
    m, solver, tables = load_sample(SH + '/sample'), HQQWeightOnlyQuantizer(HQQWeightOnlyQuantConfig(block_size=g, bits=4, axis=1)), {}
    for i in range(16):
        for p in PARTS:
            w = torch.cat([l.weight.data for l in linears(m, i, p)])
            q, s, z = solver.quantize_internal(w, bits=4, group_size=g, round_zero=False)
            n, k = w.shape
            q, s, z = (x.reshape(n, -(-k // g), -1) for x in (q.float(), s, z))
            put(m, i, p, ((q - z) * s).reshape(n, -1)[:, :k])
            tables['%d.%s' % (i, p)] = table(s.numpy(), z.numpy())
    return m, tables


def table(s, z): return {'zeroSum': round(float(z.astype(np.float64).sum()), 4), 'scaleSum': round(float(s.astype(np.float64).sum()), 6), 'firstZeros': [float('%.7g' % v) for v in z.reshape(-1)[:2]]}


def rtn_params(B):
    """B (N, g) -> scale, zero (N,), asymmetric"""
    mn, mx = B.amin(-1).clamp(max=0), B.amax(-1).clamp(min=0)
    s = (mx - mn) / 15
    s[s == 0] = 1
    return s, torch.round(-mn / s).clamp(0, 15)


def gptq(W, g, X, damp=0.01):
    """W (N, K), X (T, K) -> dequantised (N, K), q, scales, zeros. Group parameters from the columns as compensated when the group starts."""
    W = W.clone().double()
    N, K = W.shape
    H = (X.double().T @ X.double()) * 2 / len(X)
    dead = torch.diag(H) == 0
    H[dead, dead] = 1
    W[:, dead] = 0
    H += torch.eye(K, dtype=torch.float64) * damp * torch.diag(H).mean()
    U = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(H)), upper=True)
    Q, S, Z = torch.zeros_like(W), [], []
    for i in range(K):
        if i % g == 0:
            s, z = rtn_params(W[:, i:i + g])
            s = s.float().double()                    # what the file stores
            S.append(s)
            Z.append(z)
        q = torch.round(W[:, i] / s + z).clamp(0, 15)
        Q[:, i] = (q - z) * s
        W[:, i:] -= ((W[:, i] - Q[:, i]) / U[i, i])[:, None] * U[i, i:][None]
    return Q.float(), torch.stack(S, 1), torch.stack(Z, 1)


def run_gptq(g):
    m, tables = load_sample(SH + '/sample'), {}
    for i in range(16):
        for group in (PARTS[:1], PARTS[1:2], PARTS[2:4], PARTS[4:]):
            X = {}
            hooks = [linears(m, i, p)[0].register_forward_pre_hook(lambda mod, a, p=p: X.setdefault(p, []).append(a[0].reshape(-1, a[0].shape[-1]))) for p in group]
            with torch.no_grad(): m.model(CAL, use_cache=False)
            for h in hooks: h.remove()
            for p in group:
                w = torch.cat([l.weight.data for l in linears(m, i, p)])
                q, s, z = gptq(w, g, torch.cat(X[p]))
                put(m, i, p, q)
                tables['%d.%s' % (i, p)] = {'weightNorm': float(q.double().norm()), 'scaleSum': float(s.abs().sum()), 'zeroSum': int(z.sum())}
    return m, tables


def main():
    G = {'maker': 'make_quantise.py, onnxruntime %s, torch %s' % (ort.__version__, torch.__version__.split('+')[0]), 'definitions': {
        'matrices': 'the five MatMul weights of each block, named BLOCK.PART (qkv_proj is q, k, v together, columns in this order); lm_head, embedding and norms stay float32. 4 bits, graph weight (K, N), quantised along K',
        'sha256': 'of the bytes of B (N, blocks, block/2), scales (N, blocks) float32 little-endian, zero points (N, ceil(blocks/2)) as onnxruntime writes them; symmetric graphs have no zero points. down_proj has K = 320: at block 128 the last block holds 64 weights and 64 zeros',
        'first': 'the first 8 bytes of B (hex), the first two scales, the first two bytes of zero points (hex): to find a layout mistake',
        'losses': 'mean NLL per window: `windows` = the ten golden windows of golden/sample.json, `evaluation` = tokens [128 i, 128 (i+1)) of text/evaluation.txt, i = 0..39, tokenised without special tokens, no BOS. `intact`: 16 blocks; `plan`: blocks `removed` left out AFTER quantising all 16. '
                  'PyTorch float32 on the dequantised weights',
        'ortDifference': 'largest difference per window (ten windows, intact) between those and onnxruntime CPU on the quantised graph, no accuracy_level (0)',
        'hqq': '4 bits, float32 zero points (N, blocks) as the fourth input of MatMulNBits. hqq-rounded-start-B: onnxruntime MatMulNBitsQuantizer with HQQWeightOnlyQuantConfig(bits 4, axis 1), whose start zero is rounded before the iterations. '
               'hqq-B: the same solver (quantize_internal, round_zero False), start zero -min * scale in floats. Start range = min and max of the block, not widened to 0; padding zeros of down_proj at block 128 take part. Iterations stop by the mean error of the whole matrix. '
               'Sums depend on their order: compare losses (1e-3), not bytes. tables: block 0 only',
        'gptq': 'asymmetric, integer zero points as in RTN, no act-order, damping 0.01 of the mean diagonal, H = 2/n X^T X in float64 over the calibration tokens, dead columns set to 0; group parameters from the compensated columns at the start of the group (at K = 320, block 128: 128, 128, 64), scale rounded to float32. '
                'True sequential: per block qkv, o, gate+up, down, each with inputs from what is already quantised; gate+up share inputs. calibration = tokens [128 i, 128 (i+1)) of text/calibration.txt, i = 0..31, all positions',
        'tables': 'GPTQ per matrix: Frobenius norm of the dequantised weight, sum of scales, sum of zero points: expect 1e-3 relative; rounding decisions may differ here and there, the losses are the test',
        'tolerance': 'RTN bytes exact. Losses of RTN 1e-4; HQQ 1e-3; GPTQ 1e-3 (float64 activations move its losses by 2e-6 and no sum of zero points; rounding ties decide differently where H is summed in float32)'},
        'removed': DROP, 'calibration': {'text': 'text/calibration.txt', 'offsets': [128 * i for i in range(32)], 'length': 128, 'sha256OfIds': sha(CAL.numpy().astype('<i4'))},
        'evaluation': {'text': 'text/evaluation.txt', 'offsets': [128 * i for i in range(40)], 'length': 128, 'sha256OfIds': sha(EVAL.numpy().astype('<i4'))}}
    G['float32'] = losses(load_sample(SH + '/sample'))
    say = lambda k, l: print(k, 'intact windows %.4f evaluation %.4f, plan %.4f %.4f' % (l['intact']['windowsMean'], l['intact']['evaluationMean'], l['plan']['windowsMean'], l['plan']['evaluationMean']), flush=True)
    say('float32', G['float32'])
    for b in (32, 128):
        for kind, config in (('asymmetric', DefaultWeightOnlyQuantConfig(block_size=b, is_symmetric=False, bits=4)), ('symmetric', DefaultWeightOnlyQuantConfig(block_size=b, is_symmetric=True, bits=4)), ('hqq', HQQWeightOnlyQuantConfig(block_size=b, bits=4, axis=1))):
            graph, W = ort_graph(config)
            m, found = from_graph(W)
            k = 'hqq-rounded-start-%d' % b if kind == 'hqq' else 'rtn-%s-%d' % (kind, b)
            G[k] = losses(m)
            G[k]['ortDifference'] = float('%.2g' % (ort_nll(graph, WIN) - nll(m, WIN)).abs().max().item())
            if kind == 'hqq':
                G[k]['tables'] = {n: table(s, z) for n, (B, s, z) in list(found.items())[:5]}
            else:
                G[k]['sha256'] = {n: [sha(B), sha(s)] + ([] if z is None else [sha(z)]) for n, (B, s, z) in found.items()}
                G[k]['first'] = {n: [B.tobytes()[:8].hex(), [float(v) for v in s.reshape(-1)[:2]]] + ([] if z is None else [z.tobytes()[:2].hex()]) for n, (B, s, z) in list(found.items())[:5]}
            say(k, G[k])
        m, tables = run_hqq(b)
        G['hqq-%d' % b] = {**losses(m), 'tables': dict(list(tables.items())[:5])}
        say('hqq-%d' % b, G['hqq-%d' % b])
        m, tables = run_gptq(b)
        G['gptq-asymmetric-%d' % b] = {**losses(m), 'tables': {k: {a: float('%.7g' % v) for a, v in t.items()} for k, t in tables.items()}}
        say('gptq-%d' % b, G['gptq-asymmetric-%d' % b])
    write('quantise-losses.json', losses_alone(G))
    write('gptq.json', gptq_alone(G))
    if given.whole:
        with open(given.whole, 'w') as f: json.dump(G, f)


def losses_alone(G):
    keys = [k for k in G if isinstance(G[k], dict) and 'intact' in G[k] and 'rounded-start' not in k]
    kept = {k: G['definitions'][k] for k in ('matrices', 'losses', 'hqq', 'tolerance')}
    return {'maker': G['maker'], 'definitions': kept, 'removed': G['removed'], **{k: {m: G[k][m] for m in ('intact', 'plan')} for k in keys}}


def gptq_alone(G):
    means = lambda k: {'windows': G[k]['intact']['windowsMean'], 'evaluation': G[k]['intact']['evaluationMean']}
    tables = lambda b, n: {k: [t['weightNorm'], t['scaleSum'], t['zeroSum']] for k, t in list(G['gptq-asymmetric-%d' % b]['tables'].items())[:n]}
    return {'maker': G['maker'], 'definitions': GPTQ_DEFINITIONS, 'float32': means('float32'),
            'blocks': {'32': {**means('gptq-asymmetric-32'), 'rtn': means('rtn-asymmetric-32'), 'tables': tables(32, 80)}, '128': {'tables': tables(128, 10)}}}


GPTQ_DEFINITIONS = ('Means of NLL in nats per token of the intact model: `windows` = the ten of sample.json, `evaluation` = tokens [128 i, 128 (i + 1)) of evaluation.txt, i = 0..39; '
                    'calibrated on those of calibration.txt, i = 0..31, without special tokens. tables: by BLOCK.PART the norm of the dequantised weight, the sum of scales, the sum of zero points. '
                    'float32 and rtn: the same means of the stored weights and of rounding to the nearest.')


def write(name, value):
    with open(os.path.join(GOLDEN, name), 'w') as f: f.write(json.dumps(value, indent=1) + '\n')


if __name__ == '__main__': main()
