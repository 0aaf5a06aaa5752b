// Random small decoder graphs in the style of different exporters, for property tests.

import type { Model } from '../../onnx/graph.ts';
import { modelOf } from '../../onnx/testing/text.ts';

export interface ResidualShape {
  blocks: number;
  /** Caches, or attention found by its Softmax. */
  caches: boolean;
  /** Attention and feed-forward side by side. */
  parallel: boolean;
  /** The residual sum and the next norm in one fused node. */
  fused: boolean;
  /** Index of the cache whose size makes the mask, or -1: none. */
  sizeFrom: number;
  /** A no-op Cast after each residual sum. */
  casts: boolean;
  /** Extra elementwise nodes per block. */
  filler: number;
  /** Initializers also listed as graph inputs. */
  listed: boolean;
  /** Nodes written in reverse order: the file is not sorted. */
  reversed: boolean;
}

/** A sorted graph of three blocks with caches and no peculiarity. */
export const PLAIN: ResidualShape = {
  blocks: 3,
  caches: true,
  parallel: false,
  fused: false,
  sizeFrom: 0,
  casts: false,
  filler: 0,
  listed: false,
  reversed: false,
};

const D = 4;

/** A decoder of width 4 and vocabulary 8 whose values have meaningless names. */
export function residualModel(shape: ResidualShape): Model {
  const lines = [
    'in input_ids i64 [B,S]',
    `init t0 f32 [8,${D}]`,
    'init one f32 []',
    'r0 = Gather(t0, input_ids)',
  ];
  const nodes: string[] = [];
  if (shape.caches) {
    for (let i = 0; i < shape.blocks; i++) {
      lines.push(
        `in past_key_values.${i}.key f32 [B,1,P,${D}]`,
        `in past_key_values.${i}.value f32 [B,1,P,${D}]`,
      );
      lines.push(
        `out present.${i}.key f32 [B,1,T,${D}]`,
        `out present.${i}.value f32 [B,1,T,${D}]`,
      );
    }
  }
  if (shape.caches && shape.sizeFrom >= 0)
    nodes.push(
      `size = Shape(past_key_values.${shape.sizeFrom % shape.blocks}.key)`,
      'bias = Cast{to=1}(size)',
      'mask = ReduceMean{keepdims=0}(bias)',
    );
  else nodes.push('ids = Cast{to=1}(input_ids)', 'mask = ReduceMean{keepdims=0}(ids)');
  let stream = 'r0';
  let pending: string | null = null;
  const norm = (i: number, part: string): string => {
    const out = `n${i}${part}`;
    lines.push(`init g${i}${part} f32 [${D}]`);
    if (pending !== null && shape.fused) {
      const sum = `s${i}${part}`;
      // The last norm's sum has no reader: exporters leave the output out.
      const outputs = i === shape.blocks ? out : `${out}, , , ${sum}`;
      nodes.push(
        `${outputs} = ` +
          `com.microsoft.SkipSimplifiedLayerNormalization{epsilon=0.001}(${stream}, ` +
          `${pending}, g${i}${part})`,
      );
      stream = sum;
    } else {
      join(i, part);
      nodes.push(
        `${out} = ` +
          `SimplifiedLayerNormalization{axis=-1,stash_type=1,epsilon=0.001}(${stream}, ` +
          `g${i}${part})`,
      );
    }
    pending = null;
    return out;
  };
  const join = (i: number, part: string): void => {
    if (pending === null) return;
    nodes.push(`a${i}${part} = Add(${stream}, ${pending})`);
    stream = `a${i}${part}`;
    if (shape.casts) {
      nodes.push(`c${i}${part} = Cast{to=1}(${stream})`);
      stream = `c${i}${part}`;
    }
    pending = null;
  };
  for (let i = 0; i < shape.blocks; i++) {
    const x = norm(i, 'a');
    for (const w of ['q', 'k', 'v', 'o', 'u', 'd']) lines.push(`init w${w}${i} f32 [${D},${D}]`);
    for (const w of ['q', 'k', 'v']) nodes.push(`${w}${i} = MatMul(${x}, w${w}${i})`);
    lines.push(`init ax${i} i64 [1]`);
    if (shape.caches) {
      for (const [w, name] of [
        ['k', 'key'],
        ['v', 'value'],
      ])
        nodes.push(
          `${w}u${i} = Unsqueeze(${w}${i}, one1)`,
          `present.${i}.${name} = Concat{axis=2}(past_key_values.${i}.${name}, ${w}u${i})`,
          `${w}s${i} = Squeeze(present.${i}.${name}, one1)`,
        );
    } else nodes.push(`ks${i} = Identity(k${i})`, `vs${i} = Identity(v${i})`);
    nodes.push(
      `kt${i} = Transpose(ks${i})`,
      `sc${i} = MatMul(q${i}, kt${i})`,
      `sm${i} = Add(sc${i}, mask)`,
      `p${i} = Softmax{axis=-1}(sm${i})`,
    );
    nodes.push(`h${i} = MatMul(p${i}, vs${i})`, `at${i} = MatMul(h${i}, wo${i})`);
    let y = x;
    if (!shape.parallel) {
      pending = `at${i}`;
      y = norm(i, 'f');
    }
    nodes.push(`u${i} = MatMul(${y}, wu${i})`);
    let z = `u${i}`;
    for (let k = 0; k < shape.filler; k++) {
      nodes.push(`x${i}_${k} = Mul(${z}, one)`);
      z = `x${i}_${k}`;
    }
    nodes.push(`f${i} = MatMul(${z}, wd${i})`);
    if (shape.parallel) {
      nodes.push(`pf${i} = Add(at${i}, f${i})`);
      pending = `pf${i}`;
    } else pending = `f${i}`;
  }
  const last = norm(shape.blocks, 'z');
  lines.push('init one1 i64 [1]', `init head f32 [${D},8]`, 'out logits f32 [B,S,8]');
  nodes.push(`logits = MatMul(${last}, head)`);
  if (shape.reversed) nodes.reverse();
  const used = shape.caches ? lines : lines.filter((l) => l !== 'init one1 i64 [1]');
  const model = modelOf(
    [
      ...used.filter((l) => !/^init ax/.test(l) && (l !== 'init one f32 []' || shape.filler > 0)),
      ...nodes,
    ].join('\n'),
  );
  if (shape.listed) {
    for (const t of model.graph.initializers.values())
      model.graph.inputs.push({ name: t.name, type: t.type, dims: t.dims });
  }
  return model;
}
