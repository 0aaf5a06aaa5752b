// Holds the graph of an export against its source by the residual stream of both: what the plan
// removes is no longer added, everything else still is, and is scaled as before.

import type { Model } from '../../onnx/graph.ts';
import { shortName } from '../../onnx/limits.ts';
import { type Sublayer, sublayerUnit, sublayerUnits, type Unit } from '../../units.ts';
import { failed, type Outcome, passed, unverified } from './outcome.ts';
import {
  type PlainNode,
  readStream,
  readTerm,
  type StreamReading,
  type StreamStep,
  type StreamValue,
} from './stream.ts';

/** What the source is known to be; nothing of it says where blocks begin or end. */
export interface ResidualSource {
  model: Model;
  tokenInput: string;
  embedsInput: boolean;
  logits: string;
  /** Per block, the sublayer that it lacks, and its caches. */
  blocks: readonly { lacks: Sublayer | null; states: readonly { input: string }[] }[];
}

/** Operators between a cache and the size that is read of it. */
const OF_SIZES = /^(Shape|Size|Cast|Identity|Transpose|Reshape|Squeeze|Unsqueeze|Slice|Gather)$/;

/**
 * Where the stream of the source cannot be followed, whole blocks pass with a remark, and sublayers
 * are not verified.
 * @param written the graph after the removal, under the names of the file
 * @param names new names of caches and other graph values, by their names in the source
 */
export function compareStreams(
  source: ResidualSource,
  removed: readonly Unit[],
  written: Model,
  names: ReadonlyMap<string, string>,
): Outcome {
  const { tokenInput, embedsInput } = source;
  const before = readStream(source.model.graph, tokenInput, embedsInput);
  const dropped = droppedSteps(source, before, removed);
  if (typeof dropped === 'string') {
    const why = `not compared: ${dropped}, so only the plan was held against the file`;
    // Which nodes are a sublayer is a reading of the graph that nothing has confirmed then.
    return sublayerUnits(removed).length > 0 ? unverified(why) : passed(why);
  }
  const after = readStream(written.graph, names.get(tokenInput) ?? tokenInput, embedsInput);
  const original = new Map([...names].map(([from, to]) => [to, from]));
  const nameOf = (value: string): string => original.get(value) ?? value;
  const ids = new StreamIds();
  const expected = (value: StreamValue): number =>
    ids.of(
      value,
      (v) => dropped.has(v),
      (x) => x,
    );
  const found = (value: StreamValue): number => ids.of(value, () => false, nameOf);
  const caches = new Set(source.blocks.flatMap(({ states }) => states.map(({ input }) => input)));
  const stays = new Set(written.graph.inputs.map(({ name }) => nameOf(name)));

  /** What is wrong about reading `now` where the source reads `then`, or null. */
  const difference = (reader: PlainNode, then: string, now: string): string | null => {
    const stream = before.values.get(then);
    if (stream) {
      const own = after.values.get(now);
      if (own && found(own) === expected(stream)) return null;
      const planned = steps(
        stream,
        (v) => !dropped.has(v),
        (x) => x,
      );
      const actual = own ? steps(own, () => true, nameOf) : [shortName(now)];
      return `${label(reader)} reads ${firstDifference(planned, actual)}`;
    }
    if (nameOf(now) === then) return null;
    const size = caches.has(then) && !stays.has(then) && caches.has(nameOf(now));
    if (size && OF_SIZES.test(reader.op)) return null;
    return `${label(reader)} reads ${shortName(now)} instead of ${shortName(then)}`;
  };

  let compared = 0;
  for (const node of after.nodes) {
    const [value = ''] = node.outputs;
    const own = after.values.get(value);
    if (own && own.step.kind !== 'start') continue;
    const twin = before.producer.get(nameOf(node.outputs.find((x) => x) ?? ''));
    if (!twin) return failed(`the source has nothing that makes ${shortName(value)}`);
    if (twin.op !== node.op || twin.reads.length !== node.reads.length)
      return failed(`${label(node)} is ${twin.op} in the source, or reads other things`);
    for (const [k, now] of node.reads.entries()) {
      const wrong = difference(node, twin.reads[k] ?? '', now);
      if (wrong !== null) return failed(wrong);
    }
    compared += 1;
  }
  const left = before.trunk.length - dropped.size;
  const removedTerms = [...dropped].filter(({ step }) => step.kind === 'add').length;
  return passed(
    `${compared} nodes read what they did; of ${before.trunk.length - 1} steps of the residual ` +
      `stream ${left - 1} are there; terms that the plan removes: ${removedTerms}`,
  );
}

/** Numbers for streams: equal ones have equal steps. */
class StreamIds {
  private readonly known = new Map<string, number>();
  private readonly memo = new Map<StreamValue, number>();

  of(
    value: StreamValue,
    skips: (value: StreamValue) => boolean,
    nameOf: (value: string) => string,
  ): number {
    const pending: StreamValue[] = [];
    let at: StreamValue | null = value;
    for (; at && !this.memo.has(at); at = at.before) pending.push(at);
    let id = at ? this.memo.get(at)! : -1;
    for (const one of pending.reverse()) {
      if (!skips(one)) {
        const key = `${id} ${tokenOf(one.step, nameOf)}`;
        id = this.known.get(key) ?? this.known.size;
        this.known.set(key, id);
      }
      this.memo.set(one, id);
    }
    return id;
  }
}

