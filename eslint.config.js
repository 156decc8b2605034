import eslint from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { importLayers } from './scripts/import-layers.js';

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'node_modules/']),
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // Numbers and booleans in messages say what they are; what would print as [object Object] stays forbidden.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // `env['NAME']` is how the compiler wants index signatures (noPropertyAccessFromIndexSignature).
      '@typescript-eslint/dot-notation': 'off',
      // `() => log.write(event)` says no less with void than in three lines.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // A plugin or a port may have to be async by its type while this one has nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      // Ports and reports are records of functions, not classes: nothing in them has a `this` to lose.
      '@typescript-eslint/unbound-method': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports: a name is the same everywhere.' },
        { selector: 'TSEnumDeclaration', message: 'A union of literals instead.' },
      ],
    },
  },
  {
    files: ['src/**', 'bin/**', 'plugins/**'],
    plugins: { handyrep: { rules: { 'import-layers': importLayers } } },
    rules: { 'handyrep/import-layers': 'error', 'no-console': 'error' },
  },
  {
    // The registry finds a plugin by its default export, and these tools their configuration.
    files: ['plugins/**', '*.config.ts', '*.config.js'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
);
