// Whether a width plan can be written into an export, and with what else.

import { EspalierError } from '../../errors.ts';
import type { Unit } from '../../units.ts';
import { requireBlocks, roundedAgain } from '../width/cut.ts';
import { emptiedUnits } from '../width/emptied.ts';
import { unequalLayers } from '../width/equalLayers.ts';
import type { WidthPlan } from '../width/types.ts';
import { configsObstacle } from './configs/width.ts';
import type { ExportFormat } from './formats.ts';
import type { ExportSource } from './request.ts';
import { healingOf, quantisationOf, type StepChoice, widthOf } from './steps.ts';

/**
 * Why a model of this width cannot be written as a folder that loads, as a sentence, or null. Its
 * graph runs all the same: it can be measured.
 */
export function widthExportObstacle(
  plan: WidthPlan,
  { config, structure }: Pick<ExportSource, 'config' | 'structure'>,
): string | null {
  const unequal = unequalLayers(plan);
  if (unequal !== null)
    return (
      `The blocks lose different numbers of ${unequal}, and configs have one number for all ` +
      'blocks: such a model can be measured here, not written.'
    );
  if (emptiedUnits(structure, plan).length > 0)
    return (
      'Blocks keep nothing of their attention or feed-forward, which configs cannot say: such a ' +
      'model can be measured here, not written.'
    );
  return configsObstacle(plan, config, structure);
}

/** @throws EspalierError `bad-input` where the precisions of one folder differ in width */
export function requireOneWidth(precisions: readonly (readonly StepChoice[])[]): void {
  if (new Set(precisions.map(widthOf)).size > 1)
    throw new EspalierError(
      'bad-input',
      'The precisions of one folder are of one model: all have the same width.',
      'Export models of different widths into folders of their own.',
    );
}

/** What is not as one might expect, as sentences. */
export function widthRemarks(
  { structure }: Pick<ExportSource, 'structure'>,
  steps: readonly StepChoice[],
): string[] {
  const plan = widthOf(steps);
  const again = plan ? roundedAgain(structure, plan) : 0;
  if (again === 0) return [];
  return [
    `${again} matrices of few bits are rounded again, since inputs that shared a scale are gone: ` +
      'their values are near those of the source, not equal to them.',
  ];
}

/**
 * @param removed units that the export removes
 * @param forRunning its configs do not count
 * @throws EspalierError `bad-input` for a width plan with removals, a healing, computed matrices of
 *   few bits, or another format than ONNX; and for one that configs cannot say
 */
export function requireWidth(
  source: Pick<ExportSource, 'config' | 'structure'>,
  removed: readonly Unit[],
  steps: readonly StepChoice[],
  format: ExportFormat,
  forRunning: boolean,
): void {
  const plan = widthOf(steps);
  if (!plan) return;
  const refuse = (why: string, hint: string): EspalierError =>
    new EspalierError('bad-input', `A narrower model ${why}.`, hint);
  if (removed.length > 0)
    throw refuse('is made of the whole original, not of a plan', 'Export one or the other.');
  if (healingOf(steps))
    throw refuse('cannot take the weights of a healing', 'Export it without the healing.');
  if (quantisationOf(steps)?.quantisation.computed.length)
    throw refuse(
      'cannot take matrices that were computed in few bits for the whole ones',
      'Quantise it with RTN or HQQ, which round the weights that are left.',
    );
  if (format !== 'onnx')
    throw refuse(`is written as ONNX, not as ${format}`, 'Choose ONNX as the format.');
  requireBlocks(source.structure, plan);
  const obstacle = forRunning ? null : widthExportObstacle(plan, source);
  if (obstacle !== null)
    throw new EspalierError(
      'bad-input',
      obstacle,
      'Export a plan that takes as many groups and channels out of every block.',
    );
}
