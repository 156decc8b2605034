import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const FOLDER = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/;
const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

/** The licences of the packages that these bundled files come from, as one text; throws for one without a licence. */
export async function thirdPartyLicences(files: readonly string[]): Promise<string> {
  const folders = new Set(files.flatMap((file) => FOLDER.exec(file)?.[0] ?? []));
  const entries = await Promise.all([...folders].sort().map(entry));
  return `The files of this package contain code of these packages.\n\n${entries.join('\n')}`;
}

async function entry(folder: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
  const names = (await readdir(folder)).filter((name) => LICENCE_FILE.test(name)).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  if (manifest.license === undefined && texts.length === 0) throw new Error(`${folder} names no licence`);
  const title = `${manifest.name} ${manifest.version} (${manifest.license ?? 'see below'})`;
  return [title, '='.repeat(title.length), ...texts.map((text) => `\n${text.trim()}`), ''].join('\n');
}
