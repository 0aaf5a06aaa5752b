// A report as one HTML file that loads nothing: sections of plain data in, text out. Pure. Whatever
// people or files named is escaped here, in the one place that writes elements.

import type { Table } from '../../../state/takeaway/table.ts';
import type { FigureId } from '../../../state/takeaway/takeaways.ts';
import { REPORT } from '../../../words/takeaway/report.ts';
import { escapeXml as text } from '../svg.ts';
import { cellText, isNumeric } from './cells.ts';
import type { Card, Part, Section } from './parts.ts';
import { REPORT_CSS } from './styles.ts';

export interface ReportHead {
  title: string;
  /** Day and version. */
  made: string;
  /** What the person wrote; '' for nothing. */
  note: string;
}

/** @param figures drawings as SVG elements, in the colours of `REPORT_CSS` */
export function reportHtml(
  { title, made, note }: ReportHead,
  sections: readonly Section[],
  figures: ReadonlyMap<FigureId, string>,
): string {
  const links = sections.map((one) => `<li><a href="#${one.id}">${text(one.title)}</a></li>`);
  const body = sections.map((one) => sectionHtml(one, figures));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${text(title)}</title>
<style>${REPORT_CSS}</style>
</head>
<body>
<header>
<p class="kicker">${REPORT.kicker}</p>
<h1>${text(title)}</h1>
<p class="made">${text(made)}</p>
${note ? `<blockquote>${text(note)}</blockquote>` : ''}
</header>
<nav aria-label="${REPORT.contents}"><ol>${links.join('')}</ol></nav>
<main>
${body.join('\n')}
</main>
</body>
</html>
`;
}

function sectionHtml(
  { id, title, parts }: Section,
  figures: ReadonlyMap<FigureId, string>,
): string {
  const inside = parts.map((part) => partHtml(part, figures)).join('\n');
  return `<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${text(title)}</h2>
${inside}
</section>`;
}

const items = (list: readonly string[]) => list.map((item) => `<li>${text(item)}</li>`).join('');

const pairs = (rows: readonly (readonly [string, string])[]) =>
  rows.map(([name, value]) => `<div><dt>${text(name)}</dt><dd>${text(value)}</dd></div>`).join('');

function partHtml(part: Part, figures: ReadonlyMap<FigureId, string>): string {
  switch (part.kind) {
    case 'text':
      return `<p>${text(part.text)}</p>`;
    case 'quote':
      return `<div class="quote"><h3>${text(part.head)}</h3><pre>${text(part.text)}</pre></div>`;
    case 'list':
      return `<ul>${items(part.items)}</ul>`;
    case 'warnings':
      return `<ul class="warnings">${items(part.items)}</ul>`;
    case 'facts':
      return `<dl class="facts">${pairs(part.rows)}</dl>`;
    case 'terms':
      return `<dl class="terms">${pairs(part.rows)}</dl>`;
    case 'cards':
      return `<dl class="cards">${part.rows.map(card).join('')}</dl>`;
    case 'figure': {
      const svg = figures.get(part.id);
      const caption = `<figcaption>${text(part.caption)}</figcaption>`;
      return svg ? `<figure>${svg}${caption}</figure>` : '';
    }
    case 'table':
      return tableHtml(part.caption, part.table);
    case 'links':
      return `<ul>${part.rows.map(link).join('')}</ul>`;
  }
}

const card = ({ name, value, note }: Card) =>
  `<div><dt>${text(name)}</dt><dd><b>${text(value)}</b> <small>${text(note)}</small></dd></div>`;

const link = ({ text: words, url }: { text: string; url: string }) =>
  `<li>${text(words)} <a href="${text(url)}" rel="noreferrer">${text(url)}</a></li>`;

/** Columns without a head, or without any value, are in files only. */
function tableHtml(caption: string, { columns, rows }: Table): string {
  const shown = columns.flatMap(({ head, kind }, at) => {
    const cells = rows.map((row) => cellText(row[at] ?? null, kind));
    return head && cells.some((cell) => cell !== '') ? [{ head, kind, cells }] : [];
  });
  const kinds = shown.map(({ kind }) => (isNumeric(kind) ? '' : ' class="text"'));
  const heads = shown.map(({ head }, i) => `<th scope="col"${kinds[i]}>${text(head)}</th>`);
  const body = rows.map((_, r) => {
    const cells = shown.map(({ cells: own }, i) => {
      const value = text(own[r] ?? '');
      return i === 0 ? `<th scope="row"${kinds[i]}>${value}</th>` : `<td${kinds[i]}>${value}</td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<div class="table"><table><caption>${text(caption)}</caption>
<thead><tr>${heads.join('')}</tr></thead>
<tbody>${body.join('\n')}</tbody></table></div>`;
}
