"""Gradients (vector-Jacobian products) of weightless block programs, built as ONNX programs. Made apart from src/grad/, to hold it against.

A program is made for one run shape (B rows, S tokens): every integer computation is folded to a constant, fused operators are decomposed, then a
reverse sweep appends gradient nodes. All shapes are known while building, so un-broadcasting and reshapes are constants. Where a shape evaluator
would stand, values_of() runs the forward program once with every value as an output.

  P = Programs('DUMP/optimum-llama-fp32', 'fixtures/optimum-llama-fp32')      # a folder of scripts/programs.ts, and the model it was made from
  r = grads(P, ids)                  # ids (rows, tokens) int64: loss, dL/dh at every boundary, per block {weight: (kind, sublayer, sum |W dW|, shape)}

Needs numpy, onnx 1.23, onnxruntime 1.31 or later. One thread.
"""
import json, os, math
import numpy as np, onnx, onnxruntime as ort
from onnx import helper, numpy_helper, TensorProto as TP
NP = {'float32': np.float32, 'float16': np.float16, 'int64': np.int64, 'int32': np.int32, 'bool': np.bool_, 'uint8': np.uint8, 'int8': np.int8, 'float64': np.float64}
ONNX_OF = {np.dtype(np.float32): TP.FLOAT, np.dtype(np.float16): TP.FLOAT16, np.dtype(np.int64): TP.INT64, np.dtype(np.int32): TP.INT32, np.dtype(np.bool_): TP.BOOL, np.dtype(np.uint8): TP.UINT8, np.dtype(np.int8): TP.INT8, np.dtype(np.float64): TP.DOUBLE}
TYPEID = {'float32': 1, 'float16': 10, 'int64': 7, 'int32': 6, 'bool': 9, 'uint8': 2, 'int8': 3, 'uint4': 21, 'int4': 22}

def session(m):
    so = ort.SessionOptions(); so.intra_op_num_threads = 1; so.inter_op_num_threads = 1; so.log_severity_level = 3
    return ort.InferenceSession(m.SerializeToString(), so, providers=['CPUExecutionProvider'])

def read(w):
    f, off, n = w['range']
    with open(f, 'rb') as h: h.seek(off); raw = h.read(n)
    t = w['stored'] if w.get('stored') else w['type']
    if t in ('int4', 'uint4'): return np.frombuffer(raw, np.uint8), list(w['dims'])     # packed, low nibble first
    a = np.frombuffer(raw, NP[t]).reshape(w['dims'])
    return (a.astype(NP[w['type']]) if w.get('stored') else a), list(w['dims'])

class Bound:
    """A program with the weights of one place, as src/model/programs/program.ts has it."""
    def __init__(s, d, j):
        s.id = j['program']; s.model = onnx.load(f'{d}/{s.id}.onnx'); s.inputs = j['inputs']; s.outputs = j['outputs']; s.sides = j['sides']; s.w = j['weights']
        s.types = {i['name']: i['type'] for i in s.inputs}
    def weights(s):
        out = {}
        for n, w in s.w.items():
            a, dims = read(w)
            out[n] = a if w['type'] not in ('int4', 'uint4') else (a, dims, w['type'])
        return out

class Programs:
    """The dumped programs of one graph; `model` is the folder that holds its weights (the dump keeps the folder it was made from)."""
    def __init__(s, folder, model=None):
        j = s.j = json.load(open(os.path.join(folder, 'programs.json')))
        def path(f):
            if f.startswith(j['path'] + '/'): return os.path.join(model or j['path'], f[len(j['path']) + 1:])
            return os.path.join(folder, os.path.basename(f))
        for x in [j['embed'], j['side'], j['head']] + j['blocks']:
            for w in (x['weights'].values() if x else ()): w['range'][0] = path(w['range'][0])
        b = lambda x: Bound(folder, x) if x else None
        s.embed, s.side, s.head = b(j['embed']), b(j['side']), b(j['head']); s.blocks = [b(x) for x in j['blocks']]; s.V = j['vocabSize']; s.C = j['hiddenSize']

def feed_of(inp, B, S, ids, residual, sides, bound):
    k = inp['source']['kind']; t = NP.get(inp['type'])
    if k == 'ids': return ids.astype(t)
    if k == 'targets': return ids[:, 1:].astype(t)
    if k == 'attention-mask': return np.ones((B, S), t)
    if k == 'positions':
        f = inp['source']['form']; p = np.arange(S)
        return (p if f == 'row' else np.tile(p, (B, 1)) if f == 'rows' else np.tile(p, (f, B, 1))).astype(t)
    if k == 'constant': return np.full(inp['source']['dims'], inp['source']['value'], t)
    if k == 'past': return np.zeros([{'batch': B, 'sequence': S, 'past': 0}.get(d, d) for d in inp['source']['dims']], t)
    if k == 'residual': return residual
    if k == 'side': return sides[bound.sides[inp['name']]]
    raise Exception(k)

class Runner:
    """Runs Bound programs (forward)."""
    def __init__(s, P): s.P = P; s.cache = {}
    def feeds(s, b, ids, residual=None, sides=None):
        B, S = ids.shape; f = dict(b.weights())
        for i in b.inputs:
            if i['source']['kind'] != 'weight': f[i['name']] = feed_of(i, B, S, ids, residual, sides or {}, b)
        return f
    def run(s, b, f, model=None):
        m, f = with_int4(model or b.model, f)
        ses = session(m); outs = [o.name for o in ses.get_outputs()]
        have = {i.name for i in ses.get_inputs()}
        return dict(zip(outs, ses.run(outs, {k: v for k, v in f.items() if k in have})))
    def sides(s, ids):
        if not s.P.side: return {}
        b = s.P.side; r = s.run(b, s.feeds(b, ids)); return {o['target']['value']: r[o['name']] for o in b.outputs}

