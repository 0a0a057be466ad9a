// Runs every check with every SDK on every model, and prints one line of JSON for each.

import { ALL } from './checks.mjs';
import * as anthropicMessages from './drivers/anthropic_messages.mjs';
import * as openaiChat from './drivers/openai_chat.mjs';
import * as openaiResponses from './drivers/openai_responses.mjs';
import * as simulator from './simulator.mjs';

async function cell(driver, check, model) {
  await simulator.clear();
  const began = performance.now();
  let result;
  try {
    result = { ok: true, detail: (await check(driver, model)) ?? '' };
  } catch (error) {
    result = { ok: false, detail: String(error?.stack ?? error) };
  }
  const milliseconds = Math.round(performance.now() - began);
  return { sdk: `node ${driver.name}`, check: check.name, model, ...result, milliseconds };
}

const { MESH_URL, MESH_KEY, MODELS } = process.env;
for (const { Driver } of [openaiChat, openaiResponses, anthropicMessages]) {
  const driver = new Driver(MESH_URL, MESH_KEY);
  for (const check of ALL) {
    for (const model of MODELS.split(',')) {
      console.log(JSON.stringify(await cell(driver, check, model)));
    }
  }
}
