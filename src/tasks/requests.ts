// The choices of a row as token ids, as the lm-evaluation-harness encodes a context and what may
// continue it.

import { EspalierError } from '../errors.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { trimEnd } from './python.ts';
import { taskOf } from './table.ts';
import type { TaskRequest, TaskRow } from './types.ts';

/**
 * One request for each choice of a row. The spaces at the end of a context belong to what continues
 * it; the continuation's tokens are those of both texts together, after as many as the context has
 * alone. Special tokens are those that the tokenizer adds, once; an empty context becomes the
 * token that begins a sequence, or ends one where the tokenizer has no other.
 * @param options.maxLength most tokens that run, so that `ids` are at most one more
 * @param options.task which errors name
 * @throws EspalierError `bad-input` for a choice without tokens, one that is too long, and an
 *   empty context where nothing can stand for it
 * @source EleutherAI, lm-evaluation-harness 0.4 (`_encode_pair`, `loglikelihood`)
 */
export function taskRequests(
  row: TaskRow,
  tokenizer: Tokenizer,
  { maxLength, task }: { maxLength: number; task?: string },
): TaskRequest[] {
  const encode = promptEncoder(tokenizer);
  const contexts = new Map<string, number[]>();
  const encodeContext = (text: string): number[] => {
    const known = contexts.get(text) ?? encode(text);
    contexts.set(text, known);
    return known;
  };
  return row.continuations.map((continuation, choice) => {
    const context = typeof row.context === 'string' ? row.context : row.context[choice];
    const [before, after] = encodePair(context ?? '', continuation, tokenizer, {
      encode,
      encodeContext,
    });
    const quoted = `"${brief(row.choices[choice] ?? '')}"`;
    const of = task === undefined ? '' : ` of ${taskOf(task).label}`;
    const what = `Choice ${choice + 1} of row ${row.doc + 1}${of} (${quoted})`;
    if (before.length === 0)
      throw new EspalierError(
        'bad-input',
        `${what} has an empty context, and the tokenizer has no token that begins or ends a ` +
          'sequence, so that nothing predicts its first token.',
        'Give the row a context, or name such a token in tokenizer_config.json.',
      );
    if (after.length === 0)
      throw new EspalierError(
        'bad-input',
        `${what} has no tokens that could be predicted.`,
        'Take the row out of the file, or mend its choice.',
      );
    if (after.length > maxLength)
      throw new EspalierError(
        'bad-input',
        `${what} has ${after.length} tokens, but the model takes at most ${maxLength}.`,
        'Take the row out of the file.',
      );
    return {
      ids: [...before, ...after].slice(-(maxLength + 1)),
      predicts: after.length,
      tokens: [before.length, after.length],
    };
  });
}

/** Token ids with the special tokens that the tokenizer adds, but not in front of the same one. */
function promptEncoder(tokenizer: Tokenizer): (text: string) => number[] {
  if (!tokenizer.addsBos) return tokenizer.encode;
  const added = tokenizer.encodePrompt('a').length - tokenizer.encode('a').length;
  return (text) => {
    const ids = tokenizer.encodePrompt(text);
    return ids[added] === tokenizer.bosId ? ids.slice(added) : ids;
  };
}

interface Encoders {
  encode(text: string): number[];
  encodeContext(text: string): number[];
}

function encodePair(
  context: string,
  continuation: string,
  tokenizer: Tokenizer,
  { encode, encodeContext }: Encoders,
): [context: number[], continuation: number[]] {
  const head = trimEnd(context);
  const tail = context.slice(head.length) + continuation;
  if (head !== '') {
    const before = encodeContext(head);
    if (before.length > 0) return [before, encode(head + tail).slice(before.length)];
  }
  const ids = tokenizer.encode(tail);
  const prefix = tokenizer.bosId ?? tokenizer.eosId;
  if (prefix === null) return [[], ids];
  return ids[0] === prefix ? [ids.slice(0, 1), ids.slice(1)] : [[prefix], ids];
}

function brief(text: string): string {
  const letters = [...text];
  return letters.length <= 60 ? text : `${letters.slice(0, 60).join('')}…`;
}
