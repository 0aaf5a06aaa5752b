// The look of a report: the colours of the page in both schemes, always light on paper.

/** As `tokens.css` has them, light and dark; a test holds them together. */
export const COLORS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  paper: ['#f6f4ee', '#12160f'],
  card: ['#fffdf8', '#1a2018'],
  ink: ['#1d261c', '#e8ece2'],
  muted: ['#5c6657', '#9fab96'],
  line: ['#dedacd', '#2d362a'],
  edge: ['#8b9184', '#69755f'],
  leaf: ['#2a7044', '#6cc08a'],
  'leaf-soft': ['#a9cdb3', '#31543d'],
  cut: ['#a8432a', '#e58a6d'],
  gold: ['#856009', '#d9b45b'],
};

const tokens = (scheme: 0 | 1) =>
  Object.entries(COLORS)
    .map(([name, colors]) => `--${name}: ${colors[scheme]};`)
    .join(' ');

export const REPORT_CSS = `
:root { color-scheme: light; ${tokens(0)} }
@media screen and (prefers-color-scheme: dark) { :root { color-scheme: dark; ${tokens(1)} } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 860px; padding: 48px 24px 80px; background: var(--paper);
  color: var(--ink); font: 15.5px/1.55 system-ui, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { font-size: 32px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em;
  overflow-wrap: anywhere; }
h2 { font-size: 21px; line-height: 1.3; margin: 0 0 10px; }
h3 { font-size: 14px; margin: 0 0 4px; }
p { margin: 0 0 12px; max-width: 68ch; }
ul { margin: 0 0 12px; padding-left: 20px; max-width: 68ch; }
li { margin: 3px 0; }
a { color: var(--leaf); }
.kicker { color: var(--leaf); font-weight: 600; font-size: 13px; margin: 0 0 6px; }
.made { color: var(--muted); margin: 0; }
blockquote { margin: 18px 0 0; padding: 10px 16px; border-left: 4px solid var(--leaf);
  background: var(--card); white-space: pre-wrap; overflow-wrap: anywhere; }
nav ol { display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; padding: 14px 0;
  margin: 22px 0 0; border: solid var(--line); border-width: 1px 0; font-size: 13.5px; }
nav li { margin: 0; }
nav a { color: var(--muted); text-decoration: none; }
nav a:hover { color: var(--leaf); text-decoration: underline; }
section { margin-top: 40px; }
dl { margin: 0 0 14px; }
.facts { display: grid; gap: 2px 28px;
  grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); }
.facts div { display: grid; grid-template-columns: 130px 1fr; gap: 12px; padding: 4px 0;
  border-bottom: 1px solid var(--line); }
dt { color: var(--muted); }
.cards small { white-space: nowrap; }
dd { margin: 0; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 12px;
  margin: 18px 0; }
.cards div { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 12px 16px; }
.cards dt { font-size: 13px; }
.cards b { display: block; font-size: 24px; font-weight: 600; line-height: 1.35; }
.cards small { color: var(--muted); font-size: 13px; }
.terms div { margin-bottom: 8px; max-width: 72ch; }
.terms dt { color: var(--ink); font-weight: 600; }
figure { margin: 16px 0; padding: 16px; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { margin-top: 10px; color: var(--muted); font-size: 13px; }
.table { overflow-x: auto; margin: 14px 0; }
table { border-collapse: collapse; font-size: 13px; width: 100%; }
caption { text-align: left; color: var(--muted); padding-bottom: 6px; }
th, td { padding: 4px 8px; text-align: right; border-bottom: 1px solid var(--line); }
thead th { color: var(--muted); font-weight: 500; vertical-align: bottom; }
tbody th { font-weight: 500; }
td, th { white-space: nowrap; }
thead th { white-space: normal; }
.text { text-align: left; white-space: normal; overflow-wrap: break-word; }
.warnings { list-style: none; padding: 0; }
.warnings li { padding: 8px 14px; margin: 8px 0; background: var(--card);
  border: 1px solid var(--gold); border-left-width: 4px; border-radius: 8px; }
.quote { margin: 12px 0; padding: 12px 16px; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
.quote h3 { color: var(--muted); font-weight: 500; }
pre { margin: 0; font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 480px) {
  body { padding: 28px 16px 60px; }
  .facts { grid-template-columns: 1fr; }
}
@media print {
  @page { margin: 16mm 14mm; }
  body { max-width: none; padding: 0; background: none; font-size: 10.5pt; }
  nav { display: none; }
  figure, .cards div, .warnings li, tr, .quote { break-inside: avoid; }
  h2, caption { break-after: avoid; }
  thead { display: table-header-group; }
  table { font-size: 8.5pt; }
  th, td { padding: 2px 5px; }
  .table { overflow: visible; }
}
`;
