// Mercado Pago's own SDK against the sandbox at SANDBOX_URL: its client makes the calls, and its validator
// judges the signatures.
import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import {
  InvalidWebhookSignatureError,
  MercadoPagoConfig,
  Order,
  Payment,
  PaymentRefund,
  WebhookSignatureValidator,
} from 'mercadopago';
import { control } from './sandbox.mjs';

// The SDK has no option for another address.
const { AppConfig } = createRequire(import.meta.url)('mercadopago/dist/utils/config');
AppConfig.BASE_URL = process.env.SANDBOX_URL.replace(/\/$/, '');

const secret = randomUUID();
const deliveries = [];
const waiting = new Set();
let server;
let accessToken;

// A client for one call: the SDK keeps the options of a call, its key included, for the calls after it.
const client = (token) => new MercadoPagoConfig({ accessToken: token, options: { maxRetries: 0 } });
const payments = () => new Payment(client(accessToken));
const refunds = () => new PaymentRefund(client(accessToken));
const order = (extra) => ({
  body: {
    transaction_amount: 100.5,
    token: 'approved',
    installments: 1,
    payment_method_id: 'visa',
    payer: { email: 'ana@example.com' },
    external_reference: randomUUID(),
    ...extra,
  },
});
const orders = () => new Order(client(accessToken));
const orderOf = (extra, payment) => ({
  body: {
    type: 'online',
    processing_mode: 'automatic',
    total_amount: '100.50',
    external_reference: randomUUID(),
    payer: { email: 'ana@example.com' },
    transactions: { payments: [{ amount: '100.50', ...payment }] },
    ...extra,
  },
});
const byCard = (token) => ({ payment_method: { id: 'visa', type: 'credit_card', token, installments: 1 } });
const refusal = (status) => (error) => {
  assert.equal(error.status, status, String(error));
  return true;
};

before(async () => {
  server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end());
    deliveries.push({ headers: request.headers, query: new URL(request.url, 'http://a').searchParams });
    [...waiting].forEach((look) => look());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  accessToken = `APP_USR-${randomUUID()}`;
  const webhook = { url: `http://127.0.0.1:${server.address().port}/mercado_pago`, secrets: [secret] };
  const id = String(randomInt(1_000_000_000));
  await control('/sandbox/accounts', { id, provider: 'mercado_pago', secret_key: accessToken, webhook });
});

after(() => {
  server.close();
  server.closeAllConnections();
});

// Resolves with the first delivery about this payment, whether it came already or comes later.
const delivery = (payment) =>
  new Promise((resolve) => {
    const look = () => {
      const found = deliveries.find(({ query }) => query.get('data.id') === String(payment));
      if (found) {
        waiting.delete(look);
        resolve(found);
      }
    };
    waiting.add(look);
    look();
  });

test('a card is charged, and found by id and by reference', async () => {
  const created = await payments().create(order());
  assert.equal(created.status, 'approved');
  assert.equal(created.transaction_amount, 100.5);
  assert.equal(created.api_response.status, 201);
  const found = await payments().get({ id: created.id });
  assert.equal(found.external_reference, created.external_reference);
  const options = { external_reference: created.external_reference, sort: 'date_created', criteria: 'desc' };
  const searched = await payments().search({ options });
  assert.deepEqual(
    searched.results.map(({ id }) => id),
    [created.id],
  );
});

test('a key makes one payment', async () => {
  const requestOptions = { idempotencyKey: randomUUID() };
  const request = order();
  const first = await payments().create({ ...request, requestOptions });
  const again = await payments().create({ ...request, requestOptions });
  assert.equal(again.id, first.id);
});

test('a rejected card is a payment', async () => {
  const rejected = await payments().create(order({ token: 'rejected_insufficient_funds' }));
  assert.deepEqual(
    [rejected.status, rejected.status_detail],
    ['rejected', 'cc_rejected_insufficient_amount'],
  );
});

test('an authorisation is captured in part, another is cancelled', async () => {
  const held = await payments().create(order({ capture: false }));
  assert.deepEqual([held.status, held.captured], ['authorized', false]);
  const captured = await payments().capture({ id: held.id, transaction_amount: 60 });
  assert.deepEqual([captured.status, captured.captured], ['approved', true]);
  const other = await payments().create(order({ capture: false }));
  assert.equal((await payments().cancel({ id: other.id })).status, 'cancelled');
});

test('a payment is refunded in parts, listed, and refunded in full', async () => {
  const { id } = await payments().create(order());
  const part = await refunds().create({ payment_id: id, body: { amount: 20.25 } });
  assert.deepEqual([part.amount, part.status, part.payment_id], [20.25, 'approved', id]);
  assert.equal((await refunds().get({ payment_id: id, refund_id: part.id })).amount, 20.25);
  const rest = await refunds().total({ payment_id: id });
  assert.equal(rest.amount, 80.25);
  const listed = await refunds().list({ payment_id: id });
  assert.ok(Array.isArray(listed), 'a list of refunds is an array');
  assert.deepEqual(
    listed.map((refund) => refund.id),
    [part.id, rest.id],
  );
  assert.equal((await payments().get({ id })).status, 'refunded');
});

