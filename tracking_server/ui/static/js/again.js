// Asking again and again what goes on, without being a burden.

const COST = 10; // the pause is so many times what a look takes

/**
 * Call `look()` for as long as it answers true: not while nobody sees the page, and less often where a look takes long
 * or fails.
 *
 * @param look asks and shows; it gets the signal.
 * @param options {every, longest: milliseconds between two looks, failed: called with what a look threw, signal: ends it}
 * @returns {now()} to look at once, where somebody asks for it.
 */
export function again(look, { every, longest, failed, signal }) {
  const end = new AbortController();
  const ended = signal ? AbortSignal.any([signal, end.signal]) : end.signal;
  let pause = every;
  let timer = 0;
  let isLooking = false;

  async function now() {
    clearTimeout(timer);
    if (isLooking || ended.aborted || document.hidden) return; // goes on when the page is seen again
    isLooking = true;
    const began = performance.now();
    try {
      if (!(await look(ended))) end.abort();
      pause = Math.max(every, COST * (performance.now() - began));
    } catch (error) {
      pause *= 2;
      if (!ended.aborted) failed(error);
    }
    isLooking = false;
    pause = Math.min(pause, longest);
    wait();
  }
  function wait() {
    clearTimeout(timer);
    if (!ended.aborted) timer = setTimeout(now, pause);
  }

  const since = { signal: ended };
  document.addEventListener("visibilitychange", now, since);
  addEventListener("pageshow", (event) => event.persisted && now(), since); // the browser kept the page as it was
  ended.addEventListener("abort", () => clearTimeout(timer));
  wait();
  return { now };
}
