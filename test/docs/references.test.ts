import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../src/commands/program.js';
import { KEY_GROUPS } from '../../src/config/schema.js';
import manifest from '../../package.json' with { type: 'json' };
import { codeLines, documents, ROOT } from './markdown.js';

const all = documents();

/** docs/configuration.md is generated from the schema, and names commands of later versions. */
const written = all.filter(({ name }) => name !== 'docs/configuration.md');

function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(/\s/g, '-');
}

describe.each(all)('$name', ({ name, text }) => {
  test('every relative link leads to a file, and to a heading that is there', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, target = '']) => target);
    const broken = links.filter((link) => {
      const [file = '', anchor] = link.split('#');
      const path = file === '' ? name : join(dirname(name), file);
      if (!existsSync(join(ROOT, path))) return true;
      if (anchor === undefined) return false;
      const target = all.find((one) => one.name === path)?.text ?? '';
      return ![...target.matchAll(/^#+ (.*)$/gm)].some(([, heading = '']) => slug(heading) === anchor);
    });
    expect(broken).toEqual([]);
  });
});

async function help(...argv: readonly string[]): Promise<string> {
  let text = '';
  const write = (chunk: string | Uint8Array): boolean => {
    text += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
    return true;
  };
  const stream = { write } as unknown as NodeJS.WriteStream;
  expect(await run([...argv, '--help'], { stdout: stream, stderr: stream, env: {} })).toBe(0);
  return text;
}

const MENTION = /\bhandyrep((?: +--?[a-z-]+)*) +([a-z][a-z-]*)([^|;#>]*)/g;
const flagsIn = (text: string): readonly string[] =>
  [...text.matchAll(/(?<=\s)--?[a-z][a-z-]*/g)].map(([flag]) => flag);

describe.each(written)('$name', (document) => {
  let general: string;
  beforeAll(async () => {
    general = await help();
  });

  test('every `handyrep COMMAND` exists, with its flags', async () => {
    const commands = new Set([...general.matchAll(/^ {2}([a-z][a-z-]*)(?: [[<]| {2})/gm)].map(([, name = '']) => name));
    const wrong: string[] = [];
    for (const line of codeLines(document)) {
      for (const [mention, before = '', command = '', after = ''] of line.matchAll(MENTION)) {
        if (!commands.has(command)) {
          wrong.push(mention);
          continue;
        }
        const own = `${await help(command)}${general}`;
        const flags = [...flagsIn(before), ...flagsIn(after)];
        const known = (flag: string): boolean => new RegExp(`(?<![\\w-])${flag}(?![\\w-])`).test(own);
        wrong.push(...flags.filter((flag) => !known(flag)).map((flag) => `${command} ${flag}`));
      }
    }
    expect(wrong).toEqual([]);
  });

  test('every `section.key` of the configuration exists', () => {
    const flat = KEY_GROUPS.filter(({ path }) => path.length === 1 && Object.keys(path).length === 1);
    const groups = new Map(flat.map(({ path, shape }) => [path[0] ?? '', new Set(Object.keys(shape))]));
    const mentioned = codeLines(document).flatMap((line) => [
      ...line.matchAll(/(?<![\w./-])([a-z_]+)\.([a-z_]+)\b(?!\()/g),
    ]);
    const wrong = mentioned
      .filter(([whole]) => whole !== 'handyrep.conf' && whole !== 'handyrep.evidence' && whole !== 'archive.sh')
      .filter(([, section = '', key = '']) => groups.get(section)?.has(key) === false)
      .map(([whole]) => whole);
    expect(wrong).toEqual([]);
  });

  test('every `npm run SCRIPT` exists', () => {
    const scripts = codeLines(document).flatMap((line) => [...line.matchAll(/\bnpm run (?:--silent )?([\w:-]+)/g)]);
    const wrong = scripts.map(([, name = '']) => name).filter((name) => !Object.hasOwn(manifest.scripts, name));
    expect(wrong).toEqual([]);
  });
});
