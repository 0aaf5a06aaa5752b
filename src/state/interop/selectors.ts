// The plan and the curve as other tools take them.

import { hasNumbers } from '../../analysis/perplexity.ts';
import type { ScoreResult } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import {
  espalierLine,
  huggingFaceSnippet,
  llamaQuantizeLine,
  mergekitYaml,
} from '../../model/interop/formats.ts';
import { writeBlockOrder, writePplTable } from '../../model/interop/tables.ts';
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
}

type Head = Omit<Snippet, 'text' | 'why'>;

function snippet(head: Head, make: () => string): Snippet {
  try {
    return { ...head, text: make(), why: '' };
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    return { ...head, text: null, why: `${error.message} ${error.hint}`.trim() };
  }
}

const NO_CURVE = 'Score the blocks first: this file holds the curve.';

/** Name or path of the original for other tools. */
export const sourceOf = ({ interop, model }: StudioState): string =>
  interop.source ?? model.current?.summary.name ?? '';

export const planSnippets = derive(
  (state: StudioState) => [state.model.current, state.plan.present.removed, sourceOf(state)],
  (model, removed, source): Snippet[] => {
    if (!model) return [];
    const { summary } = model;
    const { numBlocks, family, graph, name } = summary;
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
      ),
      snippet(
        line(
          'mergekit',
          'mergekit',
          'Stacks the kept blocks of the original: mergekit-yaml mergekit.yml <folder>.',
          'mergekit.yml',
        ),
        () => mergekitYaml(source, removed, numBlocks),
      ),
      snippet(
        line('llama-cpp', 'llama.cpp', 'Removes the same blocks from a GGUF file of the original.'),
        () =>
          llamaQuantizeLine(
            source.split(/[\\/]/).findLast((part) => part !== '') ?? 'model',
            removed,
            numBlocks,
          ),
      ),
      snippet(
        line(
          'transformers',
          'Hugging Face Transformers',
          'Python that prunes the original, for example to retrain it afterwards.',
          'prune.py',
        ),
        () => huggingFaceSnippet(source, family, removed, numBlocks),
      ),
    ];
  },
);

export const curveSnippets = derive(
  (state: StudioState) => [state.model.current, state.score.curve],
  (model, curve): Snippet[] => {
    const order = {
      id: 'order',
      title: 'block_order.csv',
      what: 'Blocks by perplexity, least important first, as the code of the paper reads it.',
    };
    const table = {
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
