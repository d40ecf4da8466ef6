// Balance transactions and their fees, as the SDK sees them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { account } from './sandbox.mjs';
import { problems } from './shapes.mjs';

const fees = { basis_points: 290, fixed_minor: 30, dispute_minor: 1500 };
// The version of the API and other transport details are not part of the object.
const plain = (object) => JSON.parse(JSON.stringify(object));

test('each movement changes the balance once, and shows its fee', async () => {
  const { stripe } = await account(undefined, fees);
  const order = (extra) => ({ amount: 10000, currency: 'eur', confirm: true, allowed_payment_method_types: ['card'], ...extra });
  const intent = await stripe.paymentIntents.create(order({ payment_method: 'pm_card_visa' }));
  const refund = await stripe.refunds.create({ payment_intent: intent.id, amount: 400 });
  const held = await stripe.paymentIntents.create(order({ payment_method: 'pm_card_visa', capture_method: 'manual' }));
  const disputed = await stripe.paymentIntents.create(order({ payment_method: 'pm_card_createDispute' }));
  const { data: disputes } = await stripe.disputes.list({ payment_intent: disputed.id });
  const transfer = await stripe.transfers.create({ amount: 500, currency: 'eur', destination: 'acct_guide' });
  await stripe.paymentIntents.capture(held.id, { amount_to_capture: 5000 });

  const { data } = await stripe.balanceTransactions.list({ expand: ['data.source'], limit: 100 });
  for (const transaction of data) assert.deepEqual(problems('BalanceTransaction', plain(transaction)), []);
  const shown = data.map(({ type, amount, fee, net, source }) => [type, amount, fee, net, source.id]);
  assert.deepEqual(shown, [
    ['charge', 5000, 175, 4825, held.latest_charge],
    ['transfer', -500, 0, -500, transfer.id],
    ['adjustment', -10000, 1500, -11500, disputes[0].id],
    ['charge', 10000, 320, 9680, disputed.latest_charge],
    ['refund', -400, 0, -400, refund.id],
    ['charge', 10000, 320, 9680, intent.latest_charge],
  ]);
  assert.equal(data[0].source.payment_intent, held.id);

  const charge = await stripe.charges.retrieve(intent.latest_charge);
  const one = await stripe.balanceTransactions.retrieve(charge.balance_transaction);
  assert.deepEqual([one.fee, one.fee_details[0].amount, one.source], [320, 320, charge.id]);
  await assert.rejects(stripe.balanceTransactions.retrieve('txn_unknown'), { code: 'resource_missing' });
});

test('the list is read page by page, and by its time', async () => {
  const { stripe } = await account(undefined, fees);
  for (let number = 0; number < 5; number += 1) {
    const order = { amount: 1000 + number, currency: 'eur', confirm: true, payment_method: 'pm_card_visa' };
    await stripe.paymentIntents.create({ ...order, allowed_payment_method_types: ['card'] });
  }
  const amounts = [];
  for await (const { amount } of stripe.balanceTransactions.list({ limit: 2 })) amounts.push(amount);
  assert.deepEqual(amounts, [1004, 1003, 1002, 1001, 1000]);
  const later = Math.floor(Date.now() / 1000) + 60;
  assert.deepEqual((await stripe.balanceTransactions.list({ created: { gte: later } })).data, []);
  await assert.rejects(stripe.balanceTransactions.list({ payout: 'po_1' }), { type: 'StripeInvalidRequestError' });
});

test('an account without fees pays none', async () => {
  const { stripe } = await account();
  const order = { amount: 1000, currency: 'eur', confirm: true, payment_method: 'pm_card_visa' };
  await stripe.paymentIntents.create({ ...order, allowed_payment_method_types: ['card'] });
  const { data } = await stripe.balanceTransactions.list();
  assert.deepEqual(data.map(({ fee, fee_details, net }) => [fee, fee_details, net]), [[0, [], 1000]]);
});
