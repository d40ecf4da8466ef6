// Whatever the stand-in shows has the shape that the SDK declares: each required member, no other, of the right type.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Receiver, account, call, control } from './sandbox.mjs';
import { knowsCode, knowsEvent, problems } from './shapes.mjs';

const receiver = new Receiver();
const interfaces = {
  payment_intent: 'PaymentIntent',
  charge: 'Charge',
  refund: 'Refund',
  dispute: 'Dispute',
  payment_method: 'PaymentMethod',
  webhook_endpoint: 'WebhookEndpoint',
};
let secretKey;
const get = (path) => call(secretKey, 'GET', path).then(({ body }) => body);
const post = (path, form, headers) => call(secretKey, 'POST', path, form, headers).then(({ body }) => body);

const fits = (value, name = interfaces[value.object]) => assert.deepEqual(problems(name, value), [], JSON.stringify(value));

const sale = (card, extra = '') =>
  post(
    '/v1/payment_intents',
    `amount=2000&currency=eur&confirm=true&payment_method=${card}&allowed_payment_method_types[]=card${extra}`,
  );

before(async () => {
  await receiver.listen();
  ({ secretKey } = await account({ url: receiver.url, secrets: ['whsec_1'], enabled_events: ['*'] }));
});

after(() => receiver.close());

test('a comparison finds what is missing, unknown, or of another type', () => {
  const good = { id: 'we_1', object: 'webhook_endpoint', deleted: true };
  assert.deepEqual(problems('DeletedWebhookEndpoint', good), []);
  const { id, ...without } = good;
  assert.deepEqual(problems('DeletedWebhookEndpoint', without), ['DeletedWebhookEndpoint.id is missing']);
  assert.deepEqual(problems('DeletedWebhookEndpoint', { ...good, odd: 1 }), ['DeletedWebhookEndpoint.odd is not declared']);
  assert.deepEqual(problems('DeletedWebhookEndpoint', { ...good, id: 1 }), ['DeletedWebhookEndpoint.id is 1']);
  assert.deepEqual(problems('DeletedWebhookEndpoint', { ...good, deleted: false }), ['DeletedWebhookEndpoint.deleted is false']);
});

test('payment intents in each of their states, and the charges they make', async () => {
  const open = await post('/v1/payment_intents', 'amount=2000&currency=eur');
  const states = [
    open,
    await post(
      '/v1/payment_intents',
      'amount=2000&currency=eur&payment_method=pm_card_visa&excluded_payment_method_types[]=klarna&shipping[name]=A' +
        '&shipping[address][city]=Porto&payment_method_options[card][request_multicapture]=if_available&metadata[a]=1' +
        '&payment_method_options[card][capture_method]=manual&setup_future_usage=off_session',
    ),
    await sale('pm_card_authenticationRequired'),
    await sale('pm_card_authenticationRequired', '&return_url=https://a.example/b'),
    await sale('pm_card_visa', '&capture_method=manual'),
    await sale('pm_card_visa', '&expand[]=latest_charge&expand[]=payment_method'),
    await post(`/v1/payment_intents/${open.id}/cancel`, 'cancellation_reason=abandoned'),
    await sale('pm_card_chargeDeclined').then(({ error }) => error.payment_intent),
    await sale('pm_card_authenticationRequired', '&off_session=true').then(({ error }) => error.payment_intent),
  ];
  const statuses = ['requires_payment_method', 'requires_confirmation', 'requires_action', 'requires_action'];
  statuses.push('requires_capture', 'succeeded', 'canceled', 'requires_payment_method', 'requires_payment_method');
  assert.deepEqual(states.map(({ status }) => status), statuses);
  states.forEach((intent) => fits(intent));
  await control('/sandbox/faults', { stuck_processing: 1, processing_ms: [60_000, 60_000] });
  try {
    const stuck = await sale('pm_card_visa');
    assert.equal(stuck.status, 'processing');
    fits(stuck);
  } finally {
    await control('/sandbox/faults', {});
  }
  const { data } = await get('/v1/charges');
  assert.ok(data.some(({ status }) => status === 'failed') && data.some(({ captured }) => !captured));
  data.forEach((charge) => fits(charge));
});

test('refunds, also those that wait or fail', async () => {
  for (const card of ['pm_card_visa', 'pm_card_pendingRefund', 'pm_card_refundFail']) {
    const { id } = await sale(card);
    const refund = await post('/v1/refunds', `payment_intent=${id}&reason=duplicate&metadata[a]=1`);
    fits(refund);
    if (card !== 'pm_card_visa') {
      await receiver.delivery(({ type, data }) => type === 'refund.updated' && data.object.id === refund.id);
    }
    fits(await get(`/v1/refunds/${refund.id}?expand[]=charge`));
  }
});

