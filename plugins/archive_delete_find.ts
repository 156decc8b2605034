import { shellWord } from '../src/core/doctor.js';
import { type Outcome, fail, ok } from '../src/core/outcome.js';
import { type ArchiveCleanup, type CommandResult, type PluginContext, definePlugin } from '../src/plugin/contract.js';

/**
 * `$1` the folder, `$2` minutes, `$3` the first segment that a server needs, `$4` how many base backups are kept, `$5` `yes`: delete
 * nothing. A base backup left its label `SEGMENT.OFFSET.backup` in the archive when it ended, and needs all from that segment on.
 * Timelines do not count: a segment of an old one stays as long as the newer one of the same number. Histories always stay.
 */
const FIND = `
LC_ALL=C; export LC_ALL
cd "$1" 2>/dev/null || { echo "there is no folder $1, or it cannot be entered"; exit 1; }
keep=$3
if [ "$4" -gt 0 ]; then
  backup=$(find . -maxdepth 1 -type f -name '*.backup' | sed 's|^\\./||' | grep -E -x '[0-9A-F]{24}\\.[0-9A-F]{8}\\.backup' |
    cut -c 9- | sort -r | sed -n "$4p" | cut -c 1-16)
  [ -n "$backup" ] || { echo "nobackup"; exit 0; }
  keep=$(printf '%s\\n%s\\n' "$keep" "$backup" | sort | head -n 1)
fi
old=$(find . -maxdepth 1 -type f -mmin "+$2" | sed 's|^\\./||' |
  grep -E -x '[0-9A-F]{24}(\\.partial|\\.[0-9A-F]{8}\\.backup)?' | awk -v keep="$keep" '(substr($0, 9, 16) "") < (keep "")')
count=0
if [ -n "$old" ]; then
  count=$(printf '%s\\n' "$old" | wc -l)
  [ "$5" = yes ] || printf '%s\\n' "$old" | xargs rm -f -- || { echo "some could not be removed"; exit 1; }
fi
# What a copy that was killed left behind.
[ "$5" = yes ] || find . -maxdepth 1 -type f -name '.[0-9A-F]*.??????' -mmin +1440 -exec rm -f {} +
echo "deleted $((count)) $keep"
`;

interface Settings {
  readonly keep_days: number;
  readonly keep_backups: number;
  readonly timeout: number;
}

function runAt(context: PluginContext, { server, place }: ArchiveCleanup, args: readonly string[], timeout: number) {
  const options = { timeout: timeout * 1000, signal: context.signal };
  const [ssh, ...more] = place.ssh;
  if (ssh === undefined) return context.hosts.script(server, FIND, args, options);
  const line = ['sh', '-c', FIND, 'handyrep', ...args].map(shellWord).join(' ');
  return context.hosts.run(server, [ssh, ...more, line], options);
}

function broken({ place }: ArchiveCleanup, message: string, hint: string): Outcome<never> {
  return fail('plugin_failed', `${place.name}: ${message}`, { hint });
}

function answer(request: ArchiveCleanup, settings: Settings, done: CommandResult): Outcome<string> {
  const said = done.stdout.trim().split('\n').at(-1) ?? '';
  if (said === 'nobackup') {
    const { keep_backups } = settings;
    const message = `${request.place.directory} has fewer than ${keep_backups} label(s) of base backups, so nothing is deleted`;
    const hint =
      'make one on the master; or, where yours leave no label (made on a replica), set keep_backups: 0 and mind keep_days';
    return broken(request, message, hint);
  }
  const [, count, from] = /^deleted (\d+) ([0-9A-F]{16})$/.exec(said) ?? [];
  if (done.exit_code !== 0 || count === undefined || from === undefined) {
    const words = said === '' ? (done.stderr.trim().split('\n').at(-1) ?? '') : said;
    return broken(request, words, `see what the postgres OS user of ${request.server.name} may do there`);
  }
  const did = request.dry_run ? 'would be deleted' : count === '1' ? 'was deleted' : 'were deleted';
  return ok(
    `${request.place.name}: ${count} file(s) older than ${settings.keep_days} day(s) ${did}, none from ${from} on`,
  );
}

export default definePlugin({
  kind: 'archive_delete_method',
  description: 'deletes with find what is old, and needed by no server and by none of the newest base backups',
  settings: (z) =>
    z.strictObject({
      keep_days: z.number().min(0.01).max(36_500).describe('younger files stay'),
      keep_backups: z
        .number()
        .int()
        .min(0)
        .max(1000)
        .default(1)
        .describe('what the newest so many base backups need stays, by their labels in the archive; 0: do not look'),
      timeout: z.number().int().min(1).max(280).default(120).describe('for one place, seconds'),
    }),
  run: (settings) => async (context, request) => {
    const { place, needed_from, dry_run } = request;
    const minutes = Math.ceil(settings.keep_days * 1440);
    const args = [place.directory, String(minutes), needed_from, String(settings.keep_backups), dry_run ? 'yes' : 'no'];
    const done = await runAt(context, request, args, settings.timeout);
    return done.ok ? answer(request, settings, done.value) : done;
  },
});