function tokenOf(step: StreamStep, nameOf: (value: string) => string): string {
  switch (step.kind) {
    case 'start':
      return nameOf(step.value);
    case 'add':
      return `+ ${nameOf(step.term)}`;
    case 'bias':
      return `+ ${nameOf(step.value)}`;
    case 'scale':
      return `${step.op === 'Mul' ? '*' : '/'} ${nameOf(step.by)}`;
  }
}

function steps(
  value: StreamValue,
  counts: (value: StreamValue) => boolean,
  nameOf: (value: string) => string,
): string[] {
  const found: string[] = [];
  for (let at: StreamValue | null = value; at; at = at.before)
    if (counts(at)) found.unshift(tokenOf(at.step, nameOf));
  return found;
}

function firstDifference(planned: readonly string[], actual: readonly string[]): string {
  const k = planned.findIndex((token, at) => token !== actual[at]);
  const at = k < 0 ? planned.length : k;
  const [want = 'nothing more', have = 'nothing more'] = [planned[at], actual[at]];
  return `a residual stream whose step ${at} is "${have}" where the source has "${want}"`;
}

function label({ op, outputs }: PlainNode): string {
  return `${op} ${shortName(outputs.find((x) => x) ?? '')}`;
}

/**
 * The steps of the trunk that the plan removes, or why that cannot be said: the terms of what it
 * removes, with their biases, and what scales the stream within blocks that go as a whole.
 */
export function droppedSteps(
  source: ResidualSource,
  reading: StreamReading,
  removed: readonly Unit[],
): Set<StreamValue> | string {
  const { trunk } = reading;
  const parts = ownersOf(source, reading);
  if (typeof parts === 'string') return parts;
  const gone = new Set(removed);
  const dropped = new Set<StreamValue>();
  for (const [k, value] of trunk.entries()) {
    const { step } = value;
    const before = trunk[k - 1];
    const owner = parts.owners.get(value);
    if (step.kind === 'add' && owner) {
      const { block, sublayer } = owner;
      if (gone.has(block) || (sublayer && gone.has(sublayerUnit(block, sublayer))))
        dropped.add(value);
    } else if (
      step.kind === 'bias' &&
      before &&
      before.step.kind !== 'scale' &&
      dropped.has(before)
    )
      dropped.add(value);
    else if (step.kind === 'scale' && gone.has(parts.blockAt(k))) dropped.add(value);
  }
  return dropped;
}

interface Owner {
  block: number;
  /** Null where the sublayers of a block are added as one. */
  sublayer: Sublayer | null;
}

interface Owners {
  owners: ReadonlyMap<StreamValue, Owner>;
  /** The block that the step to this depth of the trunk lies in, or -1. */
  blockAt(depth: number): number;
}

/** The block and the sublayer of every term, by the caches that terms read and by their number. */
function ownersOf(source: ResidualSource, reading: StreamReading): Owners | string {
  const { blocks } = source;
  const { trunk } = reading;
  const caches = new Set(blocks.flatMap(({ states }) => states.map(({ input }) => input)));
  const termsBy = (states: ReadonlySet<string>) =>
    trunk.flatMap((value) =>
      value.step.kind === 'add' ? [{ value, ...readTerm(reading, value.step.term, states) }] : [],
    );
  // The branch of a merged decoder without a past declares caches and reads none.
  const byCache = termsBy(caches);
  const hasCaches = caches.size > 0 && byCache.some(({ mixes }) => mixes);
  const terms = hasCaches ? byCache : termsBy(new Set());
  const head = readTerm(reading, source.logits, caches);
  if (head.since < trunk.length - 1)
    return 'the head reads more than the end of the residual stream that starts at the embedding';
  const kinds = blocks.flatMap(({ lacks }, block) =>
    (['attn', 'ffn'] as const)
      .filter((sublayer) => sublayer !== lacks)
      .map((sublayer): Owner => ({ block, sublayer })),
  );
  const mixing = terms.filter(({ mixes }) => mixes);
  const inOrder =
    terms.length === kinds.length &&
    (!hasCaches || terms.every(({ mixes }, k) => mixes === (kinds[k]!.sublayer === 'attn')));
  let own: Owner[];
  if (inOrder) own = kinds;
  else if (terms.length === blocks.length)
    own = blocks.map((_, block) => ({ block, sublayer: null }));
  else if (mixing.length === blocks.length) {
    const starts = mixing.map(({ from }) => from);
    own = terms.map(({ from, mixes }) => ({
      block: starts.findLastIndex((start) => start <= from),
      sublayer: mixes ? 'attn' : 'ffn',
    }));
  } else
    return (
      `${terms.length} terms are added to the residual stream after the embedding, of ` +
      `${blocks.length} blocks`
    );
  const starts = blocks.map((_, block) => {
    const first = terms.findIndex((_, k) => own[k]!.block === block);
    return terms[first]?.from ?? -1;
  });
  if (starts.some((start, k) => start < 0 || (k > 0 && start <= starts[k - 1]!)))
    return 'the terms of the residual stream do not read it in the order of the blocks';
  return {
    owners: new Map(terms.map(({ value }, k) => [value, own[k]!])),
    blockAt: (depth) => starts.findLastIndex((start) => start < depth),
  };
}
