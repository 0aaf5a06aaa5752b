// What espalier.json keeps of a quantisation: how it was chosen and what came of it, without the
// integers.

import { type Field, unit } from '../export/provenanceCheck.ts';
import {
  BLOCK_SIZES,
  type BlockSize,
  type MatrixForm,
  type MixedChoice,
  type Quantisation,
  type QuantisationRecord,
  type QuantisedMeasure,
  type QuantisedPart,
  type QuantiseSettings,
  type TableForm,
} from './quantisation.ts';

/** `computed`: how many matrices were computed from a text. */
export type QuantisationNote = Omit<Quantisation, 'computed'> & { computed: number };

export function quantisationNote({ computed, ...rest }: Quantisation): QuantisationNote {
  return { ...rest, computed: computed.length };
}

/** Blocks are numbered as in a source whose size the record does not have. */
const MOST_BLOCKS = 10_000;

/** @throws EspalierError `bad-input` naming the first field that is not as expected. */
export function readQuantisationNote(field: Field): QuantisationNote {
  return {
    id: field.at('id').string(),
    removed: field.at('removed').list(unit(MOST_BLOCKS)),
    healing: field.at('healing').optional((id) => id.string()),
    settings: readSettings(field.at('settings')),
    forms: field.at('forms').record((form) => among<MatrixForm>(form, ['float', 4, 8])),
    computed: field.at('computed').count(),
    record: readRecord(field.at('record')),
  };
}

function readSettings(field: Field): QuantiseSettings {
  const table = (key: string): TableForm => among<TableForm>(field.at(key), ['keep', 4, 8]);
  return {
    method: field.at('method').oneOf(['rtn', 'hqq', 'gptq']),
    bits: among<4 | 8>(field.at('bits'), [4, 8]),
    block: among<BlockSize>(field.at('block'), BLOCK_SIZES),
    symmetric: field.at('symmetric').boolean(),
    floatZeros: field.at('floatZeros').boolean(),
    embedding: table('embedding'),
    head: table('head'),
    accuracyLevel: among<0 | 4>(field.at('accuracyLevel'), [0, 4]),
  };
}

function readRecord(field: Field): QuantisationRecord {
  return {
    text: field.at('text').optional((text) => ({
      name: text.at('name').string(),
      sha256: text.at('sha256').string(),
      windows: text.at('windows').count(),
      tokens: text.at('tokens').count(),
    })),
    mixed: field.at('mixed').optional(readMixed),
    measured: field.at('measured').list(readMeasure),
  };
}

function readMixed(field: Field): MixedChoice {
  const kind = field.at('kind').oneOf(['bytes', 'loss']);
  return kind === 'bytes'
    ? { kind, bytes: field.at('bytes').number() }
    : { kind, nats: field.at('nats').number() };
}

function readMeasure(field: Field): QuantisedMeasure {
  return {
    set: field.at('set').oneOf(['windows', 'held-out']),
    name: field.at('name').string(),
    predicted: field.at('predicted').count(),
    original: { nll: field.at('original').at('nll').numberOrInfinity() },
    pruned: field.at('pruned').optional(readPart),
    healed: field.at('healed').optional(readPart),
    quantised: readPart(field.at('quantised')),
  };
}

function readPart(field: Field): QuantisedPart {
  return {
    nll: field.at('nll').numberOrInfinity(),
    klDivergence: field.at('klDivergence').optional((kl) => kl.number()),
    top1Agreement: field.at('top1Agreement').optional((share) => share.number()),
  };
}

/** One of these numbers and words. */
function among<T extends number | string>(field: Field, values: readonly T[]): T {
  const value = field.scalar();
  return values.find((one) => one === value) ?? field.fail(values.join(' or '));
}
