// Draws a chart beside the page, always light and at a size of its own, and takes it off as SVG.

import type { ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { EspalierError } from '../../errors.ts';
import type { StudioStore } from '../../state/store.ts';
import { MAKERS } from '../../state/takeaway/makers.ts';
import type { FigureId, Takeaway } from '../../state/takeaway/takeaways.ts';
import { takenWords } from '../../words/takeaway/files.ts';
import { StudioContext } from '../studioContext.ts';
import { captionOf } from './caption.ts';
import { FIGURES } from './figures.tsx';
import { drawingOf } from './inline.ts';
import { FIGURE_WIDTH } from './plainAxis.tsx';
import { type Composed, composeSvg, type FigureParts, plainColor } from './svg.ts';

/** Looks at the chart until it has not changed from one to the next. */
const LOOKS = 80;
const LOOK_MS = 50;

export interface Figure extends Composed {
  /** The colours of the page by the value they have here: a report has both schemes. */
  tokens: ReadonlyMap<string, string>;
}

const TOKENS = 'paper card ink muted line edge leaf leaf-soft cut gold'.split(' ');

/** @throws EspalierError `bug` when the chart does not appear */
export async function drawFigure(
  store: StudioStore,
  { id, title }: Takeaway,
  when: Date,
): Promise<Figure> {
  // What the pointer rests on is no part of a figure.
  store.actions.hover(null);
  const figure = FIGURES[id as FigureId];
  const state = store.state.getState();
  const legend = figure.legend(state);
  const host = document.createElement('div');
  host.inert = true;
  host.dataset.scheme = 'light';
  host.style.cssText = `position: fixed; left: -4000px; top: 0; width: ${FIGURE_WIDTH}px;`;
  document.body.append(host);
  const root = createRoot(host, { identifierPrefix: `figure-${id}-` });
  try {
    root.render(
      <StudioContext value={store}>
        <div data-chart>
          <figure.Chart />
        </div>
        {legend.map(({ label, mark }) => (
          <Mark key={label}>{mark}</Mark>
        ))}
      </StudioContext>,
    );
    const chart = await settled(host);
    const tokens = tokensIn(host);
    const byName = new Map([...tokens].map(([color, name]) => [name, color]));
    const marks = [...host.querySelectorAll<SVGSVGElement>('svg[data-mark]')];
    const parts: FigureParts = {
      title,
      description: wordsOf(host),
      chart: drawingOf(chart, id),
      legend: legend.map(({ label }, i) => ({ label, mark: drawingOf(marks[i]!, `${id}-${i}`) })),
      caption: captionOf(state, MAKERS[id].measured(state).words, when),
      colors: {
        ground: byName.get('card') ?? '#ffffff',
        ink: byName.get('ink') ?? '#000000',
        muted: byName.get('muted') ?? '#555555',
      },
      measure: measureText,
    };
    return { ...composeSvg(parts), tokens };
  } finally {
    root.unmount();
    host.remove();
  }
}

function Mark({ children }: { children: ReactNode }) {
  return (
    <svg data-mark viewBox="0 0 30 12" width="30" height="12" aria-hidden="true">
      {children}
    </svg>
  );
}

/** The chart, when it has stopped to change: it follows the size of its box. */
async function settled(host: HTMLElement): Promise<SVGSVGElement> {
  let last = '';
  for (let i = 0; i < LOOKS; i++) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const chart = host.querySelector<SVGSVGElement>('[data-chart] svg');
    const now = chart?.outerHTML ?? '';
    if (chart && now === last && chart.querySelector('path, rect, circle')) return chart;
    last = now;
  }
  throw new EspalierError('bug', takenWords.noFigure, '');
}

const wordsOf = (host: HTMLElement) =>
  host.querySelector('[data-chart] [aria-label]')?.getAttribute('aria-label') ?? '';

function tokensIn(host: HTMLElement): Map<string, string> {
  const probe = document.createElement('i');
  host.append(probe);
  return new Map(
    TOKENS.map((name) => {
      probe.style.color = `var(--${name})`;
      return [plainColor(getComputedStyle(probe).color)?.color ?? '', name];
    }),
  );
}

const canvas = document.createElement('canvas').getContext('2d');

function measureText(text: string, size: number): number {
  if (!canvas) return text.length * size * 0.55;
  canvas.font = `${size}px system-ui, "Segoe UI", Roboto, sans-serif`;
  return canvas.measureText(text).width;
}
