// Orders from files of other tools, and removal of the lowest blocks by one of them.

import { useState } from 'react';
import { plural } from '../../quantities.ts';
import { type FileOrder, fileOrders } from '../../state/criteria/fileOrders.ts';
import { INTEROP } from '../../words/dialogs/interop.ts';
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
          label={INTEROP.read}
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
            {orders.length > 1 ? INTEROP.forgetAll : INTEROP.forgetOne}
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
  const shown = blocks.slice(0, SHOWN).join(', ') + (blocks.length > SHOWN ? ', …' : '');
  return (
    <div className={css.item} data-testid={`interop-${name}`}>
      <div className={css.head}>
        <b>{file}</b>{' '}
        <span className={kit.sub}>
          {INTEROP.lowestFirst(label, plural(blocks.length, 'block'), shown)}
        </span>
      </div>
      <div className={kit.row}>
        <Field label={INTEROP.remove}>
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
          {INTEROP.removeOnly(k)}
        </button>
      </div>
      {refusal && <p className={css.why}>{refusal}</p>}
    </div>
  );
}
