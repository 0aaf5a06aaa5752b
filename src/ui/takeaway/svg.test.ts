// Figures as text: well-formed whatever people named, colours that every viewer reads.

import { expect, it } from 'vitest';
import { composeSvg, escapeXml, type FigureParts, plainColor, wrap } from './svg.ts';

const measure = (text: string) => text.length * 6;

const mark = { inner: '<circle cx="15" cy="6" r="4"/>', width: 30, height: 12 };

const parts: FigureParts = {
  title: 'Criteria of <b> & "co"',
  description: 'a < b',
  chart: { inner: '<path d="M0 0h10"/>', width: 400, height: 200 },
  legend: Array.from({ length: 6 }, (_, i) => ({ label: `criterion ${i}`, mark })),
  caption: [
    'one',
    'a long line that has many words and does not fit into the width of the chart '.trim(),
  ],
  colors: { ground: '#fffdf8', ink: '#1d261c', muted: '#5c6657' },
  measure,
};

it('composes title, chart, legend and caption in one file that refers to nothing', () => {
  const { text, width, height, bare } = composeSvg(parts);
  expect(text.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
  expect(text).toContain('Criteria of &lt;b&gt; &amp; &quot;co&quot;');
  expect(text).toContain('M0 0h10');
  expect(text.replace('http://www.w3.org/2000/svg', '')).not.toMatch(
    /https?:|url\(|href|style=|var\(/,
  );
  expect([width, height]).toEqual([440, expect.any(Number)]);
  expect(text.match(/criterion \d/g)?.length).toBe(6);
  // Title, caption and ground are for the file alone.
  expect(bare).not.toContain('#fffdf8');
  expect(bare).not.toContain('>one<');
  expect(bare).toContain('criterion 5');
});

it('elements are closed in order', () => {
  const stack: string[] = [];
  for (const [, close, name, self] of composeSvg(parts).text.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (close) expect(stack.pop()).toBe(name);
    else if (!self) stack.push(name!);
  }
  expect(stack).toEqual([]);
});

it('wraps between words only', () => {
  expect(wrap('aa bb cc', 40, 12, measure)).toEqual(['aa bb', 'cc']);
  expect(wrap('averyveryverylongword b', 40, 12, measure)).toEqual(['averyveryverylongword', 'b']);
});

it('escapes, and leaves out what XML forbids', () => {
  expect(escapeXml('<a href="x">\'&\u0000\u001b\ud800')).toBe(
    '&lt;a href=&quot;x&quot;&gt;&#39;&amp;',
  );
  expect(escapeXml('🌿 модель')).toBe('🌿 модель');
});

it('reads colours as browsers compute them', () => {
  expect(plainColor('rgb(42, 112, 68)')).toEqual({ color: '#2a7044', opacity: 1 });
  expect(plainColor('rgba(42, 112, 68, 0.5)')).toEqual({ color: '#2a7044', opacity: 0.5 });
  expect(plainColor('rgba(0, 0, 0, 0)')).toEqual({ color: 'none', opacity: 1 });
  expect(plainColor('color(srgb 1 0.5 0 / 0.12)')).toEqual({ color: '#ff8000', opacity: 0.12 });
  expect(plainColor('none')).toBeNull();
});
