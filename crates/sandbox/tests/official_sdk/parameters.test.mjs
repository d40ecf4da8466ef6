// The table that the stand-in checks its callers by is the one that the official SDK's types give.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generate, place, render } from './parameters.mjs';

test('the checked-in table is what the generator writes', () => {
  const [found, expected] = [readFileSync(place, 'utf8').split('\n'), render(generate()).split('\n')];
  assert.deepEqual(found, expected, 'run `node parameters.mjs` and commit what it writes');
});
