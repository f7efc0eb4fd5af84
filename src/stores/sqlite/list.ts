/**
 * The list in a column of JSON. What was damaged is an empty one: a sweep ends many sessions together, and one whose record
 * cannot be read must not keep the others from ending.
 */
export function listIn(json: string): unknown[] {
  try {
    const list: unknown = JSON.parse(json);
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}
