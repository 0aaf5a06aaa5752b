// What came from files of other tools, and the name under which they know the original.

import type { PplTable } from '../../model/interop/tables.ts';
import { listOf, number, orNull, shape, text } from '../kept/form.ts';
import { blocks } from '../kept/forms.ts';
import { ofModel } from '../slice.ts';

export interface InteropSlice {
  /** Name or path of the original for other tools, as typed; null = that of the folder. */
  source: string | null;
  /** A block_order.csv: least important first; blocks that always stay may be missing. */
  order: { file: string; blocks: readonly number[] } | null;
  /** An all_ppl_unsorted.csv. */
  table: { file: string; table: PplTable } | null;
}

export const INTEROP = ofModel<InteropSlice>(
  { source: null, order: null, table: null },
  (slice) => slice,
  {
    version: 1,
    isMeasured: false,
    fields: {
      source: { is: orNull(text) },
      order: { is: orNull(shape<NonNullable<InteropSlice['order']>>({ file: text, blocks })) },
      table: {
        is: orNull(
          shape<NonNullable<InteropSlice['table']>>({
            file: text,
            table: shape<PplTable>({
              dataset: text,
              samples: orNull(number),
              rows: listOf(shape<PplTable['rows'][number]>({ block: number, ppl: orNull(number) })),
            }),
          }),
        ),
      },
    },
    count: ({ order, table }) => (order ? 1 : 0) + (table ? 1 : 0),
  },
);
