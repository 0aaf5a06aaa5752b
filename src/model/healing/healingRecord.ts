// What espalier.json keeps of a healing: how it was done and what came of it, without the weights.

import { block, type Field, unit } from '../export/provenanceCheck.ts';
import type { HealedMeasure, Healing, HealingRecord, HealingStep } from './healing.ts';

export type HealingNote = Omit<Healing, 'changes'>;

export function healingNote({ id, removed, record }: Healing): HealingNote {
  return { id, removed, record };
}

/** Blocks are numbered as in a source whose size the record does not have. */
const MOST_BLOCKS = 10_000;

/** @throws EspalierError `bad-input` naming the first field that is not as expected. */
export function readHealingNote(field: Field): HealingNote {
  return {
    id: field.at('id').string(),
    removed: field.at('removed').list(unit(MOST_BLOCKS)),
    record: readRecord(field.at('record')),
  };
}

function readRecord(field: Field): HealingRecord {
  const text = field.at('text');
  const control = field.at('control').optional((one) => one.record((value) => value.scalar()));
  const quantised = field
    .at('quantised')
    .optional<'again' | 'float'>((one) => one.oneOf(['again', 'float']));
  return {
    removed: field.at('removed').list(unit(MOST_BLOCKS)),
    text: {
      name: text.at('name').string(),
      sha256: text.at('sha256').string(),
      tokens: text.at('tokens').count(),
    },
    steps: field.at('steps').list(readHealingStep),
    measured: field.at('measured').list(readMeasure),
    ...(quantised && { quantised }),
    ...(control && { control }),
  };
}

function readHealingStep(field: Field): HealingStep {
  return {
    method: field.at('method').oneOf(['refit', 'lora', 'full']),
    settings: field.at('settings').record((value) => value.scalar()),
    losses: field.at('losses').list((loss) => loss.numberOrInfinity()),
    heldOut: field.at('heldOut').list((item) => ({
      step: item.at('step').count(),
      loss: item.at('loss').numberOrInfinity(),
    })),
    kept: field.at('kept').optional((kept) => kept.count()),
    blocks: field.at('blocks').list(block(MOST_BLOCKS)),
    seconds: field.at('seconds').number(),
  };
}

function readMeasure(field: Field): HealedMeasure {
  return {
    set: field.at('set').oneOf(['fit', 'held-out', 'foreign']),
    name: field.at('name').string(),
    predicted: field.at('predicted').count(),
    original: field.at('original').numberOrInfinity(),
    pruned: field.at('pruned').numberOrInfinity(),
    control: field.at('control').optional((control) => control.numberOrInfinity()),
    healed: field.at('healed').numberOrInfinity(),
  };
}
