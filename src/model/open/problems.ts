// Lists what is unsupported or worth knowing about an opened model, in sentences.

import { DataType, floatAttribute, intAttribute } from '../../onnx/graph.ts';
import { kernelObstacle } from '../programs/kernels.ts';
import { makeScorePrograms, type ProgramSource } from '../programs/programs.ts';
import type { Problem } from './summary.ts';

/**
 * The problems, most important first, and whether perplexity can be computed at all.
 * @param classes structural class of every block.
 */
export function findProblems(
  source: ProgramSource,
  classes: readonly number[],
): { canScore: boolean; problems: Problem[] } {
  const { structure } = source;
  const { graph, blocks } = structure;
  const problems: Problem[] = [];
  const add = (code: string, message: string): number => problems.push({ code, message });
  let canScore = true;
  if (structure.embedsInput) {
    canScore = false;
    add(
      'embeddings-input',
      `The graph takes embeddings (${structure.tokenInput}) and has no embedding table: ` +
        'blocks can be removed, but text cannot be scored. With the embedding graph of the model ' +
        '(such as embed_tokens.onnx) in the folder it can.',
    );
  }
  if (structure.headless) {
    canScore = false;
    add(
      'no-logits',
      `The graph has no head (its output is ${structure.logits}): blocks can be removed, but ` +
        'perplexity cannot be computed.',
    );
  }
  const residual = structure.typeOf(structure.cuts[0] ?? '');
  if (residual !== DataType.float && residual !== DataType.float16) {
    canScore = false;
    add(
      'element-type',
      'The residual stream is neither float32 nor float16, which ONNX Runtime Web cannot ' +
        'run: blocks can be removed, but not scored here.',
    );
  }
  const obstacle = canScore ? scoringObstacle(source, classes) : null;
  if (obstacle !== null) {
    canScore = false;
    add(notScorable(structure), `Blocks can be removed, but text cannot be scored. ${obstacle}`);
  } else if (canScore && !structure.perTokenLogits) {
    add(
      'last-token-logits',
      'The graph outputs logits of the last token only. For scoring, its head is computed for ' +
        'every token; the export keeps the original head.',
    );
  }
  const [onCpu, onGpu] = (['wasm', 'webgpu'] as const).map((at) => kernelObstacle(graph, at));
  if (canScore && (onCpu || onGpu))
    add(
      'no-kernel',
      onCpu
        ? `${onCpu} Scoring needs WebGPU.`
        : `${onGpu} Scoring runs on the CPU (wasm), and so does the exported graph.`,
    );
  for (const b of blocks)
    if (b.unremovable !== null) {
      const lends = blocks.some(({ borrows }) => borrows === b.index);
      add(
        'unremovable-block',
        lends ? b.unremovable : `Block ${b.index} cannot be removed. ${b.unremovable}`,
      );
    }
  const incomplete = blocks
    .filter((b) => b.lacks !== null)
    .map((b) => `${b.index} (${b.lacks === 'attn' ? 'feed-forward' : 'attention'} only)`);
  if (incomplete.length > 0)
    add(
      'lost-parts',
      `An earlier export removed a sublayer of blocks ${incomplete.join(', ')}: they can only be ` +
        'removed as a whole.',
    );
  if (blocks.some((b) => b.mid === null && b.lacks === null)) {
    add(
      'no-halves',
      'Attention and feed-forward of some blocks run in parallel or cannot be separated: only ' +
        'whole blocks can be removed.',
    );
  }
  const has = (test: (n: (typeof graph.nodes)[number]) => boolean): boolean =>
    graph.nodes.some(test);
  if (has((n) => n.op === 'MatMulInteger' || n.op === 'DynamicQuantizeLinear')) {
    add(
      'dynamic-quantisation',
      'Activations are quantised to int8 while the graph runs: scores differ between devices ' +
        'by 0.01 to 0.1 nats.',
    );
  }
  if (has((n) => n.op === 'MatMulNBits' && intAttribute(n, 'accuracy_level') === 4)) {
    add(
      'accuracy-level',
      'MatMulNBits has accuracy level 4 (int8 activations): scoring uses float activations; ' +
        'exported graphs keep their level, which changes their NLL by up to 0.03 nats.',
    );
  }
  if (has((n) => n.op === 'GroupQueryAttention' && (floatAttribute(n, 'softcap') ?? 0) !== 0)) {
    add(
      'soft-cap',
      'Attention scores have a soft cap, which the WebGPU kernel ignores: scoring runs on the ' +
        'CPU (wasm).',
    );
  }
  if (has((n) => n.op === 'GroupQueryAttention' && n.inputs.slice(12).some((x) => x !== ''))) {
    add(
      'query-key-norm',
      'Query and key norms are inside GroupQueryAttention: the exported graph runs on WebGPU ' +
        'only; scoring on the CPU (wasm) takes them out.',
    );
  }
  return { canScore, problems };
}

/** The code of what keeps a graph from being scored. */
function notScorable({ graph, perTokenLogits }: ProgramSource['structure']): string {
  if (kernelObstacle(graph, 'wasm', 'webgpu') !== null) return 'no-kernel';
  return perTokenLogits ? 'not-scorable' : 'last-token-logits';
}

/**
 * Why no device can score the graph, as a sentence, or null. Only one block of each class is tried,
 * which takes milliseconds even for thousands of nodes.
 */
function scoringObstacle(source: ProgramSource, classes: readonly number[]): string | null {
  const noKernel = kernelObstacle(source.structure.graph, 'wasm', 'webgpu');
  if (noKernel !== null) return noKernel;
  const blocks = [...new Set(classes)].map((c) => classes.indexOf(c));
  let reason: string | null = null;
  for (const device of ['wasm', 'webgpu'] as const) {
    try {
      makeScorePrograms(source, { device, blocks });
      return null;
    } catch (error) {
      reason ??= error instanceof Error ? error.message : String(error);
    }
  }
  return reason;
}
