// What all drivers say.

import { z } from 'zod';

export const SYSTEM = 'Be kind.';
export const DESCRIPTION = 'The weather in a town';
export const PARAMETERS = {
  type: 'object',
  properties: { town: { type: 'string' } },
  required: ['town'],
  additionalProperties: false,
};
export const Weather = z.object({ town: z.string(), degrees: z.number().int() });

/** A conversation of user and assistant, in turns. */
export function inTurns(texts) {
  return texts.map((content, at) => ({ role: at % 2 === 0 ? 'user' : 'assistant', content }));
}

/** Answers a call of the tool. */
export function weather({ town }) {
  return `-3 degrees in ${town}`;
}

/** Calls of the tool, as they come from a loop. */
export class Calls {
  calls = [];

  call = (args) => {
    this.calls.push(args);
    return weather(args);
  };
}
