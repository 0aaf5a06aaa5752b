// Activations, gated norms and fused products out of primitive operators. Formulas:
// onnx/docs/Operators.md and onnxruntime/docs/ContribOperators.md.

import type { Builder } from '../build/builder.ts';
import type { Decomposition, Fused } from './fused.ts';

/** x sigmoid(alpha x) */
export function silu(b: Builder, x: string, alpha = 1): string {
  return b.mul(x, b.unary('Sigmoid', b.scale(x, alpha)));
}

/** x (1 + erf(x / sqrt 2)) / 2 */
function gelu(b: Builder, x: string): string {
  return b.mul(b.scale(x, 0.5), b.shift(b.unary('Erf', b.scale(x, Math.SQRT1_2)), 1));
}

/** x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
export function tanhGelu(b: Builder, x: string): string {
  const cube = b.scale(b.mul(b.mul(x, x), x), 0.044715);
  const inner = b.scale(b.add(x, cube), Math.sqrt(2 / Math.PI));
  return b.mul(b.scale(x, 0.5), b.shift(b.unary('Tanh', inner), 1));
}

/** The first operand, plus a bias where there is one. */
function biased(at: Fused): string {
  return at.has(1) ? at.b.add(at.name(0), at.name(1)) : at.name(0);
}

const gelu20: Decomposition = (at) => {
  const approximate = at.text('approximate', 'none') === 'tanh';
  return [(approximate ? tanhGelu : gelu)(at.b, at.name(0))];
};

/** alpha a b, either transposed along its last two axes. */
const fusedMatMul: Decomposition = (at) => {
  const { b } = at;
  if (at.int('transBatchA', 0) || at.int('transBatchB', 0))
    at.fail('it transposes the axes of its batches');
  const side = (k: number, flag: string): string =>
    at.int(flag, 0) ? b.swap(at.name(k)) : at.name(k);
  return [b.scale(b.matmul(side(0, 'transA'), side(1, 'transB')), at.float('alpha', 1))];
};

/** RMS norm of groups of C elements, C the length of the scale, times silu or sigmoid of a gate. */
const gatedRmsNorm: Decomposition = (at) => {
  const { b } = at;
  const dims = at.at(0).dims;
  const size = at.dim(1, 0);
  const groups = b.reshape(at.name(0), [...dims.slice(0, -1), at.dim(0, -1) / size, size]);
  const normed = rmsNorm(b, groups, at.name(1), at.float('epsilon', 1e-6));
  const gate = at.name(2);
  const kind = at.text('activation', 'silu');
  if (!['silu', 'swish', 'sigmoid'].includes(kind)) at.fail(`its activation is ${kind}`);
  const factor = kind === 'sigmoid' ? b.unary('Sigmoid', gate) : silu(b, gate);
  return [b.mul(b.reshape(normed, dims), factor)];
};

/** x / sqrt(mean x^2 + epsilon) scale, along the last axis. */
export function rmsNorm(b: Builder, x: string, scale: string, epsilon: number): string {
  return b.op('SimplifiedLayerNormalization', [x, scale], b.dims(x), {
    axis: -1,
    epsilon: { float: epsilon },
    stash_type: 1,
  });
}

/** x + y gate */
const gatedAdd: Decomposition = (at) => {
  at.without(3, 'a projection of its gate');
  return [at.b.add(at.name(0), at.b.mul(at.name(1), at.name(2)))];
};

/** (scale softplus(a + bias), sigmoid b) */
const linearAttentionGate: Decomposition = (at) => {
  const { b } = at;
  const decay = b.mul(b.unary('Softplus', b.add(at.name(0), at.name(1))), at.name(2));
  return at.has(3) ? [decay, b.unary('Sigmoid', at.name(3))] : [decay];
};

export const ACTIVATIONS: Readonly<Record<string, Decomposition>> = {
  Gelu: gelu20,
  'com.microsoft.Gelu': (at) => [gelu(at.b, at.name(0))],
  'com.microsoft.BiasGelu': (at) => [gelu(at.b, biased(at))],
  'com.microsoft.FastGelu': (at) => [tanhGelu(at.b, biased(at))],
  'com.microsoft.QuickGelu': (at) => [silu(at.b, at.name(0), at.float('alpha', 1.702))],
  'com.microsoft.FusedMatMul': fusedMatMul,
  'com.microsoft.GatedRMSNorm': gatedRmsNorm,
  'com.microsoft.GatedAdd': gatedAdd,
  'com.microsoft.LinearAttentionGate': linearAttentionGate,
};
