// Holds one case against its right values: numbers, files, fields of configs, ids, messages. What
// of `right` it does not know is a miss, so that nothing passes unseen.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../../src/cli/run.ts';
import { toReport } from '../../src/errors.ts';
import { openZip } from '../../src/files/zip.ts';
import { openModel } from '../../src/model/open/open.ts';
import { nodeFolder } from '../../src/node/folder.ts';
import { VariantText } from '../../src/runtime/decode/variantText.ts';
import { fixturePath } from '../../src/testing/fixtures.ts';

/** `expect.json`: where the case is from, how it is run, and what is right. */
export interface Case {
  command: string;
  windows?: number[][];
  messages?: { role: string; content: string }[];
  right: Record<string, unknown>;
  /** A refusal that is as good as the right value. */
  or_else?: string;
}

/** Keys of `right` that explain, or that a test in a browser checks. */
const WORDS = new Set(['windows', 'tolerance', 'why', 'meaning', 'from', 'or', 'loads', 'out']);
const NUMBERS = ['nll_intact', 'nll_without_block', 'nll_without_1_and_3'];

/** What is not as `right` says; empty when the case is right. */
export async function checkCase(folder: string, one: Case, scratch: string): Promise<string[]> {
  const { right } = one;
  if (right.ids_without_special_tokens) return checkIds(folder, one, scratch);
  if (one.messages) return checkChat(folder, one, scratch);
  const model = await modelOf(folder, one.command);
  if (right.outputs) return checkOutputs(model, one, scratch);
  if (right.best) return checkAngular(model, one, scratch);
  if (right.warning) return checkNotANumber(model, one, scratch);
  if (right['one problem']) return checkOneCache(model, scratch);
  return checkNumbers(model, one, scratch);
}

/** The folder that the command names; a zip is unpacked beside it, as it is. */
async function modelOf(folder: string, command: string): Promise<string> {
  const named = command.split(/[\s;]+/).find((word) => existsSync(join(folder, word)) && word);
  const zip = readdirSync(folder).find((name) => name.endsWith('.zip'));
  if (zip !== undefined) {
    const bytes = readFileSync(join(folder, zip));
    const opened = await openZip(new Blob([bytes]), zip);
    const target = join(folder, 'unpacked');
    for (const { path, size } of opened.files) {
      const source = opened.open(path);
      if (!source) continue;
      const data = await source.read(0, size);
      mkdirSync(dirname(join(target, path)), { recursive: true });
      writeFileSync(join(target, path), data);
    }
    return target;
  }
  return join(folder, named ?? 'model');
}

interface Outcome {
  code: number;
  /** What went to standard output and standard error. */
  text: string;
  json: Record<string, unknown> | null;
}

/** Runs a command line in this process. */
async function espalier(scratch: string, ...words: string[]): Promise<Outcome> {
  const file = join(scratch, 'result.json');
  writeFileSync(file, '');
  let text = '';
  const [out, err] = [process.stdout.write, process.stderr.write];
  const take = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
    text += String(chunk);
    for (const then of rest) if (typeof then === 'function') then();
    return true;
  }) as typeof process.stdout.write;
  process.stdout.write = take;
  process.stderr.write = take;
  try {
    const code = await run([...words, '--json', file]);
    const written = readFileSync(file, 'utf8');
    return { code, text: text.trim(), json: written === '' ? null : JSON.parse(written) };
  } finally {
    process.stdout.write = out;
    process.stderr.write = err;
  }
}

function windowsFile({ windows, right }: Case, scratch: string): string {
  const path = join(scratch, 'w.json');
  writeFileSync(path, JSON.stringify(windows ?? right.windows));
  return path;
}

interface Scores {
  baseline: { nll: number | null };
  blocks: { index: number; nll: number }[];
  order: number[];
  warnings?: string[];
}

async function checkNumbers(model: string, one: Case, scratch: string): Promise<string[]> {
  const { right, command } = one;
  const misses: string[] = [];
  const near = (what: string, have: unknown, want: unknown): void => {
    const most = Number(right.tolerance ?? 1e-4);
    if (!(Math.abs(Number(have) - Number(want)) <= most))
      misses.push(`${what} is ${String(have)}, expected ${String(want)}`);
  };
  const graph = /--model (\S+)/.exec(command)?.[1];
  const graphWords = graph === undefined ? [] : ['--model', graph];
  const windows = right.windows ? ['--windows', windowsFile(one, scratch)] : null;
  if (windows && right.nll_intact !== undefined) {
    const { code, text, json } = await espalier(scratch, 'score', model, ...graphWords, ...windows);
    if (code !== 0 || !json) return [`score: exit ${code}: ${text}`];
    const scores = json as unknown as Scores;
    near('NLL of the intact model', scores.baseline.nll, right.nll_intact);
    for (const [k, want] of ((right.nll_without_block ?? []) as number[]).entries())
      near(`NLL without block ${k}`, scores.blocks[k]?.nll, want);
  }
  const out = join(scratch, 'out');
  const pruned = await espalier(
    scratch,
    'prune',
    model,
    ...graphWords,
    '--remove',
    '1,3',
    '--out',
    out,
  );
  if (pruned.code !== Number(right.exit ?? 0))
    return [...misses, `prune: exit ${pruned.code}: ${pruned.text}`];
  if (windows && right.nll_without_1_and_3 !== undefined) {
    const { code, text, json } = await espalier(scratch, 'score', out, ...graphWords, ...windows);
    if (code !== 0 || !json) misses.push(`score of the export: exit ${code}: ${text}`);
    else
      near(
        'NLL of the export without 1 and 3',
        (json as unknown as Scores).baseline.nll,
        right.nll_without_1_and_3,
      );
  }
  for (const [key, want] of Object.entries(right))
    misses.push(...(await checkField(key, want, { model, out, pruned, scratch })));
  return misses;
}

