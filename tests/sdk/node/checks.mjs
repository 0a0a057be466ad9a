// What every SDK has to manage with every model. The words that are said choose the provider's
// answer; `tests/sdk/src/script.rs` has the answers.

import assert from 'node:assert/strict';
import * as simulator from './simulator.mjs';

const HELLO = 'Grüße, 世界! This comes in several pieces.';
const WEATHER = 'It is cold in Oslo.';
const TWO_TOWNS = 'Oslo is colder than Rome.';
const RED_DOT =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const PICTURE = 'https://pictures.example/red-dot.png';
const THOUGHT = 'What is it about?';
/** How long the provider may go on after its client went away, in milliseconds. */
const STOPPED_WITHIN = 100;

async function chat(driver, model) {
  const answer = await driver.ask(model, 'say hello');
  assert.deepEqual(answer, { text: HELLO, tokens: [20, 5], finish: 'stop' });
  assert.equal((await driver.conversation(model, ['say hello', HELLO, 'say goodbye'])).text, 'Goodbye.');
  assert.ok((await simulator.sent()).includes('Be kind.'), 'the system prompt is missing');
}

async function streaming(driver, model) {
  const { pieces, answer } = await driver.streamed(model, 'say hello');
  assert.equal(pieces.join(''), HELLO);
  assert.deepEqual([answer.text, answer.tokens], [HELLO, [20, 5]]);
  assert.ok(pieces.length > 5, `only ${pieces.length} pieces`);
}

async function tools(driver, model) {
  // Providers that were asked to think want their thoughts back beside the results.
  const ways = [false, true].flatMap((stream) => [false, true].map((thinks) => ({ stream, thinks })));
  for (const way of ways) {
    const turn = await driver.turn(model, 'the weather in one town', way);
    assert.deepEqual(turn.calls, [{ town: 'Oslo' }]);
    assert.equal(turn.text, WEATHER);
    assert.ok((await simulator.sent()).includes('-3 degrees in Oslo'), 'the result is missing');
  }
  return 'whole and streamed, with and without thinking';
}

/** The SDK calls the tools itself. */
async function tool_loop(driver, model) {
  for (const stream of [false, true]) {
    const turn = await driver.loop(model, 'the weather in two towns', stream);
    assert.deepEqual(turn.calls.map(({ town }) => town).sort(), ['Oslo', 'Rome']);
    assert.equal(turn.text, TWO_TOWNS);
  }
  return 'whole and streamed';
}

async function parallel_tools(driver, model) {
  for (const stream of [false, true]) {
    const turn = await driver.turn(model, 'the weather in two towns', { stream, thinks: true });
    assert.deepEqual(turn.calls, [{ town: 'Oslo' }, { town: 'Rome' }]);
    assert.equal(turn.text, TWO_TOWNS);
    assert.equal((await simulator.requests()).length, 2);
    const sent = await simulator.sent();
    for (const town of ['Oslo', 'Rome']) {
      assert.ok(sent.includes(`-3 degrees in ${town}`), `the result for ${town} is missing`);
    }
    await simulator.clear();
  }
  return 'whole and streamed';
}

async function images(driver, model) {
  const words = 'what is in the picture';
  assert.equal((await driver.look(model, words, driver.picture(RED_DOT))).text, 'A red dot.');
  assert.ok((await simulator.sent()).includes(RED_DOT), 'the provider did not get the picture');
  assert.equal((await driver.look(model, words, driver.pictureAt(PICTURE))).text, 'A red dot.');
  assert.ok((await simulator.sent()).includes(PICTURE), 'the provider did not get the address of the picture');
  return 'bytes and address';
}

async function structured_output(driver, model) {
  assert.deepEqual(await driver.parsed(model, 'the weather as an object'), { town: 'Oslo', degrees: -3 });
  const sent = await simulator.sent();
  assert.ok(sent.includes('degrees') && sent.includes('json_schema'), 'the provider did not get the schema');
}

