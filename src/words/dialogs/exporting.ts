// What the page says of an export outside its dialog.

/** The steps in the job bar. */
export const STEPS_SHORT = {
  source: 'reading the original',
  expect: 'running the plan',
  write: 'writing',
  reopen: 'opening again',
  graph: 'comparing the graph',
  bytes: 'comparing tensors',
  load: 'loading',
  likelihood: 'comparing likelihoods',
  decode: 'comparing decoding',
  parts: 'running block by block',
};

/** Read aloud, and in a message when the dialog is closed. */
export const VERDICTS_SAID = {
  verified: 'Exported and verified.',
  'in-parts': 'Exported and verified block by block; the whole model is too large to run here.',
  unverified: 'Exported, but not verified.',
  failed: 'The export failed verification.',
};
