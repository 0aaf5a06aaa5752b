// A figure as one self-contained SVG file: a chart between its title, its legend and a caption.
// Pure text; knows no DOM.

/** A drawing with all its looks in attributes. */
export interface Drawing {
  /** Elements of SVG, well-formed. */
  inner: string;
  width: number;
  height: number;
}

export interface FigureParts {
  title: string;
  /** The chart in words, for screen readers. */
  description: string;
  chart: Drawing;
  legend: readonly { label: string; mark: Drawing }[];
  /** Model, settings, device, date; a line each, wrapped where they are too long. */
  caption: readonly string[];
  colors: { ground: string; ink: string; muted: string };
  /** Pixels that a text of this size takes. */
  measure(text: string, size: number): number;
}

const MARGIN = 20;
const TITLE = 16;
const SMALL = 12;
const LINE = 18;
const FONT = "system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";

export interface Composed {
  /** The file, with title, caption and ground. */
  text: string;
  /** CSS pixels. */
  width: number;
  height: number;
  /** Chart and legend alone, for a page that says the rest. */
  bare: string;
}

export function composeSvg(parts: FigureParts): Composed {
  const { chart, colors, measure, title } = parts;
  const inside = chart.width;
  const width = inside + 2 * MARGIN;
  const drawing: string[] = [chart.inner];
  let y = chart.height + 8;
  for (const row of rowsOf(parts.legend, inside, measure)) {
    for (const { x, label, mark } of row) {
      const top = round(y + (LINE - mark.height) / 2);
      if (mark.inner)
        drawing.push(`<g transform="translate(${round(x)} ${top})">${mark.inner}</g>`);
      drawing.push(textAt(x + besideMark(mark), y + 13, label, SMALL, colors.ink));
    }
    y += LINE + 2;
  }
  const bare = svgFile(parts, inside, y, drawing.join(''));
  const top = MARGIN + TITLE + 10;
  const body = [
    `<rect width="100%" height="100%" fill="${colors.ground}"/>`,
    textAt(MARGIN, MARGIN + TITLE, title, TITLE, colors.ink, ' font-weight="600"'),
    `<g transform="translate(${MARGIN} ${top})">${drawing.join('')}</g>`,
  ];
  y += top + 4;
  for (const line of parts.caption.flatMap((each) => wrap(each, inside, SMALL, measure))) {
    y += LINE - 2;
    body.push(textAt(MARGIN, y, line, SMALL, colors.muted));
  }
  const height = Math.ceil(y + MARGIN);
  return { text: svgFile(parts, width, height, body.join('')), width, height, bare };
}

function svgFile(
  { title, description }: FigureParts,
  width: number,
  height: number,
  inner: string,
): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" role="img" font-family="${FONT}">` +
    `<title>${escapeXml(title)}</title><desc>${escapeXml(description)}</desc>${inner}</svg>`
  );
}

/** Where the label begins. */
const besideMark = (mark: Drawing) => (mark.inner ? mark.width + 6 : 0);

type Entry = FigureParts['legend'][number];

/** The legend in rows that fit. */
function rowsOf(
  legend: readonly Entry[],
  width: number,
  measure: FigureParts['measure'],
): (Entry & { x: number })[][] {
  const rows: (Entry & { x: number })[][] = [];
  let x = width;
  for (const entry of legend) {
    const own = besideMark(entry.mark) + measure(entry.label, SMALL);
    if (x > 0 && x + own > width) {
      rows.push([]);
      x = 0;
    }
    rows.at(-1)?.push({ ...entry, x });
    x += own + 20;
  }
  return rows;
}

/** Lines of at most `width` pixels, broken between words. */
export function wrap(
  text: string,
  width: number,
  size: number,
  measure: FigureParts['measure'],
): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (lines.length > 0 && measure(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function textAt(x: number, y: number, text: string, size: number, fill: string, more = ''): string {
  const at = `x="${round(x)}" y="${round(y)}"`;
  return `<text ${at} font-size="${size}" fill="${fill}"${more}>${escapeXml(text)}</text>`;
}

const round = (value: number) => Number(value.toFixed(2));

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as XML and HTML have it; characters that XML forbids are left out. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '').replace(FORBIDDEN, '');
}

// Controls but tab and line ends, and lone surrogates.
const FORBIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML has no such characters.
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

export interface PlainColor {
  /** "#2a7044", or "none" for what is fully transparent. */
  color: string;
  /** From 0 to 1. */
  opacity: number;
}

/** A computed colour as every viewer of SVG reads it; null for anything but a colour. */
export function plainColor(computed: string): PlainColor | null {
  const match = /^(rgba?|color)\(\s*(srgb\s+)?([^)]+)\)$/.exec(computed.trim());
  if (!match) return null;
  const numbers = match[3]!.split(/[\s,/]+/).map(Number);
  const scale = match[1] === 'color' ? 255 : 1;
  const [r, g, b, opacity = 1] = numbers;
  if ([r, g, b, opacity].some((value) => value === undefined || Number.isNaN(value))) return null;
  if (opacity === 0) return { color: 'none', opacity: 1 };
  const hex = [r!, g!, b!].map((value) => {
    const byte = Math.min(255, Math.max(0, Math.round(value * scale)));
    return byte.toString(16).padStart(2, '0');
  });
  return { color: `#${hex.join('')}`, opacity };
}
