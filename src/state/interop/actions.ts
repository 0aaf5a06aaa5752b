// Orders and tables of other tools, read from files: kept beside the curve until they are
// forgotten. A file that cannot be read changes nothing.

import { EspalierError } from '../../errors.ts';
import { readBlockOrder, readPplTable } from '../../model/interop/tables.ts';
import type { Context } from '../context.ts';
import type { FileOrder } from '../criteria/fileOrders.ts';
import type { PlanActions } from '../plan/actions.ts';
import { INTEROP } from './state.ts';

export interface InteropActions {
  /** Name or path of the original for other tools; empty = that of the folder. */
  setSource(text: string): void;
  /**
   * Reads a block_order.csv or an all_ppl_unsorted.csv, by its header, and shows what it holds.
   * Shows an error instead of throwing one.
   */
  takeTable(name: string, text: string): void;
  /** Removes the k lowest of a file, and no others; its order is the current one from then on. */
  dropByFile(name: FileOrder['name'], k: number): void;
  forgetFiles(): void;
}

export function makeInteropActions(
  context: Context,
  others: Pick<PlanActions, 'dropLowest'>,
): InteropActions {
  const { get, patch } = context;

  function read(name: string, text: string): void {
    const numBlocks = get().model.current?.summary.numBlocks ?? 0;
    if (/removed_block|ppl_/.test(text.slice(0, 1000))) {
      const table = readPplTable(text, numBlocks);
      patch('interop', { table: { file: name, table } });
      // A criterion like the others: it stands beside them.
      patch('criteria', { compared: true });
      context.announce(`${name}: perplexity without each of ${table.rows.length} blocks.`);
    } else {
      const blocks = readBlockOrder(text, numBlocks);
      patch('interop', { order: { file: name, blocks } });
      context.announce(`${name}: an order of ${blocks.length} blocks.`);
    }
  }

  return {
    setSource: (text) => patch('interop', { source: text.trim() === '' ? null : text }),
    takeTable(name, text) {
      context.clear('restore');
      context.clear('interop');
      try {
        if (!get().model.current)
          throw new EspalierError(
            'bad-input',
            `${name} is about the blocks of a model, but no model is open.`,
            'Open the model, then drop the file again.',
          );
        patch('view', { dialog: 'interop' });
        read(name, text);
      } catch (error) {
        context.fail(get().model.current ? 'interop' : 'restore', error);
      }
    },
    dropByFile(name, k) {
      patch('sublayers', { view: 'blocks' });
      patch('criteria', { orderBy: name });
      others.dropLowest(k);
    },
    forgetFiles() {
      context.clear('interop');
      patch('interop', { order: INTEROP.first.order, table: INTEROP.first.table });
    },
  };
}
