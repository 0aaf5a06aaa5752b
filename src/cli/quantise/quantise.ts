// `quantise`: writes a model, or a plan of it, in few bits, and says what that costs before it is
// written; JSON, with the numbers in words on standard error.

import { requireFree } from '../../node/writeFolder.ts';
import { bytesOfSource } from '../../runtime/quantise/jobBytes.ts';
import { blocksLeft, type Unit } from '../../units.ts';
import { UsageError } from '../args.ts';
import { defineCommand } from '../command.ts';
import { noteDevice } from '../device.ts';
import { concluded, printChecks, type Written, writeExport } from '../export/write.ts';
import { checkPlan, openForCommand, withFolder } from '../open.ts';
import type { Options, Values } from '../options.ts';
import { checkJsonTarget, writeJson } from '../output.ts';
import {
  BUDGET_OPTIONS,
  COMMON_OPTIONS,
  FOLDER,
  PLAN_OPTIONS,
  RUN_OPTIONS,
} from '../sharedOptions.ts';
import { type Precision, precisionsOf, quantisedAmong, STEP_OPTIONS } from '../steps.ts';
import { quantisePrecisions, requirePrecisions } from './lastStep.ts';
import {
  checkQuantiseOptions,
  plainValues,
  QUANTISE_OPTIONS,
  QUANTISE_TEXT_OPTIONS,
  quantiseTexts,
} from './options.ts';
import { quantiseReport } from './report.ts';

const OPTIONS = {
  ...PLAN_OPTIONS,
  dtype: {
    ...STEP_OPTIONS.dtype,
    default: 'q4',
    help:
      'precision of the export, q4, q4f16 or q8; or several for one folder, such as keep,q4, ' +
      'where keep is that of the original',
  },
  ...QUANTISE_OPTIONS,
  ...QUANTISE_TEXT_OPTIONS,
  out: { type: 'text', value: 'dir', help: 'folder to write, new or empty' },
  ...RUN_OPTIONS,
  ...BUDGET_OPTIONS,
  ...COMMON_OPTIONS,
} as const satisfies Options;

/** What `quantise` writes as JSON. */
export interface QuantiseReport {
  removed: Unit[];
  dtypes: Precision[];
  /** Graph and weights of the source. */
  sourceBytes: number;
  /** Of each precision of few bits. */
  results: ReturnType<typeof quantiseReport>[];
  runtime: string;
  written?: Written;
}

export const quantise = defineCommand({
  summary: 'write a model, or a plan of it, in 4 or 8 bits, and measure what that costs',
  about:
    'The very bytes that are written run on the texts before they are: what pruning costs and ' +
    'what quantising costs are told apart. Without --out nothing is written.',
  argument: FOLDER,
  options: OPTIONS,
  examples: [
    'public/sample --model onnx/model.onnx --method hqq --dtype q4 ' +
      '--text public/text/calibration.txt --evaluate public/text/evaluation.txt --out sample-q4',
    'public/sample --model onnx/model.onnx --remove 2,7 --method gptq --dtype q4f16 --block 128 ' +
      '--mixed-loss 0.005 --text public/text/calibration.txt --out pruned-q4f16',
  ],
  run,
});

async function run(
  path: string,
  values: Values<typeof OPTIONS>,
  given: ReadonlySet<string>,
): Promise<number> {
  const { out, json, remove: removed } = values;
  const precisions = precisionsOf(values.dtype);
  requireQuantised(precisions);
  const asked = plainValues(values, given);
  checkQuantiseOptions(asked, quantisedAmong(precisions), values.text !== undefined);
  const texts = quantiseTexts(values);
  checkJsonTarget(json);
  if (out !== undefined) await requireFree(out);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model, precisions);
    checkPlan(opened, removed);
    requirePrecisions(opened, precisions, asked);
    const { steps, results, ran } = await quantisePrecisions(
      { opened, removed, healing: null, precisions, asked, texts },
      values,
    );
    if (out === undefined && ran) noteDevice(ran.name, ran.runtime);

    const [first = [], ...also] = steps;
    const written =
      out === undefined
        ? null
        : await writeExport({ opened, removed, steps: first, also, others: [], out }, values);
    const report: QuantiseReport = {
      removed,
      dtypes: precisions,
      sourceBytes: await bytesOfSource(opened, []),
      results: results.map(quantiseReport),
      runtime: ran?.runtime ?? '',
      ...(written ? { written } : {}),
    };
    if (json !== undefined || !written) writeJson(json, report);
    else printChecks(written, blocksLeft(opened.summary.numBlocks, removed));
    return concluded(written, results);
  });
}

/** @throws UsageError */
function requireQuantised(precisions: readonly Precision[]): void {
  if (quantisedAmong(precisions).length === 0)
    throw new UsageError(
      `--dtype ${precisions.join(',')} has no precision of few bits: add q4, q4f16 or q8, or use ` +
        'prune.',
    );
}
