// Orders from files of other tools, and removal of the lowest blocks by one of them.

import { useState } from 'react';
import { type FileOrder, fileOrders } from '../../state/criteria/fileOrders.ts';
import { plural } from '../format.ts';
import { Field } from '../kit/Field.tsx';
import { FileButton } from '../kit/FileButton.tsx';
import kit from '../kit/kit.module.css';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './interop.module.css';

export function InteropFiles() {
  const orders = useStudio(fileOrders);
  const actions = useActions();
  return (
    <>
      {orders.map((order) => (
        <Order key={order.name} order={order} />
      ))}
      <div className={kit.row}>
        <FileButton
          label="Read a block_order.csv or all_ppl_unsorted.csv"
          accept=".csv"
          testId="interop-file"
          onFile={(file) => void actions.takeFile(file)}
        />
        {orders.length > 0 && (
          <button
            type="button"
            className={kit.quiet}
            data-testid="interop-forget"
            onClick={actions.forgetFiles}
          >
            Forget {orders.length > 1 ? 'these files' : 'this file'}
          </button>
        )}
      </div>
    </>
  );
}

/** Blocks of an order that are listed. */
const SHOWN = 12;

function Order({ order: { name, label, file, blocks } }: { order: FileOrder }) {
  const refusal = useStudio((state) => state.plan.refusal);
  const [k, setK] = useState(Math.min(4, blocks.length));
  const actions = useActions();
  return (
    <div className={css.item} data-testid={`interop-${name}`}>
      <div className={css.head}>
        <b>{file}</b>{' '}
        <span className={kit.sub}>
          {label}, {plural(blocks.length, 'block')}, lowest first:{' '}
          {blocks.slice(0, SHOWN).join(', ')}
          {blocks.length > SHOWN && ', …'}
        </span>
      </div>
      <div className={kit.row}>
        <Field label="Remove the lowest">
          {(id) => (
            <WholeNumber
              id={id}
              value={k}
              min={0}
              max={blocks.length}
              testId={`${name}-k`}
              onChange={setK}
            />
          )}
        </Field>
        <button
          type="button"
          data-testid={`${name}-drop`}
          onClick={() => actions.dropByFile(name, k)}
        >
          Remove only these {k}
        </button>
      </div>
      {refusal && (
        <p className={css.why} role="status">
          {refusal}
        </p>
      )}
    </div>
  );
}