def with_int4(m, f):
    """4-bit weights become initializers (python bindings have no int4 arrays)."""
    four = {k: v for k, v in f.items() if isinstance(v, tuple)}
    if not four: return m, f
    m = onnx.ModelProto.FromString(m.SerializeToString())
    for k, (a, dims, t) in four.items():
        x = onnx.TensorProto(); x.name = k; x.data_type = TYPEID[t]; x.dims.extend(dims); x.raw_data = a.tobytes(); m.graph.initializer.append(x)
    keep = [i for i in m.graph.input if i.name not in four]; del m.graph.input[:]; m.graph.input.extend(keep)
    return m, {k: v for k, v in f.items() if k not in four}

def values_of(m, feeds):
    """every value of a graph """
    m, feeds = with_int4(m, feeds); m = onnx.ModelProto.FromString(m.SerializeToString())
    names = [o for n in m.graph.node for o in n.output if o]; del m.graph.output[:]
    m.graph.output.extend([helper.make_empty_tensor_value_info(x) for x in names])
    ses = ort.InferenceSession(m.SerializeToString(), so_plain(), providers=['CPUExecutionProvider'])
    have = {i.name for i in ses.get_inputs()}
    return dict(zip(names, ses.run(names, {k: v for k, v in feeds.items() if k in have})))

def so_plain():
    so = ort.SessionOptions(); so.intra_op_num_threads = 1; so.log_severity_level = 3; so.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    so.add_session_config_entry('session.disable_prepacking', '1')
    return so

def attrs(n): return {a.name: helper.get_attribute_value(a) for a in n.attribute}

class Builder:
    """Nodes with known output shapes. Everything made here is float32 unless said."""
    def __init__(s, prefix): s.nodes = []; s.inits = {}; s.shape = {}; s.k = 0; s.p = prefix; s.memo = {}
    def name(s, hint): s.k += 1; return f'{s.p}{s.k}_{hint}'
    def const(s, v, dtype=np.float32):
        a = np.asarray(v, dtype); key = (a.tobytes(), a.shape, a.dtype.str)
        if key in s.memo: return s.memo[key]
        n = s.name('c'); s.inits[n] = a; s.shape[n] = list(a.shape); s.memo[key] = n; return n
    def ints(s, v): return s.const(v, np.int64)
    def op(s, op, ins, shape, domain='', **at):
        o = s.name(op); s.nodes.append(helper.make_node(op, ins, [o], domain=domain, **at)); s.shape[o] = list(shape); return o
    def bcast(s, a, b): return list(np.broadcast_shapes(tuple(s.shape[a]), tuple(s.shape[b])))
    def mul(s, a, b): return s.op('Mul', [a, b], s.bcast(a, b))
    def add(s, a, b): return s.op('Add', [a, b], s.bcast(a, b))
    def sub(s, a, b): return s.op('Sub', [a, b], s.bcast(a, b))
    def div(s, a, b): return s.op('Div', [a, b], s.bcast(a, b))
    def scal(s, a, c): return s.mul(a, s.const(c))
    def un(s, op, a, **k): return s.op(op, [a], s.shape[a], **k)
    def reshape(s, a, shape):
        shape = [int(x) for x in shape]
        return a if s.shape[a] == shape else s.op('Reshape', [a, s.ints(shape)], shape)
    def transpose(s, a, perm): return s.op('Transpose', [a], [s.shape[a][p] for p in perm], perm=list(perm))
    def sum(s, a, axes, keep=1):
        sh = [1 if i in axes else d for i, d in enumerate(s.shape[a])]
        if not keep: sh = [d for i, d in enumerate(s.shape[a]) if i not in axes]
        return s.op('ReduceSum', [a, s.ints(axes)], sh, keepdims=keep)
    def mean(s, a, axis):
        sh = list(s.shape[a]); n = sh[axis]; return s.scal(s.sum(a, [axis % len(sh)]), 1.0 / n)
    def slice(s, a, axis, lo, hi, step=1):
        sh = list(s.shape[a]); sh[axis] = len(range(lo, hi, step))
        return s.op('Slice', [a, s.ints([lo]), s.ints([hi]), s.ints([axis]), s.ints([step])], sh)
    def pad(s, a, axis, before, after):
        """zeros along one axis, as Concat: Pad works too, Concat has no mode surprises"""
        if before == 0 and after == 0: return a
        sh = list(s.shape[a]); parts = []
        def z(n): q = list(sh); q[axis] = n; return s.zeros(q)
        if before: parts.append(z(before))
        parts.append(a)
        if after: parts.append(z(after))
        sh[axis] += before + after
        return s.op('Concat', parts, sh, axis=axis)
    def zeros(s, shape):
        return s.op('Expand', [s.const(0.0), s.ints(shape)], shape)
    def expand(s, a, shape):
        return a if s.shape[a] == list(shape) else s.op('Expand', [a, s.ints(shape)], shape)
    def matmul(s, a, b):
        A, B = s.shape[a], s.shape[b]; lead = list(np.broadcast_shapes(tuple(A[:-2]), tuple(B[:-2]))); return s.op('MatMul', [a, b], lead + [A[-2], B[-1]])
    def gemm(s, a, b, ta=0, tb=0):
        A, B = s.shape[a], s.shape[b]; return s.op('Gemm', [a, b], [A[1] if ta else A[0], B[0] if tb else B[1]], transA=ta, transB=tb)
    def swap(s, a):
        r = len(s.shape[a]); p = list(range(r)); p[-1], p[-2] = p[-2], p[-1]; return s.transpose(a, p)
    def unbroadcast(s, g, shape):
        """sum g down to `shape` (numpy broadcasting backwards)"""
        gs = s.shape[g]; shape = list(shape)
        if gs == shape: return g
        lead = len(gs) - len(shape); axes = list(range(lead)) + [i + lead for i, d in enumerate(shape) if d == 1 and gs[i + lead] != 1]
        if axes: g = s.sum(g, axes)
        return s.reshape(g, shape)

