// Tests the native CPU device against the CPU (wasm) before it is trusted, and says which graphs it
// may run.

import type { SelfTest, SelfTestCheck } from '../../../contract/device.ts';
import { subgraphs } from '../../../onnx/captures.ts';
import {
  DataType,
  floatAttribute,
  type Graph,
  intAttribute,
  type Node,
} from '../../../onnx/graph.ts';
import { type Check, evaluateOn, runCheck } from '../checks.ts';
import type { OrtLoader } from '../ort.ts';
import {
  attentionProbe,
  likelihoodProbe,
  packedProbe,
  productProbe,
  quantisedProbe,
} from '../probes.ts';
import { openWasm } from '../wasmEngine.ts';
import { openNative } from './engine.ts';

/** Types and accuracy levels of 4-bit products that have kernels of their own. */
const QUANTISED = (['float32', 'float16'] as const).flatMap((type) =>
  [0, 1, 4].map((level) => ({ type, level })),
);

const PACKED: ReadonlySet<number> = new Set([DataType.int4, DataType.uint4]);

const TOLERANCE = { float32: 1e-4, float16: 0.02 } as const;

interface NativeCheck extends Check {
  /** What of a graph must not run natively when it fails; null = nothing may. */
  covers: ((node: Node, typeOf: TypeOf, weights: Weights) => boolean) | null;
  /** Only where weights are fed, as scoring does; whole graphs hold them. */
  fed?: true;
  /** The operator, for people. */
  operator: string | ((node: Node | undefined) => string);
}

const isAttention = ({ op }: Node): boolean => op === 'GroupQueryAttention';

/** Scoring multiplies with float activations whatever the file says; 2 and 3 are run as 1. */
function levelOf(node: Node, weights: Weights): number {
  const level = intAttribute(node, 'accuracy_level') ?? 0;
  if (weights === 'fed' || level === 0) return 0;
  return level === 4 ? 4 : 1;
}

/**
 * Prefill of 64 tokens, and products of about 100 numbers of size 1: up to 10, which float16 rounds
 * by 0.004. Level 4 rounds the activations to 8 bits, which costs 0.02.
 */
const checks = (): NativeCheck[] => [
  {
    name: 'product',
    operator: 'MatMul',
    probe: productProbe(),
    tolerance: 1e-4,
    covers: null,
    onFailure: 'nothing runs natively',
  },
  {
    name: 'likelihood',
    operator: 'ReduceMax, Exp, ReduceSum and Log',
    probe: likelihoodProbe(),
    tolerance: 1e-3,
    covers: null,
    onFailure: 'nothing runs natively',
  },
  {
    name: 'attention',
    operator: 'GroupQueryAttention',
    probe: attentionProbe(0),
    tolerance: 1e-4,
    covers: isAttention,
    onFailure: 'grouped attention runs on the CPU (wasm)',
  },
  {
    name: 'soft cap',
    operator: 'GroupQueryAttention with a soft cap',
    probe: attentionProbe(2),
    tolerance: 1e-4,
    covers: (node) => isAttention(node) && (floatAttribute(node, 'softcap') ?? 0) > 0,
    onFailure: 'attention with a soft cap runs on the CPU (wasm)',
  },
  {
    name: 'local window',
    operator: 'GroupQueryAttention with a local window',
    probe: attentionProbe(0, 16),
    tolerance: 1e-4,
    covers: (node) => isAttention(node) && (intAttribute(node, 'local_window_size') ?? -1) > 0,
    onFailure: 'attention with a local window runs on the CPU (wasm)',
  },
  {
    name: '4-bit input',
    operator: (node) => `${node?.op ?? 'an operator'} with an input of 4-bit integers`,
    probe: packedProbe(),
    tolerance: 0,
    fed: true,
    covers: ({ inputs }, typeOf) => inputs.some((value) => PACKED.has(typeOf(value) ?? -1)),
    onFailure: 'graphs with weights of this type are scored on the CPU (wasm)',
  },
  ...QUANTISED.map(
    ({ type, level }): NativeCheck => ({
      name: `4-bit product, ${type}, accuracy level ${level}`,
      operator: `MatMulNBits in ${type} with accuracy level ${level}`,
      probe: quantisedProbe(type, level),
      tolerance: level === 4 ? 0.1 : TOLERANCE[type],
      covers: (node, typeOf, weights) =>
        node.op === 'MatMulNBits' &&
        typeOf(node.inputs[2] ?? '') === (type === 'float16' ? DataType.float16 : DataType.float) &&
        levelOf(node, weights) === level,
      onFailure: 'such graphs run on the CPU (wasm)',
    }),
  ),
];

