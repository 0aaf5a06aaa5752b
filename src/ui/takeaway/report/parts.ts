// What a report is made of, as plain data.

import type { Table } from '../../../state/takeaway/table.ts';
import type { FigureId } from '../../../state/takeaway/takeaways.ts';

export type Part =
  | { kind: 'text'; text: string }
  /** What was written by a person: kept as it is, line by line. */
  | { kind: 'quote'; head: string; text: string }
  | { kind: 'list'; items: readonly string[] }
  | { kind: 'warnings'; items: readonly string[] }
  | { kind: 'facts'; rows: readonly (readonly [name: string, value: string])[] }
  | { kind: 'terms'; rows: readonly (readonly [name: string, value: string])[] }
  | { kind: 'cards'; rows: readonly Card[] }
  /** Left out where its drawing is missing. */
  | { kind: 'figure'; id: FigureId; caption: string }
  | { kind: 'table'; caption: string; table: Table }
  | { kind: 'links'; rows: readonly { text: string; url: string }[] };

/** A number that is read from afar. */
export interface Card {
  name: string;
  value: string;
  /** Where it comes from, or how it changed. */
  note: string;
}

export interface Section {
  id: string;
  title: string;
  parts: readonly Part[];
}
