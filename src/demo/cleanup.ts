import { removeCluster } from './abandoned.js';

const folders = new Set<string>();
let installed = false;

/** Has a throwaway folder removed, and its servers ended, when this process ends in any way that it can notice. */
export function cleanAtExit(folder: string): void {
  folders.add(folder);
  if (installed) return;
  installed = true;
  process.on('exit', cleanNow);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const onSignal = () => {
      // Who else listens (the demo, a test runner) ends this process in its own time, and 'exit' cleans.
      if (process.listenerCount(name) > 1) return;
      cleanNow();
      process.off(name, onSignal);
      process.kill(process.pid, name);
    };
    process.on(name, onSignal);
  }
}

/** The folder was removed by other means. */
export function forgetAtExit(folder: string): void {
  folders.delete(folder);
}

function cleanNow(): void {
  for (const folder of folders) removeCluster(folder);
  folders.clear();
}
