// The options that quantise, for the command of that name and as a last step of others; and the
// settings that follow from them.

import {
  BLOCK_SIZES,
  type MixedChoice,
  QUANTISED_DTYPES,
  type QuantisedDtype,
  type QuantiseSettings,
} from '../../model/quantise/quantisation.ts';
import { UsageError } from '../args.ts';
import type { Options, Values } from '../options.ts';
import { readTextFile } from '../texts.ts';

const TABLE_FORMS = ['keep', '8', '4'] as const;

export const QUANTISE_OPTIONS = {
  method: {
    type: 'choice',
    value: 'name',
    choices: ['rtn', 'hqq', 'gptq'],
    default: 'rtn',
    help:
      'how few bits are rounded: to the nearest; by half-quadratic quantisation, which moves the ' +
      'zero points; or by GPTQ, which takes statistics from --text',
  },
  block: {
    type: 'choice',
    value: 'inputs',
    choices: BLOCK_SIZES.map(String),
    default: '32',
    help: 'inputs of a matrix in few bits that share a scale; the last block of a row is padded',
  },
  symmetric: { type: 'flag', help: 'of rtn: no zero points' },
  zeros: {
    type: 'choice',
    value: 'type',
    choices: ['float', 'integer'],
    default: 'float',
    help: 'of hqq: zero points as floats, or rounded where a runtime takes integers alone',
  },
  embedding: {
    type: 'choice',
    value: 'bits',
    choices: TABLE_FORMS,
    default: 'keep',
    help: 'of few bits: the table of the embedding, as it is or in so many bits by rtn',
  },
  head: {
    type: 'choice',
    value: 'bits',
    choices: TABLE_FORMS,
    default: 'keep',
    help: 'of few bits: the matrix of the head, likewise',
  },
  'accuracy-level': {
    type: 'choice',
    value: 'level',
    choices: ['0', '4'],
    default: '0',
    help: 'of products in few bits: 4 rounds activations to 8 bits, which is faster on CPUs',
  },
  'mixed-bytes': {
    type: 'decimal',
    value: 'MB',
    help: 'so many MB more for the most sensitive matrices, in 8 bits or as they are',
  },
  'mixed-loss': {
    type: 'decimal',
    value: 'nats',
    help: 'the same, until the sensitivities that are left add up to this',
  },
  samples: {
    type: 'whole',
    min: 1,
    default: 32,
    value: 'n',
    help: 'windows of --text that gptq sees, one after the other from its start',
  },
  length: {
    type: 'whole',
    min: 2,
    default: 128,
    value: 'tokens',
    help: 'length of these windows, and of those that are measured on',
  },
} as const satisfies Options;

type QuantiseOption = keyof typeof QUANTISE_OPTIONS;
export type QuantiseValues = Values<typeof QUANTISE_OPTIONS>;

/** Of commands that quantise as a last step, beside options of their own called so. */
const RENAMED = {
  method: 'quantise-method',
  head: 'quantise-head',
  samples: 'quantise-samples',
  length: 'quantise-length',
} as const satisfies Partial<Record<QuantiseOption, string>>;

type Renamed = typeof RENAMED;
type NameOf<Name extends QuantiseOption> = Name extends keyof Renamed ? Renamed[Name] : Name;
type RenamedOptions = {
  [Name in QuantiseOption as NameOf<Name>]: (typeof QUANTISE_OPTIONS)[Name];
};

const nameOf = (name: string): string =>
  Object.hasOwn(RENAMED, name) ? RENAMED[name as keyof Renamed] : name;

/** The same options, for a command whose own `method`, `head`, `samples` and `length` stay. */
export const RENAMED_QUANTISE_OPTIONS = Object.fromEntries(
  Object.entries(QUANTISE_OPTIONS).map(([name, option]) => [nameOf(name), option]),
) as RenamedOptions;

/** Their values and those that were given, by the names of `QUANTISE_OPTIONS`. */
export function renamedValues(
  values: Values<RenamedOptions>,
  given: ReadonlySet<string>,
): GivenQuantiseValues {
  const names = Object.keys(QUANTISE_OPTIONS);
  const all: Readonly<Record<string, unknown>> = values;
  return {
    values: Object.fromEntries(names.map((name) => [name, all[nameOf(name)]])) as QuantiseValues,
    given: new Set(names.filter((name) => given.has(nameOf(name)))),
    nameOf,
  };
}

/** The texts of a command that has no others. */
export const QUANTISE_TEXT_OPTIONS = {
  text: {
    type: 'text',
    value: 'file',
    help:
      'plain text to calibrate few bits with and to measure on; needed by gptq and the mixed ' +
      'choices',
  },
  evaluate: { type: 'text', value: 'file', help: 'another plain text to measure few bits on' },
} as const satisfies Options;

