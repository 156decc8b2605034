/** Quotes an SQL identifier, always, so that no name of a configuration can be read as anything else. */
export function quoteIdent(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes an SQL string literal; with a backslash in it, as an escape string ("String Constants with C-Style Escapes"). */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** An anonymous PL/pgSQL block, in a dollar quote whose tag its body does not hold. */
export function doBlock(body: string): string {
  let tag = '$handyrep$';
  for (let n = 1; body.includes(tag); n++) tag = `$handyrep${n.toString()}$`;
  return `DO ${tag}\n${body}\n${tag}`;
}
