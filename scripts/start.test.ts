// `npm start` on machines with and without a desktop.

import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { canOpenBrowser } from './start.mjs';

const there = (...paths: string[]) => ({ isThere: (path: string) => paths.includes(path) });
const PATH = '/usr/local/bin:/usr/bin';

it('opens a browser where there is a desktop and a program that opens one', () => {
  const linux = { platform: 'linux', ...there('/usr/bin/xdg-open', '/usr/bin/firefox') };
  const opens = (env: Record<string, string>) => canOpenBrowser({ ...linux, env });
  expect(opens({ PATH, DISPLAY: ':0' })).toBe(true);
  expect(opens({ PATH, WAYLAND_DISPLAY: 'wayland-0' })).toBe(true);
  expect(opens({ PATH, DISPLAY: ':0', BROWSER: 'firefox' })).toBe(true);
  expect(opens({ PATH, DISPLAY: ':0', BROWSER: '/usr/bin/firefox' })).toBe(true);
  expect(opens({ PATH, WSL_DISTRO_NAME: 'Debian' })).toBe(true);
  expect(opens({ PATH })).toBe(false);
  expect(opens({ PATH: '/usr/local/bin', DISPLAY: ':0' })).toBe(false);
  expect(opens({ DISPLAY: ':0' })).toBe(false);
  expect(opens({ PATH, DISPLAY: ':0', BROWSER: 'opera' })).toBe(false);
  expect(opens({ PATH, DISPLAY: ':0', BROWSER: 'none' })).toBe(false);
  expect(opens({ PATH, DISPLAY: ':0', CI: 'true' })).toBe(false);
});

it('opens one on Windows and macOS, but not on another machine', () => {
  for (const platform of ['darwin', 'win32']) {
    expect(canOpenBrowser({ platform, ...there(), env: {} })).toBe(true);
    expect(canOpenBrowser({ platform, ...there(), env: { SSH_CONNECTION: '1 2' } })).toBe(false);
  }
});

it('prints the address and no stack trace where no browser can be opened', async () => {
  const { DISPLAY: _, WAYLAND_DISPLAY: __, WSL_DISTRO_NAME: ___, ...env } = process.env;
  const server = spawn(process.execPath, ['scripts/start.mjs', '--port', '0'], {
    env: { ...env, PATH: '/nowhere', NO_COLOR: '1' },
  });
  let said = '';
  try {
    await new Promise<void>((resolve, reject) => {
      const read = (text: Buffer) => {
        said += text;
        if (/http:\/\/127\.0\.0\.1:\d+\//.test(said)) resolve();
      };
      server.stdout.on('data', read);
      server.stderr.on('data', read);
      server.on('exit', () => reject(new Error(said)));
    });
  } finally {
    server.removeAllListeners('exit').kill();
  }
  expect(said).toContain('There is no desktop here');
  expect(said).not.toMatch(/^\s+at /m);
});

it('ends with a sentence where it cannot listen', async () => {
  const tries = [
    [['--port', '80x'], '--port takes a number from 0 to 65535, not "80x".'],
    [['--port', '70000'], 'not "70000"'],
    [['--host', 'nowhere.invalid', '--port', '0'], 'nowhere.invalid'],
  ] as const;
  for (const [words, sentence] of tries) {
    const server = spawn(process.execPath, ['scripts/start.mjs', ...words]);
    let said = '';
    server.stderr.on('data', (text: Buffer) => {
      said += text;
    });
    const code = await new Promise((resolve) => server.on('close', resolve));
    expect(said).toContain(sentence);
    expect(code).toBe(1);
  }
});
