const MASK = '********';

/** A shorter secret would mask half of every message, and is none. */
const SHORTEST = 3;

/** Replaces every known secret, also as SQL, conninfo and URLs write it, so that no message can carry one out. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const forms = secrets
    .filter((secret) => secret.length >= SHORTEST)
    .flatMap((secret) => [
      secret,
      secret.replaceAll("'", "''"),
      secret.replaceAll('\\', '\\\\').replaceAll("'", "\\'"),
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
    ]);
  // The longest first: one secret may be a part of another.
  const ordered = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => ordered.reduce((rest, form) => rest.replaceAll(form, MASK), text);
}
