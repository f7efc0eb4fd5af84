/** One header line. The name keeps the case it was written in and is compared without case. */
export type Header = readonly [name: string, value: string];

/** The value of the first header of that name, in any case. */
export function findHeader(headers: readonly Header[], name: string): string | undefined {
  return headers.find((header) => sameName(header[0], name))?.[1];
}

/** The list with one header of that name: the first is replaced where it stands, later ones go. */
export function replaceHeader(headers: readonly Header[], name: string, value: string): Header[] {
  const at = headers.findIndex((header) => sameName(header[0], name));
  if (at === -1) return [...headers, [name, value]];
  return headers.flatMap((header, i): Header[] => {
    if (i === at) return [[name, value]];
    return sameName(header[0], name) ? [] : [header];
  });
}

/** The words of a comma separated header: `Vary`, `Cache-Control`. Quoted strings keep their commas. */
export function listOf(value: string | undefined): string[] {
  return (value?.match(/(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g) ?? []).map((word) => word.trim()).filter(Boolean);
}

export function sameName(a: string, b: string): boolean {
  return a.length === b.length && (a === b || a.toLowerCase() === b.toLowerCase());
}
