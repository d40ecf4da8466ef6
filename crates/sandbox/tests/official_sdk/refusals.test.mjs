// What Stripe refuses is refused: with the SDK's own error classes, and with Stripe's codes and words.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import Stripe from 'stripe';
import { account, call, client, control } from './sandbox.mjs';

const { StripeAPIError, StripeCardError, StripeInvalidRequestError } = Stripe.errors;
const plain = { amount: 500, currency: 'eur', allowed_payment_method_types: ['card'] };
const sale = { ...plain, confirm: true, payment_method: 'pm_card_visa' };
let secretKey;
let stripe;

before(async () => {
  ({ secretKey, stripe } = await account());
});

async function refused(promise, expected, kind = StripeInvalidRequestError) {
  const error = await promise.then(() => assert.fail('accepted'), (caught) => caught);
  assert.ok(error instanceof kind, `${error}`);
  for (const [name, value] of Object.entries(expected)) {
    if (value instanceof RegExp) assert.match(error[name], value);
    else assert.equal(error[name], value, `${name} of ${error}`);
  }
  return error;
}

const create = (extra) => stripe.paymentIntents.create({ ...plain, ...extra });

test('unknown parameters and wrong types are refused', async () => {
  await refused(create({ odd: 1 }), { code: 'parameter_unknown', param: 'odd', message: 'Received unknown parameter: odd' });
  await refused(create({ odd: 1, even: 2 }), { message: 'Received unknown parameters: odd, even' });
  await refused(create({ shipping: { name: 'A', address: { town: 'Porto' } } }), {
    code: 'parameter_unknown',
    param: 'shipping[address][town]',
  });
  await refused(create({ amount: 'much' }), { code: 'parameter_invalid_integer', param: 'amount', message: 'Invalid integer: much' });
  await refused(create({ confirm: 'maybe' }), { code: undefined, param: 'confirm', message: 'Invalid boolean: maybe' });
  await refused(create({ allowed_payment_method_types: 'card' }), { param: 'allowed_payment_method_types', message: 'Invalid array' });
  await refused(create({ metadata: 'none' }), { param: 'metadata', message: 'Invalid object' });
  await refused(create({ description: { a: 'b' } }), { param: 'description', message: 'Invalid string: {"a":"b"}' });
  await refused(create({ capture_method: 'later' }), {
    param: 'capture_method',
    message: 'Invalid capture_method: must be one of automatic, automatic_async, or manual',
  });
  await refused(create({ description: null }), { code: 'parameter_invalid_empty', param: 'description' });
  await refused(stripe.paymentIntents.create({ currency: 'eur' }), {
    code: 'parameter_missing',
    param: 'amount',
    message: 'Missing required param: amount.',
  });
  await refused(stripe.refunds.create({ payment_intent: 'pi_x', reason: 'expired_uncaptured_charge' }), {
    param: 'reason',
    message: 'Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer',
  });
  await refused(stripe.events.list({ limit: 'all' }), { code: 'parameter_invalid_integer', param: 'limit' });
  await refused(stripe.events.list({ expand: 'data' }), { param: 'expand', message: 'Invalid array' });
});

test('amounts and currencies that Stripe does not charge are refused', async () => {
  await refused(create({ amount: 49 }), { code: 'amount_too_small', message: 'Amount must be at least €0.50 eur' });
  await refused(create({ amount: 100_000_000 }), { code: 'amount_too_large', message: 'Amount must be no more than €999,999.99' });
  await refused(create({ amount: 0 }), { code: 'parameter_invalid_integer', param: 'amount' });
  await refused(create({ currency: 'xau' }), { param: 'currency', message: /^Invalid currency: xau\. Stripe currently supports these/ });
  await refused(create({ currency: 'kwd', amount: 5124 }), { param: 'amount', message: /divisible by 10/ });
  assert.equal((await create({ currency: 'kwd', amount: 5120 })).amount, 5120);
  assert.equal((await create({ currency: 'jpy', amount: 9_999_999_999 })).amount, 9_999_999_999);
});

test('raw card numbers, unknown tokens and unknown payment methods are refused', async () => {
  const number = { number: '4242424242424242', exp_month: 12, exp_year: 2034, cvc: '123' };
  // Stripe answers 402 with the type of a wrong request, and the SDK goes by the status.
  const words = { message: /^Sending credit card numbers/, rawType: 'invalid_request_error' };
  await refused(stripe.paymentMethods.create({ type: 'card', card: number }), words, StripeCardError);
  await refused(stripe.paymentMethods.create({ type: 'card', card: { token: 'tok_none' } }), { code: 'resource_missing' });
  await refused(create({ payment_method: 'pm_none' }), { code: 'resource_missing', param: 'payment_method', statusCode: 400 });
  await refused(create({ customer: 'cus_none' }), { code: 'resource_missing', param: 'customer' });
  const method = await stripe.paymentMethods.create({ type: 'card', card: { token: 'tok_visa' } });
  const paid = await stripe.paymentIntents.create({ ...sale, payment_method: method.id });
  assert.deepEqual([paid.status, paid.payment_method], ['succeeded', method.id]);
  await refused(stripe.paymentIntents.create({ ...sale, payment_method: method.id }), { message: /may not be used again/ });
  assert.equal((await stripe.paymentMethods.retrieve(method.id)).card.last4, '4242');
  const { stripe: other } = await account();
  await refused(other.paymentMethods.retrieve(method.id), { code: 'resource_missing', statusCode: 404 });
});

