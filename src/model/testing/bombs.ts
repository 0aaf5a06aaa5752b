// Small files that could take much work, for tests: decoders with one part enlarged to the limits.

import { encodeModel } from '../../onnx/codec.ts';
import type { Graph, Model, Node } from '../../onnx/graph.ts';
import { PLAIN, type ResidualShape, residualModel } from './residual.ts';

type Bomb = () => Model;

const node = (op: string, inputs: string[], outputs: string[], domain = ''): Node => ({
  name: '',
  op,
  domain,
  inputs,
  outputs,
  attributes: new Map(),
});

function decoder(shape: Partial<ResidualShape>, edit: (graph: Graph) => void): Bomb {
  return () => {
    const model = residualModel({ ...PLAIN, ...shape });
    edit(model.graph);
    return model;
  };
}

/**
 * A chain op(x0) -> x1 -> ... of `length` nodes that begins with `from`; its end is called `prefix`
 * + length.
 */
function chain(
  op: string,
  from: string,
  length: number,
  prefix: string,
  more: string[] = [],
): Node[] {
  return Array.from({ length }, (_, k) =>
    node(op, [k === 0 ? from : `${prefix}${k}`, ...more], [`${prefix}${k + 1}`]),
  );
}

const before = (graph: Graph, nodes: Node[]): void => {
  graph.nodes = [...nodes, ...graph.nodes];
};

const reads = (graph: Graph, output: string, value: string): void => {
  graph.nodes.find((n) => n.outputs.includes(output))?.inputs.push(value);
};

/** A graph that does nothing inside an If. */
const branch = (): Graph => ({
  name: '',
  nodes: [],
  initializers: new Map(),
  inputs: [],
  outputs: [],
  valueInfo: new Map(),
});

function nested(depth: number, inner: Graph): Graph {
  let graph = inner;
  for (let k = 0; k < depth; k++)
    graph = { ...branch(), nodes: [withBranch(node('If', ['input_ids'], [`deep${k}`]), graph)] };
  return graph;
}

function withBranch(n: Node, value: Graph): Node {
  n.attributes.set('then_branch', { name: 'then_branch', kind: 'graph', value });
  return n;
}

