// @ts-check

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (at(sorted, Math.floor(middle)) + at(sorted, Math.ceil(middle))) / 2;
}

/**
 * The median, and in parentheses the least and the most.
 * @param {readonly number[]} values
 */
export function spread(values) {
  if (values.length === 0 || values.some(Number.isNaN)) return figure(NaN);
  const middle = figure(median(values));
  return values.length === 1
    ? middle
    : `${middle} (${figure(Math.min(...values))}–${figure(Math.max(...values))})`;
}

/**
 * With three digits that mean something, and all those before the point. A dash when it could not be known.
 * @param {number} value
 */
export function figure(value) {
  if (Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (size >= 100) return whole(Math.round(value));
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** @param {number} value */
export function whole(value) {
  return value.toLocaleString('en');
}

/**
 * @param {readonly number[]} values
 * @param {number} i
 */
function at(values, i) {
  return values[i] ?? NaN;
}