NO_GRAD = {'Shape', 'Size', 'ArgMax', 'NonZero', 'GreaterOrEqual', 'Equal', 'Less', 'LessOrEqual', 'Greater', 'IsNaN', 'Not', 'And', 'Or', 'OneHot'}

# ------------------------------------------------------------------ decompositions (forward, float32)
def rotary(b, x, cos, sin, inter, rdim=0):
    """x (B,H,S,D); cos, sin broadcastable to (B,H,S,R/2), R = rotated width"""
    D = b.shape[x][-1]; half = b.shape[cos][-1]; R = 2 * half; r = len(b.shape[x]) - 1
    rot = x if R == D else b.slice(x, r, 0, R)
    if not inter:
        x1, x2 = b.slice(rot, r, 0, half), b.slice(rot, r, half, R)
        y = b.op('Concat', [b.sub(b.mul(x1, cos), b.mul(x2, sin)), b.add(b.mul(x2, cos), b.mul(x1, sin))], b.shape[rot], axis=-1)
    else:
        sh = b.shape[rot]; z = b.reshape(rot, sh[:-1] + [half, 2]); q = len(sh)
        x1 = b.reshape(b.slice(z, q, 0, 1), sh[:-1] + [half]); x2 = b.reshape(b.slice(z, q, 1, 2), sh[:-1] + [half])
        y1 = b.reshape(b.sub(b.mul(x1, cos), b.mul(x2, sin)), sh[:-1] + [half, 1]); y2 = b.reshape(b.add(b.mul(x2, cos), b.mul(x1, sin)), sh[:-1] + [half, 1])
        y = b.reshape(b.op('Concat', [y1, y2], sh[:-1] + [half, 2], axis=-1), sh)
    if R != D: y = b.op('Concat', [y, b.slice(x, r, R, D)], b.shape[x], axis=-1)
    return y

def attention(b, q, k, v, scale, mask, softcap=0.0, sink=None):
    """q (B,Hq,S,D), k (B,Hk,T,D), v (B,Hk,T,Dv), mask (additive, broadcastable to (B,Hq,S,T)) or None -> (B,Hq,S,Dv). Heads of one group share a matrix product: no K/V repeat."""
    B, H, S, D = b.shape[q]; K, T = b.shape[k][1], b.shape[k][2]; G = H // K; Dv = b.shape[v][3]
    s = b.reshape(b.matmul(b.reshape(b.scal(q, scale), [B, K, G * S, D]), b.swap(k)), [B, H, S, T])
    if softcap: s = b.scal(b.un('Tanh', b.scal(s, 1 / softcap)), softcap)
    if mask: s = b.add(s, mask)
    p = b.op('Softmax', [s], [B, H, S, T], axis=-1)
    return b.reshape(b.matmul(b.reshape(p, [B, K, G * S, T]), v), [B, H, S, Dv])

def causal(b, S, window=-1):
    i, j = np.arange(S)[:, None], np.arange(S)[None]; ok = j <= i
    if window > 0: ok &= j > i - window            # GroupQueryAttention: a query sees itself and window - 1 before it (checked against the kernel)
    return b.const(np.where(ok, 0, -1e30)[None, None])

