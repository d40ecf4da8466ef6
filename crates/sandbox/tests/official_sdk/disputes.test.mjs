// Disputes, and the list of events, as the SDK sees them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Stripe from 'stripe';
import { Receiver, account, control } from './sandbox.mjs';

const receiver = new Receiver();
const secret = 'whsec_disputes';
let id;
let stripe;

before(async () => {
  await receiver.listen();
  ({ id, stripe } = await account({ url: receiver.url, secrets: [secret], enabled_events: ['*'] }));
});

after(() => receiver.close());

const sell = (card) =>
  stripe.paymentIntents.create({
    amount: 2000,
    currency: 'eur',
    confirm: true,
    payment_method: card,
    allowed_payment_method_types: ['card'],
  });

async function disputed(card) {
  const intent = await sell(card);
  const { data } = await stripe.disputes.list({ payment_intent: intent.id });
  assert.equal(data.length, 1);
  return { intent, dispute: data[0] };
}

test('a chargeback withdraws the money, and winning reinstates it', async () => {
  const { intent, dispute } = await disputed('pm_card_createDispute');
  assert.deepEqual([dispute.status, dispute.reason, dispute.amount], ['needs_response', 'fraudulent', 2000]);
  assert.equal((await stripe.charges.retrieve(dispute.charge)).disputed, true);
  await assert.rejects(stripe.refunds.create({ payment_intent: intent.id }), (error) => {
    assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
    assert.equal(error.code, 'charge_disputed');
    return true;
  });
  const submitted = await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: 'winning_evidence' } });
  assert.equal(submitted.status, 'under_review');
  const about = (kind) => ({ type, data }) => type === `charge.dispute.${kind}` && data.object.id === dispute.id;
  for (const kind of ['created', 'funds_withdrawn', 'updated', 'funds_reinstated', 'closed']) {
    const { raw, header } = await receiver.delivery(about(kind));
    assert.equal(stripe.webhooks.constructEvent(raw, header, secret).type, `charge.dispute.${kind}`);
  }
  const won = await stripe.disputes.retrieve(dispute.id);
  assert.deepEqual([won.status, won.is_charge_refundable], ['won', true]);
  assert.deepEqual(won.balance_transactions.map(({ net }) => net), [-2000, 2000]);
  assert.equal((await stripe.refunds.create({ payment_intent: intent.id })).status, 'succeeded');
});

test('evidence is submitted once under its key, and not after its time', async () => {
  const { dispute } = await disputed('pm_card_createDispute');
  const evidence = { customer_name: 'Ana Lima', access_activity_log: 'booked, paid', uncategorized_text: 'They came.' };
  const order = { evidence, submit: true, metadata: { evidence: 'e-1' } };
  const options = { idempotencyKey: `evidence-${dispute.id}` };
  for (let again = 0; again < 2; again += 1) {
    const submitted = await stripe.disputes.update(dispute.id, order, options);
    assert.deepEqual([submitted.status, submitted.evidence_details.submission_count], ['under_review', 1]);
    assert.deepEqual([submitted.evidence.customer_name, submitted.metadata.evidence], ['Ana Lima', 'e-1']);
  }
  const draft = await disputed('pm_card_createDispute');
  const kept = await stripe.disputes.update(draft.dispute.id, { evidence, submit: false });
  assert.deepEqual([kept.evidence_details.has_evidence, kept.evidence_details.submission_count], [true, 0]);
  const { id: intent } = await sell('pm_card_visa');
  const late = await control(`/sandbox/dispute/${intent}`, { due_by: 1_600_000_000 });
  assert.equal((await stripe.disputes.retrieve(late.id)).evidence_details.due_by, 1_600_000_000);
  await assert.rejects(stripe.disputes.update(late.id, order), Stripe.errors.StripeInvalidRequestError);
  await control(`/sandbox/disputes/${late.id}`, { outcome: 'prevented' });
  assert.equal((await stripe.disputes.retrieve(late.id)).status, 'prevented');
});

test('closing a dispute loses it', async () => {
  const { dispute } = await disputed('pm_card_createDisputeProductNotReceived');
  assert.equal(dispute.reason, 'product_not_received');
  assert.equal((await stripe.disputes.close(dispute.id)).status, 'lost');
  await assert.rejects(stripe.disputes.close(dispute.id), { statusCode: 400, message: 'This dispute is already closed' });
  await assert.rejects(stripe.disputes.retrieve('du_none'), { statusCode: 404, code: 'resource_missing' });
  const books = await control(`/sandbox/books?account=${id}&calls=false`);
  const entry = books.disputes.find((candidate) => candidate.id === dispute.id);
  assert.deepEqual([entry.status, entry.withdrawn_minor, entry.amount_minor], ['lost', 2000, 2000]);
  assert.equal(books.charges.find((charge) => charge.id === dispute.payment_intent).disputed_minor, 2000);
});

test('an inquiry withdraws nothing and closes when refunded', async () => {
  const { intent, dispute } = await disputed('pm_card_createDisputeInquiry');
  assert.deepEqual([dispute.status, dispute.balance_transactions], ['warning_needs_response', []]);
  await stripe.refunds.create({ payment_intent: intent.id });
  assert.equal((await stripe.disputes.retrieve(dispute.id)).status, 'warning_closed');
});

test('the control route disputes any captured intent', async () => {
  const { id: intent } = await sell('pm_card_visa');
  const opened = await control(`/sandbox/dispute/${intent}`, { amount: 700, reason: 'duplicate' });
  const dispute = await stripe.disputes.retrieve(opened.id);
  assert.deepEqual([dispute.amount, dispute.reason, dispute.payment_intent], [700, 'duplicate', intent]);
  assert.equal((await control(`/sandbox/disputes/${opened.id}`, { outcome: 'lost' })).status, 'lost');
});

test('events are listed by type and by delivery', async () => {
  const types = ['charge.dispute.created', 'charge.dispute.closed'];
  for await (const { type } of stripe.events.list({ types, limit: 2 })) assert.ok(types.includes(type));
  await assert.rejects(stripe.events.list({ type: 'charge.failed', types }), { code: 'parameters_exclusive' });
  const { stripe: unheard } = await account({ url: 'http://127.0.0.1:9/', secrets: ['whsec_1'], enabled_events: ['refund.created'] });
  const { id: paid } = await unheard.paymentIntents.create({
    amount: 500,
    currency: 'eur',
    confirm: true,
    payment_method: 'pm_card_visa',
    allowed_payment_method_types: ['card'],
  });
  const { id: refund } = await unheard.refunds.create({ payment_intent: paid });
  const missed = await unheard.events.list({ delivery_success: false });
  assert.deepEqual(missed.data.map(({ type, data }) => [type, data.object.id]), [['refund.created', refund]]);
  assert.ok((await unheard.events.list({ delivery_success: true })).data.length > 0);
});
