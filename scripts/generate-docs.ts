import { writeFile } from 'node:fs/promises';
import { configurationReference, configurationSchema } from './configuration-reference.js';

const files = {
  'docs/configuration.md': configurationReference(),
  'docs/handyrep.schema.json': await configurationSchema(),
};

for (const [file, content] of Object.entries(files)) await writeFile(new URL(`../${file}`, import.meta.url), content);
