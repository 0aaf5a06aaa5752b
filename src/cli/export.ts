// `prune`: writes the pruned folder and checks what was written, as the page's export does.

import { stepRecords } from '../model/export/steps.ts';
import { otherPrecisions } from '../model/open/precisions.ts';
import { blocksLeft } from '../units.ts';
import { defineCommand } from './command.ts';
import { openForCommand, withFolder } from './open.ts';
import type { Options, Values } from './options.ts';
import { checkJsonTarget, writeJson } from './output.ts';
import { COMMON_OPTIONS, FOLDER, PLAN_OPTIONS, RUN_OPTIONS } from './sharedOptions.ts';
import { STEP_OPTIONS, stepsFor } from './steps.ts';
import { concluded, printChecks, writeExport } from './write.ts';

const OPTIONS = {
  remove: {
    ...PLAN_OPTIONS.remove,
    required: true,
    help: `${PLAN_OPTIONS.remove.help}; "" for none`,
  },
  'all-graphs': {
    type: 'flag',
    help: 'prune every precision of the model that the folder has, not the chosen one alone',
  },
  out: { type: 'text', value: 'dir', required: true, help: 'folder to write, new or empty' },
  ...STEP_OPTIONS,
  ...RUN_OPTIONS,
  ...COMMON_OPTIONS,
} as const satisfies Options;

export const prune = defineCommand({
  summary: 'write the pruned model folder and verify it',
  about:
    'The written files are opened again, run and compared with the original. Without --json the ' +
    'checks are printed.',
  argument: FOLDER,
  options: OPTIONS,
  examples: [
    'public/sample --model onnx/model.onnx --remove 7,9.attn --out pruned-sample',
    'public/sample --model onnx/model.onnx --remove "" --dtype fp16 --out sample-fp16',
  ],
  run,
});

async function run(path: string, values: Values<typeof OPTIONS>): Promise<number> {
  const { out, json, remove: removed } = values;
  checkJsonTarget(json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    const steps = stepsFor(opened, values.dtype);
    const others = values['all-graphs'] ? await otherPrecisions(opened) : [];
    const written = await writeExport({ opened, removed, steps, others, out }, values);
    const { files, leftOut, remarks, summary, verification, runtime } = written;
    if (json === undefined) printChecks(written, blocksLeft(opened.summary.numBlocks, removed));
    else
      writeJson(json, {
        removed,
        ...stepRecords(steps),
        out,
        files,
        leftOut,
        remarks,
        summary,
        verification,
        runtime,
      });
    return concluded(written);
  });
}
