/**
 * At most how many rows one statement removes of what only serves those who come late: each touches other pages of a large
 * file, and keeps the event loop meanwhile.
 */
export const PART = 200;
