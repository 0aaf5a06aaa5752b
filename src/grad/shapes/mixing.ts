// Shape rules of operators that mix positions: attention, rotary embeddings, linear attention and
// short convolutions. Semantics: onnx/docs/Operators.md and onnxruntime/docs/ContribOperators.md.

import type { DataType } from '../../onnx/graph.ts';
import type { Call, Rule } from './call.ts';
import { likeFirst } from './elementwise.ts';
import { shaped, type Value } from './value.ts';

/** Keys and values of the past with these new ones: (B, heads, past + S, head size). */
function present(call: Call, past: number, type: DataType, fresh: readonly number[]): Value {
  const [b = 0, heads = 0, length = 0, size = 0] = fresh;
  const before = call.has(past) ? call.dim(past, 2) : 0;
  return shaped(type, [b, heads, before + length, size]);
}

const groupQuery: Rule = (call) => {
  const { type, dims } = call.at(0);
  const [b = 0, s = 0, width = 0] = dims;
  const [heads, groups] = [call.requiredInt('num_heads'), call.requiredInt('kv_num_heads')];
  const size = width / (call.has(1) ? heads : heads + 2 * groups);
  const cache = (past: number): Value => present(call, past, type, [b, groups, s, size]);
  return [shaped(type, [b, s, heads * size]), cache(3), cache(4)];
};

/** ai.onnx Attention: operands of four axes, or of three with the numbers of heads given. */
const attention: Rule = (call) => {
  const [q, k, v] = [call.at(0), call.at(1), call.at(2)];
  const inFour = ({ dims }: Value, heads: string): readonly number[] => {
    if (dims.length === 4) return dims;
    const [b = 0, s = 0, width = 0] = dims;
    const n = call.requiredInt(heads);
    return [b, n, s, width / n];
  };
  const query = inFour(q, 'q_num_heads');
  const [b = 0, heads = 0, s = 0] = query;
  const keys = present(call, 4, k.type, inFour(k, 'kv_num_heads'));
  const values = present(call, 5, v.type, inFour(v, 'kv_num_heads'));
  const size = values.dims[3] as number;
  return [
    shaped(q.type, q.dims.length === 4 ? [b, heads, s, size] : [b, s, heads * size]),
    keys,
    values,
    shaped(q.type, [b, heads, s, keys.dims[2] as number]),
  ];
};

/** Query, key and value with one number of heads; packed forms have five axes. */
const multiHead: Rule = (call) => {
  const { type, dims } = call.at(0);
  const [b = 0, s = 0] = dims;
  const heads = call.requiredInt('num_heads');
  if (dims.length === 5) {
    const size = dims[4] as number;
    const cache = present(call, 6, type, [b, heads, s, size]);
    return [shaped(type, [b, s, heads * size]), cache, cache];
  }
  const key = call.maybe(1)?.dims ?? call.fail('it has no key');
  const value = call.maybe(2)?.dims ?? key;
  const inFour = (x: readonly number[]): readonly number[] => {
    if (x.length === 4) return x;
    const [, length = 0, width = 0, , size] = x;
    return [b, heads, length, size ?? width / heads];
  };
  const [keys, values] = [inFour(key), inFour(value)];
  return [
    shaped(type, [b, s, heads * (values[3] as number)]),
    present(call, 6, type, keys),
    present(call, 7, type, values),
  ];
};

/** com.microsoft Attention: input and the merged weights of query, key and value. */
const mergedAttention: Rule = (call) => {
  const { type, dims } = call.at(0);
  const [b = 0, s = 0] = dims;
  const heads = call.requiredInt('num_heads');
  const third = call.dim(1, 1) / 3;
  const [, , width = 0] = call.ints('qkv_hidden_sizes') ?? [third, third, third];
  const past = call.has(4) ? call.dim(4, 3) : 0;
  return [shaped(type, [b, s, width]), shaped(type, [2, b, heads, past + s, width / heads])];
};

/** (B, C, S) with a kernel (C, 1, k): the state holds what the next positions still read. */
const causalConv: Rule = (call) => {
  const { type, dims } = call.at(0);
  if (call.int('state_window', 0) > 0 || call.int('ndim', 1) !== 1)
    call.fail('it keeps states of several positions or has more than one axis');
  const reach = (call.dim(1, 2) - 1) * call.int('dilation', 1);
  const last = call.int('channels_last', 0) === 1;
  const state = last ? [dims[0] as number, reach, ...dims.slice(2)] : [...dims.slice(0, 2), reach];
  return [shaped(type, dims), shaped(type, state)];
};

const linearAttention: Rule = (call) => {
  const { type, dims } = call.at(0);
  if (call.int('state_window', 0) > 0) call.fail('it keeps states of several positions');
  const [b = 0, s = 0, width = 0] = dims;
  const [heads, groups] = [call.requiredInt('q_num_heads'), call.requiredInt('kv_num_heads')];
  const [keySize, valueSize] = [width / heads, call.dim(2, 2) / groups];
  return [
    shaped(type, [b, s, Math.max(heads, groups) * valueSize]),
    shaped(type, [b, groups, keySize, valueSize]),
  ];
};

export const MIXING: Readonly<Record<string, Rule>> = {
  Attention: attention,
  RotaryEmbedding: likeFirst,
  'com.microsoft.GroupQueryAttention': groupQuery,
  'com.microsoft.MultiHeadAttention': multiHead,
  'com.microsoft.Attention': mergedAttention,
  'com.microsoft.RotaryEmbedding': likeFirst,
  'com.microsoft.MRotaryEmbedding': likeFirst,
  'com.microsoft.CausalConvWithState': causalConv,
  'com.microsoft.LinearAttention': linearAttention,
  'com.microsoft.LinearAttentionGate': (call) => {
    const { type, dims } = call.at(0);
    return [shaped(type, dims), shaped(type, dims)];
  },
};
