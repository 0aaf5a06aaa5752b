"""Float16 exports against those of ONNX Runtime's own converter: NLL of both, bytes of every weight.

  python compare_float16.py --source DIR/onnx/model.onnx --ours OUT/onnx/model_fp16.onnx [--golden golden.json] [--head-size 16]

--source is a float32 graph, --ours what `espalier prune --remove "" --dtype fp16` wrote of it; the converter is
onnxruntime.transformers.float16 (keep_io_types), as transformers.js's scripts call theirs. Windows are those of the golden, or random ids.
Prints the mean NLL of source, ours and theirs, the largest difference of a logit, and how many float16 initializers are equal bit by bit.
Needs onnx 1.23, onnxruntime 1.31, numpy. Graphs with com.microsoft operators: the converter is told not to infer shapes."""
import argparse, json, os, tempfile
import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper


def convert(path):
    from onnxruntime.transformers import float16
    return float16.convert_float_to_float16(onnx.load(path), keep_io_types=True, disable_shape_infer=True)


def logits(path, ids, head):
    session = ort.InferenceSession(path, providers=['CPUExecutionProvider'])
    feeds = {}
    for x in session.get_inputs():
        if x.name == 'input_ids': feeds[x.name] = ids
        elif x.name == 'attention_mask': feeds[x.name] = np.ones_like(ids)
        elif x.name == 'position_ids': feeds[x.name] = np.arange(ids.shape[1])[None]
        else:
            shape = [d if isinstance(d, int) else {0: 1, 3: head}.get(k, 0) for k, d in enumerate(x.shape)]
            feeds[x.name] = np.zeros(shape, np.float16 if 'float16' in x.type else np.float32)
    return session.run(['logits'], feeds)[0].astype(np.float64)[0]


def nll(rows, ids):
    rows = rows[:-1] - rows[:-1].max(-1, keepdims=True)
    return float(np.mean(np.log(np.exp(rows).sum(-1)) - rows[np.arange(len(rows)), ids[0, 1:]]))


def halves(model, folder):
    return {t.name: numpy_helper.to_array(t, folder).view(np.uint16) for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT16}


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--source', required=True)
    a.add_argument('--ours', required=True)
    a.add_argument('--golden')
    a.add_argument('--head-size', type=int, default=0, help='of caches whose last dimension has no number (builder graphs)')
    a = a.parse_args()
    windows = json.load(open(a.golden))['windows'] if a.golden else np.random.default_rng(0).integers(3, 300, (3, 24)).tolist()
    with tempfile.TemporaryDirectory() as d:
        theirs = os.path.join(d, 'theirs.onnx')
        try: onnx.save(convert(a.source), theirs); logits(theirs, np.array(windows[:1], np.int64), a.head_size)
        except Exception as e: theirs = None; print('converter:', str(e).splitlines()[0][:160])
        rows = {k: [logits(p, np.array([w], np.int64), a.head_size) for w in windows] for k, p in (('source', a.source), ('ours', a.ours), ('theirs', theirs)) if p}
        mean = {k: np.mean([nll(r, np.array([w])) for r, w in zip(v, windows)]) for k, v in rows.items()}
        for k in rows:
            print('%-7s NLL %.6f  relative %.1e  logits differ by %.1e' % (k, mean[k], abs(mean[k] / mean['source'] - 1), max(np.abs(x - y).max() for x, y in zip(rows[k], rows['source']))))
        if theirs:
            x, y = halves(onnx.load(a.ours), os.path.dirname(a.ours)), halves(onnx.load(theirs), d)
            both = [n for n in x if n in y]
            equal = [n for n in both if np.array_equal(x[n], y[n])]
            print('%d float16 initializers here, %d there, %d of %d with the same name equal bit by bit' % (len(x), len(y), len(equal), len(both)))


if __name__ == '__main__': main()
