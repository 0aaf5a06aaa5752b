// Runs with every test file: closes the folders that it has opened. Test files share modules, so
// that a hook of the module that opens them would run after the first file alone.

import { afterAll } from 'vitest';
import { closeFolders } from './openFolder.ts';

afterAll(closeFolders);
