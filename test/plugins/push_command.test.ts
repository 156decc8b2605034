import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Alerting, alerting } from './alerting.js';

const SCRIPT = `#!/bin/sh
# The environment, then what comes on standard input.
env | grep '^HANDYREP_' | sort > "$1.env"
cat > "$1.json"
`;

test('the command gets the alert in its environment and as JSON on standard input', async () => {
  await using host: Alerting = await alerting({ push_command: { command: ['/bin/true'] } });
  const script = join(host.dir, 'tell me');
  const out = join(host.dir, 'out');
  await writeFile(script, SCRIPT);
  await chmod(script, 0o755);
  await using told = await alerting({ push_command: { command: [script, out] } });
  expect(await told.handyrep.testAlerts()).toMatchObject({ exit_code: 0 });
  const alert = JSON.parse(await readFile(`${out}.json`, 'utf8')) as Readonly<Record<string, unknown>>;
  expect(alert).toMatchObject({ cluster: 'app', kind: 'test', server: null, recovery: false });
  const env = (await readFile(`${out}.env`, 'utf8')).trim().split('\n');
  expect(env).toContain('HANDYREP_CLUSTER=app');
  expect(env).toContain('HANDYREP_KIND=test');
  expect(env).toContain('HANDYREP_SERVER=');
  expect(env).toContain(`HANDYREP_MESSAGE=${String(alert['message'])}`);
  expect(env).toHaveLength(Object.keys(alert).length);
});

test.each([
  {
    what: 'ends badly',
    command: ['sh', '-c', 'echo no route to pager >&2; exit 3'],
    said: 'sh ended with 3: no route to pager',
  },
  { what: 'does not exist', command: ['/nonexistent/tell'], said: '/nonexistent/tell is not installed on this host' },
  { what: 'hangs', command: ['sleep', '60'], timeout: 0.3, said: 'did not end within 300 ms and was killed' },
])('a command that $what', async ({ command, timeout = 5, said }) => {
  await using host = await alerting({ push_command: { command, timeout } });
  const report = await host.handyrep.testAlerts();
  expect(report.exit_code).toBe(1);
  expect(report.details).toContain(said);
});

test('one that does not read its input is no failure', async () => {
  await using host = await alerting({ push_command: { command: ['true'] } });
  expect(await host.handyrep.testAlerts()).toMatchObject({ exit_code: 0 });
});
