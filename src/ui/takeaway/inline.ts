// Takes an SVG off the page: its computed looks become attributes, everything that only the page
// understands goes. The elements must be in the document, in the colour scheme that is wanted.

import { type Drawing, escapeXml, plainColor } from './svg.ts';

/** Looks with the values that need not be written. */
const LOOKS: readonly [name: string, initial: string][] = [
  ['stroke-width', '1px'],
  ['stroke-dasharray', 'none'],
  ['stroke-linecap', 'butt'],
  ['stroke-linejoin', 'miter'],
  ['opacity', '1'],
  ['paint-order', 'normal'],
  ['text-decoration-line', 'none'],
  ['text-anchor', 'start'],
  ['dominant-baseline', 'auto'],
];
const FONT_LOOKS: readonly [name: string, initial: string][] = [
  ['font-size', ''],
  ['font-weight', '400'],
];
/** Geometry and structure, as they are. */
const KEPT = new Set(
  (
    'd x y x1 x2 y1 y2 cx cy r rx ry width height points transform dx dy id patternUnits ' +
    'patternTransform preserveAspectRatio viewBox'
  ).split(' '),
);
const SHAPES = new Set(['path', 'line', 'rect', 'circle', 'ellipse', 'polyline', 'polygon']);
const DROPPED = new Set(['title', 'desc', 'style', 'script', 'foreignObject', 'clipPath']);

/** @param prefix of the ids within, so that drawings of one document do not collide */
export function drawingOf(svg: SVGSVGElement, prefix: string): Drawing {
  const box = svg.getBoundingClientRect();
  const inner = [...svg.children].map((child) => write(child, prefix)).join('');
  return { inner, width: Math.round(box.width), height: Math.round(box.height) };
}

function write(element: Element, prefix: string): string {
  const { localName: name } = element;
  if (DROPPED.has(name) || element.classList.contains('recharts-brush')) return '';
  const style = getComputedStyle(element);
  if (style.display === 'none' || style.visibility === 'hidden') return '';
  const isText = name === 'text' || name === 'tspan';
  const isDrawn = isText || SHAPES.has(name);
  const looks = isDrawn ? looksOf(style, prefix, isText) : [];
  // Areas that only answer the pointer.
  if (SHAPES.has(name) && !looks.some(([key, value]) => isPaint(key) && value !== 'none'))
    return '';
  const own = [...element.attributes]
    .filter((one) => KEPT.has(one.name))
    .map((one): [string, string] => [
      one.name,
      one.name === 'id' ? idIn(prefix, one.value) : one.value,
    ]);
  const inside = [...element.childNodes]
    .map((child) => {
      if (child instanceof Element) return write(child, prefix);
      return child.nodeType === Node.TEXT_NODE ? escapeXml(child.nodeValue ?? '') : '';
    })
    .join('');
  if (!isDrawn && inside === '') return '';
  const attributes = [...own, ...looks]
    .map(([key, value]) => ` ${key}="${escapeXml(value)}"`)
    .join('');
  return `<${name}${attributes}>${inside}</${name}>`;
}

const isPaint = (key: string) => key === 'fill' || key === 'stroke';

const idIn = (prefix: string, id: string) => `${prefix}-${id.replace(/[^\w-]/g, '')}`;

function looksOf(style: CSSStyleDeclaration, prefix: string, isText: boolean): [string, string][] {
  const paints = (['fill', 'stroke'] as const).flatMap((key): [string, string][] => {
    const value = style.getPropertyValue(key);
    const reference = /^url\("?#([^")]+)"?\)/.exec(value);
    if (reference) return [[key, `url(#${idIn(prefix, reference[1]!)})`]];
    const plain = plainColor(value);
    // Black is what a fill is without a word, and none what a stroke is.
    if (!plain) return key === 'fill' ? [[key, 'none']] : [];
    const opacity = plain.opacity * Number(style.getPropertyValue(`${key}-opacity`) || 1);
    const colour: [string, string] = [key, plain.color];
    return opacity < 1
      ? [colour, [`${key}-opacity`, String(Number(opacity.toFixed(3)))]]
      : [colour];
  });
  const isStroked = paints.some(([key, value]) => key === 'stroke' && value !== 'none');
  const others = [...LOOKS, ...(isText ? FONT_LOOKS : [])].flatMap(
    ([key, initial]): [string, string][] => {
      if (key.startsWith('stroke') && !isStroked) return [];
      if (/^(text|dominant)/.test(key) && !isText) return [];
      const value = style.getPropertyValue(key);
      if (value === initial || value === '') return [];
      return [[key === 'text-decoration-line' ? 'text-decoration' : key, unitless(value)]];
    },
  );
  return [...paints, ...others];
}

/** "4px, 3px" as "4 3": lengths of SVG need no unit. */
const unitless = (value: string) => value.replace(/(\d)px\b/g, '$1').replace(/,\s*/g, ' ');
