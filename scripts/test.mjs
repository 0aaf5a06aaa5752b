// Runs the whole test suite and ends with one line, "N passed, N failed"; `npm test` and CI use it.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { ensureBrowser, findFirefox } from './browser.mjs';

const REPORTS = 'test-results';
rmSync(REPORTS, { recursive: true, force: true });
mkdirSync(REPORTS, { recursive: true });

let passed = 0;
let failed = 0;

function run(label, args, env = {}) {
  const started = performance.now();
  console.log(`\n== ${label}`);
  const { status } = spawnSync(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  console.log(
    `== ${label}: ${status === 0 ? 'ok' : 'FAILED'} in ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  return status === 0;
}

/** A step that is one check. */
function step(label, args, env) {
  const ok = run(label, args, env);
  if (ok) passed++;
  else failed++;
  return ok;
}

/**
 * A step whose own report says how many tests ran; a step that fails without a failed test counts
 * as one failure.
 */
function suite(label, args, report, count, env) {
  const ok = run(label, args, env);
  let counts = { passed: 0, failed: 0 };
  try {
    counts = count(JSON.parse(readFileSync(report, 'utf8')));
  } catch (error) {
    console.error(`${label}: no readable report (${error.message})`);
  }
  passed += counts.passed;
  failed += counts.failed;
  if ((!ok && counts.failed === 0) || (ok && counts.passed === 0)) failed++;
}

/** Titles of the tests that passed only at the second try. */
function unsteady(suites) {
  return suites.flatMap(({ specs = [], suites: inner = [] }) => [
    ...specs
      .filter(({ tests }) => tests.some(({ status }) => status === 'flaky'))
      .map(({ file, title }) => `${file}: ${title}`),
    ...unsteady(inner),
  ]);
}

const bin = (name) => {
  const manifest = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'));
  const entry =
    typeof manifest.bin === 'string'
      ? manifest.bin
      : (manifest.bin[name.split('/').pop()] ?? Object.values(manifest.bin)[0]);
  return `node_modules/${name}/${entry}`;
};

for (const project of [
  'src/tsconfig.core.json',
  'src/tsconfig.worker.json',
  'src/tsconfig.page.json',
  'tsconfig.json',
])
  step(`types ${project}`, [bin('typescript'), '-p', project]);
step('lint', [bin('@biomejs/biome'), 'check', '--error-on-warnings', '.']);
step('nothing unused', [bin('knip')]);
suite(
  'unit, property and runtime tests',
  [
    bin('vitest'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${REPORTS}/vitest.json`,
  ],
  `${REPORTS}/vitest.json`,
  (r) => ({ passed: r.numPassedTests, failed: r.numFailedTests }),
);
if (step('build', [bin('vite'), 'build'])) {
  suite(
    'end-to-end tests in Chromium and, where there is one, in Firefox',
    [bin('@playwright/test'), 'test', '--reporter=list,json'],
    `${REPORTS}/playwright.json`,
    (r) => {
      if (!findFirefox())
        console.log(
          'skipped: there is no Firefox on this machine, so the page was not tried in it',
        );
      else if (r.stats.skipped) console.log(`skipped: ${r.stats.skipped} tests, as said above`);
      for (const title of unsteady(r.suites))
        console.log(`unsteady: ${title} passed only when it was repeated`);
      return { passed: r.stats.expected + r.stats.flaky, failed: r.stats.unexpected };
    },
    { CHROME_PATH: ensureBrowser(), PLAYWRIGHT_JSON_OUTPUT_NAME: `${REPORTS}/playwright.json` },
  );
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
