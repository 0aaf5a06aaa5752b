// The events of a row of the block list: focus, keys, opening.

import type { KeyboardEvent } from 'react';
import type { Unit } from '../../units.ts';

export type RowElement = 'checkbox' | 'lock';

export interface RowEvents {
  onFocus(unit: Unit): void;
  onKey(event: KeyboardEvent, unit: Unit, element: RowElement): void;
  onOpen(index: number, open: boolean): void;
}