def decompose(b, n, out_shape, get):
    """returns the value that replaces output 0 of a fused node, or None if the node stays. get(i) = input name"""
    a = attrs(n); t = n.op_type; I = [x for x in n.input]; has = lambda i: i < len(I) and I[i] != ''
    if t == 'GroupQueryAttention':
        H, K = a['num_heads'], a['kv_num_heads']; B, S = b.shape[I[0]][:2]
        if not has(1):
            D = b.shape[I[0]][2] // (H + 2 * K); q, k, v = b.slice(I[0], 2, 0, H * D), b.slice(I[0], 2, H * D, (H + K) * D), b.slice(I[0], 2, (H + K) * D, (H + 2 * K) * D)
        else: D = b.shape[I[0]][2] // H; q, k, v = I[0], I[1], I[2]
        q, k, v = b.reshape(q, [B, S, H, D]), b.reshape(k, [B, S, K, D]), b.reshape(v, [B, S, K, D])
        if has(14):
            eps = next((v2 for k2, v2 in a.items() if 'epsilon' in k2), 1e-6)
            q = b.op('SimplifiedLayerNormalization', [q, I[14]], b.shape[q], axis=-1, epsilon=eps, stash_type=1); k = b.op('SimplifiedLayerNormalization', [k, I[15]], b.shape[k], axis=-1, epsilon=eps, stash_type=1)
        q, k, v = (b.transpose(x, [0, 2, 1, 3]) for x in (q, k, v))
        if a.get('do_rotary'):
            cs = [b.slice(I[i], 0, 0, S) for i in (7, 8)]
            q = rotary(b, q, *cs, a.get('rotary_interleaved', 0)); k = rotary(b, k, *cs, a.get('rotary_interleaved', 0))
        scale = a.get('scale') or 1 / math.sqrt(D)
        if has(10) or has(11) or a.get('smooth_softmax', 0) == 1: raise Exception('GQA bias/sink not in prototype')
        o = attention(b, q, k, v, scale, causal(b, S, a.get('local_window_size', -1)), a.get('softcap', 0.0))
        return b.reshape(b.transpose(o, [0, 2, 1, 3]), [B, S, H * D])
    if t == 'Attention' and n.domain in ('', 'ai.onnx'):
        q, k, v = I[:3]
        if len(b.shape[q]) != 4: raise Exception('3-D Attention-23 not in prototype')
        B, H, S, D = b.shape[q]; mask = None
        if a.get('is_causal'): mask = causal(b, S)
        if has(3):
            m = I[3]
            if b.dtype.get(m) == np.bool_: m = b.op('Where', [m, b.const(0.0), b.const(-1e30)], b.shape[m])
            mask = m if mask is None else b.add(m, mask)
        return attention(b, q, k, v, a.get('scale') or 1 / math.sqrt(D), mask, a.get('softcap', 0.0))
    if t == 'RotaryEmbedding' and n.domain in ('', 'ai.onnx'):
        cos, sin = I[1], I[2]
        if len(b.shape[I[0]]) != 4 or len(b.shape[cos]) != 3: raise Exception('RotaryEmbedding form')
        u = lambda c: b.reshape(c, [b.shape[c][0], 1] + b.shape[c][1:])
        return rotary(b, I[0], u(cos), u(sin), a.get('interleaved', 0))
    if t == 'RotaryEmbedding':                       # com.microsoft: (x, position_ids, cos_cache, sin_cache); x 4-D is (B,H,S,D), 3-D is (B,S,H*D)
        x, pos, cos, sin = I[:4]; sh = b.shape[x]; half = b.shape[cos][-1]
        if len(sh) != 4: raise Exception('3-D contrib RotaryEmbedding')
        pv = b.intvalue[pos]; B, S = sh[0], sh[2]
        pv = np.arange(S) + int(pv.reshape(-1)[0]) if pv.size == 1 else pv
        idx = b.ints(pv if pv.ndim == 1 else pv.reshape(-1, S))
        def tab(c):
            g = b.op('Gather', [c, idx], list(b.shape[idx]) + [half], axis=0); return b.reshape(g, [b.shape[g][0] if len(b.shape[g]) == 3 else 1, 1, S, half])
        return rotary(b, x, tab(cos), tab(sin), a.get('interleaved', 0))
    if t == 'CausalConvWithState':                   # (B, C, S) * (C, 1, k), state = zeros
        x, w = I[0], I[1]; B, C, S = b.shape[x]; k = b.shape[w][2]; xp = b.pad(x, 2, k - 1, 0); y = None
        for j in range(k):
            wj = b.reshape(b.slice(w, 2, j, j + 1), [1, C, 1]); t1 = b.mul(b.slice(xp, 2, j, j + S), wj); y = t1 if y is None else b.add(y, t1)
        if has(2): y = b.add(y, b.reshape(I[2], [1, C, 1]))
        act = a.get('activation', b'none')
        if act in (b'silu', b'swish'): y = b.mul(y, b.un('Sigmoid', y))
        return y
    if t == 'MatMulNBits':                           # the same bytes as a blockwise DequantizeLinear: (N, K) uint4
        N, K = a['N'], a['K']; bs = a['block_size']; w = b.dequant(n)
        x = I[0]; sh = b.shape[x]; y = b.op('MatMul', [x, b.swap(w)], sh[:-1] + [N])
        if has(5): y = b.add(y, I[5])
        return y
    if t == 'QuickGelu': return b.mul(I[0], b.un('Sigmoid', b.scal(I[0], a.get('alpha', 1.702))))
    if t == 'FusedMatMul':
        assert not a.get('transBatchA') and not a.get('transBatchB'); x, y = I[:2]
        if a.get('transA'): x = b.swap(x)
        if a.get('transB'): y = b.swap(y)
        r = b.matmul(x, y); return b.scal(r, a['alpha']) if a.get('alpha', 1.0) != 1.0 else r
    if t == 'Gelu':
        x = I[0]
        if a.get('approximate', b'none') == b'tanh':
            x3 = b.mul(b.mul(x, x), x); u = b.scal(b.add(x, b.scal(x3, 0.044715)), math.sqrt(2 / math.pi)); return b.mul(b.scal(x, 0.5), b.add(b.un('Tanh', u), b.const(1.0)))
        return b.mul(b.scal(x, 0.5), b.add(b.un('Erf', b.scal(x, 1 / math.sqrt(2))), b.const(1.0)))
    return None

