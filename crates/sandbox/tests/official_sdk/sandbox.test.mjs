// Stripe's own SDK against the sandbox at SANDBOX_URL: what passes here passes for any user of Stripe.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import Stripe from 'stripe';
import { Receiver, account as newAccount, client, control } from './sandbox.mjs';

const webhookSecret = `whsec_${randomUUID()}`;
const receiver = new Receiver();
const delivery = (fits) => receiver.delivery(fits);
let account;
let stripe;

const hold = (extra) =>
  stripe.paymentIntents.create({
    amount: 2000,
    currency: 'brl',
    capture_method: 'manual',
    confirm: true,
    payment_method: 'pm_card_visa',
    allowed_payment_method_types: ['card'],
    ...extra,
  });

before(async () => {
  await receiver.listen();
  const secrets = ['whsec_next', webhookSecret];
  ({ id: account, stripe } = await newAccount({ url: receiver.url, secrets, enabled_events: ['*'] }));
});

after(() => receiver.close());

test('create, retrieve, confirm', async () => {
  const created = await stripe.paymentIntents.create({
    amount: 1099,
    currency: 'usd',
    description: 'Seat A1 & B2',
    metadata: { operation: 'op_1', booking: 'bk 1/é' },
    automatic_payment_methods: { enabled: true },
  });
  assert.equal(created.status, 'requires_payment_method');
  assert.deepEqual(created.metadata, { operation: 'op_1', booking: 'bk 1/é' });
  assert.ok(created.lastResponse.requestId.startsWith('req_'));
  assert.ok(created.client_secret.startsWith(`${created.id}_secret_`));

  const confirmed = await stripe.paymentIntents.confirm(created.id, {
    payment_method: 'pm_card_visa',
    return_url: 'https://example.com/back',
    expand: ['latest_charge'],
  });
  assert.equal(confirmed.status, 'succeeded');
  assert.equal(confirmed.amount_received, 1099);
  assert.equal(confirmed.latest_charge.amount_captured, 1099);
  assert.equal(confirmed.latest_charge.payment_method_details.card.last4, '4242');

  const found = await stripe.paymentIntents.retrieve(created.id);
  assert.equal(found.latest_charge, confirmed.latest_charge.id);
  const charge = await stripe.charges.retrieve(found.latest_charge);
  assert.equal(charge.payment_intent, created.id);
  assert.equal(charge.description, 'Seat A1 & B2');
});

test('a partial capture releases the rest', async () => {
  const held = await hold();
  assert.equal(held.status, 'requires_capture');
  assert.equal(held.amount_capturable, 2000);
  const captured = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 1500 });
  assert.equal(captured.status, 'succeeded');
  assert.equal(captured.amount_received, 1500);
  assert.equal(captured.amount_capturable, 0);
  await assert.rejects(stripe.paymentIntents.capture(held.id), (error) => {
    assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
    assert.equal(error.code, 'payment_intent_unexpected_state');
    assert.equal(error.payment_intent.id, held.id);
    assert.equal(error.payment_intent.status, 'succeeded');
    return true;
  });
});

test('a hold is cancelled', async () => {
  const held = await hold();
  const canceled = await stripe.paymentIntents.cancel(held.id, { cancellation_reason: 'abandoned' });
  assert.equal(canceled.status, 'canceled');
  assert.equal(canceled.cancellation_reason, 'abandoned');
  await assert.rejects(stripe.paymentIntents.confirm(held.id, { payment_method: 'pm_card_visa' }), {
    code: 'payment_intent_unexpected_state',
  });
});

test('refunds in pieces, never beyond what was captured', async () => {
  const { id } = await hold();
  await stripe.paymentIntents.capture(id, { amount_to_capture: 1500 });
  const first = await stripe.refunds.create({ payment_intent: id, amount: 600, metadata: { operation: 'r1' } });
  assert.equal(first.status, 'succeeded');
  await assert.rejects(stripe.refunds.create({ payment_intent: id, amount: 901 }), {
    statusCode: 400,
    param: 'amount',
    message: 'Refund amount (R$9.01) is greater than unrefunded amount on charge (R$9.00)',
  });
  const second = await stripe.refunds.create({ charge: first.charge, reason: 'requested_by_customer' });
  assert.equal(second.amount, 900);
  await assert.rejects(stripe.refunds.create({ payment_intent: id }), { code: 'charge_already_refunded' });
  assert.equal((await stripe.refunds.retrieve(first.id)).metadata.operation, 'r1');
  const listed = await stripe.refunds.list({ payment_intent: id });
  assert.deepEqual(listed.data.map((refund) => refund.id), [second.id, first.id]);
  assert.equal((await stripe.charges.retrieve(first.charge)).refunded, true);
});

