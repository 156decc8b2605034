import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withCluster } from '../pg/harness.js';
import { calmLab, recovering, runCommand } from './lab.js';

/** What a shell would make something of; no double quote, `$` or backquote, which pg_ctl itself hands to a shell. */
const NAME = `it's & a; data * dir | #x (y) > out`;
/** Clears a screen, forges a line, and would run a statement or a command where it is pasted into one. */
const REASON = `\u001B[2J\rdb2: healthy'); DROP TABLE handyrep.handyrep; -- $(touch pwned) \`touch pwned\``;
/** Whether a terminal would obey something in it, the ends of lines aside. */
function hasRaw(text: string): boolean {
  return Array.from(text).some(
    (letter) => letter !== '\n' && (letter < ' ' || (letter >= '\u007F' && letter <= '\u009F')),
  );
}

test('paths and names that mean something to a shell, to SQL and to a terminal are values and nothing else', async () => {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'handyrep-hostile-')));
  chmodSync(home, 0o755);
  try {
    await withCluster({ replicas: 1, folder: join(home, NAME) }, async (cluster) => {
      const lab = await calmLab(cluster);
      await cluster.master.killTree();
      expect(await lab.check()).toMatchObject({ exit_code: 0, failed_over: true });
      expect(await runCommand(lab, ['--yes', 'rejoin', 'db1'])).toMatchObject({ code: 0 });
      expect(await runCommand(lab, ['--yes', 'clone', 'db1', '--reclone'])).toMatchObject({ code: 0 });
      expect(await recovering(cluster.master)).toBe(true);
      // Kept, written to the table of a living server, and shown again.
      expect(await runCommand(lab, ['pause', '--reason', REASON])).toMatchObject({ code: 0 });
      expect((await lab.saved()).pause?.reason).toBe(REASON);
      for (const argv of [['status'], ['poll'], ['log-tail'], ['explain']]) {
        const seen = await runCommand(lab, argv);
        expect(seen.stdout, argv[0]).toContain(argv[0] === 'explain' ? 'db2' : 'DROP TABLE');
        expect(hasRaw(seen.stdout + seen.stderr), argv[0]).toBe(false);
      }
      expect(await runCommand(lab, ['verify'])).toMatchObject({ code: 0 });
      expect((await lab.saved()).servers['db1']?.def.pgdata).toContain(NAME);
    });
    expect(existsSync(join(home, 'out'))).toBe(false);
    expect(existsSync(join(process.cwd(), 'pwned'))).toBe(false);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