# ------------------------------------------------------------------ building
class Grad:
    """Forward graph of one program for one run shape, decomposed and folded; grow(...) appends the reverse sweep."""
    def __init__(s, model, feeds, residual, lora=None, types=None):
        s.residual = residual
        vals = values_of(model, feeds); full = {**{k: (v if not isinstance(v, tuple) else None) for k, v in feeds.items()}, **vals}
        b = s.b = Builder('g'); b.dtype = {}; b.intvalue = {}; s.feeds = feeds
        for k, v in feeds.items():
            b.shape[k] = list(v[1] if isinstance(v, tuple) else v.shape)
            if not isinstance(v, tuple): b.dtype[k] = v.dtype
            if not isinstance(v, tuple) and v.dtype in (np.int64, np.int32): b.intvalue[k] = v
        for t in model.graph.initializer:
            a = numpy_helper.to_array(t); b.inits[t.name] = a; b.shape[t.name] = list(a.shape); b.dtype[t.name] = a.dtype
        nodes = list(model.graph.node); s.opset = {o.domain: o.version for o in model.opset_import}; s.opset.setdefault('com.microsoft', 1)
        taint = {residual}
        for n in nodes:
            if n.op_type not in NO_GRAD and any(x in taint for x in n.input): taint |= {o for o in n.output if o and (o not in vals or vals[o].dtype.kind == 'f')}
        repl = {}
        def dequant(n):
            """weights of MatMulNBits as a float (N, K) value: by DequantizeLinear on the same bytes, or fed dequantised"""
            w = n.input[1]; key = 'deq:' + w
            if key in repl: return repl[key]
            a = attrs(n); x = repl.get('feed:' + w) or s.b.name('W'); repl['feed:' + w] = x; s.dequantised = getattr(s, 'dequantised', {})
            s.dequantised[x] = (w, list(n.input), a); b.shape[x] = [a['N'], a['K']]; b.dtype[x] = np.dtype(np.float32); repl[key] = x; return x
        b.dequant = dequant
        for n in nodes:
            n = onnx.NodeProto.FromString(n.SerializeToString())
            for i, x in enumerate(n.input):
                if x in repl: n.input[i] = repl[x]
            outs = [o for o in n.output if o]
            if not any(o in taint for o in outs) and all(o in vals for o in outs) and all(vals[o].dtype.kind in 'iu' and vals[o].size <= 64 or n.op_type == 'Constant' for o in outs):
                for o in outs: b.inits[o] = vals[o]; b.shape[o] = list(vals[o].shape); b.dtype[o] = vals[o].dtype; b.intvalue[o] = vals[o]
                continue
            for o in outs:
                if o in vals: b.shape[o] = list(vals[o].shape); b.dtype[o] = vals[o].dtype
            d = decompose(b, n, None, None) if any(o in taint for o in outs) else None
            if d is not None:
                assert b.shape[d] == list(vals[outs[0]].shape), (n.op_type, b.shape[d], vals[outs[0]].shape); repl[outs[0]] = d; b.dtype[d] = np.dtype(np.float32); continue
            b.nodes.append(n)
        s.output = repl.get(model.graph.output[0].name, model.graph.output[0].name); s.nforward = len(b.nodes); s.inputs = [i.name for i in model.graph.input]

    def sweep(s, seeds, wrt):
        """seeds {value: gradient value}; returns {value of wrt: gradient}. Values that depend on wrt get gradients, nothing else."""
        b = s.b; want = set(wrt)
        for n in b.nodes:
            if n.op_type not in NO_GRAD and any(x in want for x in n.input): want |= {o for o in n.output if o and not (o in b.dtype and b.dtype[o].kind in 'iub')}
        g = dict(seeds)
        def acc(x, v):
            if x not in want: return
            assert b.shape[v] == b.shape[x], (x, b.shape[v], b.shape[x])
            g[x] = b.add(g[x], v) if x in g else v
        for n in reversed(list(b.nodes)):
            if any(o in g for o in n.output) and any(x in want for x in n.input): rule(b, n, g, want, acc)
        return {x: g.get(x) for x in wrt}

    def model(s, outputs, extra_inputs=()):
        """outputs {name: value}; dead nodes are dropped"""
        b = s.b; nodes = list(b.nodes); ren = {}
        for name, v in outputs.items(): nodes.append(helper.make_node('Identity', [v], [name]))
        need = set(outputs); keep = []
        for n in reversed(nodes):
            if any(o in need for o in n.output): keep.append(n); need |= {x for x in n.input if x}
        keep.reverse()
        ins = [x for x in list(s.inputs) + list(extra_inputs) + list(getattr(s, 'dequantised', {})) if x in need]
        def vi(x):
            v = s.feeds.get(x); t = TYPEID[v[2]] if isinstance(v, tuple) else ONNX_OF[np.dtype(b.dtype.get(x, np.float32))]; return helper.make_tensor_value_info(x, t, b.shape[x])
        gr = helper.make_graph(keep, 'vjp', [vi(x) for x in ins], [helper.make_empty_tensor_value_info(x) for x in outputs], [numpy_helper.from_array(np.array(a, order="C").reshape(np.shape(a)), k) for k, a in b.inits.items() if k in need])
        return helper.make_model(gr, opset_imports=[helper.make_opsetid(d, max(v, 18) if d == '' else v) for d, v in s.opset.items()], ir_version=10)

