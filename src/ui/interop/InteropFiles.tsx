// Orders that came from files of other tools: what they say, and "remove the k lowest of this
// file".

import { useId, useState } from 'react';
import { type FileOrder, fileOrders } from '../../state/criteria/fileOrders.ts';
import { plural } from '../format.ts';
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
            Forget {orders.length > 1 ? 'both' : 'it'}
          </button>
        )}
      </div>
    </>
  );
}

/** As many blocks as an order usually is read for at a glance. */
const SHOWN = 12;

function Order({ order: { name, label, file, blocks } }: { order: FileOrder }) {
  const refusal = useStudio((state) => state.plan.refusal);
  const [k, setK] = useState(Math.min(4, blocks.length));
  const actions = useActions();
  const id = useId();
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
        <label htmlFor={id}>Remove the lowest</label>
        <WholeNumber
          id={id}
          value={k}
          min={0}
          max={blocks.length}
          testId={`${name}-k`}
          onChange={setK}
        />
        <button
          type="button"
          data-testid={`${name}-drop`}
          onClick={() => actions.dropByFile(name, k)}
        >
          Remove {k}, and no others
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