/** @param scale 1: at the limits of limits.ts */
export function bombs(scale: number): Readonly<Record<string, Bomb>> {
  const n = (most: number): number => Math.round(most * scale);
  const long = n(57_000);
  return {
    'a chain of constants that one block reads': decoder({}, (g) => {
      before(g, chain('Neg', 't0', long, 'c'));
      reads(g, 'u1', `c${long}`);
    }),
    'a chain of constants that all blocks read': decoder({ blocks: n(500) }, (g) => {
      before(g, chain('Neg', 't0', n(40_000), 'c'));
      for (let b = 0; b < n(500); b++) reads(g, `u${b}`, `c${n(40000)}`);
    }),
    'wide constants that all blocks read': decoder({ blocks: n(500) }, (g) => {
      const wide = Array.from({ length: 4000 }, () => 't0');
      before(g, chain('Concat', 't0', n(150), 'c', wide));
      for (let b = 0; b < n(500); b++) reads(g, `u${b}`, `c${n(150)}`);
    }),
    'a constant read by constant nodes': decoder({}, (g) => {
      before(
        g,
        Array.from({ length: long }, (_, k) => node('Neg', ['t0'], [`c${k}`])),
      );
    }),
    'a chain behind the mask': decoder({}, (g) => {
      before(g, chain('Cast', 'input_ids', long, 'c'));
      reads(g, 'u1', `c${long}`);
    }),
    'a chain behind the cache of a block': decoder({}, (g) => {
      before(g, chain('Cast', 'past_key_values.0.key', long, 'c'));
      reads(g, 'u1', `c${long}`);
    }),
    'many chains behind caches': decoder({ blocks: n(400) }, (g) => {
      before(
        g,
        chain('Identity', 'past_key_values.0.key', n(50_000), 'c', ['past_key_values.1.key']),
      );
      before(
        g,
        Array.from({ length: n(400) }, (_, b) =>
          node('Cast', [`past_key_values.${b}.key`], [`e${b}`]),
        ),
      );
      reads(g, 'u1', `c${n(50000)}`);
    }),
    'a chain in which every node reads another cache': decoder({ blocks: n(500) }, (g) => {
      before(
        g,
        Array.from({ length: n(40_000) }, (_, k) =>
          node(
            'Add',
            [k === 0 ? 'input_ids' : `c${k}`, `past_key_values.${k % n(500)}.key`],
            [`c${k + 1}`],
          ),
        ),
      );
      reads(g, `u${n(500) - 1}`, `c${n(40000)}`);
    }),
    'side values in thousands': decoder({}, (g) => {
      before(
        g,
        Array.from({ length: n(25_000) }, (_, k) => node('ReduceMean', ['input_ids'], [`s${k}`])),
      );
      g.nodes.push(
        ...Array.from({ length: n(25_000) }, (_, k) =>
          node('Add', [`u${k % 2}`, `s${k}`], [`z${k}`]),
        ),
      );
    }),
    'side values that blocks use': decoder({}, (g) => {
      const at = g.nodes.findIndex((n) => n.outputs[0] === 'f1');
      const f = g.nodes[at];
      before(
        g,
        Array.from({ length: n(25_000) }, (_, k) => node('ReduceMean', ['input_ids'], [`s${k}`])),
      );
      if (f) {
        const last = `y${n(25_000) - 1}`;
        const nodes = Array.from({ length: n(25_000) }, (_, k) =>
          node('Add', [k === 0 ? f.inputs[0]! : `y${k - 1}`, `s${k}`], [`y${k}`]),
        );
        g.nodes.splice(g.nodes.indexOf(f), 0, ...nodes);
        f.inputs = [last, f.inputs[1]!];
      }
    }),
    'two long streams that cross': decoder({}, (g) => {
      const at = g.nodes.findIndex((n) => n.outputs[0] === 'q0');
      g.nodes.splice(
        at,
        0,
        ...chain('Neg', 'r0', n(28_000), 'x'),
        ...chain('Neg', 'r0', n(28_000), 'y'),
      );
      for (const b of [1, 2]) reads(g, `u${b}`, `x${n(28000)}`);
      reads(g, 'u2', `y${n(28000)}`);
    }),
    'one long stream': decoder({ filler: n(18_000) }, () => {}),
    'a reversed chain': decoder({}, (g) => {
      before(g, chain('Cast', 'input_ids', long, 'c').reverse());
      reads(g, 'u1', `c${long}`);
    }),
    'If nodes in a row within a block': decoder({ filler: n(8000) }, (g) => {
      const at = g.nodes.findIndex((n) => n.outputs[0] === 'f1');
      const f = g.nodes[at]!;
      const nodes = Array.from({ length: n(4000) }, (_, k) => {
        const inner = node('Neg', [k === 0 ? f.inputs[0]! : `i${k - 1}`], ['x']);
        const outputs = [{ name: 'x', type: 1, dims: null }];
        return withBranch(node('If', ['mask'], [`i${k}`]), {
          ...branch(),
          nodes: [inner],
          outputs,
        });
      });
      g.nodes.splice(at, 0, ...nodes);
      f.inputs[0] = `i${n(4000) - 1}`;
    }),
    'nodes of thousands of outputs and inputs': decoder({}, (g) => {
      const inputs = Array.from({ length: 4000 }, (_, k) => `in${k}`);
      before(
        g,
        inputs.map((x) => node('Neg', ['input_ids'], [x])),
      );
      const at = g.nodes.findIndex((n) => n.outputs[0] === 'f1');
      const f = g.nodes[at]!;
      for (let k = 0; k < n(40); k++) {
        const outputs = Array.from({ length: 4000 }, (_, j) => `out${k}_${j}`);
        const from = k === 0 ? [f.inputs[0]!, ...inputs.slice(1)] : g.nodes[at + k - 1]!.outputs;
        g.nodes.splice(at + k, 0, node('Split', [...from], outputs));
      }
      f.inputs[0] = `out${n(40) - 1}_0`;
    }),
    'weights by thousands beside blocks by hundreds': decoder({ blocks: n(500) }, (g) => {
      for (let k = 0; k < n(150_000); k++)
        g.initializers.set(`w${k}`, {
          name: `w${k}`,
          type: 1,
          dims: [1],
          data: new Uint8Array(4),
        });
      for (let k = 0; k < n(150); k++) {
        const weights = Array.from({ length: 1000 }, (_, j) => `w${k * 1000 + j}`);
        g.nodes.push(node('Concat', ['input_ids', ...weights], [`kk${k}`]));
      }
    }),
    'If nodes by thousands': decoder({}, (g) => {
      g.nodes.push(
        ...Array.from({ length: n(4000) }, (_, k) =>
          withBranch(node('If', ['input_ids'], [`i${k}`]), branch()),
        ),
      );
    }),
    'nested If nodes': decoder({}, (g) => {
      const captures = {
        ...branch(),
        nodes: Array.from({ length: 200 }, (_, k) => node('Neg', [`q${k % 3}`], [`n${k}`])),
      };
      g.nodes.push(
        ...Array.from({ length: n(190) }, (_, k) =>
          withBranch(node('If', ['input_ids'], [`i${k}`]), nested(18, captures)),
        ),
      );
    }),
    'one If over captured values': decoder({ filler: n(8_000) }, (g) => {
      const nodes = Array.from({ length: n(28_000) }, (_, k) =>
        node('Neg', [`x${k % 3}_${k % n(8_000)}`], [`n${k}`]),
      );
      g.nodes.push(withBranch(node('If', ['input_ids'], ['i']), { ...branch(), nodes }));
    }),
    'nodes of thousands of inputs': decoder({}, (g) => {
      const inputs = Array.from({ length: n(4000) }, (_, k) => (k % 2 ? 'input_ids' : 'mask'));
      for (let k = 0; k < n(1000); k++) g.nodes.push(node('Concat', [...inputs], [`kk${k}`]));
    }),
    'inputs and outputs of kinds of their own': decoder({}, (g) => {
      for (let k = 0; k < n(4000); k++) {
        const kind = k.toString(2).replaceAll('0', 'a').replaceAll('1', 'b');
        g.inputs.push({ name: `${kind}.0.x${kind}`, type: 1, dims: ['B', 1, 'P', 4] });
        g.nodes.push(node('Neg', [`${kind}.0.x${kind}`], [`${kind}.0.y${kind}`]));
        g.outputs.push({ name: `${kind}.0.y${kind}`, type: 1, dims: ['B', 1, 'P', 4] });
      }
    }),
    'blocks by hundreds': decoder({ blocks: n(500) }, () => {}),
    'fused blocks by hundreds': decoder({ blocks: n(500), fused: true, filler: 60 }, () => {}),
    'a value of block 0 that everything reads': decoder({ blocks: n(500), filler: 80 }, (g) => {
      for (const n of g.nodes) if (n.op === 'Mul') n.inputs.push('v0');
    }),
    'fused norms': decoder({}, (g) => {
      g.nodes.push(
        ...Array.from({ length: n(55_000) }, (_, k) =>
          node(
            'SkipSimplifiedLayerNormalization',
            ['q0', 'k0', 'g0a'],
            [`f${k}n`],
            'com.microsoft',
          ),
        ),
      );
    }),
    'slices of the head by thousands': decoder({}, (g) => {
      const head = g.nodes.find((n) => n.outputs[0] === 'logits');
      const start = head?.inputs[0] ?? '';
      const constants = Array.from({ length: n(28_000) }, (_, k) =>
        node('Constant', [], [`st${k}`]),
      );
      const slices = Array.from({ length: n(28_000) }, (_, k) =>
        node('Slice', [k === 0 ? start : `sl${k - 1}`, `st${k}`], [`sl${k}`]),
      );
      g.nodes.splice(g.nodes.length - 1, 0, ...constants, ...slices);
      if (head) head.inputs[0] = `sl${n(28_000) - 1}`;
      const logits = g.outputs.find((o) => o.name === 'logits');
      if (logits) logits.dims = null;
    }),
    'softmax everywhere': decoder({ caches: false, filler: 10 }, (g) => {
      const tail = g.nodes.at(-1)!;
      g.nodes.splice(g.nodes.length - 1, 0, ...chain('Softmax', tail.inputs[0]!, n(55_000), 'so'));
      tail.inputs[0] = `so${n(55_000)}`;
    }),
    'long names with many numbers': decoder({}, (g) => {
      for (let k = 0; k < 200; k++) {
        const name = `${'1a'.repeat(990)}${'1'.repeat(1000)}${'a'.repeat(1000)}!${k}-1`;
        g.inputs.push({ name, type: 1, dims: ['B', 1, 'P', 4] });
        g.nodes.push(node('Neg', [name], [`${name}o`]));
        g.outputs.push({ name: `${name}o`, type: 1, dims: null });
      }
    }),
    'reshapes of one table': decoder({}, (g) => {
      g.initializers.set('big', { name: 'big', type: 1, dims: [100], data: new Uint8Array(400) });
      const at = g.nodes.findIndex((n) => n.outputs[0] === 'f1');
      const f = g.nodes[at]!;
      const shapes = Array.from({ length: n(18_000) }, (_, k) => node('Constant', [], [`sh${k}`]));
      const reshapes = Array.from({ length: n(18_000) }, (_, k) =>
        node('Reshape', ['big', `sh${k}`], [`re${k}`]),
      );
      const adds = Array.from({ length: n(18_000) }, (_, k) =>
        node('Add', [k === 0 ? f.inputs[0]! : `ad${k - 1}`, `re${k}`], [`ad${k}`]),
      );
      g.nodes.splice(at, 0, ...shapes, ...reshapes, ...adds);
      f.inputs[0] = `ad${n(18_000) - 1}`;
    }),
  };
}

export function bombBytes(name: string, scale: number): Uint8Array<ArrayBuffer> {
  return encodeModel(bombs(scale)[name]!(), (_, r) => new Uint8Array(r.length));
}