def rule(b, n, g, want, acc):
    t = n.op_type; a = attrs(n); I = list(n.input); y = n.output[0]; d = g.get(y); w = lambda i: i < len(I) and I[i] in want; S = b.shape
    if t == 'Add':
        for i in (0, 1):
            if w(i): acc(I[i], b.unbroadcast(d, S[I[i]]))
    elif t == 'Sub':
        if w(0): acc(I[0], b.unbroadcast(d, S[I[0]]))
        if w(1): acc(I[1], b.unbroadcast(b.un('Neg', d), S[I[1]]))
    elif t == 'Mul':
        for i in (0, 1):
            if w(i): acc(I[i], b.unbroadcast(b.mul(d, I[1 - i]), S[I[i]]))
    elif t == 'Div':
        if w(0): acc(I[0], b.unbroadcast(b.div(d, I[1]), S[I[0]]))
        if w(1): acc(I[1], b.unbroadcast(b.un('Neg', b.div(b.mul(d, y), I[1])), S[I[1]]))
    elif t in ('Identity',): acc(I[0], d)
    elif t == 'Cast': acc(I[0], b.op('Cast', [d], S[d], to=ONNX_OF[np.dtype(b.dtype.get(I[0], np.float32))]))
    elif t == 'Neg': acc(I[0], b.un('Neg', d))
    elif t == 'Sigmoid': acc(I[0], b.mul(d, b.mul(y, b.sub(b.const(1.0), y))))
    elif t == 'Tanh': acc(I[0], b.mul(d, b.sub(b.const(1.0), b.mul(y, y))))
    elif t == 'Relu': acc(I[0], b.op('Where', [b.op('Greater', [I[0], b.const(0.0)], S[I[0]]), d, b.const(0.0)], S[d]))
    elif t == 'Erf': acc(I[0], b.mul(d, b.scal(b.un('Exp', b.un('Neg', b.mul(I[0], I[0]))), 2 / math.sqrt(math.pi))))
    elif t == 'Sqrt': acc(I[0], b.div(b.scal(d, 0.5), y))
    elif t == 'Reciprocal': acc(I[0], b.un('Neg', b.mul(d, b.mul(y, y))))
    elif t == 'Pow':
        p = float(b.inits[I[1]].reshape(-1)[0]); assert b.inits[I[1]].size == 1 and p in (2.0, 3.0), p
        x = I[0]; acc(x, b.mul(d, b.scal(x, 2.0) if p == 2 else b.scal(b.mul(x, x), 3.0)))
    elif t == 'ReduceMean':
        ax = a['axes'] if 'axes' in a else b.inits[I[1]].tolist(); sh = S[I[0]]; ax = [x % len(sh) for x in ax]; cnt = int(np.prod([sh[x] for x in ax]))
        k = b.reshape(d, [1 if i in ax else q for i, q in enumerate(sh)]); acc(I[0], b.expand(b.scal(k, 1 / cnt), sh))
    elif t == 'Softmax':
        ax = a.get('axis', -1) % len(S[y]); p = b.mul(d, y); acc(I[0], b.sub(p, b.mul(y, b.sum(p, [ax]))))
    elif t in ('Reshape', 'Unsqueeze', 'Squeeze', 'Flatten'): acc(I[0], b.reshape(d, S[I[0]]))
    elif t == 'Transpose':
        p = list(a['perm']); inv = [p.index(i) for i in range(len(p))]; acc(I[0], b.transpose(d, inv))
    elif t == 'Expand': acc(I[0], b.unbroadcast(d, S[I[0]]))
    elif t == 'Concat':
        ax = a['axis'] % len(S[y]); at = 0
        for i, x in enumerate(I):
            if w(i): acc(x, b.slice(d, ax, at, at + S[x][ax]))
            at += S[x][ax]
    elif t == 'Split':
        ax = a.get('axis', 0) % len(S[I[0]]); parts = [g[o] if o in g else b.zeros(S[o]) for o in n.output]; acc(I[0], b.op('Concat', parts, S[I[0]], axis=ax))
    elif t == 'Slice':
        st, en = b.inits[I[1]].tolist(), b.inits[I[2]].tolist(); ax = b.inits[I[3]].tolist() if len(I) > 3 and I[3] else list(range(len(st))); step = b.inits[I[4]].tolist() if len(I) > 4 and I[4] else [1] * len(st)
        sh = S[I[0]]; cur = d
        for s0, e0, x, k in zip(st, en, ax, step):
            x %= len(sh); r = range(sh[x])[slice(s0, e0, k)]; assert k > 0
            if k == 1: cur = b.pad(cur, x, r.start, sh[x] - r.start - len(r))
            else:
                q = list(S[cur]); assert len(r) * k == sh[x] and r.start < k
                z = b.pad(b.reshape(cur, q[:x + 1] + [1] + q[x + 1:]), x + 1, r.start, k - 1 - r.start); cur = b.reshape(z, q[:x] + [sh[x]] + q[x + 1:])
        acc(I[0], cur)
    elif t == 'TopK':        # MoE rules: valid for unique indices (a token meets an expert once); shapes here are those of the data the program was built with
        z = b.zeros(S[I[0]]); acc(I[0], b.op('ScatterElements', [z, n.output[1], d], S[I[0]], axis=a.get('axis', -1)))
    elif t == 'ScatterElements' and not w(0): acc(I[2], b.op('GatherElements', [d, I[1]], S[I[1]], axis=a.get('axis', 0)))
    elif t == 'Gather' and (I[1] not in b.inits or b.inits[I[1]].size != 1):
        ax = a.get('axis', 0) % len(S[I[0]]); sh = S[I[0]]; assert len(S[I[1]]) == 1; k = S[I[1]][0]
        ixx = b.reshape(I[1], [1] * ax + [k] + [1] * (len(sh) - ax - 1)); ixx = b.op('Expand', [ixx, b.ints(sh[:ax] + [k] + sh[ax + 1:])], sh[:ax] + [k] + sh[ax + 1:])
        acc(I[0], b.op('ScatterElements', [b.zeros(sh), ixx, d], sh, axis=ax))
    elif t == 'Gather':
        ix = b.inits[I[1]]; ax = a.get('axis', 0) % len(S[I[0]]); assert ix.size == 1, 'Gather of several'; sh = S[I[0]]; i = int(ix.reshape(-1)[0]) % sh[ax]
        k = b.reshape(d, sh[:ax] + [1] + sh[ax + 1:]); acc(I[0], b.pad(k, ax, i, sh[ax] - 1 - i))
    elif t == 'Where':
        z = b.const(0.0)
        if w(1): acc(I[1], b.unbroadcast(b.op('Where', [I[0], d, z], S[d]), S[I[1]]))
        if w(2): acc(I[2], b.unbroadcast(b.op('Where', [I[0], z, d], S[d]), S[I[2]]))
    elif t == 'MatMul':
        x, m = I[:2]; X, M = S[x], S[m]
        if len(M) == 2:                                                     # times a matrix: flat products, no transposed copy of the weights
            T = int(np.prod(X[:-1])); d2 = b.reshape(d, [T, M[1]])
            if w(0): acc(x, b.reshape(b.gemm(d2, m, tb=1), X))
            if w(1): acc(m, b.gemm(b.reshape(x, [T, M[0]]), d2, ta=1))
        else:
            if w(0): acc(x, b.unbroadcast(b.matmul(d, b.swap(m)), X))
            if w(1): acc(m, b.unbroadcast(b.matmul(b.swap(x), d), M))
    elif t == 'Gemm':
        assert a.get('alpha', 1.0) == 1.0 and a.get('beta', 1.0) == 1.0 and not a.get('transA'); tb = a.get('transB', 0)
        if w(0): acc(I[0], b.gemm(d, I[1], tb=1 - tb))
        if w(1): acc(I[1], b.gemm(d, I[0], ta=1) if tb else b.gemm(I[0], d, ta=1))
        if w(2): acc(I[2], b.unbroadcast(d, S[I[2]]))
    elif t in ('SimplifiedLayerNormalization', 'RMSNormalization'):
        # y = x r gamma, r = (mean x^2 + eps)^-1/2;  dx = r (u - xhat mean(u xhat)), u = d gamma, xhat = x r
        x, ga = I[:2]; ax = a.get('axis', -1) % len(S[x]); assert ax == len(S[x]) - 1
        r = b.un('Reciprocal', b.un('Sqrt', b.add(b.mean(b.mul(x, x), -1), b.const(a.get('epsilon', 1e-5))))); xh = b.mul(x, r)
        if w(0): u = b.mul(d, ga); acc(x, b.mul(r, b.sub(u, b.mul(xh, b.mean(b.mul(u, xh), -1)))))
        if w(1): acc(ga, b.unbroadcast(b.mul(d, xh), S[ga]))
    elif t == 'LayerNormalization':
        # xhat = (x - mean x) r;  dx = r (u - mean(u) - xhat mean(u xhat))
        x, ga = I[:2]; assert a.get('axis', -1) % len(S[x]) == len(S[x]) - 1
        c = b.sub(x, b.mean(x, -1)); r = b.un('Reciprocal', b.un('Sqrt', b.add(b.mean(b.mul(c, c), -1), b.const(a.get('epsilon', 1e-5))))); xh = b.mul(c, r)
        if w(0): u = b.mul(d, ga); acc(x, b.mul(r, b.sub(b.sub(u, b.mean(u, -1)), b.mul(xh, b.mean(b.mul(u, xh), -1)))))
        if w(1): acc(ga, b.unbroadcast(b.mul(d, xh), S[ga]))
        if w(2): acc(I[2], b.unbroadcast(d, S[I[2]]))
    else: raise Exception(f'no rule for {n.domain}.{t}')

