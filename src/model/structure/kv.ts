// Finds the caches and states among the inputs and outputs of a graph, by names with a layer index.

import { EspalierError } from '../../errors.ts';
import type { Dim, ValueInfo } from '../../onnx/graph.ts';
import type { CacheNames } from './roles.ts';
import type { StatePair } from './structure.ts';

/**
 * A name split at its layer index: past_key_values. 3 .key, past.layers. 3 .self_attn.key,
 * layer_ 3 _past_key_fp32.
 */
export interface StateName {
  prefix: string;
  index: number;
  suffix: string;
}

/** Most inputs to feed, and most outputs: four states for each of 1,000 blocks. */
export const MAX_INTERFACE = 4096;
/** An integer above this is not taken for a layer index. */
const MAX_INDEX = 1_000_000;

/**
 * A name split at its layer index, or null when it has none. The index is the only integer, else
 * the only one that is not part of a word (fp32, conv1d), else the last before the final word.
 */
export function parseStateName(name: string): StateName | null {
  for (const integers of [/\d+/g, /(?<![A-Za-z0-9])\d+(?![A-Za-z0-9])/g]) {
    const [only, ...more] = name.matchAll(integers);
    if (only && more.length === 0) return stateName(name, only.index, only.index + only[0].length);
  }
  return lastInteger(name);
}

/**
 * The last integer before the final word, for names in which the other rules find several. Scans
 * from the end, so that long names take no longer.
 */
function lastInteger(name: string): StateName | null {
  let end = name.length;
  while (end > 0 && /[A-Za-z_]/.test(name[end - 1]!)) end--;
  if (end > 0 && /[./]/.test(name[end - 1]!)) end--;
  let start = end;
  while (start > 0 && /\d/.test(name[start - 1]!)) start--;
  return start < end ? stateName(name, start, end) : null;
}

/** Null for an integer above MAX_INDEX, which might not survive as a number. */
function stateName(name: string, start: number, end: number): StateName | null {
  const index = Number(name.slice(start, end));
  return index <= MAX_INDEX
    ? { prefix: name.slice(0, start), index, suffix: name.slice(end) }
    : null;
}

/** The name with another layer index. */
export function renumbered(name: string, index: number): string {
  const k = parseStateName(name);
  return k ? `${k.prefix}${index}${k.suffix}` : name;
}

interface Pattern {
  prefix: string;
  suffix: string;
  names: Map<number, string>;
}

/**
 * State pairs by layer index, in ascending order. Inputs of one prefix and suffix are states when
 * there are outputs of the same suffix (past and present aside) with the same set of indices; an
 * output that merely ends in a number (hidden_states_2) has no such counterpart.
 * @param named templates of names that a config gives, which are paired first.
 * @throws EspalierError `unsupported-graph` when a state input has no output for its next value;
 *   `too-large` beyond MAX_INTERFACE.
 */
export function pairStates(
  inputs: readonly ValueInfo[],
  outputs: readonly ValueInfo[],
  named: readonly CacheNames[] = [],
): Map<number, StatePair[]> {
  const most = Math.max(inputs.length, outputs.length);
  if (most > MAX_INTERFACE)
    throw new EspalierError(
      'too-large',
      `The graph has ${inputs.length} inputs to feed and ${outputs.length} outputs; Espalier ` +
        `stops at ${MAX_INTERFACE} of each.`,
      'No known decoder has that many: export the model again, or report it if it is genuine.',
    );
  const infos = new Map([...inputs, ...outputs].map((v) => [v.name, v]));
  const pairs = new Map<number, StatePair[]>();
  const pair = (index: number, input: string, output: string): void => {
    const fixed = stateShape(infos.get(input), infos.get(output)).sequence === null;
    const list = pairs.get(index) ?? [];
    list.push({ input, output, kind: fixed ? 'fixed' : 'kv' });
    pairs.set(index, list);
  };
  const given = namedPairs(named, infos);
  for (const { index, input, output } of given) pair(index, input, output);
  const known = new Set(given.flatMap(({ input, output }) => [input, output]));
  const isFree = ({ name }: ValueInfo): boolean => !known.has(name);
  const ins = patterns(inputs.filter((input) => isFree(input) && !hasTokenRows(input, inputs)));
  const outs = patterns(outputs.filter(isFree));
  const taken = new Set<Pattern>();
  const bySuffix = new Map<string, Pattern[]>();
  for (const o of outs) {
    const key = undirected(o.suffix);
    const same = bySuffix.get(key);
    if (same) same.push(o);
    else bySuffix.set(key, [o]);
  }
  const missing: { name: string; pattern: Pattern }[] = [];
  for (const pattern of ins) {
    const twins = (bySuffix.get(undirected(pattern.suffix)) ?? [])
      .filter((o) => !taken.has(o) && [...pattern.names.keys()].some((i) => o.names.has(i)))
      .sort((a, b) => commonEnd(b.prefix, pattern.prefix) - commonEnd(a.prefix, pattern.prefix));
    const twin = twins.find((o) => sameIndices(o, pattern));
    if (!twin) {
      const [partial] = twins;
      const [index, name] = [...pattern.names].find(([i]) => !partial?.names.has(i)) ??
        [...pattern.names][0] ?? [0, ''];
      if (partial || isIndexed(pattern)) missing.push({ name: name || String(index), pattern });
      continue;
    }
    taken.add(twin);
    for (const [index, input] of pattern.names) pair(index, input, twin.names.get(index) ?? '');
  }
  const lone = missing.find(({ pattern }) => isStateLike(pattern, infos, ins, taken.size > 0));
  if (lone) {
    throw new EspalierError(
      'unsupported-graph',
      `The cache input ${lone.name} has no matching output: the graph reads this state but ` +
        'does not output its next value.',
      'Export the decoder with all past and present caches (the "with past" variant).',
    );
  }
  return new Map([...pairs].sort(([a], [b]) => a - b));
}

