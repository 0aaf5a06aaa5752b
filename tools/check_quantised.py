"""Exports in few bits, outside the studio, on the CPU.

  python check_quantised.py nodes GRAPH [GRAPH ...]
      every MatMulNBits and GatherBlockQuantized of the graphs, run alone in onnxruntime, against numpy with the values that its
      integers stand for: value = (integer - zero point) * scale, products in float64
  python check_quantised.py genai FOLDER [FOLDER ...] [--ids 5 6 7] [--steps 8]
      greedy ids of folders of ONNX Runtime GenAI: by onnxruntime-genai, and by onnxruntime on the same graph with caches of our own

  pip install onnx==1.23.2 onnxruntime==1.32.0 onnxruntime-genai==0.18.0 numpy

Prints a line for each and exits with 1 when one differs. Of `genai`, ids are compared up to the first whose margin (best minus second
logit) is below 1e-3, or 0.05 for float16: both use the same kernels, accuracy level 4 included."""
import argparse, json, os, sys
import numpy as np
import onnx, onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

FLOATS = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16}


def attributes(node):
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def nibbles(a):
    """Low nibble first."""
    return np.stack([a & 15, a >> 4], -1).reshape(*a.shape[:-1], -1)


def integers(node, weights):
    """Integers (rows, K), block size and bits of a node."""
    at = attributes(node)
    bits, block = at.get('bits', 4), at['block_size']
    if node.op_type == 'MatMulNBits':
        a = weights[node.input[1]].reshape(at['N'], -1)
        return (nibbles(a) if bits == 4 else a)[:, :at['K']].astype(np.float64), block, bits
    a = weights[node.input[0]]
    return (nibbles(a) if bits == 4 else a).astype(np.float64), block, bits


