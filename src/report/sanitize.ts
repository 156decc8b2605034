/**
 * A server's words without what a terminal would act on: control characters, escape sequences and direction marks
 * become visible.
 */
export function sanitize(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (mark) => {
    if (mark === '\n' || mark === '\t') return ' ';
    return `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
