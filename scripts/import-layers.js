import { dirname, relative, resolve } from 'node:path';

/**
 * Which folders each folder of the code may import from, itself included. Data flows one way, and so do the imports:
 * core <- config, plugin/contract <- io <- state, observe, act, report, plugin/registry <- service <- commands <- bin.
 */
const ABOVE_IO = ['src/core', 'src/config', 'src/plugin/contract', 'src/io'];
const SIDE_BY_SIDE = ['src/state', 'src/observe', 'src/act', 'src/report'];
const REGISTRY = ['src/plugin/registry', 'src/plugin/builtin', 'src/plugin/catalogue'];

/** The first folder that a file lies in counts. */
const LAYERS = [
  ['src/core', ['src/core']],
  ['src/config', ['src/core', 'src/config', 'src/plugin/contract', 'src/plugin/catalogue']],
  ['src/plugin/contract', ['src/core']],
  ['src/plugin/catalogue', ['src/core', 'src/plugin/contract']],
  ['src/plugin/builtin', ['plugins']],
  ['src/plugin', [...ABOVE_IO, ...REGISTRY]],
  ['src/io', ABOVE_IO],
  ...SIDE_BY_SIDE.map((folder) => [folder, [...ABOVE_IO, ...SIDE_BY_SIDE, ...REGISTRY]]),
  ['src/demo/demo', ['src/core', 'src/io', 'src/state', 'src/report', 'src/service', 'src/demo']],
  ['src/demo', ['src/core', 'src/io', 'src/state', 'src/demo']],
  ['src/service', [...ABOVE_IO, ...SIDE_BY_SIDE, ...REGISTRY, 'src/service']],
  ['src/commands', ['src', 'plugins']],
  ['src/index', ['src/core', 'src/plugin/contract', 'src/report', 'src/service']],
  ['src/launch', ['src/io', 'src/launch']],
  ['bin', ['src/commands', 'src/io', 'src/launch']],
  // Parts that plugins have in common, or that one is made of, are in folders.
  [
    'plugins',
    [
      'src/core',
      'src/plugin/contract',
      ...['archive', 'clone', 'haproxy', 'pgbouncer', 'proxy'].map((name) => `plugins/${name}`),
    ],
  ],
];

/** A folder, or a file by its name without an end: `src/demo/demo` is demo.ts and demo-config.ts, not cluster.ts. */
function isIn(path, place) {
  return path.startsWith(`${place}/`) || path.startsWith(`${place}.`) || path.startsWith(`${place}-`);
}

/** Why a file may not import another (paths from the top of the repository), or null. */
function forbiddenImport(from, to) {
  const layer = LAYERS.find(([place]) => isIn(from, place));
  if (layer === undefined) return null;
  const [place, allowed] = layer;
  if (allowed.some((other) => isIn(to, other))) return null;
  return `${place} may import from ${allowed.join(', ')}, not ${to}`;
}

/** The layers as a rule for eslint: static and dynamic imports, `import type` and `export from`. */
export const importLayers = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const root = context.cwd;
    const from = relative(root, context.filename);
    const check = (node) => {
      const source = node.source?.value;
      if (typeof source !== 'string' || !source.startsWith('.')) return;
      const message = forbiddenImport(from, relative(root, resolve(dirname(context.filename), source)));
      if (message !== null) context.report({ node, message });
    };
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      TSImportType: check,
    };
  },
};
