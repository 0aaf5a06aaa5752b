// Scores of zero-shot tasks as espalier.json keeps them: which rows, which variants, and what came
// of each; without the answers to single rows.

import type { Unit } from '../../units.ts';
import { type Field, unit } from './provenanceCheck.ts';

const KINDS = ['original', 'plan', 'healed', 'quantised'] as const;
const METRICS = ['acc', 'accNorm'] as const;
const DEVICES = ['webgpu', 'wasm', 'cpu'] as const;

interface DifferenceRecord {
  value: number;
  ci95: [number, number];
}

interface OutcomeRecord {
  /** Index into the variants. */
  variant: number;
  rows: number;
  acc: number;
  accStderr: number;
  accNorm: number | null;
  accNormStderr: number | null;
  /** From the first variant; null for that itself. */
  difference: DifferenceRecord | null;
}

interface TaskRecord {
  task: string;
  source: { files: string[]; builtIn: boolean };
  /** In the files. */
  rows: number;
  /** Of the rows as they are scored. */
  sha256: string;
  metric: (typeof METRICS)[number];
  outcomes: OutcomeRecord[];
}

/** One run over tasks. */
export interface TasksRecord {
  variants: {
    kind: (typeof KINDS)[number];
    removed: Unit[];
    /** Ids; absent without. */
    healing?: string | undefined;
    quantised?: string | undefined;
  }[];
  tasks: TaskRecord[];
  means: (number | null)[];
  meanDifferences: (DifferenceRecord | null)[];
  settings: { limit: number | null; seed: number; maxLength: number; addsBos: boolean };
  tokens: { run: number; unshared: number };
  device: { kind: (typeof DEVICES)[number]; name: string };
  warnings: string[];
  /** ms since 1970. */
  at: number;
  seconds: number;
}

/** @throws EspalierError `bad-input` naming the first field that is not as expected. */
export function readTasks(field: Field, numBlocks: number): TasksRecord {
  const variants = field.at('variants').list((variant) => {
    const healing = variant.at('healing').optional((id) => id.string());
    const quantised = variant.at('quantised').optional((id) => id.string());
    return {
      kind: variant.at('kind').oneOf(KINDS),
      removed: variant.at('removed').list(unit(numBlocks)),
      ...(healing === null ? {} : { healing }),
      ...(quantised === null ? {} : { quantised }),
    };
  });
  /** One for each variant. */
  const ofVariants = <T>(list: Field, read: (item: Field) => T): (T | null)[] => {
    const found = list.list((item) => item.optional(read));
    return found.length === variants.length ? found : list.fail(`a list of ${variants.length}`);
  };
  const settings = field.at('settings');
  const tokens = field.at('tokens');
  const device = field.at('device');
  return {
    variants,
    tasks: field.at('tasks').list((task) => readTask(task, variants.length)),
    means: ofVariants(field.at('means'), share),
    meanDifferences: ofVariants(field.at('meanDifferences'), readDifference),
    settings: {
      limit: settings.at('limit').optional((limit) => limit.count()),
      seed: settings.at('seed').number(),
      maxLength: settings.at('maxLength').count(),
      addsBos: settings.at('addsBos').boolean(),
    },
    tokens: { run: tokens.at('run').count(), unshared: tokens.at('unshared').count() },
    device: { kind: device.at('kind').oneOf(DEVICES), name: device.at('name').string() },
    warnings: field.at('warnings').list((warning) => warning.string()),
    at: field.at('at').number(),
    seconds: field.at('seconds').number(),
  };
}

function readTask(field: Field, variants: number): TaskRecord {
  const source = field.at('source');
  const total = field.at('rows').count();
  return {
    task: field.at('task').string(),
    source: {
      files: source.at('files').list((file) => file.string()),
      builtIn: source.at('builtIn').boolean(),
    },
    rows: total,
    sha256: field.at('sha256').string(),
    metric: field.at('metric').oneOf(METRICS),
    outcomes: field.at('outcomes').list((item) => readOutcome(item, variants, total)),
  };
}

function readOutcome(field: Field, variants: number, total: number): OutcomeRecord {
  const variant = field.at('variant');
  if (variant.count() >= variants) variant.fail(`the index of one of ${variants} variants`);
  const rows = field.at('rows');
  if (rows.count() > total) rows.fail(`at most the ${total} rows of the task`);
  return {
    variant: variant.count(),
    rows: rows.count(),
    acc: share(field.at('acc')),
    accStderr: field.at('accStderr').number(),
    accNorm: field.at('accNorm').optional(share),
    accNormStderr: field.at('accNormStderr').optional((value) => value.number()),
    difference: field.at('difference').optional(readDifference),
  };
}

function readDifference(field: Field): DifferenceRecord {
  const [low, high, ...more] = field.at('ci95').list((edge) => edge.number());
  if (low === undefined || high === undefined || more.length > 0)
    return field.at('ci95').fail('two numbers');
  return { value: field.at('value').number(), ci95: [low, high] };
}

function share(field: Field): number {
  const value = field.number();
  return value >= 0 && value <= 1 ? value : field.fail('a number from 0 to 1');
}