/** Both, read. @throws EspalierError `missing-file`, `bad-input` */
export function quantiseTexts({ text, evaluate }: Values<typeof QUANTISE_TEXT_OPTIONS>) {
  return {
    calibration: text === undefined ? null : readTextFile(text),
    heldOut: evaluate === undefined ? null : readTextFile(evaluate),
  };
}

/** What was asked for, and how the command calls its options. */
export interface GivenQuantiseValues {
  values: QuantiseValues;
  /** Names of `QUANTISE_OPTIONS`, and of texts that nothing else reads, that were given. */
  given: ReadonlySet<string>;
  nameOf(name: string): string;
}

/** Of a command whose options are called as in `QUANTISE_OPTIONS`. */
export function plainValues(
  values: QuantiseValues,
  given: ReadonlySet<string>,
): GivenQuantiseValues {
  const all = Object.keys({ ...QUANTISE_OPTIONS, ...QUANTISE_TEXT_OPTIONS });
  const own = all.filter((name) => given.has(name));
  return { values, given: new Set(own), nameOf: (name) => name };
}

/**
 * Sees that the options go together, with the precisions and with the text.
 * @param dtypes that are quantised
 * @param hasText a plain text to calibrate with; `otherwise`, what to do where there is none
 * @throws UsageError
 */
export function checkQuantiseOptions(
  { values, given, nameOf: called }: GivenQuantiseValues,
  dtypes: readonly QuantisedDtype[],
  hasText: boolean,
  otherwise = 'Give --text <file>.',
): void {
  const option = (name: QuantiseOption): string => `--${called(name)}`;
  const [first] = given;
  if (dtypes.length === 0) {
    if (first === undefined) return;
    throw new UsageError(
      `--${called(first)} is about matrices in few bits, and --dtype names no such precision: ` +
        `add --dtype ${QUANTISED_DTYPES.join(', ')}, or leave it out.`,
    );
  }
  const { method, symmetric } = values;
  const chosen = `${option('method')} ${method}`;
  if (method !== 'rtn' && dtypes.includes('q8'))
    throw new UsageError(`${chosen} gives 4 bits; --dtype q8 is of ${option('method')} rtn alone.`);
  if (method !== 'rtn' && symmetric)
    throw new UsageError(`--symmetric is of ${option('method')} rtn alone, and this is ${method}.`);
  if (method !== 'hqq' && given.has('zeros'))
    throw new UsageError(`--zeros is of ${option('method')} hqq alone, and this is ${method}.`);
  if (method !== 'gptq' && given.has('samples'))
    throw new UsageError(`${option('samples')} is of ${option('method')} gptq alone.`);
  if (method === 'gptq' && !hasText)
    throw new UsageError(`${chosen} takes its statistics from a plain text. ${otherwise}`);
  const [bytes, loss] = [values['mixed-bytes'], values['mixed-loss']];
  if (bytes !== undefined && loss !== undefined)
    throw new UsageError('Give --mixed-bytes or --mixed-loss, not both.');
  const mixed = bytes === undefined ? loss : bytes;
  if (mixed !== undefined && !hasText)
    throw new UsageError(
      `--${bytes === undefined ? 'mixed-loss' : 'mixed-bytes'} chooses by what a plain text ` +
        `loses. ${otherwise}`,
    );
}

/** Of one precision. */
export function quantiseSettingsOf(
  values: QuantiseValues,
  dtype: QuantisedDtype,
): QuantiseSettings {
  return {
    method: values.method,
    bits: dtype === 'q8' ? 8 : 4,
    block: BLOCK_SIZES.find((size) => String(size) === values.block) ?? 32,
    symmetric: values.symmetric,
    floatZeros: values.zeros === 'float',
    embedding: tableForm(values.embedding),
    head: tableForm(values.head),
    accuracyLevel: values['accuracy-level'] === '4' ? 4 : 0,
  };
}

const tableForm = (word: (typeof TABLE_FORMS)[number]): QuantiseSettings['head'] =>
  (({ keep: 'keep', 8: 8, 4: 4 }) as const)[word];

export function mixedOf(values: QuantiseValues): MixedChoice | null {
  const [megabytes, nats] = [values['mixed-bytes'], values['mixed-loss']];
  if (megabytes !== undefined) return { kind: 'bytes', bytes: Math.round(megabytes * 1e6) };
  return nats === undefined ? null : { kind: 'loss', nats };
}
