// The server's clock as this browser can know it: running times are counted from the server's instants, and a desk whose
// clock is minutes off must not show them wrong.
let offset = 0;

/** Learn from the Date header of an answer; below two seconds it is only rounding and travel. */
export function learn(header) {
  const difference = Date.parse(header) - Date.now();
  if (Number.isFinite(difference)) offset = Math.abs(difference) > 2000 ? difference : 0;
}

export const serverNow = () => Date.now() + offset;

/** Seconds since an instant of the server, never negative. */
export const secondsSince = (at) => (at ? Math.max(0, (serverNow() - Date.parse(at)) / 1000) : 0);
