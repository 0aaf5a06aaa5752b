// What the curves of a session have measured already: plans of no unit or of a single one.

import type { Measure } from '../../contract/score.ts';
import type { Unit } from '../../units.ts';
import type { Curve, SublayersCurve } from './curve.ts';

export class KnownMeasures {
  curve: Omit<Curve, 'seconds'> | null = null;
  sublayers: Omit<SublayersCurve, 'seconds'> | null = null;

  /** The measure of a plan, or null where it is not known. */
  of([unit, ...others]: readonly Unit[]): Measure | null {
    if (others.length > 0) return null;
    const measure = unit === undefined ? this.baseline : this.single(unit);
    return measure
      ? { nll: measure.nll, ppl: measure.ppl, nllPerWindow: [...measure.nllPerWindow] }
      : null;
  }

  clear(): void {
    this.curve = null;
    this.sublayers = null;
  }

  private get baseline(): Measure | undefined {
    return (this.curve ?? this.sublayers)?.baseline;
  }

  private single(unit: Unit): Measure | undefined {
    return (
      this.curve?.blocks.find(({ index }) => index === unit) ??
      this.sublayers?.parts.find((sublayer) => sublayer.unit === unit)
    );
  }
}
