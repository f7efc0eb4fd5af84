/** Whether the full counts run, as `npm run test:faults` asks, or a twentieth of each. */
export const full: boolean = process.env['TSGI_FAULTS'] === 'full';

/** How often to do what is done so many times when the full counts run. */
export function count(times: number): number {
  return full ? times : Math.ceil(times / 20);
}
