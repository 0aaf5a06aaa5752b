// Starts the development server and prints its address; opens a browser where there is a desktop to
// open one on. `npm start`, with the options of `vite`: `npm start -- --port 8080`.

import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createServer } from 'vite';

const LAST_PORT = 65535;

/**
 * True where the system has a desktop, and the program that opens addresses on it: `BROWSER`, or
 * xdg-open. `BROWSER=none` says that none is wanted.
 */
export function canOpenBrowser({ platform, env, isThere }) {
  const { BROWSER: browser = '' } = env;
  if (browser === 'none' || env.CI) return false;
  if (platform === 'darwin' || platform === 'win32') return !env.SSH_CONNECTION;
  // A Linux inside Windows opens the browser of Windows.
  if (env.WSL_DISTRO_NAME) return true;
  if (!env.DISPLAY && !env.WAYLAND_DISPLAY) return false;
  // Of a script of Node's, Node is the program.
  const program = browser && !browser.endsWith('.js') ? browser : 'xdg-open';
  if (isAbsolute(program)) return isThere(program);
  return (env.PATH ?? '').split(delimiter).some((folder) => isThere(join(folder, program)));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function start() {
  const { values } = parseArgs({
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '5173' },
    },
  });
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > LAST_PORT)
    throw new Error(`--port takes a number from 0 to ${LAST_PORT}, not "${values.port}".`);
  const server = await createServer({ server: { host: values.host, port } });
  try {
    await server.listen();
  } catch (error) {
    // What it watches would keep the process alive.
    await server.close();
    throw error;
  }
  const { platform, env } = process;
  if (canOpenBrowser({ platform, env, isThere: isExecutable })) server.openBrowser();
  else console.log('  There is no desktop here to open a browser on: open this address in one.');
  server.printUrls();
  server.bindCLIShortcuts({ print: true });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  await start().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
