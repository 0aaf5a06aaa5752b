// What a comparison of width with depth has found, in sentences. Pure.

import { pairedInterval } from '../../analysis/bootstrap.ts';
import { formatEnds, formatGain } from '../../spread.ts';
import { depthOver, pointAt, type WidthRow, type WidthView } from '../../state/width/selectors.ts';
import {
  depthAhead,
  lossFound,
  lossVerdict,
  speedFound,
  unequalWeights,
  type Verdict,
} from '../../words/comparison/width.ts';
import { formatPpl } from '../format.ts';
import { shareWords } from './shareWords.ts';

/** Weights are equal as far as anyone cares up to this share of all. */
const EQUAL_SHARE = 0.005;

const isWidth = ({ id }: WidthRow): boolean => id !== 'original' && id !== 'depth';

export function findings(view: WidthView): string[] {
  const first = view.batches[0];
  const last = view.batches.at(-1);
  return [
    ...losses(view),
    ...(first === undefined ? [] : speeds(view, first)),
    ...(last === undefined || last === first ? [] : speeds(view, last)),
    ...weights(view),
  ];
}

function losses({ rows }: WidthView): string[] {
  const known = rows.filter(
    (row): row is WidthRow & { nll: number } => row.id !== 'original' && row.nll !== null,
  );
  const base = rows[0]?.nll ?? null;
  if (known.length < 2 || base === null) return [];
  const ranked = [...known].sort((a, b) => a.nll - b.nll);
  const words = ranked.map(({ name, nll }) => ({ name, ppl: formatPpl(nll) }));
  const depth = known.find(({ id }) => id === 'depth');
  const best = ranked.find(isWidth);
  const sentences = [lossFound(words, formatPpl(base))];
  if (depth && best) sentences.push(lossVerdict(best.name, lossOf(depth, best)));
  return sentences;
}

/** Whose perplexity is lower, by the paired interval of their difference over windows. */
function lossOf({ perWindow: depth }: WidthRow, { perWindow: best }: WidthRow): Verdict {
  if (depth.length === 0 || depth.length !== best.length) return 'noise';
  const [low, high] = pairedInterval(depth, best);
  if (low > 0) return 'width';
  return high < 0 ? 'depth' : 'noise';
}

function speeds(view: WidthView, batch: number): string[] {
  const depth = view.rows.find(({ id }) => id === 'depth');
  const own = depth && pointAt(depth, batch)?.gain;
  const width = view.rows.filter(isWidth).flatMap((row) => {
    const gain = pointAt(row, batch)?.gain;
    return gain ? [{ row, gain }] : [];
  });
  if (!own || width.length === 0) return [];
  const gains = [{ row: depth, gain: own }, ...width].map(({ row, gain }) => ({
    name: row.name,
    gain: formatGain(gain.ratio, gain.ci95),
    noise: gain.noise,
  }));
  const sentences = [speedFound(batch, gains)];
  const fastest = width.reduce((a, b) => (a.gain.ratio >= b.gain.ratio ? a : b)).row;
  const over = depthOver(view, fastest.id, batch);
  if (over) {
    const ahead: Verdict = over.ratio > 1 ? 'depth' : 'width';
    const ratio = `${formatGain(over.ratio, over.ci95)} (${formatEnds(over.ci95)})`;
    sentences.push(depthAhead(batch, fastest.name, ratio, over.noise ? 'noise' : ahead));
  }
  return sentences;
}

function weights({ rows }: WidthView): string[] {
  const removed = rows.filter(({ id }) => id !== 'original' && id !== 'flap-plain');
  const shares = removed.map(({ removedShare }) => removedShare);
  if (shares.length < 2 || Math.max(...shares) - Math.min(...shares) <= EQUAL_SHARE) return [];
  const words = removed.map(({ name, removedShare }) => ({
    name,
    share: shareWords(removedShare),
  }));
  return [unequalWeights(words)];
}
