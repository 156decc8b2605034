import { readFileSync, statSync } from 'node:fs';
import type { ConfigProblem } from './problem.js';
import { fileProblem } from './problem.js';

/** A configuration is written by hand: a larger file is not one, and must not fill the memory. */
const MAX_BYTES = 1024 * 1024;

export interface ConfigText {
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

/** The text of a configuration file, without a byte order mark. */
export function readConfigText(file: string): ConfigText | ConfigProblem {
  try {
    const found = statSync(file);
    if (found.isDirectory()) return fileProblem('config_invalid', file, 'is a directory', 'name the file in it');
    if (!found.isFile()) return fileProblem('config_invalid', file, 'is not a regular file');
    if (found.size > MAX_BYTES) return fileProblem('config_invalid', file, 'is larger than 1 MB: not a configuration');
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
    return { text, mode: found.mode & 0o777 };
  } catch (error) {
    return unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): ConfigProblem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return fileProblem('config_not_found', file, 'does not exist');
    case 'EACCES':
    case 'EPERM':
      return fileProblem('config_invalid', file, 'cannot be read: permission denied', 'run as the user who owns it');
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return fileProblem('config_invalid', file, 'is not UTF-8 text');
    default:
      return fileProblem('config_invalid', file, `cannot be read: ${code}`);
  }
}
