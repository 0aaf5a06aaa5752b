// The plan and the curve as other tools take them.

import { hasNumbers } from '../../analysis/perplexity.ts';
import type { ScoreResult } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import { type DeclaredBlocks, familyKey } from '../../model/interop/declared.ts';
import {
  espalierLine,
  huggingFaceSnippet,
  llamaQuantizeLine,
  mergekitYaml,
} from '../../model/interop/formats.ts';
import {
  mergekitModules,
  mergekitRemarks,
  transformersRemarks,
} from '../../model/interop/huggingFace.ts';
import { llamaCppRemarks } from '../../model/interop/llamaCpp.ts';
import {
  keptBlocks,
  NOTHING_TO_SAY,
  type Remarks,
  type Repair,
} from '../../model/interop/remarks.ts';
import { writeBlockOrder, writePplTable } from '../../model/interop/tables.ts';
import { nameOfFiles } from '../../model/open/modelName.ts';
import { planSize } from '../../model/open/size.ts';
import { NO_NUMBERS } from '../../words/choose.ts';
import { suggestName } from '../export/name.ts';
import { derive } from '../memo.ts';
import type { OpenModel } from '../open/state.ts';
import type { StudioState } from '../state.ts';

/** One thing that can be taken to another tool. */
export interface Snippet {
  id: string;
  title: string;
  /** What it is for. */
  what: string;
  /** Null where it cannot be had: then `why` says so. */
  text: string | null;
  why: string;
  /** Name of the file that it is, or ''. */
  file: string;
  /** What the tool makes of it that the export is not. */
  warnings: readonly string[];
  /** What repairs that. */
  repair: Repair | null;
}

type Head = Pick<Snippet, 'id' | 'title' | 'what' | 'file'>;

/** A model whose configs say nothing of its blocks. */
const UNDECLARED: Omit<DeclaredBlocks, 'family'> = {
  section: null,
  hasConfig: false,
  kinds: null,
  rotary: null,
  lists: {},
  indexLists: {},
  leading: {},
  trailing: {},
  numbers: {},
};

function snippet(head: Head, make: () => string, remarks: () => Remarks): Snippet {
  try {
    const text = make();
    const { withheld, warnings, repair } = remarks();
    if (withheld !== null)
      return { ...head, text: null, why: withheld, warnings: [], repair: null };
    return { ...head, text, why: '', warnings, repair };
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    const why = `${error.message} ${error.hint}`.trim();
    return { ...head, text: null, why, warnings: [], repair: null };
  }
}

const NO_CURVE = 'Score the blocks first: this file holds the curve.';

/** Name or path of the original for other tools. */
export function sourceOf({ interop, model }: StudioState): string {
  const { name = '', graph = '' } = model.current?.summary ?? {};
  return interop.source ?? nameOfFiles([graph]) ?? name;
}

export const planSnippets = derive(
  (state: StudioState) => [state.model.current, state.plan.present.removed, sourceOf(state)],
  (model, removed, source): Snippet[] => {
    if (!model) return [];
    const { summary } = model;
    const { numBlocks, family, graph, name } = summary;
    const declared = summary.declared ?? { ...UNDECLARED, family: familyKey(family) };
    const plan = { declared, n: numBlocks, keep: keptBlocks(removed, numBlocks) };
    const line = (id: string, title: string, what: string, file = ''): Head => ({
      id,
      title,
      what,
      file,
    });
    return [
      snippet(
        line(
          'espalier',
          'Espalier on the command line',
          'Writes and checks the same export where Espalier is installed. Replace the ' +
            'folder name by its path.',
        ),
        () => espalierLine(name, graph, removed, suggestName(summary, removed)),
        () => NOTHING_TO_SAY,
      ),
      snippet(
        line(
          'mergekit',
          'mergekit',
          'Stacks the kept blocks of the original: mergekit-yaml mergekit.yml <folder>.',
          'mergekit.yml',
        ),
        () => mergekitYaml(source, removed, numBlocks, mergekitModules(family, declared)),
        () => mergekitRemarks(plan, family),
      ),
      snippet(
        line('llama-cpp', 'llama.cpp', 'Removes the same blocks from a GGUF file of the original.'),
        () =>
          llamaQuantizeLine(
            source.split(/[\\/]/).findLast((part) => part !== '') ?? 'model',
            removed,
            numBlocks,
          ),
        () => llamaCppRemarks(plan),
      ),
      snippet(
        line(
          'transformers',
          'Hugging Face Transformers',
          'Python that prunes the original, for example to retrain it afterwards.',
          'prune.py',
        ),
        () => huggingFaceSnippet(source, family, removed, numBlocks, declared.section !== null),
        () => transformersRemarks(plan),
      ),
    ];
  },
);

export const curveSnippets = derive(
  (state: StudioState) => [state.model.current, state.score.curve],
  (model, curve): Snippet[] => {
    const plain = { warnings: [], repair: null };
    const order = {
      ...plain,
      id: 'order',
      title: 'block_order.csv',
      what: 'Blocks by perplexity, least important first, as the code of the paper reads it.',
    };
    const table = {
      ...plain,
      id: 'table',
      title: 'all_ppl_unsorted.csv',
      what: 'Perplexity without each block, with calibration windows and parameters left.',
    };
    const sound = curve && hasNumbers(curve.result.baseline) ? curve : null;
    const why = curve ? NO_NUMBERS.obstacle : NO_CURVE;
    return [
      {
        ...order,
        file: order.title,
        text: sound && writeBlockOrder(sound.result.order),
        why,
      },
      {
        ...table,
        file: table.title,
        text: model && sound && pplTable(model, sound.result),
        why,
      },
    ];
  },
);

/** Blocks that cannot be removed have no row. */
function pplTable({ summary }: OpenModel, { blocks, settings, windows }: ScoreResult): string {
  const rows = blocks
    .filter(({ refused }) => !refused)
    .map(({ index, ppl }) => ({ block: index, ppl, params: planSize(summary, [index]).params }))
    .sort((a, b) => a.block - b.block);
  return writePplTable({ dataset: settings.text, samples: windows.length, rows });
}
