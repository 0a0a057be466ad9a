// `@anthropic-ai/sdk`, Messages.

import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { Calls, DESCRIPTION, PARAMETERS, SYSTEM, Weather, inTurns, weather } from './common.mjs';

const TOOLS = [{ name: 'weather', description: DESCRIPTION, input_schema: PARAMETERS }];

const MAX_TOKENS = 2000;
const THINKING = { thinking: { type: 'enabled', budget_tokens: 1024 } };

const asked = (model, text) => ({ model, max_tokens: MAX_TOKENS, messages: [{ role: 'user', content: text }] });

export class Driver {
  name = 'anthropic messages';
  errors = Anthropic;
  overloaded = 529;

  constructor(url, key) {
    this.url = url;
    this.client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, timeout: 30_000 });
    this.messages = this.client.messages;
  }

  withKey(key) {
    return new Driver(this.url, key);
  }

  async ask(model, text, more = {}) {
    return answer(await this.messages.create({ ...asked(model, text), system: SYSTEM, ...more }));
  }

  async conversation(model, texts) {
    const system = [{ type: 'text', text: SYSTEM, cache_control: { type: 'ephemeral' } }];
    return answer(await this.messages.create({ model, max_tokens: MAX_TOKENS, system, messages: inTurns(texts) }));
  }

  async streamed(model, text) {
    const pieces = [];
    const stream = this.messages.stream(asked(model, text));
    stream.on('text', (piece) => pieces.push(piece));
    return { pieces, answer: answer(await stream.finalMessage()) };
  }

  async turn(model, text, { stream, thinks }) {
    const calls = [];
    const request = { ...asked(model, text), tools: TOOLS, ...(thinks && THINKING) };
    for (let step = 0; step < 5; step += 1) {
      const message = stream
        ? await this.messages.stream(request).finalMessage()
        : await this.messages.create(request);
      request.messages.push({ role: 'assistant', content: message.content });
      if (message.stop_reason !== 'tool_use') return { text: answer(message).text, calls, messages: request.messages };
      const content = message.content
        .filter((block) => block.type === 'tool_use')
        .map(({ id, input }) => {
          calls.push(input);
          return { type: 'tool_result', tool_use_id: id, content: weather(input) };
        });
      request.messages.push({ role: 'user', content });
    }
    throw new Error('the calls do not end');
  }

  async loop(model, text, stream) {
    const { calls, call } = new Calls();
    const tools = [{ ...TOOLS[0], type: 'custom', run: call, parse: (args) => args }];
    const runner = this.client.beta.messages.toolRunner({ ...asked(model, text), tools, stream });
    return { text: answer(await runner.runUntilDone()).text, calls };
  }

  async goesOn(model, { messages }, text) {
    messages.push({ role: 'user', content: text });
    const message = await this.messages.create({ ...asked(model, text), messages, tools: TOOLS, ...THINKING });
    messages.push({ role: 'assistant', content: message.content });
    return answer(message).text;
  }

  async thoughts(model, text, stream) {
    const request = { ...asked(model, text), thinking: { type: 'adaptive' } };
    const message = stream
      ? await this.messages.stream(request).finalMessage()
      : await this.messages.create(request);
    const thoughts = message.content.filter((block) => block.type === 'thinking');
    return [thoughts.map((block) => block.thinking).join(''), answer(message).text];
  }

  picture(data) {
    return { type: 'image', source: { type: 'base64', media_type: 'image/png', data } };
  }

  pictureAt(url) {
    return { type: 'image', source: { type: 'url', url } };
  }

  async look(model, text, picture) {
    const content = [picture, { type: 'text', text }];
    return answer(await this.messages.create({ ...asked(model, text), messages: [{ role: 'user', content }] }));
  }

  async parsed(model, text) {
    const output_config = { format: zodOutputFormat(Weather) };
    return (await this.messages.parse({ ...asked(model, text), output_config })).parsed_output;
  }

  async *open(model, text, signal) {
    const stream = await this.messages.create({ ...asked(model, text), stream: true }, { signal });
    for await (const event of stream) {
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') yield event.delta.text;
    }
  }

  async brokenOff(model, text) {
    const pieces = [];
    try {
      for await (const piece of this.open(model, text)) pieces.push(piece);
    } catch (error) {
      if (error instanceof Anthropic.APIError && pieces.length > 0) return;
      throw error;
    }
    throw new Error(`no error after ${pieces}`);
  }

  async models() {
    const names = [];
    for await (const model of this.client.models.list({ limit: 100 })) names.push(model.id);
    return names;
  }

  async model(name) {
    const messages = [{ role: 'user', content: 'say hello' }];
    const counted = await this.messages.countTokens({ model: name, messages });
    if (!(counted.input_tokens > 0)) throw new Error(`no count but ${JSON.stringify(counted)}`);
    return (await this.client.models.retrieve(name)).id;
  }
}

function answer(message) {
  const text = message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
  const finish = message.stop_reason === 'end_turn' ? 'stop' : message.stop_reason;
  return { text, tokens: [message.usage.input_tokens, message.usage.output_tokens], finish };
}
