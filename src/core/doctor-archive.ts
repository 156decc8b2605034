import type { ArchiveMismatch } from './archive-scripts.js';
import { type DoctorFinding, type Fix, shellWord } from './doctor.js';
import type { ServerDef } from './model.js';

/** What a look at the archive from one server found. */
export interface ArchiveCheckup {
  readonly archive_script: string | null;
  readonly places: string | null;
  readonly archiver: readonly string[];
  readonly issues: readonly string[];
  readonly settings: readonly ArchiveMismatch[];
}

/** No failover fails by any of it: what could be lost is the way back to a moment of the past. */
export function judgeArchiveView(server: ServerDef, view: ArchiveCheckup): readonly DoctorFinding[] {
  const { name, hostname } = server;
  const finding = (text: string, fix: Fix | null): DoctorFinding => ({
    name: 'archive',
    server: name,
    severity: 'warning',
    text,
    fix,
  });
  const tried: Fix | null =
    view.archive_script === null
      ? null
      : {
          where: `on ${hostname}, as the postgres OS user, until it says nothing`,
          lines: [`${shellWord(view.archive_script)} --check`],
        };
  return [
    ...view.issues.map((text) => finding(text, { where: 'on this host', lines: ['handyrep archive start'] })),
    ...view.archiver.map((text) => finding(text, tried)),
    ...(view.places === null ? [] : [finding(view.places, tried)]),
    ...view.settings.map(({ text, line, restart }) =>
      finding(text, {
        where: `in postgresql.conf of ${name} (${hostname})`,
        lines: [
          line,
          restart ? `# then, from this host: handyrep restart ${name}` : '# then, in psql: SELECT pg_reload_conf();',
        ],
      }),
    ),
  ];
}
