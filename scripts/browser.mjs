// Finds a Chrome or Chromium for the tests, or installs one.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromium, firefox } from '@playwright/test';

const CANDIDATES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  `${process.env.PROGRAMFILES ?? 'C:\\Program Files'}\\Google\\Chrome\\Application\\chrome.exe`,
  `${process.env['PROGRAMFILES(X86)'] ?? 'C:\\Program Files (x86)'}\\Microsoft\\Edge\\Application\\msedge.exe`,
];

/** Path of an installed browser that starts, or null. CHROME_PATH wins. */
function findBrowser() {
  const own = chromium.executablePath();
  const list = [process.env.CHROME_PATH, own, ...CANDIDATES].filter(
    (path) => path && existsSync(path),
  );
  // On Windows `--version` opens a window: there an existing file must do.
  return (
    list.find(
      (path) =>
        process.platform === 'win32' ||
        spawnSync(path, ['--version'], { timeout: 20_000 }).status === 0,
    ) ?? null
  );
}

const FIREFOXES = [
  '/usr/bin/firefox-esr',
  '/usr/bin/firefox',
  '/Applications/Firefox.app/Contents/MacOS/firefox',
];

/**
 * A Firefox that starts: Playwright's own, else the system's, or null. None is installed: not every
 * machine can have one.
 */
export function findFirefox() {
  const own = firefox.executablePath();
  const starts = (path) =>
    existsSync(path) && spawnSync(path, ['--version'], { timeout: 20_000 }).status === 0;
  if (starts(own)) return { path: own, own: true };
  const path = [process.env.FIREFOX_PATH, ...FIREFOXES].find(
    (candidate) => candidate && starts(candidate),
  );
  return path ? { path, own: false } : null;
}

function attempt(label, command, args) {
  console.log(`> ${label}`);
  const run = spawnSync(command, args, {
    stdio: 'inherit',
    timeout: 600_000,
    shell: process.platform === 'win32',
  });
  return run.status === 0;
}

/**
 * Path of a browser, installed first when there is none: Playwright's own download, else the
 * system's packages when root on Debian.
 */
export function ensureBrowser() {
  const found = findBrowser();
  if (found) return found;
  attempt('playwright install chromium', process.execPath, [
    'node_modules/@playwright/test/cli.js',
    'install',
    'chromium',
  ]);
  const downloaded = findBrowser();
  if (downloaded) return downloaded;
  if (process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    execFileSync('apt-get', ['update'], { stdio: 'ignore' });
    attempt('apt-get install chromium', 'apt-get', [
      'install',
      '-y',
      '--no-install-recommends',
      'chromium',
    ]);
    const packaged = findBrowser();
    if (packaged) return packaged;
  }
  throw new Error(
    'No Chrome or Chromium found and none could be installed. Install one, or set CHROME_PATH to its executable, and run the tests again.',
  );
}
