// The rooms of `src/` and the arrows between them: the one table that the tests and the drawing in
// src/README.md follow.

/**
 * Room -> rooms it may import, lowest first. Every room may import the files beside this folder.
 */
export const ARROWS = {
  onnx: [],
  analysis: [],
  text: [],
  words: [],
  tasks: ['analysis', 'text'],
  tensors: ['onnx'],
  model: ['onnx', 'tensors'],
  grad: ['onnx', 'model'],
  contract: ['analysis', 'text', 'tasks', 'model'],
  files: ['onnx', 'model'],
  node: ['onnx', 'model'],
  runtime: ['onnx', 'analysis', 'text', 'tasks', 'model', 'grad', 'contract'],
  speed: ['analysis', 'contract'],
  bridge: ['contract', 'speed'],
  offline: ['contract'],
  worker: ['onnx', 'analysis', 'text', 'tasks', 'model', 'contract', 'files', 'runtime', 'bridge'],
  state: ['analysis', 'words', 'tasks', 'model', 'contract', 'files', 'bridge'],
  ui: ['analysis', 'words', 'tasks', 'model', 'contract', 'state'],
  cli: ['analysis', 'tasks', 'model', 'contract', 'node', 'runtime', 'speed'],
  main: ['bridge', 'state', 'ui'],
} as const satisfies Record<string, readonly string[]>;

/** The arrows as src/README.md draws them: a line for each room, lowest first. */
export function drawArrows(): string {
  const width = Math.max(...Object.keys(ARROWS).map((room) => room.length));
  return Object.entries(ARROWS)
    .map(([room, below]) => `${room.padEnd(width)} -> ${below.join(', ') || '(nothing)'}`)
    .join('\n');
}
