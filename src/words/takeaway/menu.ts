// What the menus say that take results away, and what they offer. Loaded with the page.

export const menuWords = {
  /** Names the button of a panel. */
  button: (panel: string) => `Copy or save: ${panel}`,
  copyCsv: 'Copy as CSV',
  saveCsv: 'Save CSV',
  saveJson: 'Save JSON (with settings and device)',
  saveSvg: 'Save SVG',
  savePng: 'Save PNG',
  loading: 'Loading …',
};

export const takeawayTitles = {
  importance: 'Importance of blocks',
  sublayers: 'Importance of sublayers',
  architecture: 'Architecture',
  criteria: 'Criteria',
  search: 'Paths of removal',
  stability: 'Stability of the order',
  healing: 'Healing',
  losses: 'Losses of the training',
  quantisation: 'Quantisation',
  matrices: 'Sensitivity of matrices',
  evaluation: 'Evaluation',
  tasks: 'Zero-shot tasks',
  answers: 'Answers to every row',
  texts: 'Side by side',
  speed: 'Speed',
  sweep: 'Batch sizes',
  width: 'Width and depth',
  widthSpeeds: 'Speed of width and depth',
  variants: 'Variants',
};
