// The official library of Standard Webhooks signs, and the client's verifier (VERIFY_WEBHOOK, its example)
// believes or refuses: what passes here passes for any sender that keeps to the scheme.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Webhook } from 'standardwebhooks';

const TOLERANCE_S = 300;
let verifier;
let verdicts;

before(() => {
  verifier = spawn(process.env.VERIFY_WEBHOOK, { stdio: ['pipe', 'pipe', 'inherit'] });
  verdicts = createInterface({ input: verifier.stdout })[Symbol.asyncIterator]();
});

after(() => verifier.stdin.end());

const newSecret = (bytes = 32) => `whsec_${randomBytes(bytes).toString('base64')}`;
const newId = () => `msg_${randomUUID()}`;
const nowSeconds = () => Math.floor(Date.now() / 1000);

// What the verifier says of a delivery; without `now` it goes by its clock.
async function ask(secrets, headers, body, now) {
  const body_base64 = Buffer.from(body).toString('base64');
  verifier.stdin.write(`${JSON.stringify({ secrets, headers, body_base64, now })}\n`);
  const { value, done } = await verdicts.next();
  assert.equal(done, false, 'the verifier answers');
  return JSON.parse(value);
}

function signed(secret, body, { id = newId(), seconds = nowSeconds() } = {}) {
  const signature = new Webhook(secret).sign(id, new Date(seconds * 1000), body);
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': signature };
}

// What the official library says of the same delivery, by the clock.
function official(secret, headers, body) {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

test('what the official library signs is believed', async () => {
  const bodies = ['{}', '{"type":"booking.confirmed"}', '{"name":"Ana Łukasz 東京 🚤"}', `"${'x'.repeat(100_000)}"`];
  for (const bytes of [24, 32, 48, 64]) {
    for (const body of bodies) {
      const secret = newSecret(bytes);
      const headers = signed(secret, body);
      assert.deepEqual(await ask([secret], headers, body), { believed: true, id: headers['webhook-id'] });
      assert.equal(official(secret, headers, body), true);
    }
  }
});

test('the raw bytes are what counts', async () => {
  const secret = newSecret();
  const body = '{"a":1,  "b":2}\n';
  const headers = signed(secret, body);
  assert.equal((await ask([secret], headers, body)).believed, true);
  const rewritten = JSON.stringify(JSON.parse(body));
  assert.equal((await ask([secret], headers, rewritten)).believed, false);
  assert.equal(official(secret, headers, rewritten), false);
});

test('both libraries agree on what was tampered with', async () => {
  const secret = newSecret();
  const body = '{"type":"payment.captured","amount":1250}';
  const fine = signed(secret, body);
  const change = (name, value) => [{ ...fine, [name]: value }, body];
  const [version, text] = fine['webhook-signature'].split(',');
  const deliveries = [
    [fine, body],
    [fine, body.replace('1250', '1')],
    [fine, `${body} `],
    change('webhook-id', newId()),
    change('webhook-timestamp', String(fine['webhook-timestamp'] - 1)),
    change('webhook-timestamp', 'soon'),
    change('webhook-signature', `v2,${text}`),
    change('webhook-signature', `v1a,${text}`),
    change('webhook-signature', text),
    change('webhook-signature', `${version},${text.slice(4)}`),
    change('webhook-signature', `${version},${Buffer.alloc(32).toString('base64')}`),
    change('webhook-signature', `${version},${Buffer.alloc(32).toString('base64')} ${version},${text}`),
    change('webhook-signature', `v1a,${text} ${version},${text}`),
  ];
  const agreed = { true: 0, false: 0 };
  for (const [headers, sent] of deliveries) {
    const theirs = official(secret, headers, sent);
    const ours = await ask([secret], headers, sent);
    assert.equal(ours.believed, theirs, JSON.stringify({ headers, sent, ours }));
    agreed[theirs] += 1;
  }
  assert.deepEqual(agreed, { true: 3, false: 10 });
});

test('a header that is missing is missed by both', async () => {
  const secret = newSecret();
  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
    const headers = signed(secret, '{}');
    delete headers[name];
    assert.equal(official(secret, headers, '{}'), false);
    const { believed, why } = await ask([secret], headers, '{}');
    assert.equal(believed, false);
    assert.match(why, /missing/);
  }
});

test('another secret is not believed, and while one is replaced both are', async () => {
  const [old, next, other] = [newSecret(), newSecret(), newSecret()];
  for (const secret of [old, next]) {
    const headers = signed(secret, '{}');
    assert.equal((await ask([next, old], headers, '{}')).believed, true);
    assert.equal((await ask([other], headers, '{}')).believed, false);
  }
  // A sender that signs with both is believed by a receiver that knows either.
  const id = newId();
  const seconds = nowSeconds();
  const both = [old, next].map((secret) => signed(secret, '{}', { id, seconds })['webhook-signature']);
  const headers = { ...signed(old, '{}', { id, seconds }), 'webhook-signature': both.join(' ') };
  for (const secret of [old, next]) {
    assert.equal((await ask([secret], headers, '{}')).believed, true);
    assert.equal(official(secret, headers, '{}'), true);
  }
});

test('time is bounded in both directions', async () => {
  const secret = newSecret();
  const seconds = nowSeconds();
  const headers = signed(secret, '{}', { seconds });
  const at = (now) => ask([secret], headers, '{}', now);
  assert.equal((await at(seconds + TOLERANCE_S)).believed, true);
  assert.equal((await at(seconds - TOLERANCE_S)).believed, true);
  assert.match((await at(seconds + TOLERANCE_S + 1)).why, /too long ago/);
  assert.match((await at(seconds - TOLERANCE_S - 1)).why, /in the future/);
  for (const far of [-TOLERANCE_S - 60, TOLERANCE_S + 60]) {
    const stale = signed(secret, '{}', { seconds: nowSeconds() + far });
    assert.equal((await ask([secret], stale, '{}')).believed, false);
    assert.equal(official(secret, stale, '{}'), false);
  }
});
