// What happens in a row of the block list, for its keyboard and focus handling.

import type { KeyboardEvent } from 'react';
import type { Unit } from '../../units.ts';

export type RowElement = 'checkbox' | 'lock';

export interface RowEvents {
  onFocus(unit: Unit): void;
  onKey(event: KeyboardEvent, unit: Unit, part: RowElement): void;
  onOpen(index: number, open: boolean): void;
}
