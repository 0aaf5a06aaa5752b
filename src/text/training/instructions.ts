// Reads instructions out of JSON or JSONL: rows as Alpaca, chat data sets and questions with
// answers write them, each as a conversation that ends with an answer.

import { EspalierError } from '../../errors.ts';
import { boundsProblem, isJsonObject, type JsonObject } from '../../json.ts';
import type { ChatMessage } from '../chat.ts';

/** A row of instructions. */
export interface Instruction {
  /** How messages name it: "row 3", "line 3". */
  where: string;
  /** Ends with an answer of the assistant. */
  messages: ChatMessage[];
  /** `instruction` and `input` apart, where the row has them so. */
  alpaca: { instruction: string; input: string } | null;
}

/** Most characters of a file of instructions; 50,000 rows of Alpaca have 44 million. */
const MAX_INSTRUCTION_CHARS = 512 * 2 ** 20;

/** Fields that hold a question and its answer, by the names that data sets have for them. */
const PAIRS: readonly { asks: string; adds: readonly string[]; answers: readonly string[] }[] = [
  { asks: 'instruction', adds: ['input', 'context'], answers: ['output', 'response'] },
  { asks: 'prompt', adds: [], answers: ['completion', 'response'] },
  { asks: 'question', adds: ['context'], answers: ['answer', 'response'] },
];

/** Names of roles in data sets. */
const ROLES: { readonly [name: string]: ChatMessage['role'] } = {
  system: 'system',
  developer: 'system',
  user: 'user',
  human: 'user',
  assistant: 'assistant',
  gpt: 'assistant',
  model: 'assistant',
};

const FORMS =
  'Rows are {"instruction", "input", "output"}, {"messages": [{"role", "content"}]}, ' +
  '{"prompt", "completion"} or {"question", "answer"}, in a JSON array or one to a line.';

/**
 * The rows of a file, each checked.
 * @param name of the file, for messages
 * @throws EspalierError `bad-input`, naming the first row that cannot be read and its field
 */
export function readInstructions(name: string, text: string): Instruction[] {
  const rows = readRows(name, text);
  if (rows.length === 0)
    throw new EspalierError('bad-input', `${name} has no instructions.`, FORMS);
  return rows.map(({ where, value }) => instructionOf(`${name}, ${where}`, where, value));
}

/** A JSON array, or JSON objects one to a line. */
function readRows(name: string, text: string): { where: string; value: unknown }[] {
  const wrong = boundsProblem(text, MAX_INSTRUCTION_CHARS);
  if (wrong !== null) throw new EspalierError('bad-input', `${name} ${wrong}.`, FORMS);
  const body = text.replace(/^\uFEFF/, '');
  if (/^\s*\[/.test(body)) {
    const rows = parsed(name, body);
    if (Array.isArray(rows))
      return rows.map((value: unknown, k) => ({ where: `row ${k + 1}`, value }));
  }
  return body.split(/\r?\n/).flatMap((line, k) => {
    if (line.trim() === '') return [];
    const where = `line ${k + 1}`;
    return [{ where, value: parsed(`${name}, ${where}`, line) }];
  });
}

function parsed(where: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new EspalierError('bad-input', `${where} is not valid JSON.`, FORMS, String(error));
  }
}

function instructionOf(at: string, where: string, value: unknown): Instruction {
  if (!isJsonObject(value)) throw new EspalierError('bad-input', `${at} is no object.`, FORMS);
  for (const field of ['messages', 'conversations', 'conversation'])
    if (value[field] !== undefined)
      return { where, messages: conversation(at, field, value[field]), alpaca: null };
  const pair = PAIRS.find(({ asks }) => value[asks] !== undefined);
  if (!pair) {
    const fields = Object.keys(value)
      .slice(0, 8)
      .map((field) => JSON.stringify(field));
    const has = fields.length === 0 ? 'no fields' : `the fields ${fields.join(', ')}`;
    throw new EspalierError('bad-input', `${at} has ${has}, but no instruction.`, FORMS);
  }
  const answers = pair.answers.find((field) => value[field] !== undefined);
  if (answers === undefined)
    throw new EspalierError('bad-input', `${at} has no field "${pair.answers[0]}".`, FORMS);
  // Prompt and completion may be parts of a conversation.
  if (Array.isArray(value[pair.asks])) {
    const before = turns(at, pair.asks, value[pair.asks]);
    const answer = Array.isArray(value[answers])
      ? turns(at, answers, value[answers])
      : [{ role: 'assistant' as const, content: textOf(at, answers, value[answers]) }];
    return { where, messages: answered(at, answers, [...before, ...answer]), alpaca: null };
  }
  const system = value.system === undefined ? '' : optional(at, value, 'system');
  const instruction = textOf(at, pair.asks, value[pair.asks]);
  const adds = pair.adds.find((field) => value[field] !== undefined);
  const input = adds === undefined ? '' : optional(at, value, adds);
  const output = textOf(at, answers, value[answers]);
  const asked = input.trim() === '' ? instruction : `${instruction}\n\n${input}`;
  return {
    where,
    messages: [
      ...(system === '' ? [] : [{ role: 'system' as const, content: system }]),
      { role: 'user', content: asked },
      { role: 'assistant', content: output },
    ],
    alpaca: system === '' ? { instruction, input } : null,
  };
}

/** What may be missing: null is nothing. */
function optional(at: string, row: JsonObject, field: string): string {
  return row[field] === null ? '' : textOf(at, field, row[field]);
}

function conversation(at: string, field: string, value: unknown): ChatMessage[] {
  return answered(at, field, turns(at, field, value));
}

/** Up to the last answer. */
function answered(at: string, field: string, messages: readonly ChatMessage[]): ChatMessage[] {
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  if (last < 0)
    throw new EspalierError(
      'bad-input',
      `${at}: "${field}" has no message of the assistant, so there is no answer to learn.`,
      FORMS,
    );
  return messages.slice(0, last + 1);
}

function turns(at: string, field: string, value: unknown): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new EspalierError('bad-input', `${at}: "${field}" is no list of messages.`, FORMS);
  return (value as unknown[]).map((turn, k) => {
    const place = `${field}[${k}]`;
    if (!isJsonObject(turn))
      throw new EspalierError('bad-input', `${at}: "${place}" is no message.`, FORMS);
    const named = turn.role ?? turn.from;
    const role = typeof named === 'string' && Object.hasOwn(ROLES, named) ? ROLES[named] : null;
    if (!role)
      throw new EspalierError(
        'bad-input',
        `${at}: "${place}" has the role ${JSON.stringify(named) ?? 'of nobody'}.`,
        'Roles are system, user and assistant; leave out calls of tools.',
      );
    const key = turn.content === undefined && turn.value !== undefined ? 'value' : 'content';
    return { role, content: textOf(at, `${place}.${key}`, turn[key]) };
  });
}

/** A string, or the texts of a list of parts. */
function textOf(at: string, field: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.length > 0) {
    const texts = (value as unknown[]).map((part) =>
      isJsonObject(part) && part.type === 'text' ? part.text : null,
    );
    if (texts.every((text) => typeof text === 'string')) return texts.join('');
  }
  const what = value === undefined ? 'is missing' : `is ${kindOf(value)}, not a text`;
  throw new EspalierError('bad-input', `${at}: the field "${field}" ${what}.`, FORMS);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
