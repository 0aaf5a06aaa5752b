// What ONNX Runtime Web has no kernel for although it knows the operator: attributes and inputs
// that only other devices implement.

import { subgraphs } from '../../onnx/captures.ts';
import { DataType, type Graph, intAttribute, type Node, type Tensor } from '../../onnx/graph.ts';
import { shortName } from '../../onnx/limits.ts';

type Device = 'wasm' | 'webgpu' | 'cpu';

interface Gap {
  ops: readonly string[];
  devices: readonly Device[];
  /** What of the node has no kernel, to be read after its name; null when it has one. */
  lacking(node: Node, tensorOf: TensorOf): string | null;
}

/** A constant by its value, in the graph of a node or around it. */
type TensorOf = (value: string) => Tensor | undefined;

const ALL: readonly Device[] = ['wasm', 'webgpu', 'cpu'];
const ON_CPU: readonly Device[] = ['wasm', 'cpu'];
const EXPERTS = ['MoE', 'QMoE'];
const ACTIVATIONS = ['relu', 'gelu', 'silu', 'identity', 'swiglu'];

/**
 * As ONNX Runtime 1.30 has them: on the CPU (wasm and native) every row was tried, those of WebGPU
 * are what its kernels say; those of matrices in few bits were tried there too. MoE has no WebGPU
 * kernel and runs on the CPU there too, as do products whose zero points are floats.
 */
const GAPS: readonly Gap[] = [
  {
    ops: EXPERTS,
    devices: ALL,
    lacking: (node) =>
      ACTIVATIONS.includes(activation(node)) ? null : `activation_type ${activation(node)}`,
  },
  {
    ops: EXPERTS,
    devices: ALL,
    lacking: (node) => {
      const fusion = intAttribute(node, 'swiglu_fusion') ?? 0;
      const lacks = activation(node) === 'swiglu' && fusion !== 1;
      return lacks ? `activation_type swiglu with swiglu_fusion ${fusion}` : null;
    },
  },
  {
    ops: ['MoE'],
    devices: ALL,
    lacking: (node) => (reads(node, 6, 7) ? 'a third weight for each expert (fc3)' : null),
  },
  {
    ops: ['QMoE'],
    devices: ALL,
    // The CPU kernel does not look at the attribute and would read the bytes as integers.
    lacking: (node) => {
      const type = textAttribute(node, 'quant_type') ?? 'int';
      return type === 'int' ? null : `quant_type ${type}`;
    },
  },
  {
    ops: ['QMoE'],
    devices: ON_CPU,
    lacking: (node) => (reads(node, 8, 10) ? 'a third weight for each expert (fc3)' : null),
  },
  {
    ops: ['QMoE'],
    devices: ['webgpu'],
    lacking: (node) => {
      if (activation(node) !== 'swiglu') return `activation_type ${activation(node)}`;
      if (reads(node, 11, 13)) return 'zero points';
      return reads(node, 14, 14) ? 'router weights of their own' : null;
    },
  },
  {
    ops: ['MatMulNBits'],
    devices: ALL,
    lacking: (node, tensorOf) => {
      const bits = intAttribute(node, 'bits') ?? 4;
      const type = tensorOf(node.inputs[3] ?? '')?.type;
      const floats = type === DataType.float || type === DataType.float16;
      return floats && bits !== 4 ? `${bits} bits and zero points that are floats` : null;
    },
  },
  {
    ops: ['GatherBlockQuantized'],
    devices: ['webgpu'],
    // It compares the packed zero points of a row, which start on a byte, with its scales.
    lacking: (node, tensorOf) => {
      const [data, , scales, zeros] = node.inputs.map(tensorOf);
      const blocks = scales?.dims.at(-1) ?? 0;
      const packed = data?.type === DataType.uint8 && (intAttribute(node, 'bits') ?? 4) === 4;
      return packed && zeros && blocks % 2 === 1
        ? `4 bits, zero points and rows of ${blocks} blocks, an odd number`
        : null;
    },
  },
  {
    ops: ['CausalConvWithState', 'LinearAttention'],
    devices: ALL,
    lacking: (node) => {
      const window = intAttribute(node, 'state_window') ?? 0;
      return window > 0 ? `state_window ${window}` : null;
    },
  },
];

const WORDS: Readonly<Record<Device, string>> = {
  cpu: 'on the CPU (native)',
  wasm: 'on the CPU (wasm)',
  webgpu: 'on WebGPU',
};

/**
 * Why the graph cannot run on any of these devices, as a sentence that names operator, attribute
 * and devices; null when nothing is known to be missing.
 */
export function kernelObstacle(graph: Graph, ...devices: Device[]): string | null {
  const found = firstGap(graph, devices);
  const where = devices.map((device) => WORDS[device]);
  const last = where.length > 1 ? `neither ${where.join(' nor ')}` : where[0];
  const runtime = devices.every((device) => device === 'cpu') ? 'ONNX Runtime' : 'ONNX Runtime Web';
  return found && `${runtime} has no kernel for ${found}${where[1] ? ',' : ''} ${last}.`;
}

function firstGap(
  graph: Graph,
  on: readonly Device[],
  around: TensorOf = () => undefined,
): string | null {
  const tensorOf: TensorOf = (value) => graph.initializers.get(value) ?? around(value);
  for (const node of graph.nodes) {
    if (node.domain === 'com.microsoft')
      for (const { ops, devices, lacking } of GAPS) {
        if (!ops.includes(node.op) || !on.every((device) => devices.includes(device))) continue;
        const what = lacking(node, tensorOf);
        if (what !== null)
          return `${node.op} with ${what} (${shortName(node.name || (node.outputs[0] ?? ''))})`;
      }
    for (const inner of subgraphs(node)) {
      const within = firstGap(inner, on, tensorOf);
      if (within !== null) return within;
    }
  }
  return null;
}

function activation(node: Node): string {
  return textAttribute(node, 'activation_type') ?? 'relu';
}

function textAttribute(node: Node, name: string): string | null {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'string' ? new TextDecoder().decode(attribute.value) : null;
}

/** True when an input of these slots is given. */
function reads({ inputs }: Node, first: number, last: number): boolean {
  return inputs.slice(first, last + 1).some((value) => value !== '');
}
