import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** A document of the repository; `name` is its path from the top. */
export interface Document {
  readonly name: string;
  readonly text: string;
}

/** A fenced block of code with its language. */
export interface Block {
  readonly document: string;
  readonly language: string;
  readonly text: string;
}

export function read(name: string): Document {
  return { name, text: readFileSync(join(ROOT, name), 'utf8') };
}

/** Every Markdown file at the top and below `docs`. */
export function documents(): readonly Document[] {
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  const below = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
  return [...top, ...below].sort().map(read);
}

const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;

export function blocks({ name, text }: Document): readonly Block[] {
  return [...text.matchAll(FENCE)].map(([, language = '', inner = '']) => ({ document: name, language, text: inner }));
}

/** Everything set as code: the lines of fenced blocks, and inline code. */
export function codeLines(document: Document): readonly string[] {
  const prose = document.text.replaceAll(FENCE, '');
  const inline = [...prose.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replaceAll(/\s+/g, ' '));
  return [...blocks(document).flatMap(({ text }) => text.split('\n')), ...inline];
}

/** Files that a document prints whole: blocks of JavaScript that begin with `// plugins/NAME.mjs`, by that name. */
export function printedPlugins(): ReadonlyMap<string, string> {
  const found = documents().flatMap((document) =>
    blocks(document).flatMap(({ language, text }): [string, string][] => {
      const name = /^\/\/ plugins\/(\w+\.mjs)\n/.exec(text)?.[1];
      return language === 'js' && name !== undefined ? [[name, text]] : [];
    }),
  );
  return new Map(found);
}

/** The rows of a Markdown table as cells, without their backticks; the heading and the ruler left out. */
export function tableRows(text: string): readonly (readonly string[])[] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  return lines
    .filter((_, index) => !/^[|-]+$/.test(lines[index] ?? '') && !/^[|-]+$/.test(lines[index + 1] ?? ''))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll('\\|', '|').replaceAll(/^`|`$/g, '')),
    );
}
