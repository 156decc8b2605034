/** Breaks a text into lines of a terminal's width; what follows the first line is indented as it begins, and `hang` more. */
export function wrap(text: string, width: number, hang = 2): string {
  const indent = /^ */.exec(text)?.[0].length ?? 0;
  const lines: string[] = [];
  let line = '';
  for (const word of text.slice(indent).split(' ')) {
    const start = lines.length === 0 ? ' '.repeat(indent) : ' '.repeat(indent + hang);
    if (line === '') line = start + word;
    else if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = ' '.repeat(indent + hang) + word;
    }
  }
  return [...lines, line].join('\n');
}
