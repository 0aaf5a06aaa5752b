// Makes the report of the study and saves it: draws its charts one after the other, then writes the
// whole file.

import type { StudioStore } from '../../../state/store.ts';
import { fileName } from '../../../state/takeaway/file.ts';
import { type FigureId, TAKEAWAYS } from '../../../state/takeaway/takeaways.ts';
import { VERSION } from '../../../version.ts';
import { REPORT } from '../../../words/takeaway/report.ts';
import { saveBlob } from '../../saveBlob.ts';
import { dayInWords } from '../caption.ts';
import { drawFigure } from '../drawFigure.tsx';
import { reportHtml } from './html.ts';
import { sectionsOf } from './sections.ts';

export interface Drawn {
  done: number;
  total: number;
  title: string;
}

/**
 * @param note what the person wrote for the top of the report
 * @returns the name of the file
 * @throws EspalierError `bug` when a chart does not appear
 */
export async function saveReport(
  store: StudioStore,
  note: string,
  onDraw: (drawn: Drawn) => void,
): Promise<string> {
  const when = new Date();
  const state = store.state.getState();
  const sections = sectionsOf(state, when);
  const wanted = new Set(
    sections.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.kind === 'figure' ? part.id : [])),
    ),
  );
  const own = TAKEAWAYS.filter(({ id }) => wanted.has(id as FigureId));
  const figures = new Map<FigureId, string>();
  for (const [done, row] of own.entries()) {
    onDraw({ done, total: own.length, title: row.title });
    const { bare, tokens } = await drawFigure(store, row, when);
    figures.set(row.id as FigureId, inColors(bare, tokens));
  }
  const model = state.model.current?.summary.name ?? '';
  const head = {
    title: REPORT.title(model),
    made: REPORT.made(dayInWords(when), VERSION),
    note: note.trim(),
  };
  const name = fileName(model, 'report', when, 'html');
  saveBlob(new Blob([reportHtml(head, sections, figures)], { type: 'text/html' }), name);
  return name;
}

/** A drawing follows the scheme of the report: its colours become those of the style sheet. */
function inColors(svg: string, tokens: ReadonlyMap<string, string>): string {
  return svg.replace(/="(#[0-9a-f]{6})"/g, (whole, color: string) => {
    const name = tokens.get(color);
    return name ? `="var(--${name})"` : whole;
  });
}
