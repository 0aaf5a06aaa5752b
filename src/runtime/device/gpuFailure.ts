// Why a GPU device is no longer usable: it was lost, or it refused a command outside any error
// scope.

import { EspalierError } from '../../errors.ts';
import { FailureGuard } from '../../failureGuard.ts';
import { deviceLost, outOfMemory } from './fault.ts';

/** After a failure, how long a loss of the device is waited for. */
const LOSS_MS = 500;

export class GpuFailure {
  private readonly loss = new FailureGuard();
  private failure: EspalierError | null = null;
  private ignored = false;

  constructor(device: GPUDevice) {
    void device.lost.then((info) => {
      if (this.ignored) return;
      this.failure = deviceLost(info.message);
      this.loss.declare(this.failure);
    });
    device.addEventListener('uncapturederror', (event) =>
      this.noteError(event as GPUUncapturedErrorEvent),
    );
  }

  /** What went wrong, or null. */
  get reason(): EspalierError | null {
    return this.failure;
  }

  /**
   * Rejects when the device is lost, so that work that never ends does not hang its caller. Work
   * that fails waits for a moment, as a loss may be told of after what it has broken.
   */
  guard<T>(work: Promise<T>): Promise<T> {
    const failed = async (error: unknown): Promise<never> => {
      await new Promise((resolve) => setTimeout(resolve, LOSS_MS));
      throw error;
    };
    return this.loss.guard(work.catch(failed));
  }

  /** The device is about to be destroyed on purpose, which counts as lost too. */
  ignore(): void {
    this.ignored = true;
  }

  /** @throws EspalierError `device-lost`, `out-of-memory`, `bug` */
  throwIfFailed(): void {
    if (this.failure) throw this.failure;
  }

  private noteError(event: GPUUncapturedErrorEvent): void {
    event.preventDefault();
    const { error } = event;
    this.failure ??=
      error.constructor.name === 'GPUOutOfMemoryError'
        ? outOfMemory('A step on the GPU', 0, error.message)
        : new EspalierError(
            'bug',
            'The GPU refused a command.',
            'Use the CPU (wasm); please report the detail.',
            error.message,
          );
  }
}
