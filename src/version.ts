// The version of Espalier that written files record; a test keeps it equal to package.json.

export const VERSION = '0.11.0';