async function reasoning(driver, model) {
  for (const stream of [false, true]) {
    assert.deepEqual(await driver.thoughts(model, 'think first', stream), [THOUGHT, 'I see.']);
  }
  return 'whole and streamed';
}

/** A conversation with thoughts and calls goes on with each of the other models, and back again. */
async function hand_over(driver, model) {
  for (const other of process.env.MODELS.split(',')) {
    const turn = await driver.turn(model, 'the weather in one town', { thinks: true });
    assert.equal(await driver.goesOn(other, turn, 'say hello'), HELLO, `on ${other}`);
    assert.equal(await driver.goesOn(model, turn, 'say goodbye'), 'Goodbye.', `back from ${other}`);
  }
}

async function errors(driver, model) {
  const kinds = driver.errors;
  const stranger = driver.withKey("nobody's");
  await refused(kinds.NotFoundError, 404, () => driver.ask('nobody', 'say hello'));
  await refused(kinds.AuthenticationError, 401, () => stranger.ask(model, 'say hello'));
  assert.deepEqual(await simulator.requests(), []);
  await refused(kinds.BadRequestError, 400, () => driver.ask(model, 'say hello', { temperature: 'hot' }));
  const limited = await refused(kinds.RateLimitError, 429, () => driver.ask(model, 'too many requests'));
  assert.equal(limited.headers.get('retry-after'), '30');
  await refused(kinds.BadRequestError, 400, () => driver.ask(model, 'too long a prompt'));
  await refused(kinds.PermissionDeniedError, 403, () => driver.ask(model, 'the key is wrong'));
  await refused(kinds.InternalServerError, 500, () => driver.ask(model, 'it is broken'));
  await refused(kinds.InternalServerError, driver.overloaded, () => driver.ask(model, 'it is overloaded'));
  await refused(kinds.RateLimitError, 429, () => driver.streamed(model, 'too many requests'));
  await driver.brokenOff(model, 'break off');
  assert.equal((await driver.ask(model, `stumble once, ${driver.name} on ${model}`)).text, 'Here I am.');
  return '404 401 400 429 403 500 overloaded, in the stream, tried again';
}

async function refused(kind, status, ask) {
  let answer;
  try {
    answer = await ask();
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    assert.equal(error.status, status);
    assert.ok(error.requestID, 'no request id');
    assert.ok(error.error, 'no body');
    return error;
  }
  assert.fail(`no ${kind.name} but ${JSON.stringify(answer)}`);
}

async function cancellation(driver, model) {
  const leave = new AbortController();
  for await (const piece of driver.open(model, 'never end', leave.signal)) {
    assert.ok(piece, 'nothing was said');
    assert.equal(await simulator.underWay(), 1);
    break;
  }
  leave.abort();
  const inStream = await stopped();

  const leaveBefore = new AbortController();
  const waiting = driver.open(model, 'never begin', leaveBefore.signal).next();
  while ((await simulator.underWay()) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  leaveBefore.abort();
  await assert.rejects(waiting, driver.errors.APIUserAbortError);
  const before = await stopped();
  return `${Math.round(inStream)} ms, ${Math.round(before)} ms`;
}

async function stopped() {
  const took = await simulator.stoppedAfter();
  assert.equal((await simulator.requests()).at(-1).outcome, 'abandoned');
  // A busy machine is no error; a provider that is asked on is.
  assert.ok(took < STOPPED_WITHIN * 10, `the provider went on for ${took} ms`);
  return took;
}

async function models(driver, model) {
  assert.ok((await driver.models()).includes(model), 'the model is not in the list');
  assert.equal(await driver.model(model), model);
}

export const ALL = [
  chat,
  streaming,
  tools,
  parallel_tools,
  tool_loop,
  images,
  structured_output,
  reasoning,
  hand_over,
  errors,
  cancellation,
  models,
];
