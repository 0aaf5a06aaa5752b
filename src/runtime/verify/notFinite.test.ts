// The export of a model that gives NaN itself: nothing speaks against its files, and nothing could
// be compared.

import { expect, test } from 'vitest';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { caseExpect, casePath } from '../../testing/fixtures.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from '../score/session.ts';
import { noNumbersOf } from './runs.ts';
import { verifyExport } from './verify.ts';

const NAME = 'intact-model-not-a-number';
const { windows } = caseExpect<{ windows: number[][] }>(NAME);

test('unverified with the reason, verified without the block, else failed', async () => {
  const engine = await openWasm(nodeLoader);
  const source = await openModel(await openFolder(casePath(`${NAME}/model`)));
  const [window = []] = windows;
  const verify = async (block: number, change = (nll: Float32Array) => nll) => {
    const session = ScoreSession.open(source, engine);
    const nll = await session.nllPerToken([block], window);
    const noNumbers = await noNumbersOf(session, nll, window);
    await session.dispose();
    const manifest = await exportManifest(source, [block], { app: 'test' });
    const expected = {
      window,
      nll: change(nll),
      noNumbers,
      numBlocks: 3,
      source: { opened: source, removed: [block] },
    };
    const folder = manifestFolder(manifest, source.folder);
    return verifyExport(folder, manifest.graph, expected, engine);
  };
  const intact = await verify(1);
  expect(intact.status).toBe('unverified');
  const details = intact.checks.filter(({ ok }) => !ok).map(({ detail }) => detail);
  expect(details).toEqual([
    'no numbers at 23 of 23 tokens, in scoring as in the written files: the source itself gives ' +
      'NaN: block 2 is the first whose output is not finite',
    'the source gives NaN: nothing to compare',
    'no logit of 8 steps is a number: nothing to compare',
  ]);
  expect((await verify(2)).status).toBe('verified');
  // Numbers on one side only are a difference, whichever side it is.
  expect((await verify(1, (nll) => nll.fill(3))).status).toBe('failed');
  expect((await verify(2, (nll) => nll.fill(Number.NaN, 4, 5))).status).toBe('failed');
  await engine.dispose();
});
