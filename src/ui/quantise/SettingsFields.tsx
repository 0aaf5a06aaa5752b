// How weights are rounded beyond the method: block size, tables, arithmetic, zero points.

import {
  BLOCK_SIZES,
  type BlockSize,
  type QuantiseSettings,
  type TableForm,
} from '../../model/quantise/quantisation.ts';
import { QUANTISE, FIELDS as WORDS } from '../../words/quantise.ts';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import settings from '../kit/workspace/settings.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './quantise.module.css';

const TABLE_FORMS: readonly TableForm[] = ['keep', 8, 4];

export function SettingsFields() {
  return (
    <div className={`${settings.grid} ${css.fields}`}>
      <Block />
      <Table which="embedding" />
      <Table which="head" />
    </div>
  );
}

function Block() {
  const block = useStudio((state) => state.quantise.form.settings.block);
  const actions = useActions();
  return (
    <div>
      <Field className={settings.setting} label={WORDS.block}>
        {(id) => (
          <select
            id={id}
            value={block}
            data-testid="quantise-block"
            onChange={({ target }) =>
              actions.setQuantise({ block: Number(target.value) as BlockSize })
            }
          >
            {BLOCK_SIZES.map((size) => (
              <option key={size} value={size}>
                {size}
              </option>
            ))}
          </select>
        )}
      </Field>
      <span className={kit.sub}>
        <Term id="blockSize">{WORDS.blockTerm}</Term>
      </span>
    </div>
  );
}

function Table({ which }: { which: 'embedding' | 'head' }) {
  const form = useStudio((state) => state.quantise.form.settings[which]);
  const actions = useActions();
  return (
    <Field className={settings.setting} label={WORDS[which]}>
      {(id) => (
        <select
          id={id}
          value={String(form)}
          data-testid={`quantise-${which}`}
          onChange={({ target }) =>
            actions.setQuantise({
              [which]: TABLE_FORMS.find((one) => String(one) === target.value) ?? 'keep',
            })
          }
        >
          {TABLE_FORMS.map((one) => (
            <option key={one} value={String(one)}>
              {WORDS.tables[one]}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function AdvancedFields() {
  const { method } = useStudio((state) => state.quantise.form.settings);
  const dtype = useStudio((state) => state.quantise.form.dtype);
  const effective = dtype === 'q8' ? 'rtn' : method;
  return (
    <details data-testid="quantise-advanced">
      <summary>{QUANTISE.advanced}</summary>
      <div className={`${kit.stack} ${css.advanced}`}>
        {effective === 'rtn' && <Check name="symmetric" />}
        {effective === 'hqq' && <Check name="floatZeros" />}
        <Accuracy />
        {effective === 'gptq' && <Windows />}
      </div>
    </details>
  );
}

function Check({ name }: { name: 'symmetric' | 'floatZeros' }) {
  const on = useStudio((state) => state.quantise.form.settings[name]);
  const actions = useActions();
  return (
    <div>
      <label className={settings.check}>
        <input
          type="checkbox"
          checked={on}
          data-testid={`quantise-${name}`}
          onChange={() => actions.setQuantise({ [name]: !on })}
        />
        {WORDS[name]}
      </label>{' '}
      <span className={kit.sub}>
        {WORDS.notes[name]} <Term id="zeroPoint">{WORDS.zeroTerm}</Term>
      </span>
    </div>
  );
}

const LEVELS: readonly QuantiseSettings['accuracyLevel'][] = [0, 4];

function Accuracy() {
  const level = useStudio((state) => state.quantise.form.settings.accuracyLevel);
  const actions = useActions();
  return (
    <div>
      <Field label={WORDS.accuracy}>
        {(id) => (
          <select
            id={id}
            value={level}
            data-testid="quantise-accuracy"
            onChange={({ target }) =>
              actions.setQuantise({ accuracyLevel: target.value === '4' ? 4 : 0 })
            }
          >
            {LEVELS.map((one) => (
              <option key={one} value={one}>
                {WORDS.accuracies[one]}
              </option>
            ))}
          </select>
        )}
      </Field>
      <div className={kit.sub}>{WORDS.accuracyNote}</div>
    </div>
  );
}

/** What GPTQ sees of its text. */
function Windows() {
  const { samples, length } = useStudio((state) => state.quantise.form.data);
  const context = useStudio((state) => state.model.current?.summary.contextLength ?? null);
  const actions = useActions();
  return (
    <div className={`${settings.grid} ${css.fields}`}>
      <Field className={settings.setting} label={WORDS.samples}>
        {(id) => (
          <WholeNumber
            id={id}
            value={samples}
            min={1}
            max={4096}
            testId="quantise-samples"
            onChange={(next) => actions.setQuantiseData({ samples: next })}
          />
        )}
      </Field>
      <Field className={settings.setting} label={WORDS.length}>
        {(id) => (
          <WholeNumber
            id={id}
            value={length}
            min={2}
            max={Math.min(2048, context ?? 2048)}
            testId="quantise-length"
            onChange={(next) => actions.setQuantiseData({ length: next })}
          />
        )}
      </Field>
    </div>
  );
}
