// Customers and the cards that are saved for them, as the SDK sees them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Receiver, account } from './sandbox.mjs';
import { problems } from './shapes.mjs';

const receiver = new Receiver();
const secret = 'whsec_customers';
let stripe;

before(async () => {
  await receiver.listen();
  ({ stripe } = await account({ url: receiver.url, secrets: [secret], enabled_events: ['*'] }));
});

after(() => receiver.close());

// The version of the API and other transport details are not part of the object.
const plain = (object) => JSON.parse(JSON.stringify(object));
const fits = (name, value) => assert.deepEqual(problems(name, plain(value)), [], JSON.stringify(value));
const pay = (customer, payment_method, extra) =>
  stripe.paymentIntents.create({
    amount: 2000,
    currency: 'eur',
    confirm: true,
    customer,
    payment_method,
    allowed_payment_method_types: ['card'],
    ...extra,
  });

test('a card is saved by a payment, charged later, and detached', async () => {
  const customer = await stripe.customers.create({ metadata: { surehold_customer: 'c-1' } });
  fits('Customer', customer);
  fits('Customer', await stripe.customers.retrieve(customer.id));
  const paid = await pay(customer.id, 'pm_card_visa', { setup_future_usage: 'off_session', expand: ['payment_method', 'customer'] });
  fits('PaymentIntent', paid);
  assert.deepEqual([paid.customer.id, paid.payment_method.customer], [customer.id, customer.id]);
  const { raw, header } = await receiver.delivery(({ type }) => type === 'payment_method.attached');
  assert.equal(stripe.webhooks.constructEvent(raw, header, secret).data.object.id, paid.payment_method.id);

  const { data } = await stripe.paymentMethods.list({ customer: customer.id, type: 'card' });
  assert.deepEqual(data.map(({ id }) => id), [paid.payment_method.id]);
  const later = await pay(customer.id, paid.payment_method.id, { off_session: true });
  assert.equal(later.status, 'succeeded');
  await assert.rejects(pay(undefined, paid.payment_method.id), { statusCode: 400, param: 'payment_method' });

  const saved = await stripe.customers.listPaymentMethods(customer.id, { limit: 100 });
  assert.deepEqual([saved.data.map(({ id }) => id), saved.has_more], [[paid.payment_method.id], false]);
  saved.data.forEach((method) => fits('PaymentMethod', method));

  const detached = await stripe.paymentMethods.detach(paid.payment_method.id);
  fits('PaymentMethod', detached);
  assert.equal(detached.customer, null);
  assert.equal((await stripe.paymentMethods.retrieve(detached.id)).customer, null);
  await assert.rejects(stripe.paymentMethods.detach(detached.id), { code: 'payment_method_unexpected_state' });
  assert.deepEqual((await stripe.customers.listPaymentMethods(customer.id)).data, []);
  await assert.rejects(pay(customer.id, paid.payment_method.id), { statusCode: 400 });
  const attached = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  fits('PaymentMethod', attached);
  fits('DeletedCustomer', await stripe.customers.del(customer.id));
  await assert.rejects(stripe.customers.listPaymentMethods(customer.id), { statusCode: 404, code: 'resource_missing' });
  assert.equal((await stripe.paymentMethods.retrieve(attached.id)).customer, null);
  await assert.rejects(pay(customer.id, 'pm_card_visa'), { code: 'resource_missing', param: 'customer' });
});

test('an absent payer who must authenticate is a decline of its own', async () => {
  const { id } = await stripe.customers.create();
  await assert.rejects(pay(id, 'pm_card_authenticationRequired', { off_session: true }), ({ type, code, decline_code, payment_intent }) => {
    assert.deepEqual([type, code, decline_code], ['StripeCardError', 'authentication_required', 'authentication_required']);
    assert.equal(payment_intent.status, 'requires_payment_method');
    return true;
  });
});
