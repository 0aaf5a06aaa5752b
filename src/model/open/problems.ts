// What is unsupported or worth knowing of an opened model, in sentences; must not refuse anything
// that the graph allows.

import { DataType, floatAttribute, intAttribute } from '../../onnx/graph.ts';
import { makeScorePrograms, type ProgramSource } from '../programs/programs.ts';
import type { Problem } from './summary.ts';

/**
 * Problems in order of weight, and whether perplexity can be computed at all.
 * @param classes structural class of every block
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
      `The graph takes embeddings (${structure.tokenInput}) and holds no embedding table: ` +
        'blocks can be removed, but text cannot be scored.',
    );
  }
  if (structure.headless) {
    canScore = false;
    add(
      'no-logits',
      `The graph has no head (it gives out ${structure.logits}): blocks can be removed, but ` +
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
    add(
      structure.perTokenLogits ? 'not-scorable' : 'last-token-logits',
      `Blocks can be removed, but text cannot be scored. ${obstacle}`,
    );
  } else if (canScore && !structure.perTokenLogits) {
    add(
      'last-token-logits',
      'The graph gives logits of the last token only: for scoring, its head is computed for ' +
        'every token; the export keeps its own head.',
    );
  }
  for (const b of blocks)
    if (b.unremovable !== null)
      add('unremovable-block', `Block ${b.index} cannot be removed. ${b.unremovable}`);
  const incomplete = blocks
    .filter((b) => b.lacks !== null)
    .map((b) => `${b.index} (${b.lacks === 'attn' ? 'feed-forward' : 'attention'} only)`);
  if (incomplete.length > 0)
    add(
      'lost-parts',
      `An earlier export took a part of blocks ${incomplete.join(', ')}: they can be removed as ` +
        'a whole.',
    );
  if (blocks.some((b) => b.mid === null && b.lacks === null)) {
    add(
      'no-halves',
      'Attention and feed-forward of some blocks run side by side or cannot be told apart: ' +
        'only whole blocks can be removed.',
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
      'MatMulNBits asks for accuracy level 4 (int8 activations): scoring uses float ' +
        'activations; the exported graph keeps its level, which moves its likelihoods by up to ' +
        '0.03 nats.',
    );
  }
  if (has((n) => n.op === 'GroupQueryAttention' && (floatAttribute(n, 'softcap') ?? 0) !== 0)) {
    add(
      'soft-cap',
      'Attention scores are soft-capped, which the WebGPU kernel ignores: scoring takes the ' +
        'wasm device.',
    );
  }
  if (has((n) => n.op === 'GroupQueryAttention' && n.inputs.slice(12).some((x) => x !== ''))) {
    add(
      'query-key-norm',
      'Query and key norms are inside GroupQueryAttention: the exported graph runs on WebGPU ' +
        'only; scoring on wasm rewrites them.',
    );
  }
  return { canScore, problems };
}

/**
 * Why no device can score the graph, as a sentence, or null. One block of each class stands for
 * all: milliseconds even for thousands of nodes.
 */
function scoringObstacle(source: ProgramSource, classes: readonly number[]): string | null {
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