interface Exported {
  model: string;
  out: string;
  pruned: Outcome;
  scratch: string;
}

/** One field of `right` that is no number of a score. */
async function checkField(key: string, want: unknown, exported: Exported): Promise<string[]> {
  const { model, out, pruned, scratch } = exported;
  const verification = pruned.json?.verification as
    | { status: string; checks: { name: string; ok: boolean; detail: string }[] }
    | undefined;
  const equal = (what: string, have: unknown, expected: unknown): string[] =>
    JSON.stringify(have) === JSON.stringify(expected)
      ? []
      : [`${what} is ${JSON.stringify(have)}, expected ${JSON.stringify(expected)}`];
  if (key === 'exit' || NUMBERS.includes(key) || WORDS.has(key)) return [];
  if (key === 'verification.status') return equal(key, verification?.status, want);
  if (key === 'verification') {
    const likelihood = verification?.checks.find(({ name }) => /likelihood/i.test(name));
    return likelihood?.ok && !/not compared/.test(likelihood.detail)
      ? []
      : [`the likelihood of the export was not compared: ${likelihood?.detail ?? 'no check'}`];
  }
  if (key === 'out_has_files' || key === 'out_graph')
    return [want as string | string[]]
      .flat()
      .filter((path) => !existsSync(join(out, path)))
      .map((path) => `the export has no ${path}`);
  if (key === 'tokenizer') {
    const text = join(scratch, 'text.txt');
    writeFileSync(text, 'It was a fine day, and nobody spoke of it. '.repeat(60));
    const { code, text: said } = await espalier(
      scratch,
      ...['score', model, '--text', text, '--samples', '1', '--length', '16'],
    );
    return code === 0 ? [] : [`score --text: exit ${code}: ${said}`];
  }
  if (key === 'hiddenSize' || key === 'config') {
    const { json } = await espalier(scratch, 'inspect', model);
    const summary = json as { hiddenSize?: number; family?: string } | null;
    return key === 'config'
      ? equal('whether a config is read', summary?.family !== 'unknown', true)
      : equal(key, summary?.hiddenSize, want);
  }
  const [path, ...fields] = key.startsWith('OUT/')
    ? key.slice('OUT/'.length).split(' ')
    : ['config.json', key];
  if (path === undefined || !existsSync(join(out, path)))
    return [`nothing here checks "${key}" (the export has no ${path})`];
  let have: unknown = JSON.parse(readFileSync(join(out, path), 'utf8'));
  for (const field of fields.join('.').split('.'))
    have = (have as Record<string, unknown> | undefined)?.[field];
  if (typeof want !== 'object' || want === null) return equal(key, have, want);
  return Object.entries(want).flatMap(([field, value]) =>
    equal(`${key}.${field}`, (have as Record<string, unknown> | undefined)?.[field], value),
  );
}

/** Names of the outputs of a pruned graph, apart from logits and caches; or a remark on them. */
async function checkOutputs(model: string, { right }: Case, scratch: string): Promise<string[]> {
  const out = join(scratch, 'out');
  const { code, text, json } = await espalier(
    scratch,
    ...['prune', model, '--remove', '1,3', '--out', out],
  );
  const wanted = right.outputs as string[];
  if (code !== 0) return /hidden_states/.test(text) ? [] : [`prune: exit ${code}: ${text}`];
  const folder = await nodeFolder(out);
  const { structure } = await openModel(folder);
  await folder.close();
  const have = structure.model.graph.outputs
    .map(({ name }) => name)
    .filter((name) => /hidden/.test(name));
  if (JSON.stringify(have) === JSON.stringify(wanted)) return [];
  const told = `${text} ${JSON.stringify(json)}`;
  return /hidden_states\.[0-4]/.test(told)
    ? []
    : [`outputs are ${have.join(', ')}, expected ${wanted.join(', ')}`];
}

