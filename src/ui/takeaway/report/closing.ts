// The sections that close a report: what to be careful about, the terms, the references. Pure.

import { effectView } from '../../../state/effect/selectors.ts';
import { isOfPlan } from '../../../state/evaluate/selectors.ts';
import { remarksOf } from '../../../state/score/selectors.ts';
import { speedView } from '../../../state/speed/selectors.ts';
import { planWithinNoise } from '../../../state/stability/selectors.ts';
import type { StudioState } from '../../../state/state.ts';
import { REFERENCES, REPORT, REPORT_WORDS as W } from '../../../words/takeaway/report.ts';
import { TERMS } from '../../../words/terms.ts';
import type { Section } from './parts.ts';

/** From this number of windows on, their number alone is no reason for care. */
const MANY_WINDOWS = 50;

export function caveats(state: StudioState): Section | null {
  const items = [...new Set([...warnings(state), ...limits(state)])];
  if (items.length === 0) return null;
  return { id: 'caveats', title: REPORT.caveats, parts: [{ kind: 'warnings', items }] };
}

/** What the page warns of. */
function warnings(state: StudioState): string[] {
  const { warnings: ofScore, notes } = remarksOf(state);
  const { notes: ofSpeed, gain, stale } = speedView(state);
  const noise = planWithinNoise(state);
  return [
    ...(state.model.current?.summary.problems ?? []).map(({ message }) => message),
    ...ofScore,
    ...notes,
    ...state.evaluate.results.flatMap(({ result }) => result.warnings),
    ...ofSpeed,
    ...(gain?.noise && !stale ? [W.gainNoise] : []),
    ...(noise && !Number.isNaN(noise.resamples)
      ? [
          W.planNoise(
            noise.resamples < 0.01 ? W.underOne : `${Math.round(100 * noise.resamples)} %`,
            state.plan.present.removed.join(', '),
          ),
        ]
      : []),
    ...(effectView(state).stale && state.plan.present.removed.length > 0 ? [W.stale] : []),
  ];
}

/** What every study of this kind leaves open. */
function limits({ score, plan, evaluate }: StudioState): string[] {
  const { curve } = score;
  const windows = curve?.result.windows.length ?? 0;
  const isPruned = plan.present.removed.length > 0;
  const isEvaluated = evaluate.results.some(
    ({ result }) => result.plan !== null && isOfPlan(result, plan.present),
  );
  return [
    ...(curve && windows < MANY_WINDOWS ? [W.fewWindows(windows)] : []),
    ...(curve && isPruned && !isEvaluated ? [W.noEvaluation] : []),
    ...(isPruned && plan.present.healing === undefined ? [W.noHealing] : []),
  ];
}

export function glossary(sections: readonly Section[]): Section {
  const has = (id: string) => sections.some((section) => section.id === id);
  const terms = [
    TERMS.block,
    TERMS.perplexity,
    ...(has('importance') ? [TERMS.score, TERMS.windows, TERMS.noise] : []),
    TERMS.plan,
    ...(has('sublayers') ? [TERMS.sublayer] : []),
    TERMS.size,
    TERMS.kvCache,
    ...(has('speed') ? [TERMS.gain, TERMS.ttft, TERMS.prefill, TERMS.decode] : []),
    ...(has('criteria') || has('stability') ? [TERMS.spearman] : []),
    ...(has('search') ? [TERMS.oneShot, TERMS.iterative] : []),
    ...(has('evaluation') || has('quantisation') ? [TERMS.kl] : []),
    ...(has('quantisation')
      ? [TERMS.quantisation, TERMS.blockSize, TERMS.sensitivity, TERMS.mixedPrecision]
      : []),
    ...(has('tasks') ? [TERMS.zeroShot, TERMS.accNorm, TERMS.tasksMean] : []),
  ];
  return {
    id: 'glossary',
    title: REPORT.glossary,
    parts: [
      { kind: 'terms', rows: terms.map(({ name, explanation }) => [name, explanation] as const) },
    ],
  };
}

export const references = (): Section => ({
  id: 'references',
  title: REPORT.references,
  parts: [{ kind: 'links', rows: REFERENCES }],
});
