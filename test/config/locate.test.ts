import { expect, it } from 'vitest';
import { locateConfig } from '../../src/config/locate.js';
import { Workspace } from './workspace.js';

const workspace = new Workspace();
const look = (explicit: string | null, env: Record<string, string>, cwd = workspace.dir) =>
  locateConfig({ explicit, env, cwd, system: `${workspace.dir}/etc.yaml` });

it('looks in order', async () => {
  const { dir } = workspace;
  await workspace.write('a.yaml', '');
  await workspace.write('b.yaml', '');
  const notFound = { ok: false, error: { code: 'config_not_found' } };

  expect(look(null, {})).toMatchObject({
    ...notFound,
    error: { message: `no configuration: neither ${dir}/handyrep.conf.yaml nor ${dir}/etc.yaml exists` },
  });
  await workspace.write('etc.yaml', '');
  expect(look(null, {})).toEqual({ ok: true, value: `${dir}/etc.yaml` });
  await workspace.write('handyrep.conf.yaml', '');
  expect(look(null, { HANDYREP_CONFIG: '' })).toEqual({ ok: true, value: `${dir}/handyrep.conf.yaml` });
  expect(look(null, { HANDYREP_CONFIG: 'b.yaml' })).toEqual({ ok: true, value: `${dir}/b.yaml` });
  expect(look('a.yaml', { HANDYREP_CONFIG: 'b.yaml' })).toEqual({ ok: true, value: `${dir}/a.yaml` });
});

it('does not go on where a named file is missing', async () => {
  const { dir } = workspace;
  await workspace.write('handyrep.conf.yaml', '');
  expect(look('nope.yaml', {})).toEqual({
    ok: false,
    error: {
      code: 'config_not_found',
      message: `no configuration: --config names ${dir}/nope.yaml, which does not exist`,
      hint: 'no other place was looked at, since --config was given',
    },
  });
  expect(look(null, { HANDYREP_CONFIG: 'nope.yaml' })).toMatchObject({
    error: { message: `no configuration: $HANDYREP_CONFIG names ${dir}/nope.yaml, which does not exist` },
  });
});