/** Pairs by templates with %d in the place of the layer; both names must be in the graph. */
function namedPairs(
  named: readonly CacheNames[],
  infos: ReadonlyMap<string, ValueInfo>,
): { index: number; input: string; output: string }[] {
  return named.flatMap(({ past, present }) => {
    const [before, after, ...more] = past.split('%d');
    if (before === undefined || after === undefined || more.length > 0) return [];
    return [...infos.keys()].flatMap((input) => {
      if (!input.startsWith(before) || !input.endsWith(after)) return [];
      const digits = input.slice(before.length, input.length - after.length);
      const output = present.replace('%d', digits);
      const index = Number(digits);
      return /^\d{1,7}$/.test(digits) && index <= MAX_INDEX && infos.has(output)
        ? [{ index, input, output }]
        : [];
    });
  });
}

/**
 * The dimension of a state that grows with the sequence (null: fixed size), and its other
 * dimensions except the batch.
 */
export function stateShape(
  input: ValueInfo | undefined,
  output: ValueInfo | undefined,
): { sequence: number | null; perToken: Dim[] } {
  const dims = input?.dims;
  if (!dims) return { sequence: 2, perToken: [null, null] };
  // Keys and values in one tensor, (2, B, heads, P, d), have the batch in second place.
  const batch = dims.length === 5 && typeof dims[0] === 'number' ? 1 : 0;
  const open = dims.flatMap((d, k) => (k > batch && typeof d !== 'number' ? [k] : []));
  const grows = open.find((k) => output?.dims?.[k] !== dims[k]);
  const sequence = grows ?? open.find((k) => k < dims.length - 1) ?? open[0] ?? null;
  return { sequence, perToken: dims.filter((_, k) => k !== batch && k !== sequence) };
}

function patterns(values: readonly ValueInfo[]): Pattern[] {
  const found = new Map<string, Pattern>();
  for (const { name } of values) {
    const k = parseStateName(name);
    if (!k) continue;
    const key = `${k.prefix}\n${k.suffix}`;
    const pattern = found.get(key) ?? { prefix: k.prefix, suffix: k.suffix, names: new Map() };
    pattern.names.set(k.index, name);
    found.set(key, pattern);
  }
  return [...found.values()];
}

/**
 * True for an input with a row for each new token, as ids and positions have an element: content
 * that comes with the tokens, such as per_layer_input.3, and no state.
 */
function hasTokenRows({ name, dims }: ValueInfo, inputs: readonly ValueInfo[]): boolean {
  const [batch, tokens, ...more] = dims ?? [];
  if (typeof tokens !== 'string' || more.length === 0 || /past|cache|state|mem/i.test(name))
    return false;
  return inputs.some(
    (other) => other.dims?.length === 2 && other.dims[0] === batch && other.dims[1] === tokens,
  );
}

/** A suffix without the word for the direction: layer_1_past_key and layer_1_present_key match. */
function undirected(suffix: string): string {
  return suffix.replace(/(?<![A-Za-z])(past|present|in|out)(?![A-Za-z])/gi, '*');
}

function sameIndices(a: Pattern, b: Pattern): boolean {
  return a.names.size === b.names.size && [...a.names.keys()].every((i) => b.names.has(i));
}

/** Length of the common ending: past_key_ belongs to present_key_, not to present_value_. */
function commonEnd(a: string, b: string): number {
  let n = 0;
  while (n < a.length && n < b.length && a[a.length - 1 - n] === b[b.length - 1 - n]) n++;
  return n;
}

function isIndexed(pattern: Pattern): boolean {
  return pattern.names.size > 1;
}

/**
 * True for inputs of rank 3 or more, and for those with the prefix of paired states: not for an
 * ordinary input whose name ends in a number.
 */
function isStateLike(
  pattern: Pattern,
  infos: ReadonlyMap<string, ValueInfo>,
  ins: readonly Pattern[],
  anyPaired: boolean,
): boolean {
  const [first] = pattern.names.values();
  const rank = infos.get(first ?? '')?.dims?.length ?? 4;
  return rank >= 3 || (anyPaired && ins.some((o) => o !== pattern && o.prefix === pattern.prefix));
}
