// `openai`, Responses.

import OpenAI from 'openai';
import { ResponsesToolRunner } from 'openai/helpers/responses-tool-runner';
import { zodTextFormat } from 'openai/helpers/zod';
import { Calls, DESCRIPTION, PARAMETERS, SYSTEM, Weather, inTurns, weather } from './common.mjs';

const TOOLS = [
  { type: 'function', name: 'weather', description: DESCRIPTION, parameters: PARAMETERS, strict: true },
];

// Without the encrypted reasoning a provider that stores nothing cannot take its answer back.
const KEPT_HERE = { store: false, include: ['reasoning.encrypted_content'] };
const THINKING = { reasoning: { effort: 'low', summary: 'auto' } };

export class Driver {
  name = 'openai responses';
  errors = OpenAI;
  overloaded = 503;

  constructor(url, key) {
    this.url = url;
    this.client = new OpenAI({ baseURL: `${url}/openai/v1`, apiKey: key, maxRetries: 0, timeout: 30_000 });
    this.responses = this.client.responses;
  }

  withKey(key) {
    return new Driver(this.url, key);
  }

  async ask(model, text, more = {}) {
    return answer(await this.responses.create({ model, instructions: SYSTEM, input: text, ...more }));
  }

  async conversation(model, texts) {
    const first = await this.responses.create({ model, instructions: SYSTEM, input: texts[0] });
    const next = { model, instructions: SYSTEM, input: texts.at(-1), previous_response_id: first.id };
    try {
      const chained = await this.responses.create(next);
      if (chained.output_text !== 'Goodbye.') throw new Error(`not chained: ${chained.output_text}`);
    } catch (error) {
      // Only a provider of this protocol keeps its answers.
      if (error.code !== 'previous_response_not_found') throw error;
    }
    return answer(await this.responses.create({ model, instructions: SYSTEM, input: inTurns(texts) }));
  }

  async streamed(model, text) {
    const pieces = [];
    const stream = this.responses.stream({ model, instructions: SYSTEM, input: text });
    stream.on('response.output_text.delta', (event) => pieces.push(event.delta));
    return { pieces, answer: answer(await stream.finalResponse()) };
  }

  async turn(model, text, { stream, thinks }) {
    const calls = [];
    const input = [{ role: 'user', content: text }];
    for (let step = 0; step < 5; step += 1) {
      // Without the settings the provider keeps its answers, and is sent them all the same.
      const request = { model, input, tools: TOOLS, ...(thinks && { ...KEPT_HERE, ...THINKING }) };
      const response = stream
        ? await this.responses.stream(request).finalResponse()
        : await this.responses.create(request);
      input.push(...response.output);
      const asked = response.output.filter((item) => item.type === 'function_call');
      if (asked.length === 0) return { text: response.output_text, calls, input };
      for (const call of asked) {
        calls.push(JSON.parse(call.arguments));
        input.push({ type: 'function_call_output', call_id: call.call_id, output: weather(calls.at(-1)) });
      }
    }
    throw new Error('the calls do not end');
  }

  async loop(model, text, stream) {
    const { calls, call } = new Calls();
    const runner = new ResponsesToolRunner({ functions: [{ tool: TOOLS[0], execute: call }] });
    const request = { model, input: [{ role: 'user', content: text }], ...KEPT_HERE };
    const response = await runner.run(this.client, request, { stream });
    return { text: response.output_text, calls };
  }

  async goesOn(model, { input }, text) {
    input.push({ role: 'user', content: text });
    const response = await this.responses.create({ model, input, tools: TOOLS, ...KEPT_HERE, ...THINKING });
    input.push(...response.output);
    return response.output_text;
  }

  async thoughts(model, text, stream) {
    const request = { model, input: text, ...THINKING };
    const response = stream
      ? await this.responses.stream(request).finalResponse()
      : await this.responses.create(request);
    const items = response.output.filter((item) => item.type === 'reasoning');
    return [items.flatMap((item) => item.summary.map((part) => part.text)).join(''), response.output_text];
  }

  picture(data) {
    return this.pictureAt(`data:image/png;base64,${data}`);
  }

  pictureAt(url) {
    return { type: 'input_image', detail: 'auto', image_url: url };
  }

  async look(model, text, picture) {
    const content = [{ type: 'input_text', text }, picture];
    return answer(await this.responses.create({ model, input: [{ role: 'user', content }] }));
  }

  async parsed(model, text) {
    const format = zodTextFormat(Weather, 'weather');
    return (await this.responses.parse({ model, input: text, text: { format } })).output_parsed;
  }

  async *open(model, text, signal) {
    const stream = await this.responses.create({ model, input: text, stream: true }, { signal });
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') yield event.delta;
    }
  }

  /** The error is in the events, and no helper has an answer to give. */
  async brokenOff(model, text) {
    let last;
    try {
      const stream = await this.responses.create({ model, input: text, stream: true });
      for await (const event of stream) last = event;
    } catch (error) {
      if (error instanceof OpenAI.APIError) return;
      throw error;
    }
    if (last?.type !== 'response.failed' && last?.type !== 'error') throw new Error(`no error but ${last?.type}`);
  }

  async models() {
    const names = [];
    for await (const model of this.client.models.list()) names.push(model.id);
    return names;
  }

  async model(name) {
    return (await this.client.models.retrieve(name)).id;
  }
}

function answer(response) {
  const finish = response.status === 'completed' ? 'stop' : response.status;
  return { text: response.output_text, tokens: [response.usage.input_tokens, response.usage.output_tokens], finish };
}