export interface NativeTestOptions {
  /** Changes the native values before they are compared: tests inject faults with it. */
  tamper?: (check: string, values: Float32Array) => void;
}

/**
 * Runs all checks on fresh sessions. @throws EspalierError `bad-input` where there is no native
 * ONNX Runtime.
 */
export async function runNativeTest(
  loader: OrtLoader,
  { tamper }: NativeTestOptions = {},
): Promise<SelfTest> {
  const started = performance.now();
  const native = await openNative(loader);
  const wasm = await openWasm(loader);
  const results: SelfTestCheck[] = [];
  try {
    for (const check of checks())
      results.push(await runCheck(check, evaluateOn(wasm), evaluateOn(native), tamper));
  } finally {
    await native.dispose();
    await wasm.dispose();
  }
  const failed = results.filter(({ ok }) => !ok);
  return {
    passed: failed.every(({ name }) => checks().find((check) => check.name === name)?.covers),
    checks: results,
    routes:
      failed.length === 0
        ? ['every graph on the CPU (native)']
        : failed.map(({ name, note }) => `${name}: ${note}`),
    seconds: (performance.now() - started) / 1000,
  };
}

const tests = new WeakMap<OrtLoader, Promise<SelfTest>>();

/** The self-test of this process, run when it is first asked for. Errors as `runNativeTest`. */
export function nativeTestOnce(loader: OrtLoader): Promise<SelfTest> {
  const known = tests.get(loader);
  if (known) return known;
  const fresh = runNativeTest(loader);
  tests.set(loader, fresh);
  fresh.catch(() => tests.delete(loader));
  return fresh;
}

/**
 * Why a graph must not run natively after this self-test, as a sentence that names the operator;
 * null when it may.
 */
export function nativeGap(selfTest: SelfTest, graph: Graph, weights: Weights): string | null {
  const used = operators(graph);
  for (const { name, covers, operator, fed } of checks()) {
    if (fed && weights === 'inside') continue;
    const result = selfTest.checks.find((check) => check.name === name);
    if (result?.ok) continue;
    const found = covers
      ? used.find(({ node, typeOf }) => covers(node, typeOf, weights))
      : undefined;
    if (covers && !found) continue;
    const why =
      result?.maxError == null
        ? 'does not run'
        : `is wrong by ${result.maxError.toPrecision(2)} in the self-test`;
    const what = typeof operator === 'string' ? operator : operator(found?.node);
    return `On native ONNX Runtime ${what} ${why}.`;
  }
  return null;
}

/** Fed to programs that are cut out of a graph, or inside the whole graph. */
type Weights = 'fed' | 'inside';

type TypeOf = (value: string) => number | undefined;

/** All nodes, those of subgraphs too, with the types of the weights that they see. */
function operators(
  graph: Graph,
  outer: TypeOf = () => undefined,
): { node: Node; typeOf: TypeOf }[] {
  const own = new Map<string, number>(
    [...graph.inputs, ...graph.initializers.values()].map(({ name, type }) => [name, type]),
  );
  const typeOf: TypeOf = (value) => own.get(value) ?? outer(value);
  return graph.nodes.flatMap((node) => [
    { node, typeOf },
    ...subgraphs(node).flatMap((inner) => operators(inner, typeOf)),
  ]);
}
