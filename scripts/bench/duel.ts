// Espalier against transformers.js and a bare loop on the same folder, runtime and device: decoded
// tokens per second, paired by round.

import type { Page } from '@playwright/test';
import { type Stat, statOf } from '../../src/analysis/speed.ts';
import type { ContestRequest, Loaded, Served, Timed, Who } from './browser/contract.ts';
import { above, atMost, type Check, none } from './limits.ts';
import { bestOf, type PairedRatio, pairedRatio } from './paired.ts';

export interface DuelRow {
  name: string;
  device: string;
  promptTokens: number;
  tokens: number;
  rounds: number;
  /**
   * Runs of everyone in a round: the fastest of them stands for the round, since other work of the
   * machine only slows.
   */
  turns: number;
  loaded: Record<Who, Loaded>;
  /** (n - 1) / (t_n - t_1) over all runs, tokens/s. */
  decode: Record<Who, Stat>;
  /** Seconds to the first token. */
  ttft: Record<Who, Stat>;
  overTransformers: PairedRatio;
  overBare: PairedRatio;
  /** Host seconds of our decode steps over all their seconds. */
  hostShare: number;
  /** Turns in which somebody chose another token. */
  otherIds: number;
  /** Versions and builds of ONNX Runtime beyond the one that all should share. */
  otherRuntimes: number;
  checks: Check[];
}

const ALL: readonly Who[] = ['ours', 'transformers', 'bare'];
const OVER_TRANSFORMERS = 1;
const OVER_BARE = 0.9;
const HOST_SHARE = 0.1;

/** The protocol's prompt length. */
export function ids12(ids: readonly number[]): number[] {
  return ids.slice(0, 12);
}

/**
 * @param held false where speed says nothing (a GPU that is computed on the CPU): then only ids and
 * runtimes are checked.
 */
export async function duels(
  page: Page,
  folders: readonly Served[],
  settings: Omit<ContestRequest, 'served'>,
  held: boolean,
): Promise<DuelRow[]> {
  const rows: DuelRow[] = [];
  for (const served of folders) rows.push(await duel(page, { ...settings, served }, held));
  return rows;
}

async function duel(page: Page, request: ContestRequest, held: boolean): Promise<DuelRow> {
  const { served, device, prompt, tokens, turns } = request;
  const name = `${served.name} on ${device}`;
  console.error(`  ${name}`);
  const { loaded, runs } = await page.evaluate(
    (asked) => window.espalierBench.contest(asked),
    request,
  );
  const speeds = (who: Who): number[] =>
    runs[who].map(({ ttft, seconds }) => (tokens - 1) / (seconds - ttft));
  const stats = (of: (who: Who) => Stat): Record<Who, Stat> => ({
    ours: of('ours'),
    transformers: of('transformers'),
    bare: of('bare'),
  });
  const best = (who: Who): number[] => bestOf(speeds(who), turns);
  const overTransformers = pairedRatio(best('ours'), best('transformers'));
  const overBare = pairedRatio(best('ours'), best('bare'));
  const hostShare = shareOfHost(runs.ours);
  const otherIds = runs.ours.filter((run, i) =>
    ALL.some((who) => runs[who][i]?.ids.join() !== run.ids.join()),
  ).length;
  const otherRuntimes = new Set(ALL.map((who) => JSON.stringify(loaded[who].ort))).size - 1;
  return {
    name: served.name,
    device,
    promptTokens: prompt.length,
    tokens,
    rounds: best('ours').length,
    turns,
    loaded,
    decode: stats((who) => statOf(speeds(who), 'tokens/s')),
    ttft: stats((who) =>
      statOf(
        runs[who].map(({ ttft }) => ttft),
        's',
      ),
    ),
    overTransformers,
    overBare,
    hostShare,
    otherIds,
    otherRuntimes,
    checks: [
      ...(held
        ? [
            above(
              `${name}: decode speed over transformers.js`,
              overTransformers,
              OVER_TRANSFORMERS,
            ),
            above(`${name}: decode speed over a bare loop`, overBare, OVER_BARE),
          ]
        : []),
      // On a GPU the run ends with the submission and waiting for the logits counts as host time.
      ...(held && device === 'wasm'
        ? [atMost(`${name}: host time of a decode step`, hostShare, HOST_SHARE)]
        : []),
      none(`${name}: turns with other token ids`, otherIds),
      none(`${name}: other runtimes`, otherRuntimes),
    ],
  };
}

function shareOfHost(runs: readonly Timed[]): number {
  const host = runs.reduce((sum, run) => sum + (run.hostSeconds ?? Number.NaN), 0);
  return host / runs.reduce((sum, { seconds, ttft }) => sum + seconds - ttft, 0);
}
