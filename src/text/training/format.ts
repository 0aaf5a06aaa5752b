// How a conversation is written for a model: by its own chat template, or as an Alpaca prompt.

import { EspalierError, toReport } from '../../errors.ts';
import type { ChatMessage, ChatTemplate } from '../chat.ts';
import type { Tokenizer } from '../tokenizer.ts';
import type { Instruction } from './instructions.ts';

/** What of a model's tokenizer instructions are written with. */
export interface InstructionTokens {
  tokenizer: Tokenizer;
  /** null without one; the error where it cannot be read. */
  template: ChatTemplate | EspalierError | null;
  /** The token put before a text, or null for none; a chat template writes its own. */
  bos: number | null;
  /** The token that ends an answer, or null when none is known; as with BOS. */
  eos: number | null;
}

/** A row as a text, and which parts of it are answers. */
interface WrittenInstruction {
  text: string;
  /** Characters from..to of each answer, ascending. */
  answers: [from: number, to: number][];
}

export interface InstructionFormat {
  /** null where it cannot be told where the last answer begins. */
  write(row: Instruction): WrittenInstruction | null;
  /** Token ids of a written text from its beginning. */
  encode(text: string): number[];
  /** The token behind the last answer, where the text does not have it. */
  end: number | null;
  /** Why it is not the model's own, in a sentence; null when it is. */
  note: string | null;
}

/**
 * The format of a model: its own chat template, where that says where answers begin, else the
 * prompt of Alpaca.
 * @throws nothing; `write` throws EspalierError `bad-input` for a row that the template refuses
 */
export function instructionFormat(tokens: InstructionTokens): InstructionFormat {
  const { tokenizer, template, bos, eos } = tokens;
  const problem = templateProblem(template);
  if (problem === null && template && !(template instanceof EspalierError))
    return {
      write: (row) => written(row.messages, byTemplate(row, template)),
      encode: (text) => tokenizer.encode(text),
      end: null,
      note: null,
    };
  return {
    write: (row) => written(row.messages, (messages, asks) => alpacaPrompt(messages, asks, row)),
    encode(text) {
      const ids = tokenizer.encode(text);
      return bos === null ? ids : [bos, ...ids];
    },
    end: eos,
    note: `${problem} Instructions are written as Alpaca prompts.`,
  };
}

type Render = (messages: readonly ChatMessage[], asks: boolean) => string;

/** Why a template cannot be used to tell answers from prompts, in a sentence; null when it can. */
function templateProblem(template: InstructionTokens['template']): string | null {
  if (template === null) return 'This model has no chat template.';
  if (template instanceof EspalierError) return template.message;
  const probe: ChatMessage[] = [
    { role: 'user', content: 'Question' },
    { role: 'assistant', content: 'Answer' },
  ];
  try {
    const found = written(probe, (messages, asks) =>
      template.render(messages, { addGenerationPrompt: asks }),
    );
    const [from = 0, to = 0] = found?.answers[0] ?? [];
    if (found?.text.slice(from, to).includes('Answer')) return null;
  } catch (error) {
    return toReport(error).message;
  }
  return "This model's chat template does not tell where an answer begins.";
}

/** A template that refuses a system message gets it at the beginning of the first question. */
function byTemplate({ where, messages }: Instruction, template: ChatTemplate): Render {
  const render =
    (change: (messages: readonly ChatMessage[]) => readonly ChatMessage[]): Render =>
    (some, asks) =>
      template.render(change(some), { addGenerationPrompt: asks });
  const asIs = render((some) => some);
  try {
    asIs(messages, false);
    return asIs;
  } catch (error) {
    const merged = render(withoutSystem);
    if (messages[0]?.role === 'system' && messages[1]?.role === 'user')
      try {
        merged(messages, false);
        return merged;
      } catch {
        // The first error names what is wrong.
      }
    const { message, detail } = toReport(error);
    throw new EspalierError(
      'bad-input',
      `Instructions, ${where}: ${message}`,
      'Change this row, or take it out.',
      detail,
    );
  }
}

function withoutSystem(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const [system, user, ...rest] = messages;
  if (system?.role !== 'system' || user?.role !== 'user') return messages;
  return [{ role: 'user', content: `${system.content}\n\n${user.content}` }, ...rest];
}

/**
 * Where answers stand in the text of a conversation: each from where the text of what is before it,
 * with the opening of an answer, ends.
 */
function written(messages: readonly ChatMessage[], render: Render): WrittenInstruction | null {
  const text = render(messages, false);
  const answers: [number, number][] = [];
  for (const [k, { role }] of messages.entries()) {
    if (role !== 'assistant' || k === 0) continue;
    const isLast = k === messages.length - 1;
    try {
      const before = render(messages.slice(0, k), false);
      const done = isLast ? text : render(messages.slice(0, k + 1), false);
      if (!text.startsWith(before) || !text.startsWith(done)) continue;
      // An opening may hold what the finished text leaves out, such as the start of a thought.
      const from = sharedLength(render(messages.slice(0, k), true), text);
      if (from >= before.length && from < done.length) answers.push([from, done.length]);
    } catch (error) {
      if (isLast) throw error;
    }
  }
  const last = answers.at(-1);
  return last && last[1] === text.length ? { text, answers } : null;
}

/** How many characters two texts share at their beginning. */
function sharedLength(a: string, b: string): number {
  let at = 0;
  while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return at;
}

/**
 * A conversation as an Alpaca prompt.
 * @source Stanford Alpaca, "Data release": the prompts with and without an input
 */
function alpacaPrompt(
  messages: readonly ChatMessage[],
  asks: boolean,
  { alpaca }: Pick<Instruction, 'alpaca'>,
): string {
  const system = messages[0]?.role === 'system' ? messages[0].content : null;
  const input = alpaca && alpaca.input.trim() !== '' ? alpaca.input : null;
  const opening =
    system ??
    `Below is an instruction that describes a task${
      input === null ? '.' : ', paired with an input that provides further context.'
    } Write a response that appropriately completes the request.`;
  const parts = messages.map(({ role, content }) => {
    if (role === 'assistant') return `### Response:\n${content}`;
    if (role === 'system') return null;
    const instruction = `### Instruction:\n${alpaca ? alpaca.instruction : content}`;
    return input === null ? instruction : `${instruction}\n\n### Input:\n${input}`;
  });
  const all = [
    opening,
    ...parts.filter((part) => part !== null),
    ...(asks ? ['### Response:\n'] : []),
  ];
  return all.join('\n\n');
}