test('a key replays its answer, and refuses other parameters', async () => {
  const idempotencyKey = randomUUID();
  const parameters = {
    amount: 500,
    currency: 'usd',
    confirm: true,
    payment_method: 'pm_card_mastercard',
    allowed_payment_method_types: ['card'],
  };
  const first = await stripe.paymentIntents.create(parameters, { idempotencyKey });
  const again = await stripe.paymentIntents.create(parameters, { idempotencyKey });
  assert.equal(again.id, first.id);
  assert.equal(first.lastResponse.headers['idempotent-replayed'], undefined);
  assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
  assert.equal(again.lastResponse.headers['original-request'], first.lastResponse.requestId);
  assert.notEqual(again.lastResponse.requestId, first.lastResponse.requestId);
  await assert.rejects(stripe.paymentIntents.create({ ...parameters, amount: 501 }, { idempotencyKey }), (error) => {
    assert.ok(error instanceof Stripe.errors.StripeIdempotencyError);
    assert.equal(error.statusCode, 400);
    return true;
  });
});

test('a key in flight is refused', async () => {
  await control('/sandbox/faults', { delay_ms: [400, 400] });
  try {
    const idempotencyKey = randomUUID();
    const parameters = { amount: 500, currency: 'usd' };
    const both = await Promise.allSettled([
      stripe.paymentIntents.create(parameters, { idempotencyKey }),
      stripe.paymentIntents.create(parameters, { idempotencyKey }),
    ]);
    const refused = both.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
    assert.equal(refused.length, 1);
    assert.equal(refused[0].statusCode, 409);
    assert.equal(refused[0].code, 'idempotency_key_in_use');
  } finally {
    await control('/sandbox/faults', {});
  }
});

