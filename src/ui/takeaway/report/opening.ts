// The sections of a report that say what came out, of which model, and how it was measured. Pure.

import { formatBytes, plural } from '../../../quantities.ts';
import { formatEnds, formatGain } from '../../../spread.ts';
import { deviceName } from '../../../state/device/selectors.ts';
import { effectView } from '../../../state/effect/selectors.ts';
import { measuredOn, noNumbersNotice } from '../../../state/score/selectors.ts';
import { sides } from '../../../state/speed/prediction.ts';
import { speedView } from '../../../state/speed/selectors.ts';
import type { StudioState } from '../../../state/state.ts';
import { verdictView } from '../../../state/verdict/selectors.ts';
import { blocksLeft } from '../../../units.ts';
import { VERSION } from '../../../version.ts';
import { rise, wanted } from '../../../words/goal.ts';
import { counted, UNKNOWN } from '../../../words/model.ts';
import { FACTS, LEADS, REPORT, REPORT_WORDS as W } from '../../../words/takeaway/report.ts';
import { WORDS, why } from '../../../words/verdict.ts';
import {
  formatChange,
  formatCount,
  formatOriginal,
  formatPruned,
  formatRate,
  formatSeconds,
} from '../../format.ts';
import { dayInWords } from '../caption.ts';
import type { Card, Part, Section } from './parts.ts';

export function summary(state: StudioState): Section | null {
  const model = state.model.current?.summary;
  if (!model) return null;
  const { removed } = state.plan.present;
  const { original, pruned, healed, stale, size } = effectView(state);
  const { gain, original: slow, pruned: fast, stale: oldSpeed } = speedView(state);
  const isPruned = removed.length > 0;
  const cards: Card[] = [
    {
      name: W.blocksKept,
      value: W.kept(blocksLeft(model.numBlocks, removed), model.numBlocks),
      note: '',
    },
  ];
  if (original && isPruned && healed)
    cards.push({
      name: FACTS.healedPerplexity,
      value: formatPruned(healed.nll, original.nll),
      note: changed(formatOriginal(original.nll), Math.exp(original.nll), Math.exp(healed.nll)),
    });
  if (original && isPruned && pruned && !stale)
    cards.push({
      name: FACTS.perplexity,
      value: formatPruned(pruned.nll, original.nll),
      note: changed(formatOriginal(original.nll), Math.exp(original.nll), Math.exp(pruned.nll)),
    });
  else if (original)
    cards.push({ name: FACTS.perplexity, value: formatOriginal(original.nll), note: '' });
  if (size)
    cards.push({
      name: FACTS.size,
      value: formatBytes(size.bytes),
      note: isPruned ? changed(formatBytes(model.bytes), model.bytes, size.bytes) : '',
    });
  if (gain && !oldSpeed)
    cards.push({
      name: FACTS.gain,
      value: formatGain(gain.ratio, gain.ci95),
      note: W.interval(formatEnds(gain.ci95)),
    });
  else if (slow && !fast)
    cards.push({
      name: FACTS.speed,
      value: `${formatRate(slow.speed.throughput.mean)} tok/s`,
      note: '',
    });
  const parts: Part[] = [
    { kind: 'text', text: LEADS.summary },
    ...noNumbersNotice(state).map((text): Part => ({ kind: 'text', text })),
    { kind: 'cards', rows: cards },
    ...meaning(state),
  ];
  return { id: 'summary', title: REPORT.summary, parts };
}

/** What the numbers mean, with the thresholds behind the word; not while they are stale. */
function meaning(state: StudioState): Part[] {
  const verdict = verdictView(state);
  if (!verdict || effectView(state).stale) return [];
  const reason = why(verdict.evidence, state.verdict.thresholds);
  return [{ kind: 'text', text: `${WORDS[verdict.word]}. ${reason}` }];
}

/** What was asked for, the steps towards it, and how they ended; null when nothing was. */
export function goal({ goal: { kind, value, maxRise, steps, outcome } }: StudioState) {
  if (steps.length === 0 || value === null) return null;
  const asked = W.asked(wanted(kind, value), maxRise === null ? '' : rise(maxRise));
  const parts: Part[] = [
    { kind: 'text', text: asked },
    {
      kind: 'facts',
      rows: steps.map(({ what, outcome: came }) => [what, came ?? ''] as const),
    },
  ];
  if (outcome) parts.push({ kind: 'text', text: outcome.words });
  return { id: 'goal', title: REPORT.goal, parts } satisfies Section;
}

/** "from 41.26 (+19 %)". */
const changed = (from: string, a: number, b: number) => W.from(from, formatChange(a, b));

export function model(state: StudioState): Section | null {
  const one = state.model.current?.summary;
  if (!one) return null;
  const rows: [string, string][] = [
    [FACTS.name, one.name],
    [FACTS.graph, one.graph],
    [FACTS.family, one.family],
    [FACTS.exporter, one.exporter],
    [FACTS.precision, one.dtype],
    [FACTS.blocks, String(one.numBlocks)],
    [FACTS.parameters, formatCount(one.params)],
    [FACTS.size, formatBytes(one.bytes)],
    [FACTS.hidden, counted(one.hiddenSize)],
    [FACTS.vocabulary, counted(one.vocabSize)],
    [FACTS.context, one.contextLength === null ? '' : plural(one.contextLength, 'token')],
    [FACTS.kv, cacheBytes(one.kvBytesPerToken)],
  ];
  return {
    id: 'model',
    title: REPORT.model,
    parts: [
      { kind: 'facts', rows: rows.filter(([, value]) => value !== '') },
      { kind: 'figure', id: 'architecture', caption: W.architecture },
    ],
  };
}

export function method(state: StudioState, when: Date): Section | null {
  const { curve } = state.score;
  const newest = [...state.speed.known.values()].at(-1);
  const side = newest && sides(newest)[0];
  const rows: [string, string][] = [];
  if (curve) {
    const { settings, selfTest, seconds } = curve.result;
    const samplers = {
      even: W.evenly,
      random: W.random(settings.seed),
      given: W.given,
    };
    rows.push(
      [FACTS.windows, measuredOn(state)],
      [FACTS.sampling, samplers[settings.sampler]],
      [FACTS.bos, settings.bos === 'every' ? W.bosEach : W.bosNone],
      [FACTS.device, deviceName(curve.result.device)],
      [FACTS.time, curve.restored ? W.restored : formatSeconds(seconds)],
    );
    const { deviceReason } = curve.result;
    if (deviceReason) rows.push([FACTS.deviceReason, deviceReason]);
    if (selfTest) rows.push([FACTS.selfTest, selfTest.passed ? W.passed : W.failed]);
  }
  if (side) rows.push([FACTS.runtime, side.info.runtime]);
  if (rows.length === 0) return null;
  rows.push([FACTS.version, `Espalier ${VERSION}`], [FACTS.date, dayInWords(when)]);
  return {
    id: 'method',
    title: REPORT.method,
    parts: [
      ...(curve ? [{ kind: 'text', text: LEADS.method } as const] : []),
      { kind: 'facts', rows },
    ],
  };
}

const cacheBytes = (bytes: number | null): string => {
  if (bytes === null) return UNKNOWN;
  return bytes > 0 ? formatBytes(bytes) : '';
};
