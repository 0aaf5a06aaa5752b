// What a finished curve becomes: its record, with what makes its numbers doubtful.

import type { DeviceChoice, SelfTest, UsedDevice } from '../contract/device.ts';
import type { ScoreResult } from '../contract/score.ts';
import type { OpenedModel } from '../model/open/open.ts';
import type { OrtLoader } from '../runtime/device/ort.ts';
import { openWasm } from '../runtime/device/wasmEngine.ts';
import type { Calibration } from '../runtime/score/calibration.ts';
import { checkFloat16 } from '../runtime/score/float16Check.ts';
import type { ScoreSession } from '../runtime/score/session.ts';

interface Scored {
  opened: OpenedModel;
  begun: {
    calibration: Calibration;
    session: ScoreSession;
    device: UsedDevice;
    choice: DeviceChoice | null;
    selfTest: SelfTest | null;
  };
  curve: Awaited<ReturnType<ScoreSession['score']>>;
  loader: OrtLoader;
  /** By the clock of `performance`, ms. */
  started: number;
  signal: AbortSignal;
  onEvent(event: { type: 'note'; text: string }): void;
}

/** Checks float16 on the CPU, says what it finds. @throws EspalierError as `checkFloat16` */
export async function finishScore(scored: Scored): Promise<ScoreResult> {
  const { opened, begun, curve, loader, started, signal, onEvent } = scored;
  const { calibration, session, device, choice, selfTest } = begun;
  const { windows } = calibration;
  const [window = []] = windows;
  const warning =
    device.kind === 'webgpu'
      ? await checkFloat16({ opened, session, window, cpu: () => openWasm(loader), signal })
      : null;
  const warnings = [curve.warnings ?? [], warning ?? [], calibration.warnings].flat();
  for (const text of warnings)
    if (!calibration.warnings.includes(text)) onEvent({ type: 'note', text });
  return {
    baseline: curve.baseline,
    blocks: curve.blocks,
    order: curve.order,
    ...(curve.hidden && { hidden: curve.hidden }),
    windows,
    settings: calibration.settings,
    device,
    ...(choice?.measured && { deviceReason: choice.reason }),
    selfTest,
    rewrites: [...session.programs.rewrites],
    ...(warnings.length > 0 && { warnings }),
    seconds: (performance.now() - started) / 1000,
    pass: curve.pass,
    costRatio: curve.costRatio,
  };
}
