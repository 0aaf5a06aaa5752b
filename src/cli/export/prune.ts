// `prune`: writes the pruned folder and checks what was written, as the page's export does.

import { EspalierError } from '../../errors.ts';
import { stepRecords } from '../../model/export/steps.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { otherPrecisions } from '../../model/open/precisions.ts';
import { requireFree } from '../../node/writeFolder.ts';
import { blocksLeft } from '../../units.ts';
import { defineCommand } from '../command.ts';
import { checkPlan, openForCommand, withFolder } from '../open.ts';
import type { Options, Values } from '../options.ts';
import { checkJsonTarget, writeJson } from '../output.ts';
import { quantisePrecisions, requirePrecisions } from '../quantise/lastStep.ts';
import {
  checkQuantiseOptions,
  plainValues,
  QUANTISE_OPTIONS,
  QUANTISE_TEXT_OPTIONS,
  quantiseTexts,
} from '../quantise/options.ts';
import { quantiseReport } from '../quantise/report.ts';
import {
  BUDGET_OPTIONS,
  COMMON_OPTIONS,
  FOLDER,
  FORMAT_OPTIONS,
  PLAN_OPTIONS,
  RUN_OPTIONS,
} from '../sharedOptions.ts';
import { precisionsOf, quantisedAmong, requireFormat, STEP_OPTIONS } from '../steps.ts';
import { concluded, printChecks, writeExport } from './write.ts';

export const PRUNE_OPTIONS = {
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
  ...FORMAT_OPTIONS,
  ...QUANTISE_OPTIONS,
  ...QUANTISE_TEXT_OPTIONS,
  ...RUN_OPTIONS,
  ...BUDGET_OPTIONS,
  ...COMMON_OPTIONS,
} as const satisfies Options;

export const prune = defineCommand({
  summary: 'write the pruned model and verify it',
  about:
    'The written files are opened again, run and compared with the original. Without --json the ' +
    'checks are printed. A checkpoint or a GGUF file is written as one again unless --format or ' +
    '--dtype says otherwise. Precisions of few bits are quantised last, and measured on --text ' +
    'and --evaluate before they are written.',
  argument: FOLDER,
  options: PRUNE_OPTIONS,
  examples: [
    'public/sample --model onnx/model.onnx --remove 7,9.attn --out pruned-sample',
    'public/sample --model onnx/model.onnx --remove "" --dtype fp16 --out sample-fp16',
    'public/sample --model onnx/model.onnx --remove 7 --dtype keep,q4 --text ' +
      'public/text/calibration.txt --out pruned-sample',
  ],
  run: writePruned,
});

/**
 * What `prune` and `convert` do.
 * @param converts only models without a graph
 */
export async function writePruned(
  path: string,
  values: Values<typeof PRUNE_OPTIONS>,
  given: ReadonlySet<string>,
  converts = false,
): Promise<number> {
  const { out, json, remove: removed, format, kit } = values;
  const precisions = precisionsOf(values.dtype);
  const asked = plainValues(values, given);
  checkQuantiseOptions(asked, quantisedAmong(precisions), values.text !== undefined);
  const texts = quantiseTexts(values);
  checkJsonTarget(json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model, precisions);
    if (converts) requireTensorFiles(opened);
    const others = values['all-graphs'] ? await otherPrecisions(opened) : [];
    requireFormat(opened, removed, precisions, format, kit);
    requirePrecisions(opened, precisions, asked, others.length);
    if (quantisedAmong(precisions).length > 0) {
      checkPlan(opened, removed);
      await requireFree(out);
    }
    const { steps: all, results } = await quantisePrecisions(
      { opened, removed, healing: null, precisions, asked, texts },
      values,
    );
    const [steps = [], ...also] = all;
    const written = await writeExport(
      { opened, removed, steps, also, others, format, kit, out },
      values,
    );
    const { files, leftOut, remarks, summary, verification, runtime } = written;
    if (json === undefined) printChecks(written, blocksLeft(opened.summary.numBlocks, removed));
    else
      writeJson(json, {
        removed,
        ...stepRecords(steps),
        ...(results.length > 0 ? { quantised: results.map(quantiseReport) } : {}),
        out,
        format: written.format,
        files,
        leftOut,
        remarks,
        summary,
        verification,
        runtime,
      });
    return concluded(written, results);
  });
}

/** @throws EspalierError `bad-input` for a model that has a graph */
function requireTensorFiles({ folder, tensorSource }: OpenedModel): void {
  if (tensorSource) return;
  throw new EspalierError(
    'bad-input',
    `The model of ${folder.name} is ONNX already.`,
    'Write it in another precision by prune with --remove "" and --dtype.',
  );
}
