// How strongly a training is done: presets, and every setting behind them.

import { useId } from 'react';
import type { TrainSettings } from '../../contract/heal.ts';
import {
  defaultRate,
  MOST_RANK,
  MOST_SEED,
  PAPER_RECIPE,
  TRAIN_DEFAULTS,
} from '../../contract/healDefaults.ts';
import { HEAL, PRESET_WORDS, strengthWords, TRAIN_FIELDS as WORDS } from '../../words/heal.ts';
import { DecimalNumber } from '../kit/DecimalNumber.tsx';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { OptionalNumber } from '../kit/OptionalNumber.tsx';
import { Term } from '../kit/Term.tsx';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import settings from '../kit/workspace/settings.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './heal.module.css';
import { mainMethod } from './MethodChoice.tsx';

type Train = Omit<TrainSettings, 'method'>;

/** What the strengths set; the paper's recipe sets the method, too. */
const STRENGTHS = {
  quick: {},
  thorough: { steps: 400, batch: 8, schedule: 'cosine', warmup: 20, heldOutEvery: 20 },
} as const satisfies Record<string, Partial<Train>>;

type Strength = keyof typeof STRENGTHS;

/** Which blocks are trained is no matter of strength. */
const OTHERS: readonly string[] = ['blocks', 'norms', 'head'];

function settingsOf(strength: Strength, method: TrainSettings['method'], params: number): Train {
  const { method: _, ...train } = TRAIN_DEFAULTS;
  return { ...train, ...STRENGTHS[strength], rate: defaultRate(method, params) };
}

const isOf = (train: Train, settings: Partial<Train>): boolean =>
  Object.entries(settings).every(
    ([key, value]) => OTHERS.includes(key) || train[key as keyof Train] === value,
  );

export function Strength() {
  const train = useStudio((state) => state.heal.form.train);
  const method = useStudio((state) => mainMethod(state.heal.form.methods));
  const params = useStudio((state) => state.model.current?.summary.params ?? 0);
  // A hook by its name only.
  const { setTraining, useHealPreset: applyPreset } = useActions();
  const name = useId();
  const choices = (Object.keys(STRENGTHS) as Strength[]).map((id) => {
    const settings = settingsOf(id, method === 'full' ? 'full' : 'lora', params);
    const { blocks, norms, head } = train;
    return { id, settings, choose: () => setTraining({ ...settings, blocks, norms, head }) };
  });
  const { method: _, epochs: __, ...paper } = PAPER_RECIPE;
  const all = [
    ...choices,
    { id: 'paper' as const, settings: paper, choose: () => applyPreset('paper') },
  ];
  return (
    <fieldset className={kit.field}>
      <legend>{HEAL.strength}</legend>
      <div className={css.strengths}>
        {all.map(({ id, settings, choose }) => (
          <label key={id}>
            <input
              type="radio"
              name={name}
              checked={isOf(train, settings)}
              data-testid={`heal-${id}`}
              onChange={choose}
            />{' '}
            {PRESET_WORDS[id]} <span className={kit.sub}>{strengthWords(settings)}</span>
          </label>
        ))}
        {!all.some(({ settings }) => isOf(train, settings)) && (
          <label>
            <input type="radio" name={name} checked readOnly data-testid="heal-own-settings" />{' '}
            {PRESET_WORDS.own} <span className={kit.sub}>{strengthWords(train)}</span>
          </label>
        )}
      </div>
    </fieldset>
  );
}

export function RefitFirst() {
  const methods = useStudio((state) => state.heal.form.methods);
  const actions = useActions();
  const main = mainMethod(methods);
  const first = methods.includes('refit');
  return (
    <label className={settings.check}>
      <input
        type="checkbox"
        checked={first}
        data-testid="heal-refit-first"
        onChange={() => actions.setHealMethods(first ? [main] : ['refit', main])}
      />
      {WORDS.refitFirst}
    </label>
  );
}

export function TrainFields() {
  const method = useStudio((state) => mainMethod(state.heal.form.methods));
  return (
    <details data-testid="heal-advanced">
      <summary>{HEAL.advanced}</summary>
      <div className={`${settings.grid} ${css.fields}`}>
        <Loss />
        <Whole name="steps" max={1_000_000} />
        <Whole name="batch" max={4096} />
        <Length />
        <Decimal name="rate" min={1e-7} max={1} step={0.0001} />
        <Whole name="warmup" min={0} max={1_000_000} />
        <Schedule />
        {method === 'lora' ? <LoraFields /> : <FullFields />}
        <Decimal name="weightDecay" min={0} max={0.99} step={0.01} />
        <MaxNorm />
        <Whole name="heldOutEvery" max={1_000_000} />
        <Whole name="seed" min={0} max={MOST_SEED} />
      </div>
    </details>
  );
}

