// The espalier.json of an export: the source, what was removed and the scores behind that choice,
// to text and back.

import { EspalierError } from '../../errors.ts';
import { readJsonObject } from '../../json.ts';
import { TENSOR_FORMATS, type TensorFormat } from '../../tensors/tensorFiles.ts';
import type { Sublayer, Unit } from '../../units.ts';
import type { Identity } from './identity.ts';
import { block, Field, unit } from './provenanceCheck.ts';
import { readStudy, type StudyRecord } from './provenanceStudy.ts';
import { readStep, type StepRecord } from './steps.ts';

/** Name of the file within an exported folder. */
export const PROVENANCE_FILE = 'espalier.json';
/** Most bytes of it; a curve over 500 blocks and 1,000 windows takes 12 MB. */
export const MAX_PROVENANCE_BYTES = 64 * 2 ** 20;
const FORMAT = 'espalier-export';
const VERSION = 1;
const SUBLAYERS = ['attn', 'ffn'] as const;

/**
 * Mean NLL in nats per token over the windows (infinite values are null in the file) and of each
 * window.
 */
interface MeasureRecord {
  nll: number;
  /** exp(nll), null when it overflows. */
  ppl: number | null;
  nllPerWindow: number[];
}

/** How the windows of a score came about, with the choices resolved. */
export interface SettingsRecord {
  text: string;
  /**
   * Hex SHA-256 of the text's UTF-8 bytes; '' for given ids, or where the page has no Web Crypto.
   */
  textSha256: string;
  samples: number;
  length: number;
  sampler: 'even' | 'random' | 'given';
  seed: number;
  bos: 'none' | 'every';
}

interface SelfTestRecord {
  passed: boolean;
  checks: { name: string; ok: boolean; maxError: number | null; note: string }[];
  routes: string[];
  seconds: number;
}

/** The leave-one-out curve with everything needed to show it again without scoring. */
interface ScoreRecord {
  baseline: MeasureRecord;
  blocks: (MeasureRecord & { index: number; ci95: [number, number]; refused?: string })[];
  order: number[];
  windows: number[][];
  settings: SettingsRecord;
  device: { kind: 'webgpu' | 'wasm' | 'cpu'; name: string };
  /** What was measured to choose this device; absent where it was asked for, or is the only one. */
  deviceReason?: string;
  selfTest: SelfTestRecord | null;
  rewrites: string[];
  /** What makes the numbers doubtful, in sentences; absent when nothing was found. */
  warnings?: string[];
  seconds: number;
  costRatio: number | null;
}

interface PlanRecord {
  removed: Unit[];
  /** Id of the healing that it was measured with; absent without one. */
  healing?: string | undefined;
  seconds: number;
}

export interface Provenance {
  /** Version of the application that wrote the export. */
  app: string;
  source: Identity & { name: string; family: string; numBlocks: number };
  /** Format of the export; absent for ONNX. */
  written?: TensorFormat;
  /** Removed units (7, "9.attn"), in the numbering of the source, ascending. */
  removed: Unit[];
  /**
   * Block index in the source to block index in the export, and the same for the numbers in the
   * names of caches: null where a block has none any more, or had none before.
   */
  renumbering: { block: number; newBlock: number; state: number | null; newState: number | null }[];
  /**
   * What each block of the export is made of, in order; absent when every block has both sublayers,
   * and in files of versions that knew no sublayers.
   */
  parts?: Sublayer[][];
  score: ScoreRecord | null;
  /** Measured NLL of this plan on the same windows. */
  plan: (MeasureRecord & PlanRecord) | null;
  /**
   * Other criteria, the path of the search and evaluations on other texts; absent when there are
   * none.
   */
  study?: StudyRecord;
  /** What was done to the model after the removal, in order; absent when nothing was. */
  steps?: StepRecord[];
  /** Further precisions in the folder, each with what was done to it; absent without any. */
  also?: { graph: string; steps?: StepRecord[] }[];
  /** Names and versions of what computed the numbers. */
  versions: Record<string, string>;
}