test('declines', async () => {
  for (const [card, code, decline] of [
    ['pm_card_chargeDeclined', 'card_declined', 'generic_decline'],
    ['pm_card_visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
    ['pm_card_chargeDeclinedExpiredCard', 'expired_card', 'expired_card'],
    ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', 'incorrect_cvc'],
    ['pm_card_chargeDeclinedProcessingError', 'processing_error', 'processing_error'],
  ]) {
    const error = await hold({ payment_method: card }).then(() => assert.fail('paid'), (caught) => caught);
    assert.ok(error instanceof Stripe.errors.StripeCardError, card);
    assert.equal(error.statusCode, 402);
    assert.equal(error.code, code);
    assert.equal(error.decline_code, decline);
    assert.ok(error.charge.startsWith('ch_'));
    const intent = await stripe.paymentIntents.retrieve(error.payment_intent.id);
    assert.equal(intent.status, 'requires_payment_method');
    assert.equal(intent.last_payment_error.code, code);
    assert.equal(intent.latest_charge, error.charge);
    const paid = await stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa' });
    assert.equal(paid.status, 'requires_capture');
    assert.equal(paid.last_payment_error, null);
  }
});

test('3-D Secure, approved and declined', async () => {
  const ask = () => hold({ payment_method: 'pm_card_authenticationRequired', return_url: 'https://example.com/back' });
  const approved = await ask();
  assert.equal(approved.status, 'requires_action');
  assert.equal(approved.next_action.type, 'redirect_to_url');
  const page = await fetch(approved.next_action.redirect_to_url.url);
  assert.match(await page.text(), /Approve/);
  await control(`/sandbox/authenticate/${approved.id}`, { approve: true });
  assert.equal((await stripe.paymentIntents.retrieve(approved.id)).status, 'requires_capture');

  const declined = await ask();
  await control(`/sandbox/authenticate/${declined.id}`, { approve: false });
  const intent = await stripe.paymentIntents.retrieve(declined.id);
  assert.equal(intent.status, 'requires_payment_method');
  assert.equal(intent.last_payment_error.code, 'payment_intent_authentication_failure');

  const inApp = await hold({ payment_method: 'pm_card_authenticationRequired' });
  assert.equal(inApp.next_action.type, 'use_stripe_sdk');
});

test('what is not there is refused as Stripe refuses it', async () => {
  await assert.rejects(stripe.paymentIntents.retrieve('pi_nothing'), { statusCode: 404, code: 'resource_missing' });
  await assert.rejects(stripe.paymentIntents.create({ amount: 100, currency: 'usd', payment_method: 'pm_x' }), {
    code: 'resource_missing',
    param: 'payment_method',
  });
  await assert.rejects(stripe.setupIntents.create({}), { statusCode: 404 });
  await assert.rejects(client('sk_test_wrong').paymentIntents.list(), Stripe.errors.StripeAuthenticationError);
});

test('lists are paged through to their end, both ways', async () => {
  const { stripe: other } = await newAccount();
  const made = [];
  for (let count = 0; count < 5; count += 1) {
    made.unshift((await other.paymentIntents.create({ amount: 100 + count, currency: 'usd' })).id);
  }
  const found = [];
  for await (const { id } of other.paymentIntents.list({ limit: 2, created: { gte: 1 } })) found.push(id);
  assert.deepEqual(found, made);
  const backwards = [];
  for await (const { id } of other.paymentIntents.list({ limit: 2, ending_before: made[4] })) backwards.push(id);
  assert.deepEqual(backwards, made.slice(0, 4).reverse());
  const newer = await other.paymentIntents.list({ limit: 2, ending_before: made[3] });
  assert.deepEqual(newer.data.map(({ id }) => id), made.slice(1, 3));
});

test('a webhook is verified by the SDK, and the event can be fetched', async () => {
  const { id } = await hold({ metadata: { booking: 'bk_hook' } });
  const { raw, header, event } = await delivery(
    (candidate) => candidate.type === 'payment_intent.amount_capturable_updated' && candidate.data.object.id === id,
  );
  const verified = stripe.webhooks.constructEvent(raw, header, webhookSecret);
  assert.equal(verified.data.object.amount_capturable, 2000);
  assert.equal(stripe.webhooks.constructEvent(raw, header, 'whsec_next').id, event.id);
  assert.throws(() => stripe.webhooks.constructEvent(`${raw} `, header, webhookSecret), Stripe.errors.StripeSignatureVerificationError);
  assert.throws(() => stripe.webhooks.constructEvent(raw, header, 'whsec_wrong'), Stripe.errors.StripeSignatureVerificationError);

  const fetched = await stripe.events.retrieve(event.id);
  assert.deepEqual(fetched.data.object, verified.data.object);
  const listed = await stripe.events.list({ type: 'payment_intent.amount_capturable_updated', limit: 100 });
  assert.ok(listed.data.some((candidate) => candidate.id === event.id));
});

test('an endpoint made through the API is told with its own secret', async () => {
  const address = receiver.url.replace('stripe', 'second');
  const endpoint = await stripe.webhookEndpoints.create({ url: address, enabled_events: ['refund.created'] });
  const { id } = await hold({ capture_method: 'automatic' });
  const refund = await stripe.refunds.create({ payment_intent: id });
  const fits = ({ type, data }) => type === 'refund.created' && data.object.id === refund.id;
  await delivery(fits);
  await delivery(() => receiver.received.filter(({ event }) => fits(event)).length === 2);
  const accepted = receiver.received.filter(({ event }) => fits(event)).filter(({ raw, header }) => {
    try {
      return stripe.webhooks.constructEvent(raw, header, endpoint.secret);
    } catch {
      return false;
    }
  });
  assert.equal(accepted.length, 1);
  assert.equal((await stripe.webhookEndpoints.del(endpoint.id)).deleted, true);
});

test('a refund that fails later says so', async () => {
  const { id } = await hold({ capture_method: 'automatic', payment_method: 'pm_card_refundFail' });
  const refund = await stripe.refunds.create({ payment_intent: id, amount: 700 });
  assert.equal(refund.status, 'succeeded');
  await delivery(({ type, data }) => type === 'refund.failed' && data.object.id === refund.id);
  const failed = await stripe.refunds.retrieve(refund.id);
  assert.equal(failed.status, 'failed');
  assert.equal(failed.failure_reason, 'expired_or_canceled_card');
  assert.equal((await stripe.charges.retrieve(refund.charge)).amount_refunded, 0);
});

test('the books tell what moved', async () => {
  const { id } = await hold({ metadata: { booking: 'bk_books' } });
  await stripe.paymentIntents.capture(id, { amount_to_capture: 1500 });
  await stripe.refunds.create({ payment_intent: id, amount: 100 });
  const books = await control(`/sandbox/books?account=${account}`);
  const charge = books.charges.find((entry) => entry.id === id);
  assert.equal(charge.reference, 'bk_books');
  assert.deepEqual(
    [charge.authorized_minor, charge.captured_minor, charge.refunded_minor, charge.status],
    [2000, 1500, 100, 'succeeded'],
  );
  assert.ok(books.calls.some(({ path, outcome }) => path === `/v1/payment_intents/${id}/capture` && outcome === '200'));
});