async function checkAngular(model: string, one: Case, scratch: string): Promise<string[]> {
  const count = /--contiguous (\d+)/.exec(one.command)?.[1] ?? '1';
  const { code, text, json } = await espalier(
    scratch,
    ...['score', model, '--criterion', 'angular', '--contiguous', count],
    ...['--windows', windowsFile(one, scratch)],
  );
  if (code !== 0 || !json) return [`score: exit ${code}: ${text}`];
  const wanted = one.right as { scores: number[]; best: { first: number; count: number } };
  const found = json as { scores?: (number | null)[]; best?: { first: number; count: number } };
  const misses = wanted.scores.flatMap((score, k) =>
    Math.abs((found.scores?.[k] ?? Number.NaN) - score) <= 1e-4
      ? []
      : [`distance ${k} is ${found.scores?.[k]}, expected ${score}`],
  );
  const { first, count: length } = wanted.best;
  if (found.best?.first !== first || found.best.count !== length)
    misses.push(`best is ${JSON.stringify(found.best)}, expected ${JSON.stringify(wanted.best)}`);
  return misses;
}

async function checkNotANumber(model: string, one: Case, scratch: string): Promise<string[]> {
  const windows = windowsFile(one, scratch);
  const { code, text, json } = await espalier(scratch, 'score', model, '--windows', windows);
  if (code !== 0 || !json) return [`score: exit ${code}: ${text}`];
  const { baseline, order, warnings = [] } = json as unknown as Scores;
  const misses: string[] = [];
  if (baseline.nll !== null) misses.push(`baseline.nll is ${baseline.nll}, expected null`);
  if (order.length > 0) misses.push(`order is [${order}], expected none`);
  const block = /block (\d+)/.exec(String(one.right.warning))?.[1];
  const said = warnings.join(' ');
  if (
    !/NaN|not a number|no numbers/i.test(said) ||
    !new RegExp(`block ${block}\\b`, 'i').test(said)
  )
    misses.push(`warnings do not say that block ${block} is the first without numbers: "${said}"`);
  const pruned = await espalier(
    scratch,
    ...['prune', model, '--remove', '1', '--out', join(scratch, 'out')],
  );
  if (!/NaN|no numbers/.test(`${pruned.text} ${JSON.stringify(pruned.json)}`))
    misses.push(`prune does not say that the source gives NaN: ${pruned.text}`);
  return misses;
}

/** One clear obstacle, or supported: never blocks that "can be removed" and cannot. */
async function checkOneCache(model: string, scratch: string): Promise<string[]> {
  const { code, text, json } = await espalier(scratch, 'inspect', model);
  const summary = json as {
    blocks: { unremovable?: string }[];
    problems: { message: string }[];
  } | null;
  if (code !== 0 || !summary) return /cache/i.test(text) ? [] : [`inspect: exit ${code}: ${text}`];
  const stuck = summary.blocks.filter((block) => block.unremovable !== undefined).length;
  const said = summary.problems.map(({ message }) => message).join(' ');
  if (stuck === 0) {
    const pruned = await espalier(
      scratch,
      ...['prune', model, '--remove', '1', '--out', join(scratch, 'out')],
    );
    return pruned.code === 0 ? [] : [`supported, but prune: exit ${pruned.code}: ${pruned.text}`];
  }
  if (summary.problems.length === 1 && /cache/i.test(said) && !/blocks can be removed/i.test(said))
    return [];
  return [`${stuck} blocks cannot be removed, and the problems are: ${said}`];
}

/** The text files of a case, in the folder of a model. */
async function textOf(folder: string, scratch: string): Promise<VariantText> {
  const model = join(scratch, 'model');
  for (const path of ['config.json', 'onnx'])
    cpSync(join(fixturePath('optimum-llama-fp32'), path), join(model, path), { recursive: true });
  for (const path of readdirSync(folder))
    cpSync(join(folder, path), join(model, path), { recursive: true });
  const files = await nodeFolder(model);
  try {
    return await VariantText.load(await openModel(files, 'onnx/model.onnx'));
  } finally {
    await files.close();
  }
}

async function checkIds(
  folder: string,
  { right, or_else }: Case,
  scratch: string,
): Promise<string[]> {
  const cases = right.ids_without_special_tokens as [string, number[]][];
  const text = await textOf(folder, scratch);
  const { tokenizer } = text as unknown as {
    tokenizer: Error | { encode(text: string): number[] };
  };
  if (tokenizer instanceof Error)
    return or_else === undefined ? [`refused: ${tokenizer.message}`] : [];
  return cases.flatMap(([words, want]) => {
    const have = tokenizer.encode(words);
    return JSON.stringify(have) === JSON.stringify(want)
      ? []
      : [`ids of ${JSON.stringify(words)} are [${have}], expected [${want}]`];
  });
}

async function checkChat(
  folder: string,
  { messages = [], right }: Case,
  scratch: string,
): Promise<string[]> {
  try {
    const text = await textOf(folder, scratch);
    const prompt = { kind: 'chat', messages } as Parameters<VariantText['encode']>[0];
    const have = text.encode(prompt, 0).text;
    return have === right.text
      ? []
      : [`the prompt is ${JSON.stringify(have)}, expected ${JSON.stringify(right.text)}`];
  } catch (error) {
    return [toReport(error).message];
  }
}
