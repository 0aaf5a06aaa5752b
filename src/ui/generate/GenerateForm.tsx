// What to generate from: prompt, conversation, examples, sampling settings.

import { CHAT_EXAMPLES, RAW_EXAMPLES } from '../../state/generate/examples.ts';
import { chatState, modeOf } from '../../state/generate/prompt.ts';
import type { GenerateForm as Form } from '../../state/generate/state.ts';
import { cannotChat, SIDE_BY_SIDE, samplingWords } from '../../words/quality.ts';
import { DecimalNumber } from '../kit/DecimalNumber.tsx';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import { GenerateTurns, PROMPT_ID } from './GenerateTurns.tsx';
import css from './generate.module.css';

const PROMPT_LABELS: Record<Form['mode'], string> = {
  raw: SIDE_BY_SIDE.prompt,
  chat: SIDE_BY_SIDE.message,
  ids: SIDE_BY_SIDE.ids,
};

export function GenerateForm() {
  const form = useStudio((state) => state.generate.form);
  const mode = useStudio(modeOf);
  const hasTokenizer = useStudio((state) => state.model.current?.hasTokenizer ?? true);
  const actions = useActions();
  const set = actions.setGenerateForm;
  return (
    <form
      className={css.form}
      onSubmit={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        void actions.generate();
      }}
    >
      <Mode mode={mode} hasTokenizer={hasTokenizer} />
      {mode === 'chat' && (
        <label className={css.prompt}>
          <span>{SIDE_BY_SIDE.system}</span>
          <textarea
            rows={2}
            value={form.system}
            placeholder={SIDE_BY_SIDE.systemEmpty}
            data-testid="system"
            onChange={(event) => set({ system: event.target.value })}
          />
        </label>
      )}
      {mode === 'chat' && <GenerateTurns />}
      <label className={css.prompt}>
        <span>{PROMPT_LABELS[mode]}</span>
        <textarea
          rows={2}
          value={mode === 'ids' ? form.ids : form.prompt}
          id={PROMPT_ID}
          data-testid="prompt"
          onChange={(event) =>
            set(mode === 'ids' ? { ids: event.target.value } : { prompt: event.target.value })
          }
        />
      </label>
      {mode !== 'ids' && (
        <div className={css.examples}>
          <span className={kit.sub}>{SIDE_BY_SIDE.examples}</span>
          {(mode === 'chat' ? CHAT_EXAMPLES : RAW_EXAMPLES).map((text) => (
            <button
              key={text}
              type="button"
              className={kit.chip}
              title={text}
              onClick={() => set({ prompt: text })}
            >
              {text}
            </button>
          ))}
        </div>
      )}
      <Settings form={form} />
    </form>
  );
}

function Mode({ mode, hasTokenizer }: { mode: Form['mode']; hasTokenizer: boolean }) {
  const chat = useStudio(chatState);
  const actions = useActions();
  if (!hasTokenizer) return <p className={kit.sub}>{SIDE_BY_SIDE.noTokenizer}</p>;
  const modes: [Form['mode'], string][] = [
    ['raw', SIDE_BY_SIDE.raw],
    ['chat', SIDE_BY_SIDE.chat],
    ['ids', SIDE_BY_SIDE.ids],
  ];
  return (
    <fieldset className={css.modes}>
      <legend className={kit.hidden}>{SIDE_BY_SIDE.kind}</legend>
      {modes.map(([value, label]) => (
        <label key={value}>
          <input
            type="radio"
            name="prompt-mode"
            value={value}
            checked={mode === value}
            disabled={value === 'chat' && chat !== 'ok'}
            data-testid={`mode-${value}`}
            onChange={() => actions.setGenerateForm({ mode: value })}
          />{' '}
          {label}
        </label>
      ))}
      {chat === 'none' && <span className={kit.sub}>{SIDE_BY_SIDE.noChat}</span>}
      {typeof chat === 'object' && <span className={kit.bad}>{cannotChat(chat.error)}</span>}
    </fieldset>
  );
}

function Settings({ form }: { form: Form }) {
  const set = useActions().setGenerateForm;
  const { sampling } = form;
  return (
    <details>
      <summary>
        {SIDE_BY_SIDE.settings}{' '}
        <span className={kit.sub}>
          {samplingWords(form.tokens, sampling.temperature, sampling.seed)}
        </span>
      </summary>
      <div className={css.settings}>
        <Field className={css.setting} label={SIDE_BY_SIDE.newTokens}>
          {(id) => (
            <WholeNumber
              id={id}
              value={form.tokens}
              min={1}
              max={4096}
              testId="gen-tokens"
              onChange={(tokens) => set({ tokens })}
            />
          )}
        </Field>
        <SamplingFields sampling={form.sampling} />
        <label className={css.wide}>
          <input
            type="checkbox"
            checked={form.stopAtEos}
            data-testid="gen-eos"
            onChange={() => set({ stopAtEos: !form.stopAtEos })}
          />{' '}
          {SIDE_BY_SIDE.stopAtEos}
        </label>
      </div>
    </details>
  );
}

function SamplingFields({ sampling }: Pick<Form, 'sampling'>) {
  const { setGenerateForm } = useActions();
  const sample = (fields: Partial<Form['sampling']>) =>
    setGenerateForm({ sampling: { ...sampling, ...fields } });
  const greedy = sampling.temperature === 0;
  return (
    <>
      <Field className={css.setting} label={SIDE_BY_SIDE.temperature}>
        {(id) => (
          <DecimalNumber
            id={id}
            value={sampling.temperature}
            min={0}
            max={5}
            step={0.1}
            testId="gen-temperature"
            onChange={(temperature) => sample({ temperature })}
          />
        )}
      </Field>
      <Field className={css.setting} label={SIDE_BY_SIDE.topK}>
        {(id) => (
          <WholeNumber
            id={id}
            value={sampling.topK}
            min={0}
            max={1_000_000}
            disabled={greedy}
            testId="gen-top-k"
            onChange={(topK) => sample({ topK })}
          />
        )}
      </Field>
      <Field className={css.setting} label={SIDE_BY_SIDE.topP}>
        {(id) => (
          <DecimalNumber
            id={id}
            value={sampling.topP}
            min={0.01}
            max={1}
            step={0.01}
            disabled={greedy}
            testId="gen-top-p"
            onChange={(topP) => sample({ topP })}
          />
        )}
      </Field>
      <Field className={css.setting} label={SIDE_BY_SIDE.seed}>
        {(id) => (
          <WholeNumber
            id={id}
            value={sampling.seed}
            min={0}
            max={2 ** 31 - 1}
            disabled={greedy}
            testId="gen-seed"
            onChange={(seed) => sample({ seed })}
          />
        )}
      </Field>
    </>
  );
}
