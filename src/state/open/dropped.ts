// What was dropped: a model, a text, a table, JSON, rows of tasks, or nothing that can be used, and
// why. Pure: it looks at names, sizes and texts, and changes nothing.

import { EspalierError } from '../../errors.ts';
import type { PickedFolder } from '../../files/pickedFolder.ts';
import { isJsonObject } from '../../json.ts';
import { jsonFault } from '../../jsonFault.ts';
import { PROVENANCE_FILE } from '../../model/export/provenance.ts';
import { isTensorChoice } from '../../model/graphs/tensorChoices.ts';
import { isFileOfModel, noGraph } from '../../model/open/noGraph.ts';
import { formOf } from '../../tasks/data/forms.ts';
import * as words from '../../words/open.ts';

export type Dropped =
  | { kind: 'text' | 'table' | 'json' | 'instructions'; file: File }
  /** Files that may hold rows of tasks. */
  | { kind: 'tasks'; folder: PickedFolder }
  /** `note` says what of the drop is not opened, or ''. */
  | { kind: 'model'; folder: PickedFolder; note: string };

/** Far above any calibration text; the page holds a text several times. */
const MAX_TEXT_BYTES = 256 * 2 ** 20;

const SMALL: readonly [RegExp, Exclude<Dropped['kind'], 'model' | 'tasks'>][] = [
  [/\.(txt|md|text)$/i, 'text'],
  [/\.csv$/i, 'table'],
  [/\.json$/i, 'json'],
  [/\.jsonl$/i, 'instructions'],
];

/** What rows of tasks are published in, and the labels beside some. */
const TASK_FILE = /\.(jsonl|parquet|lst)$/i;

const refuse = ({ message, hint }: words.Refusal) => new EspalierError('bad-input', message, hint);

/** As the engine finds them: graphs, and files of named tensors. */
function hasModel({ files }: PickedFolder): boolean {
  const paths = new Set(files.map(({ path }) => path));
  return files.some(({ path }) => isGraph(path) || isTensorChoice(path, paths));
}

const isGraph = (path: string) =>
  /\.onnx$/i.test(path) && !path.split('/').some((step) => step.startsWith('.'));

const isZip = ({ files }: PickedFolder) =>
  files.length === 1 && /\.zip$/i.test(files[0]?.path ?? '');

/**
 * The folders that were dropped together, each as if it had come alone; none when files lie beside
 * them: then all of it is what one model folder holds.
 */
function apart({ folders = [], files }: PickedFolder): PickedFolder[] {
  if (files.some(({ path }) => !path.includes('/'))) return [];
  return folders.map((name) => ({
    name,
    files: files.flatMap(({ path, file }) =>
      path.startsWith(`${name}/`) ? [{ path: path.slice(name.length + 1), file }] : [],
    ),
  }));
}

/** @throws EspalierError for what cannot be used, with what it is instead and what to do */
export function sortDropped(all: PickedFolder): Dropped {
  const [only] = all.files;
  if (only && all.files.length === 1) {
    const kind = SMALL.find(([name]) => name.test(only.path))?.[1];
    if (kind && only.file.size === 0) throw refuse(words.emptyFile(only.path));
    if (kind && only.file.size > MAX_TEXT_BYTES)
      throw refuse(words.tooLargeText(only.path, only.file.size, MAX_TEXT_BYTES));
    if (kind) return { kind, file: only.file };
  }
  const { folders = [], ...folder } = all;
  if (isZip(folder)) return { kind: 'model', folder, note: '' };
  const models = apart(all).filter(hasModel);
  if (models.length > 1) throw refuse(words.severalModels(models.map(({ name }) => name)));
  const [model] = models;
  if (model) {
    const others = folders.filter((name) => name !== model.name);
    const note = others.length > 0 ? words.onlyOneOpened(model.name, others) : '';
    return { kind: 'model', folder: model, note };
  }
  if (hasModel(folder)) return { kind: 'model', folder, note: '' };
  const paths = folder.files.map(({ path }) => path);
  if (paths.some((path) => TASK_FILE.test(path)) && !paths.some(isFileOfModel))
    return { kind: 'tasks', folder: all };
  throw noGraph({
    name: folder.name,
    files: folder.files.map(({ path, file }) => ({ path, size: file.size })),
    ...(all.folders && { what: words.theFiles(folder.files.length) }),
  });
}

/** Whether the fields of a row are those of a task. */
function isTaskRow(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const inner = Object.entries(value).flatMap(([name, one]) =>
    isJsonObject(one) ? Object.keys(one).map((key) => `${name}.${key}`) : [],
  );
  return formOf(new Set([...Object.keys(value), ...inner])) !== null;
}

/** What a JSONL file holds, by its first row. */
export function sortLines(text: string): 'tasks' | 'instructions' {
  try {
    const [line = ''] = /\S.*/.exec(text) ?? [];
    return isTaskRow(JSON.parse(line)) ? 'tasks' : 'instructions';
  } catch {
    return 'instructions';
  }
}

/**
 * What a dropped JSON file is: an espalier.json by its name or its format, instructions to heal on,
 * rows of a task, or windows of token ids.
 * @throws EspalierError for a file of a model, for text that is not JSON, and for any other JSON
 */
export function sortJson(
  name: string,
  text: string,
): 'provenance' | 'instructions' | 'tasks' | 'windows' {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse(words.notJson(name, jsonFault(text)));
  }
  if (name === PROVENANCE_FILE) return 'provenance';
  const fields = (typeof value === 'object' && value) || {};
  if ('format' in fields && fields.format === 'espalier-export') return 'provenance';
  if (Array.isArray(value) && isJsonObject(value[0]))
    return isTaskRow(value[0]) ? 'tasks' : 'instructions';
  if (Array.isArray(value) || 'windows' in fields) return 'windows';
  throw isFileOfModel(name)
    ? noGraph({ name, files: [{ path: name, size: text.length }] })
    : refuse(words.otherJson(name));
}
