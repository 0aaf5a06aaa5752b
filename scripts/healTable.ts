// The table of healing in README.md: the sample without four of its blocks, healed in several ways
// by the defaults of the command line. `npm run heal-table` writes it as Markdown.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HealSettings } from '../src/contract/heal.ts';
import { HELD_OUT, REFIT_DEFAULTS, TRAIN_DEFAULTS } from '../src/contract/healDefaults.ts';
import type { HealedMeasure } from '../src/model/healing/healing.ts';
import { openModel } from '../src/model/open/open.ts';
import { nodeFolder } from '../src/node/folder.ts';
import { nativeObstacle } from '../src/runtime/device/native/engine.ts';
import { nodeLoader } from '../src/runtime/device/ort.node.ts';
import { controlHealing, heal } from '../src/runtime/heal/heal.ts';
import type { HealJob } from '../src/runtime/heal/healJob.ts';
import { openRouted } from '../src/runtime/score/route.ts';

const ROOT = join(import.meta.dirname, '..');
const PLAN = [2, 7, 8, 9];
const LORA: HealSettings = TRAIN_DEFAULTS;
const NEXT_TOKEN: HealSettings = { ...TRAIN_DEFAULTS, kl: 0 };

/** The last one with what the same training does to the original. */
const WAYS: readonly { title: string; methods: HealSettings[]; control?: string }[] = [
  { title: 'refit', methods: [REFIT_DEFAULTS] },
  { title: 'LoRA towards the original (KL)', methods: [LORA] },
  { title: 'refit, then LoRA towards the original', methods: [REFIT_DEFAULTS, LORA] },
  {
    title: 'LoRA towards the text (NLL)',
    methods: [NEXT_TOKEN],
    control: 'original with the same training (NLL)',
  },
];

const text = (name: string) => ({
  name,
  text: readFileSync(join(ROOT, 'public/text', name), 'utf8'),
});

const folder = await nodeFolder(join(ROOT, 'public/sample'));
const opened = await openModel(folder, 'onnx/model.onnx');
const kind = (await nativeObstacle(nodeLoader)) === null ? 'cpu' : 'wasm';
const { session, engine } = await openRouted(opened, nodeLoader, kind, async () => null);
const sources: HealJob['sources'] = {
  text: { kind: 'text', ...text('calibration.txt') },
  heldOut: HELD_OUT.training,
  foreign: text('evaluation.txt'),
};

type Side = 'original' | 'pruned' | 'healed';
const lines = [
  '| sample | PPL, held-out part | PPL, evaluation text | seconds |',
  '|---|---|---|---|',
];
function add(title: string, measured: readonly HealedMeasure[], side: Side, seconds = ''): void {
  const ppl = (set: HealedMeasure['set']): string =>
    Math.exp(measured.find((row) => row.set === set)?.[side] ?? Number.NaN).toFixed(2);
  lines.push(`| ${title} | ${ppl('held-out')} | ${ppl('foreign')} | ${seconds} |`);
}

for (const [k, { title, methods, control }] of WAYS.entries()) {
  console.error(`healing: ${title}`);
  const job: HealJob = { opened, session, removed: PLAN, methods, sources, onEvent: () => {} };
  const { measured, healing, stoppedAt } = await heal(job);
  if (k === 0) {
    add('original', measured, 'original');
    add(`without blocks ${PLAN.join(', ')}`, measured, 'pruned');
  }
  const seconds = healing.record.steps.reduce((sum, step) => sum + step.seconds, 0);
  add(title, measured, 'healed', seconds.toFixed(0));
  if (control) add(control, await controlHealing(job, stoppedAt), 'healed');
}
await session.dispose();
await engine.dispose();
await folder.close();
const { steps, batch, length } = TRAIN_DEFAULTS;
process.stdout.write(
  `${lines.join('\n')}\n\n` +
    `Fitted on the first ${100 - 100 * HELD_OUT.training} % of calibration.txt, held out the ` +
    `rest; refit on ${REFIT_DEFAULTS.samples} windows of ${REFIT_DEFAULTS.length} tokens, LoRA ` +
    `${steps} steps of ${batch} x ${length} tokens; measured on 24 sequences of ${length} tokens ` +
    `of each text, on ${engine.name}.\n`,
);
// ONNX Runtime's module keeps the process alive.
process.exit(0);
