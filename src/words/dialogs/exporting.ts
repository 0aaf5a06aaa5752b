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

/** A healing of a graph of few bits, rounded again and kept as floats. */
export const FORMS = {
  started: 'Both forms are being measured.',
  cancelled: 'The measurement of both forms was cancelled.',
  /** @param nats per token that rounding again adds */
  lost: (nats: number): string =>
    nats < 0
      ? `With the changed matrices rounded again, the NLL is ${(-nats).toFixed(4)} nats per token ` +
        'lower than with floats, on the windows of the curve. That is chance on few windows: ' +
        'score on more to be sure.'
      : `Rounding the changed matrices again costs ${nats.toFixed(4)} nats per token, on the ` +
        'windows of the curve.',
};

export const ADAPTER = {
  saved: (name: string): string => `The adapter ${name} is saved.`,
};
