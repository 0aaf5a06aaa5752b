// The matrices as the page shows them: those of the outcome, with what was changed by hand since;
// while a quantisation runs, those of the estimate with the sensitivities that have come in.

import type {
  KeptQuantisation,
  MatrixReport,
  QuantiseEstimate,
  QuantiseRequest,
} from '../../contract/quantise.ts';
import { sensitivityKey } from '../../model/quantise/forms.ts';
import type { MatrixForm } from '../../model/quantise/quantisation.ts';
import { matrixId } from '../charts/quantise/sensitivityLayout.ts';

type Forms = Readonly<Record<string, MatrixForm>>;

export interface MatrixSources {
  /** Of the quantisation that is shown; null without one. */
  outcome: { matrices: readonly MatrixReport[]; forms: Forms } | null;
  /** Of the form as it is now; null while that is not known. */
  estimate: Pick<QuantiseEstimate, 'matrices'> | null;
  /** By hand, as they are now. */
  forms: Forms;
  /** By `sensitivityKey`, of the quantisation that runs; null while none does. */
  running: ReadonlyMap<string, number> | null;
}

/** Its form is a setting, and not chosen here. */
export const isTable = ({ block, part }: Pick<MatrixReport, 'block' | 'part'>): boolean =>
  block === null && (part === 'embedding' || part === 'head');

export function shownMatrices({
  outcome,
  estimate,
  forms,
  running,
}: MatrixSources): readonly MatrixReport[] {
  const planned = estimate?.matrices ?? [];
  if (running)
    return planned.map((one) => ({
      ...one,
      sensitivity: running.get(sensitivityKey(one)) ?? null,
    }));
  if (!outcome) return planned;
  const byId = new Map(planned.map((one) => [matrixId(one), one]));
  return outcome.matrices.map((made) => {
    const plan = byId.get(matrixId(made));
    const before = outcome.forms[made.tensor];
    const now = forms[made.tensor];
    // As it was made, unless it was chosen otherwise by hand since.
    if (before === now || now === made.form || !plan) return made;
    const { form, writtenBytes } = plan;
    return { ...made, form, writtenBytes };
  });
}

/** Whether the same request would make this quantisation again; texts aside. */
export function isAsAsked(
  { dtype, quantisation, asked }: KeptQuantisation,
  request: QuantiseRequest | null,
): boolean {
  if (!request) return true;
  const { removed, healing = null, settings } = request;
  return (
    isEqual([removed, healing], [quantisation.removed, quantisation.healing]) &&
    dtype === request.dtype &&
    isEqual(settings, quantisation.settings) &&
    isEqual(request.mixed, asked.mixed) &&
    isEqual(request.forms, asked.forms)
  );
}

/** Of plain data, whatever the order of its fields. */
function isEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const [left, right] = [Object.entries(a), new Map(Object.entries(b))];
  return (
    left.length === right.size &&
    left.every(([key, value]) => right.has(key) && isEqual(value, right.get(key)))
  );
}
