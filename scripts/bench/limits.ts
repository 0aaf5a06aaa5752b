// A measured number with its limit, and how the benchmark prints it.

export interface Check {
  name: string;
  value: number;
  /** 95 % interval, where the number has one; then its lower end must hold. */
  ci95?: [number, number];
  limit: string;
  ok: boolean;
}

export function above(
  name: string,
  { ratio, ci95 }: { ratio: number; ci95: [number, number] },
  limit: number,
): Check {
  return { name, value: ratio, ci95, limit: `above ${limit}`, ok: ci95[0] > limit };
}

export function atLeast(name: string, value: number, limit: number): Check {
  return { name, value, limit: `at least ${limit}`, ok: value >= limit };
}

export function atMost(name: string, value: number, limit: number): Check {
  return { name, value, limit: `at most ${limit}`, ok: value <= limit };
}

/** At most `away` above or below. */
export function within(name: string, value: number, goal: number, away: number): Check {
  return { name, value, limit: `${goal} +- ${away}`, ok: Math.abs(value - goal) <= away };
}

/** Counts of something that must not be. */
export function none(name: string, count: number): Check {
  return { name, value: count, limit: 'none', ok: count === 0 };
}

export function report(checks: readonly Check[]): void {
  for (const { name, value, ci95, limit, ok } of checks) {
    const interval = ci95 ? ` [${number(ci95[0])}, ${number(ci95[1])}]` : '';
    console.error(
      `${ok ? 'ok    ' : 'MISSED'} ${name}: ${number(value)}${interval}, limit: ${limit}`,
    );
  }
}

function number(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}
