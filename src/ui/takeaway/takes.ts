// The ways in which something is taken away. Each does it and says in a sentence what it did.

import { toReport } from '../../errors.ts';
import type { StudioStore } from '../../state/store.ts';
import { csvFile, fileName, jsonFile } from '../../state/takeaway/file.ts';
import { MAKERS } from '../../state/takeaway/makers.ts';
import type { Takeaway } from '../../state/takeaway/takeaways.ts';
import { takenWords } from '../../words/takeaway/files.ts';
import type { menuWords } from '../../words/takeaway/menu.ts';
import { copyText } from '../kit/copyText.ts';
import { saveBlob } from '../saveBlob.ts';

export interface Take {
  id: Extract<keyof typeof menuWords, 'copyCsv' | 'saveCsv' | 'saveJson' | 'saveSvg' | 'savePng'>;
  /** Only where there is a chart. */
  ofChart: boolean;
  /** @param near an element beside which text can be selected */
  run(store: StudioStore, row: Takeaway, near: HTMLElement | null): Promise<string>;
}

type Make = (store: StudioStore, row: Takeaway, when: Date) => Promise<Blob>;

/** Saves what is made; what goes wrong is said, too. */
function saving(id: Take['id'], extension: string, ofChart: boolean, make: Make): Take {
  return {
    id,
    ofChart,
    async run(store, row) {
      const when = new Date();
      try {
        const blob = await make(store, row, when);
        const model = store.state.getState().model.current?.summary.name ?? '';
        const name = fileName(model, row.id, when, extension);
        saveBlob(blob, name);
        return takenWords.saved(name);
      } catch (error) {
        return takenWords.failed(row.title, toReport(error).message);
      }
    },
  };
}

const svgOf = async (store: StudioStore, row: Takeaway, when: Date) => {
  const { drawFigure } = await import('./drawFigure.tsx');
  return drawFigure(store, row, when);
};

const csvOf = (store: StudioStore, row: Takeaway, when: Date) =>
  csvFile(MAKERS[row.id], store.state.getState(), when);

export const TAKES: readonly Take[] = [
  {
    id: 'copyCsv',
    ofChart: false,
    async run(store, row, near) {
      const done = await copyText(csvOf(store, row, new Date()), near);
      return done ? takenWords.copied(row.title) : takenWords.blocked;
    },
  },
  saving('saveCsv', 'csv', false, async (...of) => new Blob([csvOf(...of)], { type: 'text/csv' })),
  saving('saveJson', 'json', false, async (store, row, when) => {
    const text = jsonFile(row, MAKERS[row.id], store.state.getState(), when);
    return new Blob([text], { type: 'application/json' });
  }),
  saving('saveSvg', 'svg', true, async (...of) => {
    const { text } = await svgOf(...of);
    return new Blob([text], { type: 'image/svg+xml' });
  }),
  saving('savePng', 'png', true, async (...of) => {
    const { pngOf } = await import('./png.ts');
    return pngOf(await svgOf(...of));
  }),
];
