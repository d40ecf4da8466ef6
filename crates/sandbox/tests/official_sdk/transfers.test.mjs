// Transfers to connected accounts, as the SDK sees them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Stripe from 'stripe';
import { Receiver, account, control } from './sandbox.mjs';
import { problems } from './shapes.mjs';

const receiver = new Receiver();
const secret = 'whsec_transfers';
let stripe;

before(async () => {
  await receiver.listen();
  ({ stripe } = await account({ url: receiver.url, secrets: [secret], enabled_events: ['*'] }));
  await stripe.paymentIntents.create({
    amount: 5000,
    currency: 'eur',
    confirm: true,
    payment_method: 'pm_card_visa',
    allowed_payment_method_types: ['card'],
  });
});

after(() => receiver.close());

const order = (extra) => ({ amount: 1000, currency: 'eur', destination: 'acct_guide', ...extra });
// The version of the API and other transport details are not part of the object.
const plain = (object) => JSON.parse(JSON.stringify(object));

test('a transfer is made, found by its group, and taken back in parts', async () => {
  const made = await stripe.transfers.create(order({ transfer_group: 'booking_1', metadata: { surehold_payout: 'po_1' } }));
  assert.deepEqual(problems('Transfer', plain(made)), []);
  assert.deepEqual([made.amount, made.destination, made.reversed], [1000, 'acct_guide', false]);
  const { raw, header } = await receiver.delivery(({ type, data }) => type === 'transfer.created' && data.object.id === made.id);
  assert.equal(stripe.webhooks.constructEvent(raw, header, secret).data.object.metadata.surehold_payout, 'po_1');

  await stripe.transfers.create(order({ transfer_group: 'booking_2' }));
  const { data } = await stripe.transfers.list({ transfer_group: 'booking_1' });
  assert.deepEqual(data.map(({ id }) => id), [made.id]);

  const part = await stripe.transfers.createReversal(made.id, { amount: 400 });
  assert.deepEqual(problems('TransferReversal', plain(part)), []);
  assert.deepEqual([part.amount, part.transfer], [400, made.id]);
  await stripe.transfers.createReversal(made.id);
  const back = await stripe.transfers.retrieve(made.id);
  assert.deepEqual(problems('Transfer', plain(back)), []);
  assert.deepEqual([back.amount_reversed, back.reversed], [1000, true]);
  await assert.rejects(stripe.transfers.createReversal(made.id), Stripe.errors.StripeInvalidRequestError);
});

test('a transfer needs a balance and an account', async () => {
  await assert.rejects(stripe.transfers.create(order({ amount: 1_000_000 })), (error) => {
    assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
    assert.equal(error.code, 'balance_insufficient');
    return true;
  });
  await assert.rejects(stripe.transfers.create(order({ currency: 'usd' })), { code: 'balance_insufficient' });
  await assert.rejects(stripe.transfers.create(order({ destination: 'nobody' })), { code: 'resource_missing' });
  await assert.rejects(stripe.transfers.retrieve('tr_unknown'), { code: 'resource_missing' });
});

test('a lost reply is repeated under its key', async () => {
  const options = { idempotencyKey: 'transfer-lost' };
  await control('/sandbox/faults', { commit_then_drop: 1 });
  // The SDK itself repeats a call whose connection was closed, under the same key.
  const made = await stripe.transfers.create(order({ transfer_group: 'lost' }), options);
  await control('/sandbox/faults', {});
  const again = await stripe.transfers.create(order({ transfer_group: 'lost' }), options);
  const { data } = await stripe.transfers.list({ transfer_group: 'lost' });
  assert.deepEqual(data.map(({ id }) => id), [made.id]);
  assert.equal(again.id, made.id);
});
