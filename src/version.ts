// The version of this application, as files it writes name it; must equal package.json (a test
// holds it).

export const VERSION = '0.3.0';
