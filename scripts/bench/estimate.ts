// How well the page says before scoring how long it will take: its own store and worker service, on
// the CPU.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FolderSource } from '../../src/contract/open.ts';
import type { TextSource } from '../../src/contract/score.ts';
import { nodeFolder } from '../../src/node/folder.ts';
import { nodeLoader } from '../../src/runtime/device/ort.node.ts';
import { quickSeconds, scoreSeconds } from '../../src/state/estimate/selectors.ts';
import type { Seconds } from '../../src/state/estimate/times.ts';
import { sampleSource } from '../../src/state/open/sample.ts';
import { createStudioStore } from '../../src/state/store.ts';
import { fakeMeter } from '../../src/state/testing/fakeMeter.ts';
import { noDisk } from '../../src/state/testing/setUp.ts';
import { fixturePath } from '../../src/testing/fixtures.ts';
import { StudioService } from '../../src/worker/service.ts';
import { type Check, report } from './limits.ts';

interface EstimateRow {
  name: string;
  /** What was said before, and what it took, in seconds. */
  estimate: Seconds;
  actual: number;
  /** The middle of the estimate over the actual seconds. */
  ratio: number;
  ok: boolean;
}

/** The estimate over what it took may be off by this factor either way. */
const LIMIT = 1.5;

/** Below this, "a few seconds" is all that is said. */
const FEW_S = 3;

const SETTLE_MS = 50;

const CASES: { name: string; root: string; graph?: string; text?: TextSource }[] = [
  { name: 'sample', root: 'public/sample', graph: 'onnx/model.onnx' },
  { name: 'sample, 4 bits', root: 'public/sample', graph: 'onnx/model_q4.onnx' },
  {
    name: 'fixture optimum-gemma3-fp32',
    root: fixturePath('optimum-gemma3-fp32'),
    text: { kind: 'ids', name: 'ids', windows: idsOf(200, 64) },
  },
];

export async function benchEstimate(root: string): Promise<EstimateRow[]> {
  const rows: EstimateRow[] = [];
  for (const { name, root: folder, graph, text } of CASES)
    rows.push(
      ...(await measure(name, await filesOf(join(text ? '/' : root, folder)), graph, text)),
    );
  report(
    rows.map(
      ({ name, ratio, ok }): Check => ({
        name: `${name}: time said before over the time it took`,
        value: ratio,
        limit: `within a factor of ${LIMIT}, or both under ${FEW_S} s`,
        ok,
      }),
    ),
  );
  return rows;
}

async function measure(
  name: string,
  source: FolderSource,
  graph: string | undefined,
  text: TextSource | undefined,
): Promise<EstimateRow[]> {
  const bundled = async (which: string) => readFileSync(`public/text/${which}.txt`, 'utf8');
  const store = createStudioStore(
    {
      api: new StudioService(nodeLoader, bundled),
      meter: fakeMeter().api,
      disk: noDisk,
      sample: sampleSource('http://localhost/'),
      planDelayMs: SETTLE_MS,
      now: () => performance.now(),
    },
    { read: () => '', write: () => {} },
  );
  const get = store.state.getState;
  const rows: EstimateRow[] = [];
  const row = (what: string, estimate: Seconds | null, actual: number): void => {
    if (!estimate) throw new Error(`Nothing was said of ${name}, ${what}.`);
    const ratio = Math.sqrt(estimate.low * estimate.high) / actual;
    const ok = (ratio < LIMIT && ratio > 1 / LIMIT) || (estimate.high < FEW_S && actual < FEW_S);
    rows.push({ name: `${name}, ${what}`, estimate, actual, ratio, ok });
  };
  store.actions.setSettings({ device: 'wasm', ...(text && { text }) });
  await store.actions.openSource(source, graph);
  await until(() => get().estimate.times.has('wasm') && !get().estimate.timing);
  const [usual, quick] = [scoreSeconds(get()), quickSeconds(get())];
  await store.actions.score();
  row('10 x 128, by timed runs', usual, seconds(get()));
  const again = scoreSeconds(get());
  await store.actions.score();
  row('the same again, by the curve', again, seconds(get()));
  if (text) return rows;
  await store.actions.scoreOn({ samples: 2, length: 32 });
  row('2 x 32, by timed runs', quick, seconds(get()));
  const back = { ...get().score.settings, samples: 10, length: 128 } as const;
  store.actions.setSettings(back);
  const after = scoreSeconds(get());
  await store.actions.score();
  row('10 x 128, by the quick look', after, seconds(get()));
  store.dispose();
  return rows;
}

type State = ReturnType<ReturnType<typeof createStudioStore>['state']['getState']>;

function seconds({ score: { curve }, errors }: State): number {
  if (!curve) throw new Error(`Scoring failed: ${JSON.stringify(errors)}`);
  return curve.result.seconds;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}

async function filesOf(root: string): Promise<FolderSource> {
  const folder = await nodeFolder(root);
  const files = folder.files.map(({ path }) => ({
    path,
    file: new File([readFileSync(join(root, path))], path),
  }));
  await folder.close();
  return { kind: 'files', name: root, files };
}

function idsOf(windows: number, length: number): number[][] {
  return Array.from({ length: windows }, (_, w) =>
    Array.from({ length }, (_, t) => (w * 31 + t * 17 + 3) % 200),
  );
}
