// Which image of a stack is loaded next. Pure.

/**
 * Index of the waiting image nearest to `at`, or -1. One that failed before comes after all that were asked for
 * less often: it must not keep its series from coming.
 */
export function nearestWaiting(states, at, attempts = []) {
  let best = -1;
  let fewest = Infinity;
  for (let distance = 0; distance < states.length; distance += 1) {
    for (const index of distance ? [at + distance, at - distance] : [at]) {
      if (states[index] !== "waiting" || (attempts[index] ?? 0) >= fewest) continue;
      best = index;
      fewest = attempts[index] ?? 0;
      if (!fewest) return best;
    }
  }
  return best;
}