# ------------------------------------------------------------------ head
def head_vjp(P, feeds, B, S):
    """(h, targets) -> (nll (B,S-1), dL/dh) for L = mean nll of all B*(S-1) positions. dlogits = (softmax - onehot) / count, no ScatterND/OneHot."""
    hb = P.head; m = onnx.ModelProto.FromString(hb.model.SerializeToString()); nodes = list(m.graph.node)
    cast = next(n for n in nodes if n.op_type == 'ReduceMax').input[0]                       # logits32
    unsq = next(n for n in nodes if n.op_type == 'GatherElements').input[1]
    res = next(i['name'] for i in hb.inputs if i['source']['kind'] == 'residual'); tgt = next(i['name'] for i in hb.inputs if i['source']['kind'] == 'targets')
    G = Grad(m, feeds, res); b = G.b; V = b.shape[cast][-1]; N = B * (S - 1)
    # probabilities again from the head's own exp and sum
    ex = next(n for n in nodes if n.op_type == 'Exp').output[0]; su = next(n for n in nodes if n.op_type == 'ReduceSum').output[0]
    p = b.div(ex, su); iota = b.const(np.arange(V).reshape(1, 1, V), np.int32); b.dtype[iota] = np.dtype(np.int32)
    t32 = b.op('Cast', [tgt], S_(b, tgt), to=TP.INT32); t3 = b.reshape(t32, [B, S - 1, 1]); hit = b.op('Equal', [t3, iota], [B, S - 1, V])
    dl = b.scal(b.op('Where', [hit, b.sub(p, b.const(1.0)), p], [B, S - 1, V]), 1.0 / N)
    # the reverse sweep must not go through the loss nodes: cut them off
    stop = set(); keep = []
    idx = next(i for i, n in enumerate(b.nodes) if cast in n.output)
    tail = b.nodes[idx + 1:]; b.nodes = b.nodes[:idx + 1]
    g = G.sweep({cast: dl}, [res]); grown = b.nodes[idx + 1:]; b.nodes = b.nodes[:idx + 1] + tail + grown
    return G, G.model({'nll': G.output, 'dh': g[res]})

def S_(b, x): return b.shape[x]

