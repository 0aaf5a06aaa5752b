// Products with matrices in few bits, tried on a device in the very form that a graph has them,
// against the product with the numbers that they stand for.

import { EspalierError } from '../../../errors.ts';
import { DataType, type Graph, intAttribute } from '../../../onnx/graph.ts';
import type { Engine } from '../engine.ts';
import { type HostTensor, toFloat32 } from '../host.ts';
import { type FewBitsForm, fewBitsProbe } from './probe.ts';

/** The distinct forms in a graph; matrices of other bits are left out. */
export function fewBitsForms(graph: Graph): FewBitsForm[] {
  const found = new Map<string, FewBitsForm>();
  const typeOf = (value = ''): number | undefined => graph.initializers.get(value)?.type;
  for (const node of graph.nodes) {
    const bits = intAttribute(node, 'bits') ?? 4;
    if (node.op !== 'MatMulNBits' || (bits !== 4 && bits !== 8)) continue;
    const zeros = typeOf(node.inputs[3]);
    const integers = zeros === DataType.uint8 ? 'integers' : 'floats';
    const form: FewBitsForm = {
      bits,
      block: intAttribute(node, 'block_size') ?? 0,
      zeros: zeros === undefined ? 'none' : integers,
      type: typeOf(node.inputs[2]) === DataType.float16 ? 'float16' : 'float32',
    };
    found.set(JSON.stringify(form), form);
  }
  return [...found.values()];
}

const tried = new WeakMap<Engine, Map<string, number>>();

/** Largest error of a product, relative to its largest entry; float16 sums round at every step. */
const LIMITS = { float32: 1e-4, float16: 2e-2 } as const;

/**
 * Tries every form once on each engine. Float16 is left to engines that have it: others compute it
 * as float32.
 * @throws EspalierError `unsupported-op` for a form that the device multiplies wrongly; as
 *   `Engine.run`
 */
export async function requireFewBits(engine: Engine, forms: readonly FewBitsForm[]): Promise<void> {
  const errors = tried.get(engine) ?? new Map<string, number>();
  tried.set(engine, errors);
  for (const asked of forms) {
    const form = engine.float16 ? asked : { ...asked, type: 'float32' as const };
    const key = JSON.stringify(form);
    const error = errors.get(key) ?? (await errorOf(engine, form));
    errors.set(key, error);
    if (error <= LIMITS[form.type]) continue;
    throw new EspalierError(
      'unsupported-op',
      `The ${engine.name} multiplies by matrices of ${form.bits} bits in blocks of ${form.block} ` +
        `wrongly: off by ${error.toPrecision(2)} of the result.`,
      engine.kind === 'wasm' ? 'Choose another device.' : 'Choose the CPU (wasm).',
    );
  }
}

/** Relative to the largest entry of the product. */
async function errorOf(engine: Engine, form: FewBitsForm): Promise<number> {
  const { probe, expected } = fewBitsProbe(form);
  const { program, feeds, output } = probe;
  const compiled = await engine.compile(program);
  let found: Float32Array;
  try {
    const { host } = await engine.run(compiled, feeds, new Map());
    found = toFloat32(host.get(output) as HostTensor);
  } finally {
    await engine.release([compiled]);
  }
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let worst = found.length === expected.length ? 0 : Number.POSITIVE_INFINITY;
  for (const [k, value] of expected.entries()) {
    const difference = Math.abs(value - (found[k] ?? Number.NaN)) / largest;
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  }
  return worst;
}
