/** How text is marked on a terminal: the part of chalk that is used. */
export type Colors = Readonly<Record<'bold' | 'dim' | 'red' | 'green' | 'yellow', (text: string) => string>>;

/** Anywhere else text stays as it is, and chalk need not be loaded for it. */
export const NO_COLORS: Colors = {
  bold: asIs,
  dim: asIs,
  red: asIs,
  green: asIs,
  yellow: asIs,
};

function asIs(text: string): string {
  return text;
}