def dequantised(node, weights):
    q, block, bits = integers(node, weights)
    rows, width = q.shape
    blocks = -(-width // block)
    # Scales and zero points are the third and fourth input of both operators.
    scales = weights[node.input[2]].reshape(rows, blocks).astype(np.float64)
    name = node.input[3] if len(node.input) > 3 else ''
    if name == '':
        zeros = np.full((rows, blocks), float(2 ** (bits - 1)))
    else:
        z = weights[name]
        if z.dtype == np.uint8 and bits == 4:
            z = nibbles(z.reshape(rows, -1))[:, :blocks]
        zeros = z.reshape(rows, -1)[:, :blocks].astype(np.float64)
    spread = lambda a: np.repeat(a, block, 1)[:, :width]
    return (q - spread(zeros)) * spread(scales)


def read(path):
    model = onnx.load(path)
    return model, {t.name: t for t in model.graph.initializer}


def alone(node, tensors, inputs, outputs):
    used = [tensors[name] for name in node.input if name in tensors]
    graph = helper.make_graph([node], 'one', inputs, outputs, used)
    imports = [helper.make_opsetid('', 21), helper.make_opsetid('com.microsoft', 1)]
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    model = helper.make_model(graph, opset_imports=imports, ir_version=10)
    return ort.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider'])


def check_node(node, tensors, random):
    weights = {name: packed(tensors[name]) for name in node.input if name in tensors}
    scale = tensors[node.input[2]]
    kind = FLOATS[scale.data_type]
    at = attributes(node)
    values = dequantised(node, weights)
    output = helper.make_tensor_value_info(node.output[0], scale.data_type, None)
    if node.op_type == 'MatMulNBits':
        a = random.standard_normal((5, at['K'])).astype(kind)
        given = helper.make_tensor_value_info(node.input[0], scale.data_type, a.shape)
        bias = weights[node.input[5]].astype(np.float64) if len(node.input) > 5 and node.input[5] else 0
        wanted = a.astype(np.float64) @ values.T + bias
        feed = {node.input[0]: a}
    else:
        index = np.arange(len(values), dtype=np.int64)[None]
        given = helper.make_tensor_value_info(node.input[1], TensorProto.INT64, index.shape)
        wanted, feed = values[index], {node.input[1]: index}
    found = alone(node, tensors, [given], [output]).run(None, feed)[0].astype(np.float64)
    error = np.abs(found - wanted).max() / np.abs(wanted).max()
    rounded = at.get('accuracy_level', 0) == 4
    limit = 0.03 if rounded else 5e-3 if kind == np.float16 else 1e-5
    zeros = 'none' if len(node.input) < 4 or not node.input[3] else str(weights[node.input[3]].dtype)
    form = f"{node.op_type} bits {at.get('bits', 4)} block {at['block_size']} zeros {zeros} {np.dtype(kind).name} level {at.get('accuracy_level', 0)}"
    return form, error, error <= limit


def packed(tensor):
    """As bytes where the type has 4 bits."""
    if tensor.data_type in (TensorProto.UINT4, TensorProto.INT4):
        shape = list(tensor.dims)
        shape[-1] //= 2
        return np.frombuffer(tensor.raw_data, np.uint8).reshape(shape)
    return numpy_helper.to_array(tensor)


def nodes(paths):
    ok, random = True, np.random.default_rng(0)
    for path in paths:
        model, tensors = read(path)
        forms = {}
        for node in model.graph.node:
            if node.op_type not in ('MatMulNBits', 'GatherBlockQuantized'): continue
            form, error, right = check_node(node, tensors, random)
            count, worst, all_right = forms.get(form, (0, 0.0, True))
            forms[form] = (count + 1, max(worst, error), all_right and right)
        for form, (count, worst, right) in forms.items():
            print(f"{'ok' if right else 'DIFFERS'}  {path}: {count} x {form}: {worst:.1e}")
            ok &= right
        if not forms:
            print(f'DIFFERS  {path}: no matrix in few bits'); ok = False
    return ok


def greedy(folder, ids, steps):
    """By onnxruntime on the decoder that genai_config.json names; ids, margins."""
    config = json.load(open(os.path.join(folder, 'genai_config.json')))['model']['decoder']
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(os.path.join(folder, config['filename']), options, providers=['CPUExecutionProvider'])
    types = {'tensor(float)': np.float32, 'tensor(float16)': np.float16}
    past = {}
    for value in session.get_inputs():
        if value.type in types:
            past[value.name] = np.zeros((1, config['num_key_value_heads'], 0, config['head_size']), types[value.type])
    names = [value.name for value in session.get_outputs()]
    out, margins, new, seen = [], [], list(ids), 0
    for _ in range(steps):
        seen += len(new)
        feed = {'input_ids': np.array([new], np.int64), 'attention_mask': np.ones((1, seen), np.int64), **past}
        if any(value.name == 'position_ids' for value in session.get_inputs()):
            feed['position_ids'] = np.arange(seen - len(new), seen, dtype=np.int64)[None]
        found = dict(zip(names, session.run(None, feed)))
        logits = found['logits'][0, -1].astype(np.float64)
        best = np.argsort(logits)[::-1][:2]
        out.append(int(best[0])); margins.append(float(logits[best[0]] - logits[best[1]]))
        past = {name: found[name.replace('past_key_values', 'present')] for name in past}
        new = [out[-1]]
    return out, margins


def genai(folders, ids, steps):
    import onnxruntime_genai as og
    from load_genai import generate
    ok = True
    for folder in folders:
        wanted, margins = greedy(folder, ids, steps)
        found = generate(folder, ids, steps)
        model, _ = read(os.path.join(folder, 'model.onnx'))
        half = any(t.data_type == TensorProto.FLOAT16 for t in model.graph.initializer)
        sure = 0.05 if half else 1e-3
        close = next((k for k, margin in enumerate(margins) if margin < sure), steps)
        # The end-of-sequence token ends it early.
        count = min(close, len(found))
        right = count > 0 and found[:count] == wanted[:count]
        print(f"{'ok' if right else 'DIFFERS'}  {folder}: {found} in onnxruntime-genai {og.__version__}, {wanted} in onnxruntime {ort.__version__}; first {count} compared")
        ok &= right
    return ok


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('what', choices=['nodes', 'genai'])
    a.add_argument('paths', nargs='+')
    a.add_argument('--ids', nargs='+', type=int, default=[5, 6, 7, 8])
    a.add_argument('--steps', type=int, default=8)
    a = a.parse_args()
    sys.exit(0 if (nodes(a.paths) if a.what == 'nodes' else genai(a.paths, a.ids, a.steps)) else 1)


if __name__ == '__main__': main()
