// One side of a generation: its text with the first different token marked, and its speed.

import type { Side } from '../../contract/generate.ts';
import type { Which } from '../../contract/speed.ts';
import { plural } from '../../quantities.ts';
import { markedRange } from '../../state/generate/mark.ts';
import type { Generated } from '../../state/generate/state.ts';
import { healingWords } from '../../state/heal/selectors.ts';
import { SIDE_BY_SIDE, textOf } from '../../words/quality.ts';
import { formatRate, formatShort } from '../format.ts';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useStudio } from '../studioContext.ts';
import css from './generate.module.css';

interface Props {
  which: Which;
  shown: Generated;
  divergesAt: number | null;
}

export function GenerateSide({ which, shown, divergesAt }: Props) {
  const side = shown.sides[which];
  const error = shown.errors[which];
  const how = useStudio((state) => healingWords(state, shown.healing));
  return (
    <section className={css.side} aria-label={textOf(which)}>
      <h3>
        {which === 'pruned' && how ? `${which}, ${how}` : which}
        <span data-testid={`gen-toks-${which}`}>
          {side && side.tokens > 1 && (
            <>
              {formatRate(rateOf(side))} <Term id="decode">{SIDE_BY_SIDE.decode}</Term>
            </>
          )}
        </span>
      </h3>
      <p className={css.text} data-testid={`gen-${which}`} dir="auto">
        <MarkedText side={side} at={divergesAt} />
      </p>
      {error && (
        <p className={css.failed} role="alert" data-testid={`gen-error-${which}`}>
          {error.message} {error.hint}
        </p>
      )}
      <p className={kit.sub}>
        {side && (
          <>
            <Term id="ttft">{SIDE_BY_SIDE.ttft}</Term>{' '}
            <span data-testid={`gen-ttft-${which}`}>{formatShort(side.ttft)}</span>,{' '}
            {plural(side.tokens, 'token')}
            {ending(side, shown.stopped)}
          </>
        )}
      </p>
    </section>
  );
}

/** Decode speed in tokens/s: the first token counts as part of the prompt. */
function rateOf({ tokens, seconds, ttft }: Side): number {
  return (tokens - 1) / (seconds - ttft);
}

function ending({ done }: Side, stopped: boolean): string {
  if (done === 'eos') return `, ${SIDE_BY_SIDE.endedByModel}`;
  return done === null && stopped ? `, ${SIDE_BY_SIDE.stopped}` : '';
}

/** Token ids where there is no tokenizer. Model text is text, never markup. */
function MarkedText({ side, at }: { side: Side | undefined; at: number | null }) {
  if (!side) return null;
  if (side.text === '' && (side.ends.at(-1) ?? 0) === 0) {
    const words = side.ids.map(String);
    if (at === null || at >= words.length) return words.join(' ');
    return (
      <>
        {words.slice(0, at).join(' ')} <Mark text={words[at] ?? ''} />{' '}
        {words.slice(at + 1).join(' ')}
      </>
    );
  }
  const range = at === null ? null : markedRange(side.text, side.ends, at);
  if (!range) return side.text;
  return (
    <>
      {side.text.slice(0, range[0])}
      <Mark text={side.text.slice(...range)} />
      {side.text.slice(range[1])}
    </>
  );
}

function Mark({ text }: { text: string }) {
  return (
    <mark data-testid="diverge" title={SIDE_BY_SIDE.different}>
      {text}
    </mark>
  );
}