# ------------------------------------------------------------------ chain
def dequantise(feeds, spec):
    """MatMulNBits bytes -> float (N, K)"""
    w, inp, a = spec; N, K, bs, bits = a['N'], a['K'], a['block_size'], a.get('bits', 4); nb = -(-K // bs)
    raw = feeds[w]; raw = raw[0] if isinstance(raw, tuple) else raw
    raw = np.asarray(raw).reshape(N, nb, -1)
    q = raw if bits == 8 else np.stack([raw & 15, raw >> 4], -1).reshape(N, nb, -1)
    sc = np.asarray(feeds[inp[2]], np.float32).reshape(N, nb, 1)
    if len(inp) > 3 and inp[3]:
        z = feeds[inp[3]]; z = z[0] if isinstance(z, tuple) else z
        if z.dtype == np.uint8:
            z = z.reshape(N, -1); z = z if bits == 8 else np.stack([z & 15, z >> 4], -1).reshape(N, -1)[:, :nb]
        z = z.astype(np.float32).reshape(N, nb, 1)
    else: z = np.float32(2 ** (bits - 1))
    return ((q.astype(np.float32) - z) * sc).reshape(N, nb * bs)[:, :K]

def run_model(m, feeds):
    m, feeds = with_int4(m, feeds); ses = session(m); outs = [o.name for o in ses.get_outputs()]; have = {i.name for i in ses.get_inputs()}
    return dict(zip(outs, ses.run(outs, {k: v for k, v in feeds.items() if k in have})))

def forward(P, ids):
    """hidden states at every boundary (float32), feeds of every block, values of the side program"""
    R = Runner(P); sides = R.sides(ids); t = NP[P.j['residualType']]
    H = [list(R.run(P.embed, R.feeds(P.embed, ids)).values())[0].astype(np.float32)]; F = []
    for b in P.blocks: F.append(R.feeds(b, ids, H[-1].astype(t), sides)); H.append(list(R.run(b, F[-1]).values())[0].astype(np.float32))
    return H, F, sides

def sublayers(G, res, weights):
    """{weight: 'attention' or 'feedForward'}: the last value with weights on both sides that every path from the residual to the output crosses
    (the half-block cut); empty where there is none (parallel residual)"""
    nodes = G.b.nodes[:G.nforward]
    def reached(block):
        live = {res}
        for n in nodes:
            if block not in n.output and any(x in live for x in n.input): live |= set(n.output)
        return G.output in live
    def above(v):
        need, got = {v}, set()
        for n in reversed(nodes):
            if any(o in need for o in n.output): need |= set(n.input); got |= {x for x in n.input if x in weights}
        return got
    for n in reversed(nodes):
        if n.op_type != 'Add' or n.output[0] == G.output or reached(n.output[0]): continue
        a = above(n.output[0])
        if any(weights[x] == 'linear' for x in a) and any(weights[x] == 'linear' for x in set(weights) - a):
            return {x: 'attention' if x in a else 'feedForward' for x in weights}
    return {}

def grads(P, ids):
    """loss, dh (float32 array per boundary), blocks: per block {weight input: (kind, sublayer or None, sum |W * dL/dW|, shape)}; kind is linear, norm or bias.
    L = mean of the nll of all predicted positions of all rows together. Stored 4-bit weights count as their dequantised values."""
    B, S = ids.shape; H, F, sides = forward(P, ids); t = NP[P.j['residualType']]
    hf = Runner(P).feeds(P.head, ids, H[-1].astype(t), sides); Gh, mh = head_vjp(P, hf, B, S)
    for k, spec in getattr(Gh, 'dequantised', {}).items(): hf[k] = dequantise(hf, spec)
    r = run_model(mh, hf); d = r['dh']; n = len(P.blocks); out = {'loss': float(np.asarray(r['nll'], np.float64).mean()), 'blocks': [None] * n, 'dh': [None] * n + [d], 'h': H}
    for i in reversed(range(n)):
        b, f = P.blocks[i], dict(F[i]); res = next(x['name'] for x in b.inputs if x['source']['kind'] == 'residual')
        G = Grad(b.model, f, res); bb = G.b
        for k, spec in getattr(G, 'dequantised', {}).items(): f[k] = dequantise(f, spec)
        tables = {x for m in b.model.graph.node if m.op_type in ('GroupQueryAttention', 'RotaryEmbedding') for x in m.input[2 if m.op_type == 'RotaryEmbedding' else 3:9]}
        read = {x for m in bb.nodes for x in m.input}; quant = {m.output[0]: m for m in bb.nodes if m.op_type == 'DequantizeLinear'}; parts = {x for m in quant.values() for x in m.input}
        wrt = [x for x in list(b.w) + list(getattr(G, 'dequantised', {})) if not isinstance(f[x], tuple) and f[x].dtype.kind == 'f' and x not in tables | parts and x in read] + list(quant)
        scale = {x for m in b.model.graph.node for x in ([m.input[1]] if 'LayerNormalization' in m.op_type or m.op_type == 'RMSNormalization' else list(m.input[14:16]) if m.op_type == 'GroupQueryAttention' else list(m.input) if m.op_type == 'Mul' else []) if x}
        same = {m.output[0]: m.input[0] for m in b.model.graph.node if m.op_type in ('Cast', 'Reshape', 'Unsqueeze', 'Identity')}
        for x in list(scale):
            while x in same: x = same[x]; scale.add(x)
        kind = {x: 'linear' if len([k for k in bb.shape[x] if k > 1]) >= 2 else 'norm' if x in scale else 'bias' for x in wrt}; sub = sublayers(G, res, kind)
        bb.shape['dy'] = [B, S, P.C]; bb.dtype['dy'] = np.dtype(np.float32); g = G.sweep({G.output: 'dy'}, [res] + wrt); o = {'dx': g[res]}
        for x in wrt:
            if g.get(x) is not None: o['t:' + x] = bb.op('ReduceSum', [bb.un('Abs', bb.mul(x, g[x]))], [], keepdims=0)
        G.feeds = {**f, 'dy': d}; r = run_model(G.model(o, ['dy']), {**f, 'dy': d}); d = out['dh'][i] = r['dx']
        out['blocks'][i] = {x: (kind[x], sub.get(x), float(r['t:' + x]), list(bb.shape[x])) for x in wrt if 't:' + x in r}
    return out

def directional(P, ids, r, step=1e-3):
    """(derivative by the gradient, by the five-point formula on the chain itself) along dL/dh_0, for a step relative to |h_0|"""
    R = Runner(P); t = NP[P.j['residualType']]; sides = R.sides(ids); h, d = r['h'][0], r['dh'][0]; v = d / np.linalg.norm(d); e = float(np.linalg.norm(h)) * step
    def L(x):
        for b in P.blocks: x = list(R.run(b, R.feeds(b, ids, x.astype(t), sides)).values())[0]
        return float(np.asarray(R.run(P.head, R.feeds(P.head, ids, x.astype(t), sides))[P.head.outputs[0]['name']], np.float64).mean())
    fd = (8 * (L(h + e / 2 * v) - L(h - e / 2 * v)) - (L(h + e * v) - L(h - e * v))) / (6 * e)
    return float(np.sum(d.astype(np.float64) * v)), fd
