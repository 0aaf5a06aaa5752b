// Operators by what they do in float16: those that compute in it, those that would lose too much,
// and those that only move values. An operator in no table stays in float32.

/**
 * Computes in float16: products and the fused operators, whose kernels add up in float32 or in
 * short partial sums, norms included.
 */
export const HALF_OPS: ReadonlySet<string> = new Set([
  'MatMul',
  'FusedMatMul',
  'Gemm',
  'Einsum',
  'Conv',
  'MatMulNBits',
  'MatMulBnb4',
  'MoE',
  'QMoE',
  'Attention',
  'MultiHeadAttention',
  'DecoderMaskedMultiHeadAttention',
  'GroupQueryAttention',
  'RotaryEmbedding',
  'GemmaRotaryEmbedding',
  'CausalConvWithState',
  'LinearAttention',
  'LayerNormalization',
  'RMSNormalization',
  'SimplifiedLayerNormalization',
  'SkipLayerNormalization',
  'SkipSimplifiedLayerNormalization',
]);

/** Input slots of these that stay float32 whatever the others are: scales of quantised caches. */
export const FULL_INPUTS: ReadonlyMap<string, readonly number[]> = new Map([
  ['GroupQueryAttention', [12, 13]],
]);

/** Outputs of these that stay float32: means and deviations of norms. */
export const FULL_OUTPUTS: ReadonlyMap<string, readonly number[]> = new Map([
  ['LayerNormalization', [1, 2]],
  ['SimplifiedLayerNormalization', [1, 2]],
  ['SkipLayerNormalization', [1, 2]],
  ['SkipSimplifiedLayerNormalization', [1, 2]],
]);

/**
 * Operators that take a cache and give out the next one, so that both have the type of the rest.
 */
export const CACHE_OPS: ReadonlySet<string> = new Set([
  'Attention',
  'MultiHeadAttention',
  'DecoderMaskedMultiHeadAttention',
  'GroupQueryAttention',
  'CausalConvWithState',
  'LinearAttention',
]);

/**
 * Element by element, safe in either type. Their result is float16 unless they finish a statistic
 * that is kept in float32.
 */
export const EITHER_OPS: ReadonlySet<string> = new Set([
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Neg',
  'Abs',
  'Sqrt',
  'Reciprocal',
  'Sigmoid',
  'Tanh',
  'Erf',
  'Relu',
  'LeakyRelu',
  'PRelu',
  'Elu',
  'HardSigmoid',
  'HardSwish',
  'Swish',
  'Mish',
  'Gelu',
  'FastGelu',
  'QuickGelu',
  'BiasGelu',
  'Softmax',
  'Clip',
  'Sum',
  'Sign',
]);

/**
 * Statistics: squares leave float16's range at 256, and sums over a row lose its small terms. What
 * is made of them stays float32 until it meets the values again.
 */
export const STATISTIC_OPS: ReadonlySet<string> = new Set([
  'Pow',
  'ReduceMean',
  'ReduceSum',
  'ReduceSumSquare',
  'ReduceL1',
  'ReduceL2',
  'ReduceProd',
]);

/** Move, select or copy elements: data inputs by slot, 'all' for every input. */
export const MOVERS: ReadonlyMap<string, readonly number[] | 'all'> = new Map<
  string,
  readonly number[] | 'all'
>([
  ['Identity', [0]],
  ['Reshape', [0]],
  ['Transpose', [0]],
  ['Slice', [0]],
  ['Unsqueeze', [0]],
  ['Squeeze', [0]],
  ['Expand', [0]],
  ['Flatten', [0]],
  ['Gather', [0]],
  ['GatherND', [0]],
  ['GatherElements', [0]],
  ['Split', [0]],
  ['Trilu', [0]],
  ['Tile', [0]],
  ['Compress', [0]],
  ['Pad', [0, 2]],
  ['ScatterND', [0, 2]],
  ['ScatterElements', [0, 2]],
  ['Where', [1, 2]],
  ['Concat', 'all'],
  ['ConstantOfShape', []],
  ['GatherBlockQuantized', [1]],
]);

/** Slots of additive masks in attention operators. */
export const MASK_INPUTS: ReadonlyMap<string, readonly number[]> = new Map([
  ['GroupQueryAttention', [10]],
  ['MultiHeadAttention', [5]],
  ['DecoderMaskedMultiHeadAttention', [4]],
  ['Attention', [3, 5]],
]);
