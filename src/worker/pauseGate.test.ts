// A paused job waits, continues when it is released, and never waits once it is cancelled.

import { expect, test } from 'vitest';
import { PauseGate } from './pauseGate.ts';

/** True when the gate lets a job through within a few turns. */
async function passes(gate: PauseGate): Promise<boolean> {
  return Promise.race([
    gate.wait().then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, 5, false)),
  ]);
}

test('open until it is paused, and open again', async () => {
  const gate = new PauseGate(new AbortController().signal);
  expect(await passes(gate)).toBe(true);
  gate.pause(true);
  gate.pause(true);
  expect(await passes(gate)).toBe(false);
  const waiting = gate.wait();
  gate.pause(false);
  await waiting;
  expect(await passes(gate)).toBe(true);
});

test('a cancel lets the job find out, and no later pause holds it', async () => {
  const abort = new AbortController();
  const gate = new PauseGate(abort.signal);
  gate.pause(true);
  const waiting = gate.wait();
  abort.abort();
  await waiting;
  gate.pause(true);
  expect(await passes(gate)).toBe(true);
});