test('method type parameters exclude each other', async () => {
  await refused(create({ automatic_payment_methods: { enabled: true } }), { code: 'parameters_exclusive' });
  await refused(create({ excluded_payment_method_types: ['klarna'] }), { code: 'parameters_exclusive' });
  const { allowed_payment_method_types: _, ...left } = sale;
  await refused(stripe.paymentIntents.create(left), { message: /you must provide a `return_url`/ });
  const paid = await stripe.paymentIntents.create({ ...left, return_url: 'https://example.com/back' });
  assert.deepEqual(paid.automatic_payment_methods, { allow_redirects: 'always', enabled: true });
  assert.deepEqual(paid.payment_method_types, ['card']);
});

test('unknown versions and removed parameters are refused', async () => {
  const speaking = (apiVersion) => client(secretKey, { apiVersion }).paymentIntents;
  const old = { ...left(plain), payment_method_types: ['card'] };
  for (const version of ['2026-07-29.dahlia', '2026-08-26.dahlia']) {
    assert.deepEqual((await speaking(version).create(old)).payment_method_types, ['card']);
  }
  for (const version of ['2026-09-30.endive', '2026-10-28.endive']) {
    await refused(speaking(version).create(old), {
      code: 'payment_method_types_no_longer_supported',
      param: 'payment_method_types',
      statusCode: 400,
    });
  }
  await refused(speaking('2026-11-31.endive').create(plain), { message: 'Invalid Stripe API version: 2026-11-31.endive' });
  const made = await stripe.paymentIntents.create(plain);
  assert.equal(made.lastResponse.apiVersion, '2026-10-28.endive');
});

function left({ allowed_payment_method_types: _, ...rest }) {
  return rest;
}

test('paths that cannot be expanded are refused', async () => {
  await refused(create({ expand: ['odd'] }), { message: 'This property cannot be expanded (odd).' });
  await refused(stripe.paymentIntents.list({ expand: ['latest_charge'] }), { message: /try expanding 'data.latest_charge' instead\.$/ });
  const { latest_charge: charge } = await stripe.paymentIntents.create({ ...sale, expand: ['latest_charge.payment_intent'] });
  assert.equal(charge.payment_intent.latest_charge, charge.id);
});

test('authentication without a payer is declined', async () => {
  const asks = { ...sale, payment_method: 'pm_card_authenticationRequired' };
  for (const [extra, decline] of [
    [{ off_session: true }, 'authentication_required'],
    [{ error_on_requires_action: true }, 'authentication_not_handled'],
  ]) {
    const promise = stripe.paymentIntents.create({ ...asks, ...extra });
    const expected = { code: 'authentication_required', decline_code: decline, statusCode: 402 };
    const error = await refused(promise, expected, StripeCardError);
    assert.equal(error.payment_intent.status, 'requires_payment_method');
  }
  await refused(create({ off_session: true }), { param: 'off_session' });
});

test('a kept 500 is replayed', async () => {
  const once = { idempotencyKey: randomUUID() };
  const twice = { idempotencyKey: randomUUID() };
  try {
    await control('/sandbox/faults', { kept_500: 1 });
    await refused(stripe.paymentIntents.create(sale, once), { statusCode: 500 }, StripeAPIError);
    await control('/sandbox/faults', { commit_then_kept_500: 1 });
    await refused(stripe.paymentIntents.create({ ...sale, metadata: { twice: 1 } }, twice), { statusCode: 500 }, StripeAPIError);
  } finally {
    await control('/sandbox/faults', {});
  }
  const nothing = await refused(stripe.paymentIntents.create(sale, once), { statusCode: 500 }, StripeAPIError);
  assert.equal(nothing.headers['idempotent-replayed'], 'true');
  await refused(stripe.paymentIntents.create({ ...sale, metadata: { twice: 1 } }, twice), { statusCode: 500 }, StripeAPIError);
  const [latest] = (await stripe.paymentIntents.list({ limit: 1 })).data;
  assert.deepEqual([latest.metadata, latest.status], [{ twice: '1' }, 'succeeded']);
});

test('HTTP basic authenticates like bearer', async () => {
  const basic = (user) => ({ authorization: `Basic ${Buffer.from(`${user}:`).toString('base64')}` });
  assert.equal((await call(secretKey, 'GET', '/v1/charges', '', basic(secretKey))).status, 200);
  assert.equal((await call(secretKey, 'GET', '/v1/charges', '', basic('sk_test_none'))).status, 401);
});
