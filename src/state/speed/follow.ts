// What the events of one measurement do to the state: progress with the time left, the runs so far,
// how fast the device is.

import type { MeterEvent, Which } from '../../contract/speed.ts';
import type { Context } from '../context.ts';
import type { OpenModel } from '../open/state.ts';
import { type DeviceAsked, type Pace, paceOf } from './pace.ts';
import type { TimeNeeded } from './time.ts';

/** The pace of a device from now on. */
export function rememberPace({ get, patch }: Context, device: DeviceAsked, pace: Pace): void {
  patch('speed', { paces: new Map([...get().speed.paces, [device, pace]]) });
}

/** @param needed about how long the whole measurement takes, as far as that is known */
export function followMeasuring(
  context: Context,
  model: OpenModel,
  device: DeviceAsked,
  needed: TimeNeeded | null,
): (event: MeterEvent) => void {
  const { get, patch } = context;
  const started = context.now();
  const runs: Record<Which, number> = { original: 0, pruned: 0 };
  /** While it loads only an estimate made beforehand can tell. */
  const estimated = () => needed && Math.max(0, needed.seconds - (context.now() - started) / 1000);

  return (event) => {
    const { running, notes } = get().speed;
    if (!running) return;
    if (event.type === 'progress') {
      const { progress } = event;
      patch('speed', {
        progress: { ...progress, secondsLeft: progress.secondsLeft ?? estimated() },
      });
    } else if (event.type === 'note') {
      patch('speed', { notes: [...notes, event.text] });
    } else if (event.type === 'loaded') {
      const loaded = { ...running.loaded, [event.which]: event.info };
      patch('speed', { running: { ...running, loaded } });
    } else {
      const { which, sample } = event;
      const info = running.loaded[which];
      // The first run compiles.
      if (++runs[which] === 2 && info && running.settings.batch === 1)
        rememberPace(context, device, paceOf(model, info, sample));
      if (event.warmup) return;
      const rate = (sample.batch * sample.tokens) / sample.seconds;
      const samples = { ...running.samples, [which]: [...running.samples[which], rate] };
      patch('speed', { running: { ...running, samples } });
    }
  };
}