/** KL to the original, the next token's NLL, or parts of both. */
function Loss() {
  const kl = useStudio((state) => state.heal.form.train.kl);
  const { setTraining } = useActions();
  return (
    <div className={settings.setting}>
      <Field className={settings.setting} label={WORDS.loss}>
        {(id) => (
          <select
            id={id}
            value={String(kl)}
            data-testid="heal-loss"
            onChange={({ target }) => setTraining({ kl: Number(target.value) })}
          >
            <option value="1">{WORDS.kl}</option>
            <option value="0">{WORDS.nll}</option>
            <option value="0.5">{WORDS.mixed}</option>
            {![0, 0.5, 1].includes(kl) && <option value={String(kl)}>{WORDS.share(kl)}</option>}
          </select>
        )}
      </Field>
      <span className={kit.sub}>
        <Term id="kl" />
      </span>
    </div>
  );
}

function Schedule() {
  const schedule = useStudio((state) => state.heal.form.train.schedule);
  const { setTraining } = useActions();
  return (
    <Field className={settings.setting} label={WORDS.schedule}>
      {(id) => (
        <select
          id={id}
          value={schedule}
          data-testid="heal-schedule"
          onChange={({ target }) =>
            setTraining({ schedule: target.value as TrainSettings['schedule'] })
          }
        >
          <option value="cosine">{WORDS.cosine}</option>
          <option value="constant">{WORDS.constant}</option>
        </select>
      )}
    </Field>
  );
}

function LoraFields() {
  const matrices = useStudio((state) => state.heal.form.train.matrices);
  const { setTraining } = useActions();
  return (
    <>
      <Whole name="rank" max={MOST_RANK} />
      <Decimal name="alpha" min={0.001} max={4096} step={1} />
      <Decimal name="dropout" min={0} max={0.9} step={0.05} />
      <Field className={settings.setting} label={WORDS.matrices}>
        {(id) => (
          <select
            id={id}
            value={matrices}
            data-testid="heal-matrices"
            onChange={({ target }) =>
              setTraining({ matrices: target.value as TrainSettings['matrices'] })
            }
          >
            <option value="fused">{WORDS.fused}</option>
            <option value="split">{WORDS.split}</option>
          </select>
        )}
      </Field>
    </>
  );
}

function FullFields() {
  const { norms, head } = useStudio((state) => state.heal.form.train);
  const blocks = useStudio((state) => state.model.current?.summary.numBlocks ?? 1);
  const { setTraining } = useActions();
  return (
    <>
      <Whole name="blocks" max={blocks} />
      <label className={settings.check}>
        <input
          type="checkbox"
          checked={norms}
          data-testid="heal-norms"
          onChange={() => setTraining({ norms: !norms })}
        />
        {WORDS.norms}
      </label>
      <label className={settings.check}>
        <input
          type="checkbox"
          checked={head}
          data-testid="heal-head"
          onChange={() => setTraining({ head: !head })}
        />
        {WORDS.head}
      </label>
    </>
  );
}

function Length() {
  const context = useStudio((state) => state.model.current?.summary.contextLength ?? null);
  return <Whole name="length" min={2} max={context ?? 4096} />;
}

function MaxNorm() {
  const maxNorm = useStudio((state) => state.heal.form.train.maxNorm);
  const { setTraining } = useActions();
  return (
    <Field className={settings.setting} label={WORDS.maxNorm}>
      {(id) => (
        <OptionalNumber
          id={id}
          value={maxNorm}
          placeholder={WORDS.notClipped}
          testId="heal-max-norm"
          onChange={(next) => setTraining({ maxNorm: next })}
        />
      )}
    </Field>
  );
}

/** Settings that are numbers, by the name of their label. */
type NumberName = {
  [K in keyof Train]: Train[K] extends number ? K : never;
}[keyof Train] &
  keyof typeof WORDS;

function Whole({ name, min = 1, max }: { name: NumberName; min?: number; max: number }) {
  const value = useStudio((state) => state.heal.form.train[name]);
  const { setTraining } = useActions();
  return (
    <Field className={settings.setting} label={WORDS[name]}>
      {(id) => (
        <WholeNumber
          id={id}
          value={value}
          min={min}
          max={max}
          testId={`heal-${name}`}
          onChange={(next) => setTraining({ [name]: next })}
        />
      )}
    </Field>
  );
}

interface DecimalProps {
  name: NumberName;
  min: number;
  max: number;
  step: number;
}

function Decimal({ name, ...bounds }: DecimalProps) {
  const value = useStudio((state) => state.heal.form.train[name]);
  const { setTraining } = useActions();
  return (
    <Field className={settings.setting} label={WORDS[name]}>
      {(id) => (
        <DecimalNumber
          id={id}
          value={value}
          {...bounds}
          testId={`heal-${name}`}
          onChange={(next) => setTraining({ [name]: next })}
        />
      )}
    </Field>
  );
}