test('a Pix waits until its payer pays', async () => {
  const body = { transaction_amount: 37, payment_method_id: 'pix', payer: { email: 'ana@example.com' } };
  const waits = await payments().create({ body });
  assert.equal(waits.status, 'pending');
  assert.ok(waits.point_of_interaction.transaction_data.qr_code.startsWith('000201'));
  await control(`/sandbox/mercado_pago/payments/${waits.id}/pay`, {});
  assert.equal((await payments().get({ id: waits.id })).status, 'approved');
});

test('refusals are the errors that the SDK knows', async () => {
  await assert.rejects(payments().get({ id: 1 }), refusal(404));
  await assert.rejects(payments().create(order({ token: 'token_unknown' })), refusal(400));
  await assert.rejects(new Payment(client('APP_USR-unknown')).get({ id: 1 }), refusal(401));
});

test('an order is paid by card, and found by id and by reference', async () => {
  const request = orderOf({}, byCard('approved'));
  const requestOptions = { idempotencyKey: randomUUID() };
  const made = await orders().create({ ...request, requestOptions });
  assert.deepEqual([made.status, made.status_detail, made.total_amount], ['processed', 'accredited', '100.50']);
  assert.equal((await orders().create({ ...request, requestOptions })).id, made.id);
  assert.equal((await orders().get({ id: made.id })).external_reference, made.external_reference);
  const options = {
    begin_date: '2020-01-01T00:00:00Z',
    end_date: '2090-01-01T00:00:00Z',
    external_reference: made.external_reference,
  };
  const found = await orders().search({ options });
  assert.deepEqual(
    found.data.map(({ id }) => id),
    [made.id],
  );
});

test('an order is authorised and captured, another is canceled', async () => {
  const held = await orders().create(orderOf({ capture_mode: 'manual' }, byCard('approved')));
  assert.deepEqual([held.status, held.status_detail], ['action_required', 'waiting_capture']);
  assert.equal((await orders().capture({ id: held.id })).status, 'processed');
  const other = await orders().create(orderOf({ capture_mode: 'manual' }, byCard('approved')));
  assert.equal((await orders().cancel({ id: other.id })).status, 'canceled');
  await assert.rejects(orders().cancel({ id: held.id }), (error) => {
    assert.deepEqual([error.status, error.error], [409, 'cannot_cancel_order']);
    return true;
  });
});

test('an order is refunded in part and in full', async () => {
  const { id, transactions } = await orders().create(orderOf({}, byCard('approved')));
  const body = { transactions: [{ id: transactions.payments[0].id, amount: '20.25' }] };
  const part = await orders().refund({ id, body });
  assert.deepEqual([part.transactions.refunds[0].amount, part.status_detail], ['20.25', 'partially_refunded']);
  assert.equal((await orders().refund({ id })).status, 'refunded');
  assert.equal((await orders().get({ id })).transactions.refunds.length, 2);
});

test('a declined order is an error, and an order waits for its Pix', async () => {
  await assert.rejects(orders().create(orderOf({}, byCard('rejected_other'))), refusal(402));
  const pix = { payment_method: { id: 'pix', type: 'bank_transfer' } };
  const waits = await orders().create(orderOf({}, pix));
  assert.ok(waits.transactions.payments[0].payment_method.qr_code.startsWith('000201'));
  await control(`/sandbox/mercado_pago/payments/${waits.id}/pay`, {});
  assert.equal((await orders().get({ id: waits.id })).status, 'processed');
});

test('the validator accepts what the sandbox signs about an order', async () => {
  const { id } = await orders().create(orderOf({}, byCard('approved')));
  const { headers, query } = await delivery(id);
  const [xSignature, xRequestId] = [headers['x-signature'], headers['x-request-id']];
  WebhookSignatureValidator.validate({ xSignature, xRequestId, dataId: query.get('data.id'), secret });
});

test('the validator accepts what the sandbox signs, and nothing else', async () => {
  const { id } = await payments().create(order());
  const { headers, query } = await delivery(id);
  const signed = {
    xSignature: headers['x-signature'],
    xRequestId: headers['x-request-id'],
    dataId: query.get('data.id'),
    secret,
  };
  WebhookSignatureValidator.validate(signed);
  for (const change of [{ dataId: '1' }, { xRequestId: 'another' }, { secret: 'another' }, { xSignature: '' }]) {
    const validate = () => WebhookSignatureValidator.validate({ ...signed, ...change });
    assert.throws(validate, InvalidWebhookSignatureError, JSON.stringify(change));
  }
});

// The provider's pages say milliseconds, and its SDK reads seconds.
test('the validator checks the time of a signature in seconds', async () => {
  await control('/sandbox/faults', { webhook_time_unit: 'seconds' });
  const { id } = await payments().create(order());
  const { headers, query } = await delivery(id);
  await control('/sandbox/faults', {});
  const signed = {
    xSignature: headers['x-signature'],
    xRequestId: headers['x-request-id'],
    dataId: query.get('data.id'),
    secret,
    toleranceSeconds: 300,
  };
  WebhookSignatureValidator.validate(signed);
  const late = { ...signed, now: () => Date.now() + 600_000 };
  assert.throws(() => WebhookSignatureValidator.validate(late), InvalidWebhookSignatureError);
});
