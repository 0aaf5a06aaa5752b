// The prompts of the seven tasks: what is asked of a row, and what may continue it.

import { capitalize, trim } from './python.ts';
import type { TaskRow } from './types.ts';

/** A row as it is asked: without its place and its answer. */
export type Prompt = Omit<TaskRow, 'doc' | 'target'>;

/** @source EleutherAI, lm-evaluation-harness 0.4, super_glue/boolq */
export function boolq(passage: string, question: string): Prompt {
  return prompt(`${passage}\nQuestion: ${question}?\nAnswer:`, ['no', 'yes']);
}

/** Of PIQA and ARC. @source lm-evaluation-harness 0.4, piqa, arc */
export function questionAnswer(question: string, choices: readonly string[]): Prompt {
  return prompt(`Question: ${question}\nAnswer:`, choices);
}

/** @source lm-evaluation-harness 0.4, hellaswag */
export function hellaswag(
  { activity, a, b }: { activity: string; a: string; b: string },
  endings: readonly string[],
): Prompt {
  return prompt(
    withoutBrackets(`${activity}: ${a} ${capitalize(b)}`),
    endings.map(withoutBrackets),
  );
}

/** What WikiHow's articles have in brackets is no part of the text; spaces that it leaves stay. */
function withoutBrackets(text: string): string {
  return withoutBracketed(trim(text).replaceAll(' [title]', '. ')).replaceAll('  ', ' ');
}

/** As the pattern `\[.*?\]` takes it out, within a line; linear in the length of the text. */
function withoutBracketed(text: string): string {
  const kept: string[] = [];
  let from = 0;
  for (let open = text.indexOf('['); open >= 0; open = text.indexOf('[', from)) {
    const close = text.indexOf(']', open);
    if (close < 0) break;
    const lineEnd = text.slice(open, close).lastIndexOf('\n');
    kept.push(text.slice(from, lineEnd < 0 ? open : open + lineEnd + 1));
    from = lineEnd < 0 ? close + 1 : open + lineEnd + 1;
  }
  return kept.join('') + text.slice(from);
}

/**
 * The sentence up to each option as the context, the rest of it as what continues both; null for a
 * sentence without the gap "_".
 * @source lm-evaluation-harness 0.4, winogrande (partial scoring)
 */
export function winogrande(sentence: string, options: readonly string[]): Prompt | null {
  const gap = sentence.indexOf('_');
  if (gap < 0) return null;
  const rest = ` ${trim(sentence.slice(gap + 1))}`;
  return {
    context: options.map((option) => sentence.slice(0, gap) + option),
    continuations: options.map(() => rest),
    choices: options,
  };
}

/** The context as it is, and the choices behind a space. */
export function prompt(context: string, choices: readonly string[]): Prompt {
  return { context, continuations: choices.map((choice) => ` ${choice}`), choices };
}
