/** Waits for work, but no longer than some seconds. Rejects when the work does in that time. */
export async function inTime(work: Promise<unknown>, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, seconds * 1000);
  });
  await Promise.race([work, over]).finally(() => {
    clearTimeout(timer);
  });
}
