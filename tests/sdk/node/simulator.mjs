// What the simulated provider received.

const URL = process.env.SIMULATOR_URL;

/** How long anything may take that should take a moment, in milliseconds. */
const PATIENCE = 20_000;

async function get(path) {
  const response = await fetch(`${URL}/_simulator/${path}`);
  return response.json();
}

export async function clear() {
  await fetch(`${URL}/_simulator/journal`, { method: 'DELETE' });
}

/** The requests since the last check, oldest first. */
export function requests() {
  return get('journal');
}

/** The last request's body, as text in which a value can be looked for. */
export async function sent() {
  return JSON.stringify((await requests()).at(-1).body);
}

export async function underWay() {
  return (await get('stats')).in_flight;
}

/** Waits until no request is under way, and returns the milliseconds that it took. */
export async function stoppedAfter() {
  const began = performance.now();
  while (performance.now() - began < PATIENCE) {
    if ((await underWay()) === 0) return performance.now() - began;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error("the provider's request goes on");
}
