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
 * @param {(value: number) => string} format
 */
export function spread(values, format) {
  if (values.length === 0 || values.some(Number.isNaN)) return '–';
  const middle = format(median(values));
  return values.length === 1
    ? middle
    : `${middle} (${format(Math.min(...values))}–${format(Math.max(...values))})`;
}

/** @param {number} value */
export function ratio(value) {
  return value.toFixed(value < 10 ? 2 : 1);
}

/** @param {number} value */
export function whole(value) {
  return Math.round(value).toLocaleString('en');
}

/** @param {number} value */
export function milliseconds(value) {
  return value.toFixed(value < 1 ? 3 : value < 100 ? 1 : 0);
}

/**
 * @param {readonly number[]} values
 * @param {number} i
 */
function at(values, i) {
  return values[i] ?? NaN;
}
