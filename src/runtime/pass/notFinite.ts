// Where the intact model stops giving numbers: the first of embedding, blocks and head whose output
// is not finite. One window runs again for it, and every hidden state is read back.

import { usesHalf } from '../../model/programs/widen.ts';
import type { HiddenStates } from './hidden.ts';
import type { Pass } from './pass.ts';
import type { ScoringContext, Windows } from './scoringContext.ts';

/** An index is a block. */
type Stage = 'embedding' | 'head' | number;

export interface NotFinite {
  /** The first stage whose output is not finite; null when everything was finite this time. */
  stage: Stage | null;
  /** The first position of the window at which it is not. */
  token: number;
  /** What the NLL of the window is; null when it is a number, or was not computed. */
  nll: 'NaN' | 'infinite' | null;
}

/**
 * The first row that holds a value which is not finite; null when all are.
 * @param values (rows, width), row after row
 */
export function firstRowNotFinite(values: ArrayLike<number>, width: number): number | null {
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i])) return Math.floor(i / Math.max(1, width));
  return null;
}

/**
 * Runs the intact model on one window and looks at every output.
 * @param window token ids
 * @throws EspalierError as `nllPerToken`
 */
export async function findNotFinite(
  context: ScoringContext,
  window: readonly number[],
  signal: AbortSignal | undefined,
): Promise<NotFinite> {
  await context.loadFor([window], signal);
  const pass = context.passOver([window], signal);
  const { blocks } = context.chain.programs;
  const after = (at: number) => (at < blocks.length ? at : 'head');
  await context.visit('embed', after(0), signal);
  let state = await pass.embed();
  try {
    let found = await rowNotFinite(pass, state);
    let stage: Stage | null = found === null ? null : 'embedding';
    for (const block of blocks.keys()) {
      await context.visit(block, after(block + 1), signal);
      const next = await pass.block(block, state);
      state.release();
      state = next;
      if (stage !== null) continue;
      found = await rowNotFinite(pass, state);
      if (found !== null) stage = block;
    }
    await context.visit('head', null, signal);
    const [nll = new Float32Array()] = await pass.headPerToken(state);
    const row = firstRowNotFinite(nll, 1);
    if (stage === null && row !== null) [stage, found] = ['head', row];
    return { stage, token: found ?? 0, nll: kindOf(nll) };
  } finally {
    state.release();
  }
}

async function rowNotFinite(pass: Pass, state: HiddenStates): Promise<number | null> {
  let row: number | null = null;
  const { hiddenSize } = pass.chain.programs;
  await pass.each32(state, (_, values) => {
    row = firstRowNotFinite(values, hiddenSize);
  });
  return row;
}

function kindOf(nll: Float32Array): NotFinite['nll'] {
  if (nll.some(Number.isNaN)) return 'NaN';
  return nll.every(Number.isFinite) ? null : 'infinite';
}

/** What is said of it. */
export interface NotFiniteWords {
  /** Windows that give no numbers, of all. */
  windows: { bad: number; all: number };
  /** What follows from it: "the order means nothing". */
  so: string;
  /** The device computes in float16. */
  half: boolean;
}

/**
 * "The intact model gives no numbers (NaN), the order means nothing; block 2 is the first whose
 * output is not finite. …"
 */
export function notFiniteWords(found: NotFinite, { windows, so, half }: NotFiniteWords): string {
  const { stage, nll } = found;
  const what = nll === null && stage !== null ? 'hidden states that are not finite' : 'no numbers';
  const kind = nll === null ? '' : ` (${nll})`;
  const some = windows.bad < windows.all ? ` in ${windows.bad} of ${windows.all} windows` : '';
  return `The intact model gives ${what}${kind}${some}, ${so}; ${where(found)}. ${hint(half)}`;
}

/** "the source itself gives NaN: block 2 is the first whose output is not finite" */
export function sourceWords(found: NotFinite): string {
  const what = found.nll === 'infinite' ? 'infinite numbers' : 'NaN';
  return `the source itself gives ${what}: ${where(found)}`;
}

function where({ stage, token }: NotFinite): string {
  if (stage === null)
    return 'run once more, every output was finite: this device gives other numbers each time';
  const from = token > 0 ? `, from token ${token} of a window on` : '';
  const name = typeof stage === 'number' ? `block ${stage}` : `the ${stage}`;
  return `${name} is the first whose output is not finite${from}`;
}

const hint = (half: boolean): string =>
  half
    ? 'It computes in float16, where values beyond 65,504 overflow: use the float32 graph, or ' +
      'another device.'
    : 'Its weights or their conversion may be damaged: export it again, and run it elsewhere.';

const isBad = ({ stage, nll }: NotFinite): boolean => stage !== null || nll !== null;

/**
 * Why the intact model gives no numbers on windows whose mean NLL is not finite, as a sentence.
 * @throws EspalierError as `findNotFinite`
 */
export async function whyNoNumbers(
  context: ScoringContext,
  windows: Windows,
  nllPerWindow: readonly number[],
  so: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const bad = [...windows.keys()].filter((k) => !Number.isFinite(nllPerWindow[k]));
  let found: NotFinite = { stage: null, token: 0, nll: null };
  for (const k of bad) {
    found = await findNotFinite(context, windows[k] ?? [], signal);
    if (isBad(found)) break;
  }
  return notFiniteWords(found, {
    windows: { bad: bad.length, all: windows.length },
    so,
    half: usesHalf(context.chain.programs),
  });
}

/**
 * The same where hidden states are not finite, whether or not the NLL is: every window runs again.
 * Null when all outputs are finite this time.
 * @throws EspalierError as `findNotFinite`
 */
export async function whyNoStates(
  context: ScoringContext,
  windows: Windows,
  so: string,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const all: NotFinite[] = [];
  for (const window of windows) all.push(await findNotFinite(context, window, signal));
  const bad = all.filter(isBad);
  const [first] = bad;
  if (!first) return null;
  const half = usesHalf(context.chain.programs);
  return notFiniteWords(first, { windows: { bad: bad.length, all: all.length }, so, half });
}
