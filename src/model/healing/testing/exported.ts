// Exports of made-up healings, verified, for tests.

import { expect } from 'vitest';
import { openFolder } from '../../../node/testing/openFolder.ts';
import type { Tensor } from '../../../onnx/graph.ts';
import type { Folder } from '../../../onnx/source.ts';
import { GraphRunner } from '../../../runtime/decode/likelihood.ts';
import type { Engine } from '../../../runtime/device/engine.ts';
import { expectedNll } from '../../../runtime/score/exported.ts';
import { ScoreSession } from '../../../runtime/score/session.ts';
import { verifyExport } from '../../../runtime/verify/verify.ts';
import { fixturePath, golden } from '../../../testing/fixtures.ts';
import { blocksLeft, type Unit } from '../../../units.ts';
import { manifestFolder } from '../../export/folder.ts';
import { exportManifest } from '../../export/manifest.ts';
import type { Manifest } from '../../export/request.ts';
import { exportSteps, type StepChoice } from '../../export/steps.ts';
import { type OpenedModel, openModel } from '../../open/open.ts';
import type { WeightChange } from '../healing.ts';
import { healingOf, lowRank, replaced, type Target } from './byHand.ts';

/** What is healed, and how it is written. */
export interface Case {
  folder: () => Promise<Folder>;
  graph?: string;
  window: () => number[];
  removed: Unit[];
  targets: Target[];
  quantised?: 'again' | 'float';
  /** Steps after the healing. */
  steps?: StepChoice[];
}

export const fixture = (name: string): Pick<Case, 'folder' | 'window'> => ({
  folder: () => openFolder(fixturePath(name)),
  window: () => golden(name).windows[0]!.slice(0, 24),
});

export const target = (
  tensor: string,
  block: number | null,
  inputs: number,
  outputs: number,
  order: Target['order'] = 'in-out',
): Target => ({ tensor, block, inputs, outputs, order });

/** The first is added to twice, the second in a part of its columns, the third is replaced too. */
export function changesOf(targets: readonly Target[]): WeightChange[] {
  return targets.flatMap((one, k) => {
    if (k === 0) return [lowRank(one, 1), lowRank(one, 2)];
    if (k === 1) return [lowRank(one, 3, [one.outputs / 4, one.outputs / 2])];
    return k === 2 ? [replaced(one, 4), lowRank(one, 5)] : [lowRank(one, 6 + k)];
  });
}

export interface Healed {
  opened: OpenedModel;
  manifest: Manifest;
  folder: Folder;
  changes: WeightChange[];
  /** NLL of the window that scoring finds of the healed plan. */
  nll: Float32Array;
  /** Details of the verification by the name of the check. */
  detail(check: string): string;
}

/** The export, after its verification. */
export async function healed(one: Case, engine: Engine): Promise<Healed> {
  const { removed, targets, quantised = 'again' } = one;
  const opened = await openModel(await one.folder(), one.graph);
  const changes = changesOf(targets);
  const healing = healingOf(removed, changes);
  const steps = exportSteps(removed, [
    ...(one.steps ?? []),
    { step: 'healing', healing, quantised },
  ]).slice(1);
  const manifest = await exportManifest(opened, removed, { app: 'test', steps });
  const folder = manifestFolder(manifest, opened.folder);
  const window = one.window();
  const session = ScoreSession.open(opened, engine);
  const nll = await expectedNll(session, opened, { removed, steps }, window);
  await session.dispose();
  const numBlocks = blocksLeft(opened.structure.blocks.length, removed);
  const expected = { window, nll, numBlocks, source: { opened, removed }, steps };
  const { checks, status } = await verifyExport(folder, manifest.graph, expected, engine);
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(status).toBe('verified');
  const detail = (name: string): string => checks.find((check) => check.name === name)!.detail;
  return { opened, manifest, folder, changes, nll, detail };
}

/** The bytes of a tensor as the file has them. */
export async function bytesOf(folder: Folder, { data }: Tensor): Promise<Uint8Array<ArrayBuffer>> {
  if (data instanceof Uint8Array) return data.slice();
  if (!('file' in data)) throw new Error('computed');
  return folder.open(data.file)!.read(data.offset, data.length);
}

/** Mean NLL of a window from the graph of a folder. */
export async function nllOf(
  folder: Folder,
  graph: string,
  window: number[],
  engine: Engine,
): Promise<number> {
  const runner = await GraphRunner.open(await openModel(folder, graph), engine);
  const nll = await runner.nllPerToken(window);
  await runner.dispose();
  return mean(nll!);
}

export const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, x) => sum + x, 0) / values.length;
