import type { Document, Node, Pair, YAMLMap } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { ConfigProblem, Finding } from './problem.js';

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A parsed YAML file that can tell where each of its keys and values stands. */
export interface ConfigDocument {
  readonly file: string;
  /** The file's content as plain data; `undefined` when it cannot be told for errors of syntax. */
  readonly data: unknown;
  /** Errors of syntax, then of structure (duplicate and unusable keys). */
  readonly problems: readonly ConfigProblem[];
  /** Where the key or value at `path` is; its nearest ancestor where the path is not in the file. */
  position(path: readonly PropertyKey[], at: 'key' | 'value'): Position;
  /** Where the key is; null when the file does not have it. */
  own(path: readonly PropertyKey[]): Position | null;
  problem(finding: Finding): ConfigProblem;
}

type YamlDocument = Document.Parsed;

const SYNTAX_HINTS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'YAML is indented with spaces, never with tabs',
  MULTIPLE_DOCS: 'a configuration is one document: remove the line "---"',
  TAG_RESOLVE_FAILED: 'put text that begins with ! in quotes',
  BAD_INDENT: 'keys of one map begin in the same column, and every bracket is closed',
  MISSING_CHAR: 'a colon, comma, quote or bracket is missing, here or on the line before',
};

/** Where the parser's own words would not help an operator. */
const SYNTAX_WORDS: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'a second YAML document begins here',
  TAG_RESOLVE_FAILED: 'YAML tags are not read',
};

/** Parses YAML 1.2. Never throws for what the text holds. */
export function readDocument(file: string, text: string): ConfigDocument {
  const lines = new LineCounter();
  const yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, logLevel: 'error' });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problem = (place: Position, path: string, message: string, hint: string | null = null): ConfigProblem => {
    return { code: 'config_invalid', file, ...place, path, message, hint };
  };
  const syntax = [...yaml.errors, ...yaml.warnings].map((error) =>
    problem(
      at(error.pos[0]),
      '',
      SYNTAX_WORDS[error.code] ?? withoutSource(error.message),
      SYNTAX_HINTS[error.code] ?? null,
    ),
  );
  const found = findStructureProblems(yaml);
  const structure = found.map(({ offset, message, hint }) => problem(at(offset), '', message, hint));
  const locate = (path: readonly PropertyKey[]) => locateNode(yaml, path);
  const readable = syntax.length === 0 && !found.some(({ fatal }) => fatal);
  const plain = readable ? plainData(yaml) : { data: undefined };
  const unreadable =
    'failure' in plain && structure.length === 0 ? [problem({ line: 1, column: 1 }, '', plain.failure)] : [];
  const position = (path: readonly PropertyKey[], where: 'key' | 'value'): Position => {
    const { key, value, depth } = locate(path);
    const wanted = depth === path.length && where === 'value' && !isEmptyNode(value) ? value : (key ?? value);
    return at(path.length === 0 || depth === 0 ? 0 : (wanted?.range?.[0] ?? 0));
  };
  return {
    file,
    data: 'data' in plain ? plain.data : undefined,
    problems: syntax.length > 0 ? firstOfEachLine(syntax) : [...structure, ...unreadable],
    position,
    own: (path) => (locate(path).depth === path.length ? position(path, 'key') : null),
    problem: ({ path, at: where, message, hint = null, code = 'config_invalid' }) => {
      return { code, file, ...position(path, where), path: path.map(String).join('.'), message, hint };
    },
  };
}

/** One slip makes the parser stumble several times on a line; the first says what is wrong. */
function firstOfEachLine(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const seen = new Set<number | null>();
  return problems.filter((problem) => !seen.has(problem.line) && seen.add(problem.line));
}

/** Aliases of aliases can describe more data than memory holds: the parser throws at a limit. */
function plainData(yaml: YamlDocument): { readonly data: unknown } | { readonly failure: string } {
  try {
    return { data: yaml.toJS({ maxAliasCount: 100 }) as unknown };
  } catch (error) {
    return { failure: withoutSource(error instanceof Error ? error.message : String(error)) };
  }
}

interface StructureProblem {
  readonly offset: number;
  readonly message: string;
  readonly hint: string | null;
  /** The data cannot be told, or holds itself and would be walked for ever. */
  readonly fatal: boolean;
}

function findStructureProblems(yaml: YamlDocument): readonly StructureProblem[] {
  const found: StructureProblem[] = [];
  visit(yaml, {
    Map: (_, map) => {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const problem = judgeKey(key, seen);
        if (problem !== null) found.push({ offset: startOf(key), fatal: false, ...problem });
      }
    },
    Alias: (_, alias, ancestors) => {
      const anchored = alias.resolve(yaml);
      if (anchored !== undefined && !ancestors.includes(anchored)) return;
      const message = `an alias stands here, ${anchored === undefined ? 'without' : 'inside'} its anchor`;
      found.push({
        offset: startOf(alias),
        fatal: true,
        message,
        hint: 'a value that begins with * must be in quotes',
      });
    },
  });
  return found;
}

function judgeKey(key: unknown, seen: Set<string>): Pick<StructureProblem, 'message' | 'hint'> | null {
  if (!isScalar(key)) return { message: 'a key must be a plain word', hint: 'put text that holds { or [ in quotes' };
  const name = String(key.value);
  if (name === '<<') {
    return { message: 'the YAML merge key << is not read', hint: 'what servers share goes under server_defaults' };
  }
  // The parser and zod both treat this key specially: it would vanish without a word.
  if (name === '__proto__') return { message: 'the key __proto__ cannot be used', hint: null };
  if (seen.has(name)) return { message: `the key ${name} is given twice`, hint: 'keep one of the two' };
  seen.add(name);
  return null;
}

function startOf(node: unknown): number {
  return isScalar(node) || isAlias(node) || isMap(node) || isSeq(node) ? (node.range?.[0] ?? 0) : 0;
}

interface Located {
  readonly key: Node | null;
  readonly value: Node | null;
  /** How many parts of the path the file has. */
  readonly depth: number;
}

function locateNode(yaml: YamlDocument, path: readonly PropertyKey[]): Located {
  let at: Located = { key: null, value: yaml.contents, depth: 0 };
  for (const part of path) {
    const next = step(yaml, at.value, part);
    if (next === null) break;
    at = { ...next, depth: at.depth + 1 };
  }
  return at;
}

function step(yaml: YamlDocument, node: Node | null, part: PropertyKey): Omit<Located, 'depth'> | null {
  const inside = isAlias(node) ? node.resolve(yaml) : node;
  if (isMap(inside)) {
    const pair = findPair(inside, String(part));
    return pair === undefined ? null : { key: pair.key as Node, value: pair.value as Node | null };
  }
  if (isSeq(inside)) {
    const item = inside.items[Number(part)] as Node | undefined;
    return item === undefined ? null : { key: item, value: item };
  }
  return null;
}

/** The last of duplicates, which is the one whose value counts. */
function findPair(map: YAMLMap, name: string): Pair | undefined {
  return map.items.findLast(({ key }) => isScalar(key) && String(key.value) === name);
}

function isEmptyNode(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.value === null && (node.source ?? '') === '');
}

/** After a colon or an escape the parser repeats the text, which may be a secret. */
function withoutSource(message: string): string {
  return lowerFirst(message.replace(/(: .*| \\.*)$/s, ''));
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
