// `openai`, Chat Completions.

import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { Calls, DESCRIPTION, PARAMETERS, SYSTEM, Weather, inTurns, weather } from './common.mjs';

const TOOLS = [
  {
    type: 'function',
    function: { name: 'weather', description: DESCRIPTION, parameters: PARAMETERS, strict: true },
  },
];

const THINKING = { reasoning_effort: 'low' };

const said = (text) => [
  { role: 'system', content: SYSTEM },
  { role: 'user', content: text },
];

export class Driver {
  name = 'openai chat';
  errors = OpenAI;
  overloaded = 503;

  constructor(url, key) {
    this.url = url;
    this.client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 30_000 });
    this.completions = this.client.chat.completions;
  }

  withKey(key) {
    return new Driver(this.url, key);
  }

  async ask(model, text, more = {}) {
    return answer(await this.completions.create({ model, messages: said(text), ...more }));
  }

  async conversation(model, texts) {
    const messages = [{ role: 'developer', content: SYSTEM }, ...inTurns(texts)];
    return answer(await this.completions.create({ model, messages }));
  }

  async streamed(model, text) {
    const pieces = [];
    const stream = this.completions.stream({ model, messages: said(text), stream_options: { include_usage: true } });
    stream.on('content', (piece) => pieces.push(piece));
    return { pieces, answer: answer(await stream.finalChatCompletion()) };
  }

  async turn(model, text, { stream, thinks }) {
    const calls = [];
    const messages = said(text);
    for (let step = 0; step < 5; step += 1) {
      const request = { model, messages, tools: TOOLS, ...(thinks && THINKING) };
      const completion = stream
        ? await this.completions.stream(request).finalChatCompletion()
        : await this.completions.create(request);
      const { message } = completion.choices[0];
      messages.push(message);
      if (!message.tool_calls?.length) return { text: message.content, calls, messages };
      for (const call of message.tool_calls) {
        calls.push(JSON.parse(call.function.arguments));
        messages.push({ role: 'tool', tool_call_id: call.id, content: weather(calls.at(-1)) });
      }
    }
    throw new Error('the calls do not end');
  }

  async loop(model, text, stream) {
    const { calls, call } = new Calls();
    const tool = { ...TOOLS[0].function, function: call, parse: JSON.parse };
    const request = { model, messages: said(text), tools: [{ type: 'function', function: tool }], stream };
    return { text: await this.completions.runTools(request).finalContent(), calls };
  }

  async goesOn(model, { messages }, text) {
    messages.push({ role: 'user', content: text });
    const request = { model, messages, tools: TOOLS, ...THINKING };
    const { message } = (await this.completions.create(request)).choices[0];
    messages.push(message);
    return message.content;
  }

  /** Servers of this protocol tell thoughts in a field that the SDK does not know. */
  async thoughts(model, text, stream) {
    const request = { model, messages: said(text), ...THINKING };
    if (!stream) {
      const { message } = (await this.completions.create(request)).choices[0];
      return [message.reasoning_content, message.content];
    }
    let [thought, words] = ['', ''];
    for await (const chunk of await this.completions.create({ ...request, stream: true })) {
      thought += chunk.choices[0].delta.reasoning_content ?? '';
      words += chunk.choices[0].delta.content ?? '';
    }
    return [thought, words];
  }

  picture(data) {
    return this.pictureAt(`data:image/png;base64,${data}`);
  }

  pictureAt(url) {
    return { type: 'image_url', image_url: { url } };
  }

  async look(model, text, picture) {
    const content = [{ type: 'text', text }, picture];
    return answer(await this.completions.create({ model, messages: [{ role: 'user', content }] }));
  }

  async parsed(model, text) {
    const response_format = zodResponseFormat(Weather, 'weather');
    const completion = await this.completions.parse({ model, messages: said(text), response_format });
    return completion.choices[0].message.parsed;
  }

  async *open(model, text, signal) {
    const stream = await this.completions.create({ model, messages: said(text), stream: true }, { signal });
    for await (const chunk of stream) {
      const piece = chunk.choices[0]?.delta?.content;
      if (piece) yield piece;
    }
  }

  async brokenOff(model, text) {
    const pieces = [];
    try {
      for await (const piece of this.open(model, text)) pieces.push(piece);
    } catch (error) {
      if (error instanceof OpenAI.APIError && pieces.length > 0) return;
      throw error;
    }
    throw new Error(`no error after ${pieces}`);
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

function answer(completion) {
  const { message, finish_reason: finish } = completion.choices[0];
  const tokens = [completion.usage.prompt_tokens, completion.usage.completion_tokens];
  return { text: message.content, tokens, finish };
}