/** The text of espalier.json. Infinite numbers become null, as JSON has none. */
export function writeProvenance(provenance: Provenance): string {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, ...provenance }, null, 2)}\n`;
}

/** @throws EspalierError `bad-input` naming the first field that is not as expected. */
export function readProvenance(text: string): Provenance {
  const read = readJsonObject(text, { max: MAX_PROVENANCE_BYTES });
  if (!read.ok)
    throw new EspalierError(
      'bad-input',
      `${PROVENANCE_FILE} ${read.problem}.`,
      'Use the file as Espalier wrote it.',
      read.detail,
    );
  const root = new Field(PROVENANCE_FILE, '', read.value);
  root.at('format').oneOf([FORMAT]);
  const version = root.at('version');
  if (version.count() > VERSION)
    version.fail(`at most ${VERSION} (the file comes from a newer Espalier)`);
  const source = root.at('source');
  const numBlocks = source.at('numBlocks').count();
  const parts = root
    .at('parts')
    .optional((list) => list.list((item) => item.list((part) => part.oneOf(SUBLAYERS))));
  const steps = root.at('steps').optional((list) => list.list(readStep));
  const also = root.at('also').optional((list) => list.list(readGraph));
  const format = root.at('written').optional((field) => field.oneOf(TENSOR_FORMATS));
  const study = root.at('study').optional((field) => readStudy(field, numBlocks));
  return {
    app: root.at('app').string(),
    source: {
      name: source.at('name').string(),
      family: source.at('family').string(),
      numBlocks,
      graph: source.at('graph').string(),
      graphSha256: source.at('graphSha256').string(),
      files: source
        .at('files')
        .list((file) => ({ path: file.at('path').string(), bytes: file.at('bytes').count() })),
      weightsSha256: source.at('weightsSha256').string(),
    },
    ...(format === null ? {} : { written: format }),
    removed: root.at('removed').list(unit(numBlocks)),
    renumbering: root.at('renumbering').list((entry) => ({
      block: block(numBlocks)(entry.at('block')),
      newBlock: entry.at('newBlock').count(),
      state: entry.at('state').optional((state) => state.count()),
      newState: entry.at('newState').optional((state) => state.count()),
    })),
    ...(parts ? { parts } : {}),
    score: root.at('score').optional((score) => readScore(score, numBlocks)),
    plan: root.at('plan').optional((plan) => ({
      ...readMeasure(plan),
      removed: plan.at('removed').list(unit(numBlocks)),
      ...plan.at('healing').optional((id) => ({ healing: id.string() })),
      seconds: plan.at('seconds').number(),
    })),
    ...(study ? { study } : {}),
    ...(steps ? { steps } : {}),
    ...(also ? { also } : {}),
    versions: root.at('versions').record((value) => value.string()),
  };
}

function readGraph(field: Field): NonNullable<Provenance['also']>[number] {
  const steps = field.at('steps').optional((list) => list.list(readStep));
  return { graph: field.at('graph').string(), ...(steps ? { steps } : {}) };
}

function readMeasure(field: Field): MeasureRecord {
  return {
    nll: field.at('nll').numberOrInfinity(),
    ppl: field.at('ppl').optional((ppl) => ppl.number()),
    nllPerWindow: field.at('nllPerWindow').list((nll) => nll.numberOrInfinity()),
  };
}

function readScore(field: Field, numBlocks: number): ScoreRecord {
  const settings = field.at('settings');
  const device = field.at('device');
  const warnings = field.at('warnings').optional((list) => list.list((item) => item.string()));
  const deviceReason = field.at('deviceReason').optional((reason) => reason.string());
  const blocks = field.at('blocks').list((item) => {
    const [low = 0, high = 0] = item.at('ci95').list((edge) => edge.numberOrInfinity());
    const refused = item.at('refused').optional((reason) => reason.string());
    const score = {
      ...readMeasure(item),
      index: block(numBlocks)(item.at('index')),
      ci95: [low, high] as [number, number],
    };
    return refused === null ? score : { ...score, refused };
  });
  return {
    baseline: readMeasure(field.at('baseline')),
    blocks,
    order: field.at('order').list(block(numBlocks)),
    windows: field.at('windows').list((window) => window.list((id) => id.count())),
    settings: {
      text: settings.at('text').string(),
      textSha256: settings.at('textSha256').string(),
      samples: settings.at('samples').count(),
      length: settings.at('length').count(),
      sampler: settings.at('sampler').oneOf(['even', 'random', 'given']),
      seed: settings.at('seed').number(),
      bos: settings.at('bos').oneOf(['none', 'every']),
    },
    device: {
      kind: device.at('kind').oneOf(['webgpu', 'wasm', 'cpu']),
      name: device.at('name').string(),
    },
    ...(deviceReason === null ? {} : { deviceReason }),
    selfTest: field.at('selfTest').optional(readSelfTest),
    rewrites: field.at('rewrites').list((item) => item.string()),
    ...(warnings ? { warnings } : {}),
    seconds: field.at('seconds').number(),
    costRatio: field.at('costRatio').optional((ratio) => ratio.number()),
  };
}

function readSelfTest(field: Field): SelfTestRecord {
  return {
    passed: field.at('passed').boolean(),
    checks: field.at('checks').list((check) => ({
      name: check.at('name').string(),
      ok: check.at('ok').boolean(),
      maxError: check.at('maxError').optional((error) => error.number()),
      note: check.at('note').string(),
    })),
    routes: field.at('routes').list((route) => route.string()),
    seconds: field.at('seconds').number(),
  };
}
