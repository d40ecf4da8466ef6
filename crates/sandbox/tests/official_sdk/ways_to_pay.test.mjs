// Ways to pay besides a card that the caller names: the payment form, and Pix.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Receiver, account as newAccount, control } from './sandbox.mjs';
import { problems } from './shapes.mjs';

const receiver = new Receiver();
let stripe;

const fits = (name, { lastResponse, ...value }) => assert.deepEqual(problems(name, value), [], JSON.stringify(value));

before(async () => {
  await receiver.listen();
  ({ stripe } = await newAccount({ url: receiver.url, secrets: ['whsec_1'], enabled_events: ['*'] }));
});

after(() => receiver.close());

const form = () =>
  stripe.paymentIntents.create({ amount: 2000, currency: 'eur', automatic_payment_methods: { enabled: true } });

test('the payer fills the form, also again after a decline', async () => {
  const created = await form();
  assert.equal(created.status, 'requires_payment_method');
  fits('PaymentIntent', created);
  await control(`/sandbox/form/${created.id}`, { card: 'pm_card_chargeDeclined' });
  const declined = await stripe.paymentIntents.retrieve(created.id);
  assert.deepEqual([declined.status, declined.last_payment_error.code], ['requires_payment_method', 'card_declined']);
  await control(`/sandbox/form/${created.id}`, { card: 'pm_card_visa' });
  const paid = await stripe.paymentIntents.retrieve(created.id, { expand: ['latest_charge'] });
  assert.deepEqual([paid.status, paid.latest_charge.amount_captured], ['succeeded', 2000]);
});

test('a boleto that is chosen in the form is shown and paid', async () => {
  const { id } = await stripe.paymentIntents.create({
    amount: 2000,
    currency: 'brl',
    automatic_payment_methods: { enabled: true },
  });
  await control(`/sandbox/form/${id}`, { card: 'boleto' });
  const shown = await stripe.paymentIntents.retrieve(id);
  assert.deepEqual([shown.status, shown.next_action.type], ['requires_action', 'boleto_display_details']);
  fits('PaymentIntent', shown);
  await control(`/sandbox/pay/${id}`, {});
  const paid = await stripe.paymentIntents.retrieve(id, { expand: ['latest_charge', 'payment_method'] });
  assert.equal(paid.status, 'succeeded');
  fits('Charge', await stripe.charges.retrieve(paid.latest_charge.id));
  fits('PaymentMethod', await stripe.paymentMethods.retrieve(paid.payment_method.id));
});

test('a cancelled form takes no card', async () => {
  const { id } = await form();
  await stripe.paymentIntents.cancel(id);
  await assert.rejects(control(`/sandbox/form/${id}`, { card: 'pm_card_visa' }));
  assert.equal((await stripe.paymentIntents.retrieve(id)).status, 'canceled');
});

const pix = (over = {}) =>
  stripe.paymentIntents.create({
    amount: 2000,
    currency: 'brl',
    allowed_payment_method_types: ['pix'],
    payment_method_data: { type: 'pix', billing_details: { name: 'Ana Lima', tax_id: '12345678909' } },
    payment_method_options: { pix: { expires_after_seconds: 600 } },
    ...over,
  });

test('a code of Pix is shown and paid', async () => {
  const created = await pix();
  assert.equal(created.status, 'requires_confirmation');
  const shown = await stripe.paymentIntents.confirm(created.id);
  assert.equal(shown.status, 'requires_action');
  fits('PaymentIntent', shown);
  const code = shown.next_action.pix_display_qr_code;
  assert.match(code.data, /^000201.*6304[0-9A-F]{4}$/);
  assert.ok(Math.abs(code.expires_at - Date.now() / 1000 - 600) < 60);
  await control(`/sandbox/pay/${created.id}`, {});
  const paid = await stripe.paymentIntents.retrieve(created.id, { expand: ['latest_charge', 'payment_method'] });
  assert.equal(paid.status, 'succeeded');
  assert.equal(paid.latest_charge.payment_method_details.type, 'pix');
  fits('Charge', await stripe.charges.retrieve(paid.latest_charge.id));
  fits('PaymentMethod', await stripe.paymentMethods.retrieve(paid.payment_method.id));
  const refund = await stripe.refunds.create({ payment_intent: created.id, amount: 500 });
  assert.equal(refund.status, 'succeeded');
});

test('a code that expires needs another payment method, or a cancel', async () => {
  const { id } = await pix();
  await stripe.paymentIntents.confirm(id);
  await control(`/sandbox/expire/${id}`, {});
  const expired = await stripe.paymentIntents.retrieve(id);
  assert.equal(expired.status, 'requires_payment_method');
  assert.equal(expired.last_payment_error.code, 'payment_intent_payment_attempt_expired');
  fits('PaymentIntent', expired);
  await assert.rejects(control(`/sandbox/pay/${id}`, {}));
  assert.equal((await stripe.paymentIntents.cancel(id)).status, 'canceled');
});

test('an order of Pix that Stripe would refuse is refused', async () => {
  const refused = (over, expected) => assert.rejects(pix(over), expected);
  await refused({ currency: 'eur' }, { type: 'StripeInvalidRequestError' });
  const nameless = { type: 'pix', billing_details: { tax_id: '12345678909' } };
  await refused({ payment_method_data: nameless }, { code: 'parameter_missing' });
  const untaxed = { type: 'pix', billing_details: { name: 'Ana Lima' } };
  await refused({ payment_method_data: untaxed }, { code: 'parameter_missing' });
  await refused({ payment_method_options: { pix: { expires_after_seconds: 59 } } }, { param: /expires_after_seconds/ });
  await refused({ payment_method_options: { pix: { colour: 'blue' } } }, { code: 'parameter_unknown' });
  await assert.rejects(stripe.paymentIntents.confirm((await pix({ capture_method: 'manual' })).id));
});