test('disputes in each of their states', async () => {
  const outcomes = [
    ['pm_card_createDispute', 'won'],
    ['pm_card_createDisputeProductNotReceived', 'lost'],
    ['pm_card_createDisputeInquiry', 'won'],
    ['pm_card_createDisputeInquiry', 'escalated'],
  ];
  for (const [card, outcome] of outcomes) {
    const { id, latest_charge: charge } = await sale(card);
    const [dispute] = (await get(`/v1/disputes?payment_intent=${id}`)).data;
    fits(dispute);
    fits(await post(`/v1/disputes/${dispute.id}`, 'evidence[product_description]=seats&intended_submission_method=manual'));
    fits(await control(`/sandbox/disputes/${dispute.id}`, { outcome }));
    fits(await get(`/v1/disputes/${dispute.id}?expand[]=charge`));
    fits(await get(`/v1/charges/${charge}`));
  }
});

test('payment methods and webhook endpoints', async () => {
  fits(await post('/v1/payment_methods', 'type=card&card[token]=tok_visa&metadata[a]=1&billing_details[email]=a@b.example'));
  const { payment_method: id } = await sale('pm_card_mastercard');
  fits(await get(`/v1/payment_methods/${id}`));
  const endpoint = await post('/v1/webhook_endpoints', `url=${receiver.url}&enabled_events[]=charge.failed&description=a`);
  fits(endpoint);
  fits(await get(`/v1/webhook_endpoints/${endpoint.id}`));
  const { body: removed } = await call(secretKey, 'DELETE', `/v1/webhook_endpoints/${endpoint.id}`);
  fits(removed, 'DeletedWebhookEndpoint');
});

test('lists, and the events with what they are about', async () => {
  for (const path of ['payment_intents', 'charges', 'refunds', 'disputes', 'events', 'webhook_endpoints']) {
    const { data, ...list } = await get(`/v1/${path}?limit=100`);
    assert.deepEqual([list.object, list.url, Object.keys(list).sort()], ['list', `/v1/${path}`, ['has_more', 'object', 'url']]);
    if (path !== 'events') data.forEach((item) => fits(item));
  }
  const { data: events } = await get('/v1/events?limit=100');
  const kinds = new Set(events.map(({ type }) => type));
  for (const { data, ...event } of events) {
    fits({ ...event, data: { object: {} } }, 'EventBase');
    assert.ok(knowsEvent(event.type), event.type);
    fits(data.object);
  }
  assert.ok(kinds.size >= 12, [...kinds].join(' '));
  const { event: delivered } = await receiver.delivery(({ type }) => type === 'charge.dispute.created');
  fits({ ...delivered, data: { object: {} } }, 'EventBase');
});

test('errors, with codes that the SDK knows', async () => {
  const { id } = await sale('pm_card_visa');
  const disputed = await sale('pm_card_createDispute');
  const codes = new Set();
  const answers = await Promise.all([
    sale('pm_card_chargeDeclined'),
    sale('pm_card_chargeDeclinedExpiredCard'),
    sale('pm_card_authenticationRequired', '&error_on_requires_action=true'),
    sale('pm_x'),
    sale('pm_card_visa', '&odd=1'),
    sale('pm_card_visa', '&amount=1'),
    sale('pm_card_visa', '&amount=100000000'),
    sale('pm_card_visa', '&amount=x'),
    sale('pm_card_visa', '&currency='),
    sale('pm_card_visa', '&receipt_email=a'),
    sale('pm_card_visa', '&return_url=a'),
    sale('pm_card_visa', '&automatic_payment_methods[enabled]=true'),
    post('/v1/payment_intents', ''),
    post(`/v1/payment_intents/${id}/cancel`, ''),
    post('/v1/refunds', `payment_intent=${disputed.id}`),
    post('/v1/refunds', `payment_intent=${id}&amount=3000`),
    post('/v1/payment_methods', 'type=card&card[number]=4242424242424242'),
    get('/v1/charges/ch_x'),
    get('/v1/nothing'),
    call('sk_test_wrong', 'GET', '/v1/charges').then(({ body }) => body),
  ]);
  for (const { error } of answers) {
    fits(error, 'StripeRawError');
    if (error.code) codes.add(error.code);
  }
  assert.ok(codes.size >= 12, [...codes].join(' '));
  assert.deepEqual([...codes].filter((code) => !knowsCode(code)), []);
});
